"""Balls only around the training samples that need one: poly(D) + c mu N D parameters for the same guarantees.

Theorem 3.3 of the ICLR 2023 predecessor of arXiv 2306.01271: where the clean classifier is right on the whole ball of
all but a share mu of the training samples, only these need a ball of their own. Which do, a proof decides: interval
bounds of the clean network on every ball. The statements, derived here, for l_inf and the construction of
`representation`:

On a ball without an indicator of its own the network is the clean one, but for indicators of other samples that reach
it. The thresholds come from the separation of *all* samples, so these are of the same class, where they shut the gate
and vote for it: a gate keeps the sign of the clean output or makes it 0, the vote adds to it, and both are not 0 at
once. So the network is right on every ball, and right wherever the clean one is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.balls import Design, ball_box, ball_design
from cgrosim.theory.interval_bounds import output_bounds
from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.representation import assemble, cgro_parameters, margins_between

Array = NDArray[np.float64]


def needs_ball(clean: ReluNetwork, samples: ArrayLike, labels: ArrayLike, *, radius: float) -> NDArray[np.bool_]:
    """Samples, shape (N,), on whose closed l_inf ball the clean network is not proved right. Kind: bound.

    Exact for a linear clean network, whose interval bounds are attained: |f(x)| <= radius |w|_1 needs a ball.
    """
    return ~(_proved_margins(clean, np.asarray(samples, dtype=np.float64), np.asarray(labels), radius) > 0.0)


def _proved_margins(network: ReluNetwork, samples: Array, labels: NDArray[np.int64], radius: float) -> Array:
    low, high = output_bounds(network, *ball_box(samples, radius))
    return np.asarray(np.nextafter(margins_between(low, high, labels), -np.inf))


@dataclass(frozen=True, eq=False)
class SparseClassifier:
    """A memorising network with balls around some of its training samples.

    Attributes
    ----------
    network, clean : ReluNetwork
    samples, labels : arrays, shapes (N, D) and (N,): all training samples
    placed : array of bool, shape (N,): those with a ball
    radius : of the l_inf balls
    design : thresholds of the indicators, from the separation of all samples
    """

    network: ReluNetwork
    clean: ReluNetwork
    samples: Array
    labels: NDArray[np.int64]
    placed: NDArray[np.bool_]
    radius: float
    design: Design

    @property
    def parameter_count(self) -> int:
        """Parameters of the network, counted from its arrays."""
        return self.network.parameter_count

    @property
    def parameter_formula(self) -> int:
        """The same number predicted: mu N (6 D + 2) for the balls, and a number that N does not enter. Kind: exact."""
        placed = int(self.placed.sum())
        if not placed:
            return self.clean.parameter_count
        return cgro_parameters(placed, self.samples.shape[1], self.clean, design=self.design)

    def proved_margins(self) -> Array:
        """Lower bounds of the margin on every closed ball, shape (N,), by interval bounds through the network.

        Where a ball of the same class reaches a sample without one, they can say nothing though the network is right.
        """
        return _proved_margins(self.network, self.samples, self.labels, self.radius)


def sparse_classifier(
    clean: ReluNetwork,
    samples: ArrayLike,
    labels: ArrayLike,
    *,
    radius: float,
    placed: NDArray[np.bool_] | None = None,
) -> SparseClassifier:
    """Build the memorising network with balls around those samples alone that need one.

    Parameters
    ----------
    clean : ReluNetwork
        One output (labels -1, +1) or one a class (labels 0, 1, ...).
    samples, labels : array_like, shapes (N, D) and (N,)
    radius : float
        delta > 0 of the l_inf balls. Samples of different classes must be more than 2 delta apart.
    placed : array of bool, shape (N,)
        Samples to give a ball to, instead of those that need one.

    Raises
    ------
    SeparationError
        If two balls of different classes meet; it names the pair and its distance.
    ValueError
        If there is not one label a sample.
    """
    points, classes = np.array(samples, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if points.ndim != 2 or classes.shape != points.shape[:1]:
        raise ValueError(f"samples have shape {points.shape} and labels {classes.shape}; give (N, D) and (N,).")
    design = ball_design(points, classes, radius, norm="linf")
    chosen = needs_ball(clean, points, classes, radius=radius) if placed is None else np.asarray(placed, dtype=bool)
    network = clean
    if chosen.any():
        low, high = output_bounds(clean, *ball_box(points[chosen], radius))
        clamp = 2.0 * float(np.maximum(np.abs(low), np.abs(high)).max())
        network = assemble(clean, points[chosen], classes[chosen], radius=radius, design=design, clamp=clamp)
    return SparseClassifier(network, clean, points, classes, chosen, float(radius), design)
