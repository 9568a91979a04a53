"""Growth by a power, x' = x^(q-1), from starts of any sign, and several coordinates on one clock; smooth through q = 2.

Every stage of training is this equation run with its own clock. All functions are exact for the differential equation
and derived here by separation of variables; `exposure` is the integral of the rate over time, so it has no unit beyond
x^(2-q). The limit q -> 2 (exponential growth) is taken inside `expm1` and `log1p`, never as a difference of two powers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def check_power(power: float) -> float:
    """Return ``power - 2`` after refusing activation powers below 2 (the growth laws need q >= 2)."""
    if not (np.isfinite(power) and power >= 2.0):
        raise ValueError(
            f"power must be a finite number of at least 2, got {power!r}; the growth laws hold for q >= 2."
        )
    return float(power) - 2.0


def _log_ratio(target: Array, start: Array) -> Array:
    """log(target / start) to full relative accuracy, also when the two nearly coincide or the ratio overflows."""
    near = np.abs(target - start) < 0.5 * start
    difference = np.where(near, target - start, 0.0) / start
    return np.where(near, np.log1p(difference), np.log(target) - np.log(start))


def growth_integral(start: ArrayLike, target: ArrayLike, power: float) -> Array:
    """``I(x, v, q)``, the integral of z^{1-q} over [x, v]: the exposure that takes ``x' = x^{q-1}`` from x to v.

    ``I = (x^{2-q} - v^{2-q}) / (q-2)`` for q > 2 and ``log(v/x)`` for q = 2, evaluated as
    ``x^{2-q} (1 - e^{-(q-2) log(v/x)}) / (q-2)`` with expm1, which is accurate through q -> 2 and v -> x.

    Kind: exact identity for the gradient flow (derived here; tensor power method of arXiv 2306.01271, stage I).
    Units: flow time multiplied by the rate c, that is steps times c.

    Parameters
    ----------
    start
        Where a start is not positive the integral is infinite, because such a start never crosses zero.
    target
        Positive; broadcast with `start`. It may be infinite (finite result for q > 2). The integral is oriented.
    power
        Real q >= 2.

    Raises
    ------
    ValueError
        If the power is below 2 or a target is not positive.
    """
    excess = check_power(power)
    x, v = np.broadcast_arrays(np.asarray(start, dtype=np.float64), np.asarray(target, dtype=np.float64))
    if not bool(np.all(v > 0)):
        raise ValueError("the target must be positive")
    positive = x > 0
    x = np.where(positive, x, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = _log_ratio(v, x)
    if excess == 0.0:
        return np.where(positive, ratio, np.inf)
    with np.errstate(over="ignore"):
        grown = np.asarray(np.power(x, -excess) * (-np.expm1(-excess * ratio) / excess))
    return np.where(positive, grown, np.inf)


def growth_start(target: ArrayLike, time: ArrayLike, power: float) -> Array:
    """Start from which ``x' = x^{q-1}`` reaches `target` after exactly `time` (rate times steps).

    The inverse of :func:`growth_integral` in its first argument; `target` may be infinite for q > 2 and time > 0.
    Kind: exact for the gradient flow (derived here).
    """
    v, t = np.broadcast_arrays(np.asarray(target, dtype=np.float64), np.asarray(time, dtype=np.float64))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if power == 2:
            return np.asarray(v * np.exp(-t))
        excess = power - 2
        finite = v * np.exp(-np.log1p(excess * t * np.power(v, excess)) / excess)
        # Where v^{q-2} t is huge the target no longer matters and the product above would overflow.
        far = np.power(excess * t, -1 / excess) * np.exp(-np.log1p(np.power(v, -excess) / (excess * t)) / excess)
        return np.where(excess * t * np.power(v, excess) > 1, far, finite)


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
    length, ratio = np.asarray(reference_log_growth, dtype=float), np.asarray(rate_ratio, dtype=float)
    if np.any(ratio > 1.0):
        raise ValueError(f"rate_ratio must not exceed 1 (take the fastest as reference), got {float(np.max(ratio))!r}.")
    if excess == 0.0:
        return ratio * length
    share = ratio * -np.expm1(-excess * length)
    # Close to the common blow-up 1 - rho*passed cancels; there the two small parts are added instead.
    with np.errstate(divide="ignore"):
        near = np.log((1.0 - ratio) + ratio * np.exp(-excess * length))
        far = np.log1p(-np.minimum(share, 0.75))
    return -np.where(share < 0.5, far, near) / excess
