"""Logistic saturation (L5): a margin that solves its own sample grows only like the logarithm of time.

Time enters as ``rate * time``: with rate = eta * (growth per unit margin) the time is in steps, with rate = 1 it is
the dimensionless ``kap t`` of the formulas. Margins up to 1e3 and more, and times whose logarithm is as large, are
handled in logarithms: nothing here computes e^margin on its own.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, wrightomega

from cgrosim.theory._quadrature import integrate

# Beyond this margin e^margin overflows, and margin + e^margin equals e^margin to the last bit.
_LARGE = 700.0


def _conserved(time: ArrayLike, rate: float, start: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``A = kap t + M_0 + e^{M_0}``, which equals M + e^M along the flow, and log A (nan where A <= 0)."""
    t, m = np.broadcast_arrays(np.asarray(time, dtype=np.float64), np.asarray(start, dtype=np.float64))
    if not rate > 0:
        raise ValueError(f"the rate must be positive, got {rate}")
    if bool(np.any(t < 0)):
        raise ValueError("the time must not be negative")
    total = rate * t + m + np.exp(np.minimum(m, _LARGE))
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.where(m > _LARGE, np.logaddexp(m, np.log(rate) + np.log(t)), np.log(total))
    return total, logarithm


def logistic_saturation(time: ArrayLike, rate: float = 1.0, start: ArrayLike = 0.0) -> NDArray[np.float64]:
    """L5: solution of ``M' = rate / (1 + e^M)`` from M_0 = `start`.

    ``M(t) = log W(e^A)`` with ``A = rate t + M_0 + e^{M_0}`` and W Lambert's function, because M + e^M is A: evaluated
    with Wright's omega, omega(A) = W(e^A), as ``log omega(A)`` for A > 1 and ``A - omega(A)`` below, and as
    ``logaddexp(M_0, log(rate t))`` when e^{M_0} overflows (error M e^{-M} < 1e-300).

    Kind: exact for the flow. Gradient descent exceeds it by at most :func:`logistic_step_excess`. Source: derived here;
    the saturation of the solved samples in arXiv 2306.01271, stages II and III. Units: rate times time is
    dimensionless, margins are in logits. Arrays broadcast.
    """
    total, logarithm = _conserved(time, rate, start)
    omega = wrightomega(np.minimum(total, np.finfo(np.float64).max))
    large_start = np.asarray(start, dtype=np.float64) > _LARGE
    with np.errstate(divide="ignore"):
        return np.where(large_start, logarithm, np.where(total > 1, np.log(omega), total - omega))


def logistic_step_excess(start: ArrayLike, step_rate: float) -> NDArray[np.float64]:
    """L5, gradient descent: ``0 <= M_n - M(n) <= step_rate / (1 + e^{M_0})`` for ``M_{n+1} = M_n + h / (1 + e^{M_n})``.

    h = `step_rate` is the rate of one step and M(n) = logistic_saturation(n, h, M_0). The value returned is the upper
    bound; it holds for all n and does not grow. Kind: bound, for any h > 0. Argument (derived here): s(M) = 1/(1+e^M)
    decreases, so each Euler step gains at least what the flow gains from the same point, and the flow is increasing in
    its start; conversely the broken line Y through the steps has Y - h s(M_0) <= M_n on the n-th step, so
    Y - h s(M_0) grows no faster than the flow and starts below it.
    """
    return np.asarray(step_rate * expit(-np.asarray(start, dtype=np.float64)))


def _saturation_exponent(power: float) -> float:
    if not power >= 2:
        raise ValueError(f"the power must be at least 2, got {power}")
    return 2 - 2 / power


def power_saturation_log_time(start: float, margin: float, power: float) -> float:
    """L5 with the power 2 - 2/q: log(rate t) for ``a' = rate a^{2-2/q} / (1 + e^a)`` to go from `start` to `margin`.

    ``rate t`` is the integral of (1 + e^x) x^{-(2-2/q)} over [start, margin]. For one filter with margin
    ``a = alpha^q u^q`` this is stage II of arXiv 2306.01271 with the residual gap term dropped, rate = eta q^2 alpha^2
    (1-lam) (derived here). Gauss-Legendre in log x below 1 and in x above, with e^margin taken out.

    Kind: exact for the flow; quadrature error below 1e-13 relative. q = 3 has the closed form
    ``[-3 x^{-1/3} (1 + e^x) + (9/2) x^{2/3} 1F1(2/3; 5/3; x)]``, which overflows where this does not.

    Raises
    ------
    ValueError
        If the start is not positive or the margin is below it.
    """
    exponent = _saturation_exponent(power)
    if not 0 < start <= margin:
        raise ValueError(f"need 0 < start <= margin, got start {start}, margin {margin}")

    def below_one(logarithm: NDArray[np.float64]) -> NDArray[np.float64]:
        return (1 + np.exp(np.exp(logarithm))) * np.exp((1 - exponent) * logarithm)

    def above_one(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(x - margin) * (1 + np.exp(-x)) * x**-exponent

    # From 800 below the margin on, e^{x - margin} underflows: nothing is lost.
    early = integrate(below_one, np.log(start), min(np.log(margin), 0.0), 1.0)
    late = integrate(above_one, max(start, 1.0, margin - 800), margin, 1.0)
    with np.errstate(divide="ignore"):
        return float(np.logaddexp(np.log(early), margin + np.log(late)))


def power_saturation(time: float, rate: float, start: float, *, power: float) -> float:
    """L5 with the power 2 - 2/q: the margin a(t) of ``a' = rate a^{2-2/q} / (1 + e^a)`` from `start` > 0.

    Inverse of :func:`power_saturation_log_time`, by bracketed root finding on log a. Kind: exact for the flow.
    Units: time in steps when `rate` includes the step size. Any time up to the largest float.
    """
    _saturation_exponent(power)
    if not (rate > 0 and time >= 0 and start > 0):
        raise ValueError(f"need rate > 0, time >= 0 and start > 0, got {rate}, {time} and {start}")
    if time == 0:
        return start
    goal, log_start = np.log(rate) + np.log(time), np.log(start)

    def shortfall(log_margin: float) -> float:
        # exp(log(start)) may round above the start, and a single such step can already take longer than the time given
        margin = start if log_margin <= log_start else max(start, float(np.exp(log_margin)))
        return max(power_saturation_log_time(start, margin, power), -1e6) - goal

    # Beyond `far` the last unit of the margin alone takes e^{a-1} a^{-2} >= e^{goal}.
    far = max(2 * start, 2 * max(goal, 0.0) + 10)
    log_margin = brentq(shortfall, log_start, np.log(far), xtol=1e-15, rtol=1e-15)
    return max(start, float(np.exp(log_margin)))
