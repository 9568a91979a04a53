"""Intervals over seeds: of a share by Clopper and Pearson, of a number by its quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def clopper_pearson(hits: ArrayLike, trials: ArrayLike, confidence: float) -> tuple[Array, Array]:
    """Ends of the exact interval of a probability (Clopper and Pearson, 1934); nan without trials.

    Its coverage is at least the confidence, whatever the probability.
    """
    from scipy.stats import beta

    hits, trials = np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    half = 0.5 * (1.0 - confidence)
    with np.errstate(invalid="ignore"):
        low = np.where(hits > 0, beta.ppf(half, hits, trials - hits + 1.0), 0.0)
        high = np.where(hits < trials, beta.ppf(1.0 - half, hits + 1.0, trials - hits), 1.0)
    return np.where(trials > 0, low, np.nan), np.where(trials > 0, high, np.nan)


def share_interval(values: NDArray[Any], axis: int, confidence: float) -> tuple[Array, Array, Array]:
    """Low end, share and high end of what is 1 (or true) along an axis; what is nan does not count."""
    there = np.isfinite(np.asarray(values, dtype=np.float64))
    hits, trials = np.nansum(values, axis=axis), there.sum(axis=axis)
    low, high = clopper_pearson(hits, trials, confidence)
    with np.errstate(invalid="ignore"):
        return low, np.where(trials > 0, hits / np.maximum(trials, 1), np.nan), high


def quantile_interval(values: NDArray[Any], axis: int, confidence: float) -> tuple[Array, Array, Array]:
    """The middle and the quantiles that leave ``1 - confidence`` outside; what is nan does not count."""
    half = 0.5 * (1.0 - confidence)
    moved = np.moveaxis(np.asarray(values, dtype=np.float64), axis, 0)
    known = np.any(np.isfinite(moved), axis=0)
    filled = np.where(known, moved, 0.0)  # a column of nan only would warn
    low, middle, high = np.nanquantile(filled, (half, 0.5, 1.0 - half), axis=0)
    return tuple(np.where(known, each, np.nan) for each in (low, middle, high))  # type: ignore[return-value]
