"""Growth by a power, x' = x^(q-1), from starts of any sign, and several coordinates on one clock; smooth through q = 2.

Every stage of training is this equation run with its own clock. All functions are exact for the differential equation
and derived here by separation of variables; `exposure` is the integral of the rate over time, so it has no unit beyond
x^(2-q). The limit q -> 2 (exponential growth) is taken inside `expm1` and `log1p`, never as a difference of two powers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.tensor_power import growth_integral

Array = NDArray[np.float64]


def check_power(power: float) -> float:
    """Return ``power - 2`` after refusing activation powers below 2 (the growth laws need q >= 2)."""
    if not (np.isfinite(power) and power >= 2.0):
        raise ValueError(
            f"power must be a finite number of at least 2, got {power!r}; the growth laws hold for q >= 2."
        )
    return float(power) - 2.0


def growth_exposure(start: ArrayLike, end: ArrayLike, power: float) -> Array:
    """Exposure that takes x' = x^(q-1) from `start` to `end`: I(x, v) = (x^(2-q) - v^(2-q)) / (q-2), log(v/x) at q = 2.

    Kind: exact. Infinite where `start` <= 0 < `end`, because a start that is not positive never crosses zero.

    Parameters
    ----------
    start, end : array_like
        Positive states, broadcast together; ``end = inf`` gives the blow-up exposure (infinite at q = 2).
    power : float
        Activation power q >= 2.
    """
    check_power(power)
    start = np.asarray(start, dtype=float)
    positive = start > 0
    return np.where(positive, growth_integral(np.where(positive, start, 1.0), end, power), np.inf)


def grow(start: ArrayLike, exposure: ArrayLike, power: float) -> Array:
    """State after `exposure`, from any sign of start; x' = |x|^(q-1), so a negative start creeps up to zero.

    Kind: exact; x = x_0 (1 - (q-2) |x_0|^(q-2) sign(x_0) exposure)^(-1/(q-2)). Infinite from the blow-up on.
    """
    excess = check_power(power)
    start, exposure = np.broadcast_arrays(np.asarray(start, dtype=float), np.asarray(exposure, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        run = np.sign(start) * np.abs(start) ** excess * exposure
        if excess == 0.0:
            factor = np.exp(run)
        else:
            factor = np.where(excess * run < 1.0, np.exp(-np.log1p(-np.minimum(excess * run, 1.0)) / excess), np.inf)
        return np.where(start == 0.0, 0.0, start * factor)


def companion_log_growth(reference_log_growth: ArrayLike, rate_ratio: ArrayLike, power: float) -> Array:
    """Log of the growth of another coordinate while the reference coordinate grows by the given log.

    Both obey x' = k |x|^(q-1) under one clock, so ``k |x|^(q-2)`` decides: with rho = (k_2 |x_2|^(q-2)) / (k_1
    x_1^(q-2)) at the start (negative for a negative x_2), log(x_2(t)/x_2(0)) = -log(1 - rho (1 - e^(-(q-2) L))) /
    (q-2), and rho L at q = 2. Kind: exact (elimination of the clock, Lemma L6). Needs rho <= 1: the reference is the
    coordinate that blows up first.
    """
    excess = check_power(power)
    length, ratio = np.broadcast_arrays(
        np.asarray(reference_log_growth, dtype=float), np.asarray(rate_ratio, dtype=float)
    )
    if np.any(ratio > 1.0):
        raise ValueError(f"rate_ratio must not exceed 1 (take the fastest as reference), got {float(np.max(ratio))!r}.")
    if excess == 0.0:
        return ratio * length
    passed = -np.expm1(-excess * length)
    # Close to the common blow-up 1 - rho*passed cancels; there the two small parts are added instead.
    with np.errstate(divide="ignore"):
        near = np.log((1.0 - ratio) + ratio * np.exp(-excess * length))
        far = np.log1p(-np.minimum(ratio * passed, 0.75))
    return -np.where(ratio * passed < 0.5, far, near) / excess
