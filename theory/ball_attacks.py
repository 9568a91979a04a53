"""Attacks on balls around samples: random points, corners, and ascent along gradients, own or of another network.

They search for counterexamples to a certificate, and for the adversarial examples of points without one. On its
training balls a CGRO network is flat, so that its own gradient says nothing there: `guides` lends the attack the
gradients of other networks, such as the clean classifier's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory._arguments import one_of
from cgrosim.theory.balls import Norm
from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.representation import classification_margins

Array = NDArray[np.float64]


def random_offsets(shape: tuple[int, int], radius: float, norm: Norm, *, generator: np.random.Generator) -> Array:
    """Offsets uniform in the ball."""
    one_of("norm", norm, Norm)
    if norm == "linf":
        return generator.uniform(-radius, radius, shape)
    lengths = radius * generator.uniform(0.0, 1.0, (shape[0], 1)) ** (1.0 / shape[1])
    return lengths * _unit(generator.standard_normal(shape))


def extreme_offsets(shape: tuple[int, int], radius: float, norm: Norm, *, generator: np.random.Generator) -> Array:
    """Random corners of the l_inf ball; for l_2 points of the sphere, half of them along a random axis."""
    one_of("norm", norm, Norm)
    if norm == "linf":
        return radius * generator.choice([-1.0, 1.0], shape)
    directions = _unit(generator.standard_normal(shape))
    along = np.flatnonzero(generator.random(shape[0]) < 0.5)
    directions[along] = 0.0
    directions[along, generator.integers(0, shape[1], along.size)] = generator.choice([-1.0, 1.0], along.size)
    return radius * directions


def margin_gradient(network: ReluNetwork, points: Array, labels: NDArray[np.int64]) -> Array:
    """Gradient of the classification margin at every point, shape (n, D)."""
    rows = np.arange(len(labels))
    if network.outputs == 1:
        return network.input_gradient(points, labels[:, None])
    rest = network(points)
    rest[rows, labels] = -np.inf
    cotangents = np.zeros(rest.shape)
    cotangents[rows, rest.argmax(axis=1)] = -1.0
    cotangents[rows, labels] = 1.0
    return network.input_gradient(points, cotangents)


def attack(
    network: ReluNetwork,
    centres: ArrayLike,
    labels: ArrayLike,
    *,
    radius: float,
    norm: Norm,
    generator: np.random.Generator,
    guides: Sequence[ReluNetwork] = (),
    steps: int = 10,
    restarts: int = 2,
) -> tuple[Array, Array]:
    """Smallest margins found in the balls and the points that have them.

    Every restart tries a random point and an extreme one, and from each follows the gradients of the network and of
    every guide, `steps` steps of ``2.5 radius / steps`` along the sign (l_inf) or the direction (l_2), projected.

    Parameters
    ----------
    centres : array_like, shape (n, D)
    labels : array_like of int, shape (n,)

    Returns
    -------
    margins : array, shape (n,), of `network`, the centres included
    points : array, shape (n, D)
    """
    centres, labels = np.atleast_2d(np.asarray(centres, dtype=np.float64)), np.asarray(labels, dtype=np.int64)
    worst = classification_margins(network, centres, labels)
    found = centres.copy()

    def look(points: Array) -> None:
        margins = classification_margins(network, points, labels)
        better = margins < worst
        worst[better], found[better] = margins[better], points[better]

    for _ in range(restarts):
        for draw in (random_offsets, extreme_offsets):
            start = project(
                centres + draw(centres.shape, radius, norm, generator=generator), centres, radius, norm=norm
            )
            look(start)
            for guide in (network, *guides):
                points = start
                for _ in range(steps):
                    slope = margin_gradient(guide, points, labels)
                    direction = np.sign(slope) if norm == "linf" else _unit(slope)
                    points = project(points - 2.5 * radius / steps * direction, centres, radius, norm=norm)
                look(points)
    return worst, found


def project(points: Array, centres: Array, radius: float, *, norm: Norm) -> Array:
    """Nearest points of the balls."""
    one_of("norm", norm, Norm)
    if norm == "linf":
        return np.clip(points, centres - radius, centres + radius)
    offsets = points - centres
    lengths = np.sqrt(np.sum(offsets**2, axis=1, keepdims=True))
    return centres + offsets * np.minimum(1.0, radius / np.where(lengths > 0, lengths, 1.0))


def _unit(vectors: Array) -> Array:
    lengths = np.sqrt(np.sum(vectors**2, axis=1, keepdims=True))
    return vectors / np.where(lengths > 0, lengths, 1.0)
