"""Indicators of balls as ReLU networks: exact for l_inf, with sawtooth squares for l_2.

Every function here returns numbers whose rounding errors are on the safe side: an indicator is exactly 1 on its closed
ball and exactly 0 on the closed balls of the other classes, for the real numbers and for float64 alike. Derived here,
from the shape of the construction of arXiv 2306.01271 v4, Lemma 4.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import cdist

from cgrosim.theory._arguments import one_of
from cgrosim.theory.interval_bounds import UNIT_ROUNDOFF
from cgrosim.theory.relu_composition import carry, identity, on_top, parallel
from cgrosim.theory.relu_network import ReluNetwork, as_sparse
from cgrosim.theory.yarotsky import levels_for, squared_norm_error, squared_norm_network, squared_norm_parameters

Array = NDArray[np.float64]
Norm = Literal["linf", "l2"]
METRICS = {"linf": "chebyshev", "l2": "euclidean"}


class SeparationError(ValueError):
    """Two balls of different classes meet, so no classifier is right on both.

    Attributes
    ----------
    pair : indices of the two samples
    distance : their distance in the norm of the balls
    radius : radius of the balls
    """

    def __init__(self, pair: tuple[int, int], labels: tuple[int, int], distance: float, radius: float, norm: Norm):
        self.pair, self.distance, self.radius = pair, distance, radius
        super().__init__(
            f"Samples {pair[0]} (class {labels[0]}) and {pair[1]} (class {labels[1]}) are {distance:.6g} apart in "
            f"{norm}, not more than twice the radius {radius:.6g} (rounding included): their closed balls meet; take a "
            f"radius below {distance / 2:.6g} or leave one of the two out."
        )


@dataclass(frozen=True)
class Separation:
    """The closest two samples of different classes; pair (-1, -1) and distance inf if there is one class only."""

    pair: tuple[int, int]
    distance: float


def separation(samples: Array, labels: NDArray[np.int64], norm: Norm) -> Separation:
    """Smallest distance between samples of different classes. Kind: exact up to (D + 4) units of round-off.

    Parameters
    ----------
    samples : array, shape (N, D)
    labels : array of int, shape (N,)
    """
    best = Separation((-1, -1), math.inf)
    for start in range(0, len(samples), 256):
        part = slice(start, start + 256)
        distances = cdist(samples[part], samples, METRICS[norm])
        distances[labels[part, None] == labels] = np.inf
        row, column = np.unravel_index(np.argmin(distances), distances.shape)
        if distances[row, column] < best.distance:
            first, second = sorted((start + int(row), int(column)))
            best = Separation((first, second), float(distances[row, column]))
    return best


def certain_distance(distance: float, dimension: int) -> float:
    """A lower bound of the real distance behind a computed one: D differences, squares, sums and a root."""
    return distance * (1 - (dimension + 8) * 2 * UNIT_ROUNDOFF)


def ball_box(centres: Array, radius: float) -> tuple[Array, Array]:
    """Corners, rounded outward, of the l_inf balls (for l_2: of boxes that contain the balls)."""
    return np.nextafter(centres - radius, -np.inf), np.nextafter(centres + radius, np.inf)


@dataclass(frozen=True)
class CubeDesign:
    """Indicators ``ReLU(1 - s_i / ramp)`` with s_i the l_1 distance to the box of ball i.

    Attributes
    ----------
    ramp : tau, at most half of what separates boxes of different classes (the other half absorbs rounding) and at most
        the radius: then the indicator is 0 from twice the radius on, and classes that are 2 delta apart everywhere lose
        no correct point to a ball of another class
    """

    ramp: float

    hidden_layers = 1
    """Hidden layers before the indicators."""

    def parameters(self, samples: int, dimension: int) -> int:
        """N (6D + 1): kinks, their biases and sums (2D each), and the bias of the indicator."""
        return samples * (6 * dimension + 1)

    def network(self, centres: Array, radius: float) -> ReluNetwork:
        """Network with outputs ``1 - s_i / ramp``, to be passed through a ReLU."""
        samples, dimension = centres.shape
        lower, upper = ball_box(centres, radius)
        units = 2 * samples * dimension
        columns = np.tile(np.arange(dimension, dtype=np.int32), 2 * samples)
        signs = np.tile(np.repeat([1.0, -1.0], dimension), samples)
        kinks = sparse.csr_array((signs, columns, np.arange(units + 1, dtype=np.int32)), shape=(units, dimension))
        biases = np.stack([-upper, lower], axis=1).ravel()
        starts = np.arange(0, units + 1, 2 * dimension, dtype=np.int32)
        sums = (np.full(units, -1.0 / self.ramp), np.arange(units, dtype=np.int32), starts)
        total = sparse.csr_array(sums, shape=(samples, units))
        return ReluNetwork([kinks, total], [biases, np.ones(samples)])


@dataclass(frozen=True)
class SphereDesign:
    """Indicators ``ReLU(1 - ReLU(q_i - inner) / ramp)`` with q_i the approximate squared distance to centre i.

    Attributes
    ----------
    levels, half_range : m and R of the squares; all centres stay 2 radii inside [-R, R]^D
    inner : q_i at which the indicator begins to fall, delta^2 + D R^2 2^(-2m-2) + 2 rounding
    ramp : length of the fall in q_i; the indicator is 0 from inner + ramp <= 4 delta^2 on
    rounding : bound of the rounding errors of q_i - inner, stored biases and evaluation together
    """

    levels: int
    half_range: float
    inner: float
    ramp: float
    rounding: float

    def parameters(self, samples: int, dimension: int) -> int:
        """N (2D + 4) for distances and indicators, and O(m D) for the squares and for carrying x past them."""
        shared = squared_norm_parameters(dimension, self.levels) + 4 * dimension * (self.levels + 1)
        return samples * (2 * dimension + 4) + shared

    @property
    def hidden_layers(self) -> int:
        """Hidden layers before the indicators."""
        return self.levels + 2

    def network(self, centres: Array, radius: float) -> ReluNetwork:
        """Network with outputs ``1 - ReLU(q_i - inner) / ramp``, to be passed through a ReLU."""
        del radius  # it is inside `inner`
        samples, dimension = centres.shape
        squares = squared_norm_network(dimension, self.levels, self.half_range)
        carried = carry(dimension, self.levels + 1)
        pairs = ReluNetwork(carried.weights[:-1], carried.biases[:-1])  # ReLU(x) and ReLU(-x), not yet joined
        linear = as_sparse(np.hstack([np.ones((samples, 1)), -2.0 * centres, 2.0 * centres]))
        excess = on_top(parallel(squares, pairs), linear, np.sum(centres**2, axis=1) - self.inner)
        return on_top(excess, identity(samples, -1.0 / self.ramp), np.ones(samples))


Design = CubeDesign | SphereDesign


def ball_design(centres: Array, labels: NDArray[np.int64], radius: float, *, norm: Norm) -> Design:
    """Thresholds of the indicators from the separation of the classes.

    Raises
    ------
    SeparationError
        If two balls of different classes meet, or come closer than rounding can tell.
    """
    one_of("norm", norm, Norm)
    found = separation(centres, labels, norm)
    return (_cube_design if norm == "linf" else _sphere_design)(centres, labels, radius, found)


def _refuse(labels: NDArray[np.int64], found: Separation, radius: float, norm: Norm) -> SeparationError:
    first, second = found.pair
    return SeparationError(found.pair, (int(labels[first]), int(labels[second])), found.distance, radius, norm)


def _cube_design(centres: Array, labels: NDArray[np.int64], radius: float, found: Separation) -> CubeDesign:
    # The corners of the boxes are at most 3 units off the real ones, on both sides of the gap.
    rounding = 8 * UNIT_ROUNDOFF * (float(np.abs(centres).max()) + radius)
    gap = certain_distance(found.distance, 1) - 2 * radius - rounding
    if gap <= 0:
        raise _refuse(labels, found, radius, "linf")
    return CubeDesign(min(gap / 2, radius))


def _sphere_design(centres: Array, labels: NDArray[np.int64], radius: float, found: Separation) -> SphereDesign:
    """Divide g = (distance - delta)^2 - delta^2 among approximation (1/4), rounding (1/8 at most) and the ramp.

    g counts up to 3 delta^2 only, so that the indicators end within 2 delta.
    """
    dimension = centres.shape[1]
    distance = certain_distance(found.distance, dimension)
    if distance <= 2 * radius:
        raise _refuse(labels, found, radius, "l2")
    room = min(distance * (distance - 2 * radius), 3 * radius**2) if math.isfinite(distance) else 3 * radius**2
    half_range = power_of_two_above(float(np.abs(centres).max()) + 2 * radius)
    levels = levels_for(room / 4, dimension, half_range)
    error = squared_norm_error(dimension, half_range, levels)
    rounding = distance_rounding(dimension, half_range, levels)
    if 3 * rounding > room / 8:
        raise _refuse(labels, found, radius, "l2")
    return SphereDesign(
        levels, half_range, radius**2 + error + 2 * rounding, (room - error - 3 * rounding) / 2, rounding
    )


def power_of_two_above(value: float) -> float:
    """Smallest power of two that is at least a positive value. Kind: exact (no logarithm, which would be rounded)."""
    if not 0.0 < value < math.inf:
        raise ValueError(f"value must be positive and finite, got {value!r}")
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)


def distance_rounding(dimension: int, half_range: float, levels: int) -> float:
    """Bound of all rounding errors of q_i - inner on [-R, R]^D: (3m + 16)(D + 2) u D R^2. Kind: bound.

    The teeth are exact (powers of two; differences within a factor of two). With B = D R^2 the sum of absolute values
    is at most B for f_1 (6D terms), 5B/4 for each of the m - 1 further levels (2D + 1 terms) and 4B for the distance
    (2D + 2 terms); the stored bias is off by (D + 3) u B, the thresholds and the separation by 16 u B at most.
    Together (15 D + 2.5 m D + 1.25 m + 31) u B to first order; the rest of the bound covers the second.
    """
    return (3 * levels + 16) * (dimension + 2) * UNIT_ROUNDOFF * dimension * half_range**2
