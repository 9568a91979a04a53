"""Wasserstein distances that can be computed exactly, and explicit bounds of their means for empirical distributions.

Weights are probabilities. Everything is derived here except where a source is named.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def _sorted_masses(points: ArrayLike, weights: ArrayLike | None) -> tuple[Array, Array]:
    points = np.asarray(points, dtype=np.float64).ravel()
    weights = np.full(points.size, 1.0 / points.size) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != points.shape or (weights < 0).any() or abs(weights.sum() - 1) > 1e-9:
        raise ValueError(
            f"weights must be {points.size} probabilities that add up to 1, got shape {weights.shape}, sum "
            f"{weights.sum():.12g}."
        )
    order = np.argsort(points, kind="stable")
    return points[order], weights[order]


def monotone_plan(
    first: ArrayLike,
    second: ArrayLike,
    first_weights: ArrayLike | None = None,
    *,
    second_weights: ArrayLike | None = None,
) -> tuple[Array, Array, Array]:
    """The coupling of two distributions on the line that keeps the order: positions x, positions y, masses.

    It is optimal for every convex cost of the distance, W_1 and W_infinity included. Kind: exact but for rounding.
    """
    x, a = _sorted_masses(first, first_weights)
    y, b = _sorted_masses(second, second_weights)
    above_x, above_y = np.cumsum(a), np.cumsum(b)
    levels = np.union1d(np.minimum(above_x, 1.0), np.minimum(above_y, 1.0))
    masses = np.diff(levels, prepend=0.0)
    middles = levels - masses / 2
    left = np.minimum(np.searchsorted(above_x, middles), x.size - 1)
    right = np.minimum(np.searchsorted(above_y, middles), y.size - 1)
    # Sums of the same masses in two orders differ by rounding: slivers of that size carry nothing.
    real = masses > 4e-16 * (x.size + y.size)
    return x[left[real]], y[right[real]], masses[real]


def wasserstein_line(
    first: ArrayLike,
    second: ArrayLike,
    first_weights: ArrayLike | None = None,
    *,
    second_weights: ArrayLike | None = None,
) -> float:
    """W_1 on the line, ``integral |F - G| dx``. Kind: exact."""
    x, y, masses = monotone_plan(first, second, first_weights, second_weights=second_weights)
    return float(np.sum(masses * np.abs(x - y)))


def mean_wasserstein_cube_bound(samples: int, dimension: int) -> float:
    """``E W_1(D, D_N) <= min_m 2^-m + sum_{k <= m} 2^(1-k) sqrt(2^(kD) / N)`` on [0, 1]^D with l_inf. Kind: bound.

    Mass is moved within ever smaller cubes: at level k within cubes of side 2^(1-k), an amount of at most
    ``sum_Q |D(Q) - D_N(Q)|`` over the cubes Q of side 2^-k, whose mean is at most ``sqrt(2^(kD) / N)``; below level m
    everything is within 2^-m. Order N^(-1/D) for D > 2.
    """
    if not (samples > 0 and dimension > 0):
        raise ValueError(f"samples and dimension must be positive, got {samples} and {dimension}.")
    best, moved = 1.0, 0.0
    for level in range(1, 64):
        moved += 2.0 ** (1 - level) * np.sqrt(2.0 ** (level * dimension) / samples)
        best = min(best, 2.0**-level + moved)
        if moved >= best:
            break
    return float(best)
