"""Compiles the kernels once, so that worker processes load them from the cache."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cgrosim.images.network.layouts import Layout

BOTH: tuple[Layout, ...] = ("channels", "samples")


def compile_kernels(images: tuple[Layout, ...] = (), *, workers: int | None = None) -> None:
    """Run every engine for a few steps on a tiny experiment.

    Parameters
    ----------
    images
        Layouts of image networks whose kernels are needed as well. They take longer than the engines, and another
        process compiles them meanwhile.
    workers
        Processes that may run (default: one a processor); 1 compiles everything here, one after the other.
    """
    from cgrosim.model.params import Params
    from cgrosim.run.session import simulate

    tiny = Params.from_paper(50, samples=2, patches=2, neurons=2, steps=2, test_samples=2)
    beside = bool(images) and (workers or os.cpu_count() or 1) > 1
    with _meanwhile(images) if beside else nullcontext():
        for engine in ("reduced", "flow", "direct"):
            simulate(tiny.replace(engine=engine))
    if images and not beside:
        compile_image_kernels(images)


def _meanwhile(layouts: tuple[Layout, ...]) -> AbstractContextManager[None]:
    from cgrosim.executors.pool import Pool

    return Pool(1).meanwhile(compile_image_kernels, layouts)


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
