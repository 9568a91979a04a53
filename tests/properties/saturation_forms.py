"""Elementary bounds and late expansions of logistic saturation (Lemma L5): what the exact forms are held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.saturation import _LARGE, _conserved, _saturation_exponent

Array = NDArray[np.float64]


def logistic_saturation_log_time(margin: ArrayLike, start: ArrayLike = 0.0) -> NDArray[np.float64]:
    """L5, inverse: ``log(rate t) = log(M - M_0 + e^M - e^{M_0})`` for the time t at which the margin reaches M.

    The logarithm is returned because the time itself overflows for margins above 709. Minus infinity at M = M_0.
    Kind: exact for the flow (derived here).

    Raises
    ------
    ValueError
        If a margin is below its start: the flow never decreases it.
    """
    m, m0 = np.asarray(margin, dtype=np.float64), np.asarray(start, dtype=np.float64)
    gain = m - m0
    if bool(np.any(gain < 0)):
        raise ValueError("the margin must not be below the start")
    with np.errstate(divide="ignore"):
        # log(e^M - e^{M_0}) = M + log(1 - e^{-gain})
        return np.logaddexp(np.log(gain), m + np.log(-np.expm1(-gain)))


def logistic_saturation_bounds(
    time: ArrayLike, rate: float = 1.0, start: ArrayLike = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """L5, elementary bounds: ``log(A - log A) <= M <= log A`` for A >= 1, ``A - 1 <= M <= A`` below.

    ``A = rate t + M_0 + e^{M_0}``. From e^M = A - M: M >= 0 when A >= 1, hence M <= log A, hence e^M >= A - log A.
    The two differ by about log A / A. Kind: bound for the flow (derived here).
    """
    total, logarithm = _conserved(time, rate, start)
    large = (total >= 1) | (np.asarray(start, dtype=np.float64) > _LARGE)
    safe = np.where(large, logarithm, 1.0)
    lower = safe + np.log1p(-safe * np.exp(-safe))
    return np.where(large, lower, total - 1), np.where(large, safe, total)


def logistic_saturation_late(time: ArrayLike, rate: float = 1.0) -> NDArray[np.float64]:
    """L5, late times: ``M = log(rate t) + (M_0 + e^{M_0} - log(rate t)) / (rate t) + ...``: the first term.

    Kind: asymptotic, rate t -> infinity; error of order log(rate t) / (rate t), from any fixed start. Derived here.
    """
    return np.asarray(np.log(rate) + np.log(np.asarray(time, dtype=np.float64)))


def power_saturation_late(time: ArrayLike, rate: float, power: float, order: int = 2) -> NDArray[np.float64]:
    """L5 with the power p = 2 - 2/q, late times, with L = log(rate t).

    Order 0: ``L``. Order 1: ``L + p log L``. Order 2: ``L + p log L + p (p log L - 1) / L``, from
    ``e^a a^{-p} (1 + p/a + O(a^{-2})) = rate t``. Kind: asymptotic, L -> infinity, from any fixed start; errors of
    order log L, log L / L and (log L / L)^2: slow, so prefer :func:`power_saturation`. Derived here.

    Raises
    ------
    ValueError
        If rate * time <= e (log L is then meaningless) or the order is not 0, 1 or 2.
    """
    exponent = _saturation_exponent(power)
    logarithm = np.log(rate) + np.log(np.asarray(time, dtype=np.float64))
    if order not in (0, 1, 2):
        raise ValueError(f"the order must be 0, 1 or 2, got {order}")
    if bool(np.any(logarithm <= 1)):
        raise ValueError("the late expansion needs rate * time > e")
    terms = [
        logarithm,
        exponent * np.log(logarithm),
        exponent * (exponent * np.log(logarithm) - 1) / logarithm,
    ]
    return np.sum(terms[: order + 1], axis=0)
