"""Compiles the kernels once in this process, so that worker processes load them from the cache."""

from __future__ import annotations


def compile_kernels(images: bool = False) -> None:
    """Run every engine for a few steps on a tiny experiment; with `images` those of the image networks too."""
    from cgrosim.model.params import Params
    from cgrosim.run.session import simulate

    tiny = Params.from_paper(50, samples=2, patches=2, neurons=2, steps=2, test_samples=2)
    for engine in ("reduced", "flow", "direct"):
        simulate(tiny.replace(engine=engine))
    if images:
        _compile_image_kernels()


def _compile_image_kernels() -> None:
    """One attack and one step of training in both layouts."""
    import numpy as np

    from cgrosim.images.network.architectures import lenet
    from cgrosim.images.network.layers import initial_parameters
    from cgrosim.images.network.network import Network

    tiny, labels = lenet(1, (8, 8, 1)), np.arange(2)
    pixels = np.full((2, 8, 8, 1), 0.5, np.float32)
    for layout in ("channels", "samples"):
        network = Network(tiny, initial_parameters(tiny, np.random.default_rng(0)), layout)
        network.perturb(pixels, labels, pixels, norm="linf", radius=0.1, step_size=0.1, steps=1)
        network.accumulate_gradient(pixels, labels, 1.0)
        network.step(0.1)
