"""Slopes in the dimension beside those of predictions from the same starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import slope_over_seeds

Array = NDArray[np.float64]


def usable(rows: Sequence[Sequence[float]]) -> Array:
    """Rows of dimension, measured, predicted and seed in which all are there: logarithms are taken of them."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return np.asarray(table[np.all(np.isfinite(table[:, :3]) & (table[:, :3] > 0.0), axis=1)])


def slopes(table: Array, pure: float) -> dict[str, Any]:
    """Measured slope as the predicted one plus that of the residual, so that the spread of starts cancels.

    The 95 % interval is over seeds, one slope each: the sizes of one seed share its starts and are no replicates.

    Parameters
    ----------
    table : (rows, 4) of `usable`
    pure : the slope without logarithms, to stand beside
    """
    x, measured, predicted = np.log(table[:, :3]).T
    seeds = np.unique(table[:, 3], return_inverse=True)[1]
    told = slope_over_seeds(x, predicted, seeds)[0]
    slope, low, high = (told + end for end in slope_over_seeds(x, measured - predicted, seeds, 0.05))
    means = {f"{d:.0e}": np.exp(np.mean(measured[table[:, 0] == d])) for d in np.unique(table[:, 0])}
    return {
        "slope": slope,
        "slope_95_percent": [low, high],
        "slope_predicted_with_logarithms": told,
        "slope_without_logarithms": pure,
        "median_measured_over_predicted": float(np.exp(np.median(measured - predicted))),
        "runs_used": len(table),
        "mean_by_dimension": means,
    }
