"""Small networks for the tests of attacks, and how far float32 may carry a perturbation out of its ball."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.attacks.gradient import Attack, perturb
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool, ReLU, initial_parameters
from cgrosim.images.network.reference import ReferenceNetwork

SHAPE, SIZE = (8, 8, 1), 64  # of the grey images


def small_network(seed: int, shape: tuple[int, int, int], classes: int = 3, network: Any = ReferenceNetwork) -> Any:
    """An untrained convolutional network."""
    layers = (Convolution(4, 3, padding=1), ReLU(), MaxPool(), FullyConnected(8), ReLU(), FullyConnected(classes))
    architecture = Architecture("small", shape, layers)
    return network(architecture, initial_parameters(architecture, np.random.default_rng(seed)))


def linear_network(
    weight: NDArray[Any], bias: NDArray[Any], shape: tuple[int, int, int], network: Any = ReferenceNetwork
) -> Any:
    """Logits `weight.T x + bias`."""
    architecture = Architecture("linear", shape, (FullyConnected(weight.shape[1]),))
    return network(architecture, {"layer0.weight": weight, "layer0.bias": bias})


def two_layer_network(
    hidden: tuple[NDArray[Any], NDArray[Any]],
    readout: tuple[NDArray[Any], NDArray[Any]],
    shape: tuple[int, int, int],
    network: Any = ReferenceNetwork,
) -> Any:
    """A hidden layer of ReLUs and a readout, each given as (weight, bias)."""
    layers = (FullyConnected(len(hidden[1])), ReLU(), FullyConnected(len(readout[1])))
    names = ("layer0.weight", "layer0.bias", "layer2.weight", "layer2.bias")
    arrays = (np.asarray(array, np.float32) for array in (*hidden, *readout))
    return network(Architecture("two-layer", shape, layers), dict(zip(names, arrays, strict=True)))


def grey_images(seed: int, samples: int) -> NDArray[np.float32]:
    """Images near 0.5, so that the box cuts no ball of radius 0.1."""
    return np.random.default_rng(seed).uniform(0.49, 0.51, (samples, *SHAPE)).astype(np.float32)


def cliff_network(
    slope: float, direction: NDArray[Any] | None = None, height: float = 0.5 * SIZE * 0.1
) -> ReferenceNetwork:
    """Class 0 until the pixels' sum along `direction` (all ones) exceeds that of grey by `height`, then class 1.

    One hidden unit is dead below the cliff. The other has the sum itself, and makes class 0 more likely (`slope`) the
    *larger* the sum: with slope 0 the gradient is zero below the cliff, with a positive one it leads away from it.
    By default the cliff is half of what the l_inf ball of radius r allows away: a random start is beyond it with
    probability below exp(-2 (32 r)^2 / (64 (2 r)^2)) = exp(-8) (Hoeffding), a square of one sign over most of the image
    is beyond.
    """
    direction = np.ones(SIZE) if direction is None else direction
    side = math.isqrt(len(direction))
    offset = np.array([-height, 20.0]) - 0.5 * direction.sum()  # 20: more than any sum, so that the second never dies
    hidden = np.stack([direction, direction], axis=1), offset
    readout = np.array([[0.0, 100.0], [slope, 0.0]]), np.array([1.0, 0.0])
    return two_layer_network(hidden, readout, (side, side, 1))


def train(
    architecture: Architecture,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    attack: Attack | None,
    epochs: int,
    network: Any = ReferenceNetwork,
    learning_rate: float = 0.05,
    batch: int = 64,
) -> Any:
    """Gradient descent with momentum 0.9 on the clean images, or with an attack on adversarial ones."""
    generator = np.random.default_rng(0)
    trained = network(architecture, initial_parameters(architecture, generator))
    for _ in range(epochs):
        order = generator.permutation(len(images))
        for first in range(0, len(images) - batch + 1, batch):
            index = order[first : first + batch]
            shown = images[index]
            if attack is not None:
                shown, _, _ = perturb(trained, shown, labels[index], attack=attack, generator=generator)
            trained.accumulate_gradient(shown, labels[index], 1.0)
            trained.step(learning_rate, 0.9)
    return trained


def overshoot(attack: Attack, size: int) -> float:
    """How far float32 may put a point outside the ball of an attack on images of `size` pixels in [0, 1].

    The radius is rounded by at most radius 2^-24, and x + radius and the pixel itself (numbers below 2) by at most
    2^-24 each: per pixel (radius + 2) 2^-24, which is the bound for ``linf``. In ``l2`` the pixels' errors add up to
    at most sqrt(size) times that, and the length of the offset, a sum of `size` squares and a root, has a relative
    error of at most (size + 8) 2^-24 / 2.
    """
    unit = 2.0**-24
    if attack.norm == "linf":
        return (attack.radius + 2) * unit
    return (np.sqrt(size) * (attack.radius + 2) + attack.radius * (size + 8) / 2) * unit


def offset_lengths(adversarial: NDArray[Any], images: NDArray[Any], norm: str) -> NDArray[np.float64]:
    """Length of every sample's perturbation."""
    offset = (np.asarray(adversarial, np.float64) - images).reshape(len(images), -1)
    return np.abs(offset).max(axis=1) if norm == "linf" else np.sqrt((offset**2).sum(axis=1))


@contextmanager
def legacy_seed(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, which other libraries draw from, and put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
