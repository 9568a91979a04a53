"""Proofs that a CGRO classifier is right on every closed ball around its training samples.

They speak of the arrays of the network, not of the formula they were built from, and of the exact network as well as of
its float64 evaluation. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from cgrosim.theory.balls import METRICS, SphereDesign, ball_box, certain_distance, distance_rounding
from cgrosim.theory.interval_bounds import UNIT_ROUNDOFF, output_bounds
from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.representation import CgroClassifier, assemble, margins_between
from cgrosim.theory.yarotsky import squared_norm_error

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Certificate:
    """What is proved about the balls around the training samples.

    Attributes
    ----------
    margins : array, shape (N,)
        Lower bound of the margin on every closed ball, for the exact network and its float64 evaluation; -inf where
        nothing is proved.
    method : how it is proved
    """

    margins: Array
    method: str

    @property
    def robust_training_error(self) -> float:
        """Upper bound of the robust training error: the share of balls without a positive bound."""
        return float(np.mean(~(self.margins > 0)))


def certify(classifier: CgroClassifier) -> Certificate:
    """Prove how the training balls are classified. Kind: bound (proved, rounding included).

    l_inf: interval bounds through the arrays of the network, one box a ball. l_2: the arrays are compared with those
    that the formula prescribes, and for the formula the distances between samples decide (see `_sphere_margins`);
    interval bounds alone would treat a ball of radius delta like a cube of half-diagonal sqrt(D) delta.
    """
    lower, upper = ball_box(classifier.samples, classifier.radius)
    if classifier.norm == "linf":
        low, high = output_bounds(classifier.network, lower, upper)
        # The difference of two bounds is rounded once more.
        margins = np.nextafter(margins_between(low, high, classifier.labels), -np.inf)
        return Certificate(margins, "interval bounds through the network")
    return Certificate(_sphere_margins(classifier, lower, upper), "distances between the samples and sawtooth error")


def _sphere_margins(classifier: CgroClassifier, lower: Array, upper: Array) -> Array:
    """Margin 1 on every ball for which the three inequalities of the construction hold, else -inf.

    With e the error of the squares and r the rounding bound, q_i - inner <= delta^2 + e + r - inner <= 0 on ball i
    makes I_i = 1 exactly; q_j - inner >= (d_ij - delta)^2 - r - inner >= ramp makes I_j = 0 exactly; |f_clean| <= M
    shuts the gates.
    """
    design, centres, radius = classifier.design, classifier.samples, classifier.radius
    assert isinstance(design, SphereDesign)
    prescribed = assemble(
        classifier.clean, centres, classifier.labels, radius=radius, design=design, clamp=classifier.clamp
    )
    if not same_arrays(prescribed, classifier.network):
        return np.full(len(centres), -np.inf)
    dimension = centres.shape[1]
    inside = float(np.abs(centres).max()) + 2 * radius <= design.half_range
    error = squared_norm_error(dimension, design.half_range, design.levels)
    rounding = distance_rounding(dimension, design.half_range, design.levels)
    full = inside and radius**2 + error + rounding <= design.inner
    distances = cdist(centres, centres, METRICS["l2"])
    distances[classifier.labels[:, None] == classifier.labels] = np.inf
    nearest = certain_distance(distances.min(axis=1), dimension)
    empty = (nearest - radius) ** 2 - rounding - design.inner >= design.ramp * (1 + 8 * UNIT_ROUNDOFF)
    low, high = output_bounds(classifier.clean, lower, upper)
    shut = np.maximum(np.abs(low), np.abs(high)).max(axis=1) <= classifier.clamp
    return np.where(full & empty & (nearest > radius) & shut, 1.0, -np.inf)


def same_arrays(first: ReluNetwork, second: ReluNetwork) -> bool:
    """Whether two networks have the same connections with the same values, bit for bit."""
    if len(first.weights) != len(second.weights):
        return False
    pairs = [
        (getattr(a, name), getattr(b, name))
        for a, b in zip(first.weights, second.weights, strict=True)
        for name in ("data", "indices", "indptr")
    ]
    pairs += list(zip(first.biases, second.biases, strict=True))
    return all(np.array_equal(a, b) for a, b in pairs)
