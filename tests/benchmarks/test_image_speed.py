"""One PGD-10 attack and one step of training on images, against eager PyTorch: same run, same threads.

    NUMBA_NUM_THREADS=2 pytest tests/benchmarks/test_image_speed.py -m benchmark --benchmark-enable -s -n 0

The numbers are printed; nothing asserts a speed, because the machine may be busy. Agreement of the weights after one
iteration is asserted. Speed depends on how many ReLUs are open, so the networks are trained for a while first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from cgrosim.images.network.architectures import lenet, stack3x3
from cgrosim.images.network.layers import Architecture, initial_parameters
from cgrosim.images.network.network import Network

from .test_step_speed import THREADS, interleaved
from .torch_images import make_iterations

pytestmark = pytest.mark.benchmark
WARM_UP = 30  # iterations before the comparison
WORKS = {  # architecture, batch, radius, step of the attack
    "A: LeNet x16, 28x28x1, batch 50": (lenet(16), 50, 0.3, 0.1),
    "A-small: LeNet x1, 28x28x1, batch 50": (lenet(1), 50, 0.3, 0.1),
    "B: 3x3 stack, 32x32x3, batch 64": (stack3x3(32), 64, 8 / 255, 2 / 255),
}


def images_with_classes(architecture: Architecture, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Ten smooth patterns with noise, so that there is something to learn."""
    generator = np.random.default_rng(1)
    height, width, channels = architecture.input_shape
    y, x = np.mgrid[:height, :width] / height
    waves = generator.uniform(1.0, 6.0, (10, channels, 2))
    patterns = [[0.5 + 0.4 * np.sin(6.0 * (a * y + b * x)) for a, b in each] for each in waves]
    labels = generator.integers(0, 10, count)
    clean = np.array(patterns).transpose(0, 2, 3, 1)[labels]
    noisy = clean + 0.1 * generator.standard_normal(clean.shape)
    return np.clip(noisy, 0.0, 1.0).astype(np.float32), labels


def our_iteration(
    network: Network, images: Any, labels: Any, start: Any, attack: dict[str, float]
) -> Callable[[], None]:
    def iteration() -> None:
        seen, _, _ = network.perturb(
            images,
            labels,
            start,
            norm="linf",
            radius=attack["radius"],
            step_size=attack["step_size"],
            steps=int(attack["steps"]),
            judge=False,
        )
        network.accumulate_gradient(seen, labels, 1.0)
        network.step(attack["rate"], 0.9)

    return iteration


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("work", WORKS)
def test_iteration_against_torch(work: str, threads: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is only a comparison")
    architecture, batch, radius, step_size = WORKS[work]
    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    attack = {"radius": radius, "step_size": step_size, "steps": 10, "rate": 0.01}
    images, labels = images_with_classes(architecture, batch)
    offset = np.random.default_rng(2).uniform(-radius, radius, images.shape).astype(np.float32)
    start = np.clip(images + offset, 0.0, 1.0)
    network = Network(architecture, initial_parameters(architecture, np.random.default_rng(0)))
    ours = our_iteration(network, images, labels, start, attack)
    for _ in range(WARM_UP):
        ours()
    before = network.parameters()
    network = Network(architecture, before)
    ours = our_iteration(network, images, labels, start, attack)
    theirs = make_iterations(torch, architecture, before, images, labels, start, attack)
    ours()
    first = next(iter(theirs.values()))()[0].weight.detach().numpy().transpose(2, 3, 1, 0)
    # Signs of rounding-level gradients may differ, so the agreement is that of a step, not of its digits.
    change, error = (
        network.parameters()["layer0.weight"] - before["layer0.weight"],
        network.parameters()["layer0.weight"] - first,
    )
    assert np.abs(error).max() <= 0.1 * np.abs(change).max()
    median = interleaved({**theirs, "cgrosim": ours}, 8.0)
    best = min(theirs, key=lambda name: median[name])
    print(f"\n{work}, {threads} thread(s), load {os.getloadavg()[0]:.1f}, layout {network.layout}")
    for name, seconds in median.items():
        note = "  <- best" if name == best else f"  ratio {seconds / median[best]:.2f}" if name == "cgrosim" else ""
        print(f"  {name:24s} {seconds * 1e3:8.1f} ms{note}")
