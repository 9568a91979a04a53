"""Compiles the kernels once, so that worker processes load them from the cache."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cgrosim.images.network.layouts import Layout

BOTH: tuple[Layout, ...] = ("channels", "samples")


def compile_kernels() -> None:
    """Run every engine for a few steps on a tiny experiment."""
    from cgrosim.model.params import Params
    from cgrosim.run.session import simulate

    tiny = Params.from_paper(50, samples=2, patches=2, neurons=2, steps=2, test_samples=2)
    for engine in ("reduced", "flow", "direct"):
        simulate(tiny.replace(engine=engine))


def compiling_image_kernels(layouts: tuple[Layout, ...], *, workers: int | None = None) -> AbstractContextManager[None]:
    """While the block runs, another process compiles what image networks need.

    They take longer than the engines, so what needs them may begin before they are done: a process waits for a kernel
    that another one is compiling.

    Parameters
    ----------
    layouts
        Layouts of the image networks; none: nothing is done.
    workers
        Processes that may run (default: one a processor); 1 compiles here, before the block.
    """
    if not layouts:
        return nullcontext()
    if (workers or os.cpu_count() or 1) > 1:
        from cgrosim.executors.pool import Pool

        return Pool(1).meanwhile(compile_image_kernels, layouts)
    compile_image_kernels(layouts)
    return nullcontext()


def compile_image_kernels(layouts: tuple[Layout, ...]) -> None:
    """One attack and one step of training in every layout."""
    import numpy as np

    from cgrosim.images.network.architectures import lenet
    from cgrosim.images.network.layers import initial_parameters
    from cgrosim.images.network.network import Network

    tiny, labels = lenet(1, (8, 8, 1)), np.arange(2)
    pixels = np.full((2, 8, 8, 1), 0.5, np.float32)
    for layout in layouts:
        network = Network(tiny, initial_parameters(tiny, np.random.default_rng(0)), layout)
        network.perturb(pixels, labels, pixels, norm="linf", radius=0.1, step_size=0.1, steps=1)
        network.accumulate_gradient(pixels, labels, 1.0)
        network.step(0.1)
