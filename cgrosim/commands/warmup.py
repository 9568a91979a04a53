"""Compiles the kernels once in this process, so that worker processes load them from the cache."""

from __future__ import annotations


def compile_kernels() -> None:
    """Run every engine for a few steps on a tiny experiment."""
    from cgrosim.params import Params
    from cgrosim.run import simulate

    tiny = Params.from_paper(50, samples=2, patches=2, neurons=2, steps=2, test_samples=2)
    for engine in ("reduced", "flow", "direct"):
        simulate(tiny.replace(engine=engine))
