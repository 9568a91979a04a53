"""Tensor power method: how long ``x_{t+1} = x_t + c_t x_t^{q-1}`` takes to grow, and who grows first (L1-L4).

Lemma numbers of this module: L1 two-sided time, L2 doubling, L3 rate sandwich and its cumulative form, L4 comparison
of two sequences. L5 (logistic saturation) is in `saturation`, L8
(initial laws) in `initial_laws`; the flow itself is in `power_growth`. Times are numbers of steps; rates ``c_t``
include the step size, so the same formulas with ``c = rate per unit time`` give the time of the gradient flow.

Notation of the formulas: start x > 0, target v, power q >= 2, ``T`` the first t with ``x_t >= v``,
``g_t = c_t x_t^{q-2}`` the relative growth of one step and ``kappa = max g_t``.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory._quadrature import integrate
from cgrosim.theory.power_growth import grow, growth_integral


class Window(NamedTuple):
    """Two-sided bound ``lower <= quantity <= upper``."""

    lower: float
    upper: float


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _check(start: float, target: float, power: float) -> None:
    _require(power >= 2, f"the power must be at least 2, got {power}")
    _require(start > 0, f"the start must be positive, got {start}")
    _require(target > 0, f"the target must be positive, got {target}")


def discretisation_factor(relative_growth: ArrayLike, power: float) -> NDArray[np.float64]:
    """``R_q(g)``: rate spent by one step of relative growth g, over what the flow spends for the same growth.

    One step from x to x (1+g) has ``c = g x^{2-q} = R_q(g) I(x, x(1+g), q)`` with
    ``R_q(g) = (q-2) g / (1 - (1+g)^{2-q})``, ``g / log(1+g)`` for q = 2. R_q increases from 1, because 1/R_q is the
    mean of z^{1-q} over [1, 1+g]; ``R_3(g) = 1+g`` and ``R_q(g) = 1 + (q-1) g / 2 + O(g^2)``.

    It is the sharp form of the constant ``(1+kappa)^{q-1}`` of L1: ``R_q(g) <= (1+g)^{max(1, (q-1)/2)}`` for every
    g >= 0, and no smaller exponent will do (g -> 0 gives (q-1)/2, g -> infinity gives 1; q = 3 is the crossing, where
    the Stolarsky mean of 1 and 1+g is the geometric one). Kind: exact. Derived here.
    """
    g = np.asarray(relative_growth, dtype=np.float64)
    _require(bool(np.all(g >= 0)), "the relative growth must not be negative")
    _require(power >= 2, f"the power must be at least 2, got {power}")
    logarithm = np.log1p(g)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(g > 0, g / logarithm, 1.0)
        z = (power - 2) * logarithm
        return factor * np.where(z > 0, z / -np.expm1(-z), 1.0)


def cumulative_rate_window(
    start: float, target: float, power: float, *, relative_growth: float, sharp: bool = True
) -> Window:
    """L1, any positive rates: bounds on the cumulative rate spent when the target is reached.

    ``sum_{t<T} c_t >= lower`` and ``sum_{t<T-1} c_t <= upper`` with ``lower = I(x_0, v)`` and
    ``upper = (1+kappa)^{q-1} I(x_0, v)``, or ``R_q(kappa) I(x_0, v)`` when `sharp`; the last step, t = T-1, is left
    out of the upper sum because it may overshoot the target by any amount.

    Kind: bound. Hypotheses: x_0 > 0, c_t > 0, ``kappa >= g_t`` for t < T-1 (the last step does not enter).
    Units: sums of rates (multiply flow time by the rate). Argument (derived here): the integral of z^{1-q} over
    [x_t, x_{t+1}] is at most c_t, and equals c_t / R_q(g_t) with R_q increasing; the pieces tile [x_0, x_T], which
    contains [x_0, v], and [x_0, x_{T-1}], which is inside it. The lower bound only needs ``x_{t+1} <= x_t + c_t
    x_t^{q-1}``, the upper only ``>=``. The sharp factor is attained: equal g_t and a target just above x_{T-1}.
    """
    _check(start, target, power)
    _require(relative_growth >= 0, f"kappa must not be negative, got {relative_growth}")
    if target <= start:
        return Window(0.0, 0.0)
    integral = float(growth_integral(start, target, power))
    factor = float(discretisation_factor(relative_growth, power)) if sharp else (1 + relative_growth) ** (power - 1)
    return Window(integral, factor * integral)


def _upper_correction(relative_growth: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """(R_q(g) - 1) / g, by series where the difference would cancel (error then O(g^2) < 1e-10, as in the rest)."""
    n = power - 1
    small = np.minimum(relative_growth, 1e-5)
    large = np.maximum(relative_growth, 1e-5)
    direct = (discretisation_factor(large, power) - 1) / large
    return np.where(relative_growth < 1e-5, n / 2 + n * (n - 2) / 12 * small, direct)


def _lower_correction(relative_growth: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """(R_q(g) (1+g)^{1-q} (1 + (q-1) g) - 1) / g, likewise."""
    n = power - 1
    small = np.minimum(relative_growth, 1e-5)
    large = np.maximum(relative_growth, 1e-5)
    factor = discretisation_factor(large, power) * np.exp(-n * np.log1p(large)) * (1 + n * large)
    return np.where(relative_growth < 1e-5, n / 2 + n * (4 - 5 * n) / 12 * small, (factor - 1) / large)


def _step_preimage(target: float, rate: float, power: float) -> float:
    """The h with ``h + rate h^{q-1} = target``, by Newton on log h (the map is increasing and log-convex)."""
    log_target = np.log(target)
    log_h = min(log_target, (log_target - np.log(rate)) / (power - 1))
    for _ in range(100):
        growth = rate * np.exp((power - 2) * log_h)
        step = (log_h + np.log1p(growth) - log_target) * (1 + growth) / (1 + (power - 1) * growth)
        log_h -= step
        if abs(step) < 1e-15 * max(1.0, abs(log_h)):
            break
    return float(np.exp(log_h))


def time_window(start: float, target: float, rate: float, *, power: float, refined: bool = True) -> Window:
    """L1 for a constant rate c: two-sided bound on the number of steps T to reach the target.

    Plain (``refined=False``): ``I/c <= T <= 1 + R_q(kappa) I/c`` with ``kappa = c v^{q-2}``.

    Refined: ``1 + I(x_0, h)/c + int_{x_0}^{h} (F(c z^{q-2}) - 1) z^{1-q} dz / c <= T <=
    1 + I(x_0, v)/c + int_{x_0}^{v} (R_q(c z^{q-2}) - 1) z^{1-q} dz / c``, where ``h + c h^{q-1} = v`` and
    ``F(g) = R_q(g) (1+g)^{1-q} (1 + (q-1) g)``. To leading order both are ``I/c + ((q-1)/2) log(v/x_0)``, at distance
    about one step from each other however far apart x_0 and v are: the flow time I/c is always too short, by that
    logarithm.

    Kind: bound. Hypotheses: x_0 > 0, c > 0, q >= 2. Units: steps; the bounds are real numbers (T itself is an
    integer). Derived here: on the interval [x_t, x_{t+1}] a point z has ``h(z) <= x_t <= z``, and
    ``c = R_q(c x_t^{q-2}) int z^{1-q} dz`` with R_q increasing; the first step is counted exactly.

    Raises
    ------
    ValueError
        If start, target or rate is not positive, or the power is below 2.
    """
    _check(start, target, power)
    _require(rate > 0, f"the rate must be positive, got {rate}")
    if target <= start:
        return Window(0.0, 0.0)
    flow = float(growth_integral(start, target, power)) / rate
    if not refined:
        return Window(flow, 1 + float(discretisation_factor(rate * target ** (power - 2), power)) * flow)
    width = 1 / max(1.0, power - 2)

    def excess(logarithm: NDArray[np.float64], which: int) -> NDArray[np.float64]:
        growth = rate * np.exp((power - 2) * logarithm)
        return (_lower_correction, _upper_correction)[which](growth, power)

    upper = 1 + flow + integrate(lambda s: excess(s, 1), np.log(start), np.log(target), width)
    last = _step_preimage(target, rate, power)
    if last <= start:
        return Window(1.0, upper)
    reached = float(growth_integral(start, last, power)) / rate
    return Window(1 + reached + integrate(lambda s: excess(s, 0), np.log(start), np.log(last), width), upper)


def growth_time_bound(start: float, target: float, rate: float, *, power: float) -> float:
    """Sharp form of L2: steps after which ``x_{t+1} >= x_t + m x_t^{q-1}`` has certainly reached the target.

    The refined upper bound of :func:`time_window`; q = 3 in closed form: ``1 + (1/x_0 - 1/v)/m + log(v/x_0)``.
    Kind: bound. Hypotheses: x_0 > 0, m > 0 (growth above the rate is allowed: ``x -> x + m x^{q-1}`` is increasing, so
    the sequence stays above the one with equality). Units: steps. Derived here. Both leading constants are sharp as
    m x_0 -> 0, where L2 has 2 / (m x_0) and log2 instead.
    """
    return time_window(start, target, rate, power=power).upper


def _doublings(start: float, target: float) -> float:
    """``ceil(log2(target / start))`` for target > start > 0. Kind: exact (no logarithm, which would be rounded)."""
    if math.isinf(target):
        return math.inf
    (low, below), (high, above) = math.frexp(start), math.frexp(target)
    return float(above - below + (high > low))


def doubling_time_bound(start: float, target: float, rate: float, *, power: float = 3.0) -> float:
    """L2: ``T <= S/(m x_0^{q-2}) + K`` with ``K = ceil(log2(v/x_0))`` and ``S = sum_{k<K} 2^{-k(q-2)}``.

    For q = 3, ``S < 2``: ``T <= 2/(m x_0) + ceil(log2(v/x_0))``. Kind: bound. Hypotheses:
    ``x_{t+1} >= x_t + m x_t^{q-1}``, x_0 > 0, m > 0, q >= 2. Units: steps. Source: doubling argument used for the
    tensor power method (Allen-Zhu and Li 2020, arXiv 2012.09816; Jelassi and Li 2022, arXiv 2207.05931); constants
    derived here: between 2^k x_0 and 2^{k+1} x_0 every step adds at least ``m (2^k x_0)^{q-1}``, so at most
    ``1 + 2^{-k(q-2)} / (m x_0^{q-2})`` steps are spent there.
    """
    _check(start, target, power)
    _require(rate > 0, f"the rate must be positive, got {rate}")
    if target <= start:
        return 0.0
    doublings = _doublings(start, target)
    halving = 2.0 ** -(power - 2)
    total = doublings if power == 2 else -np.expm1(doublings * np.log(halving)) / (1 - halving)
    return float(total / (rate * start ** (power - 2)) + doublings)


def rate_sandwich_time_bound(start: float, target: float, lower_rate: float, *, upper_rate: float) -> float:
    """L3 (q = 3): ``T <= 3/(m z_0) + (8 M/m) ceil(log2(v/z_0))`` if ``m z_t^2 <= z_{t+1} - z_t <= M z_t^2``.

    Kind: bound. Hypotheses: z_0 > 0, 0 < m <= M. Units: steps. Source: Jelassi and Li 2022, arXiv 2207.05931, constants
    as usually quoted; implied by L2 (M does not help, and the constants are not sharp: see :func:`growth_time_bound`).
    """
    _check(start, target, 3.0)
    _require(0 < lower_rate <= upper_rate, f"need 0 < lower_rate <= upper_rate, got {lower_rate}, {upper_rate}")
    if target <= start:
        return 0.0
    doublings = _doublings(start, target)
    return float(3 / (lower_rate * start) + 8 * upper_rate / lower_rate * doublings)


def cumulative_sandwich_time_bound(
    start: float, target: float, rate: float, *, error: float, power: float = 3.0, sharp: bool = True
) -> float:
    """L3, cumulative form: time for ``z_t >= z_0 - C + A sum_{s<t} z_s^{q-1}`` to reach v and stay above it.

    Sharp: ``T <= growth_time_bound(z_0 - C, v, A, q)``. Otherwise (q = 3) ``T <= 21/(A z_0) + 8 ceil(log2(v/z_0))``,
    the form of the literature, which holds if moreover ``C <= (20/21) z_0`` and ``v > z_0``.

    Kind: bound. Hypotheses (derived here): ``C < z_0`` and the lower inequality for all t >= 1; the upper inequality
    ``z_t <= z_0 + C + A sum z_s^{q-1}`` is not needed. Argument: ``S_t = z_0 - C + A sum_{s<t} z_s^{q-1} <= z_t`` has
    ``S_{t+1} >= S_t + A S_t^{q-1}`` and S_0 = z_0 - C > 0 (z_0 itself is >= S_0), then L1; S_t increases, hence "and
    stays". For C <= (20/21) z_0 the sharp bound is at most ``1 + 21/(A z_0) + log(21 v/z_0)``, and
    ``1 + log 21 < 5 <= (8 - log 2) ceil(log2(v/z_0))``. Both limits are necessary: with C >= z_0 the
    sequence may fall to any positive z_1 and no bound exists; with C = theta z_0, theta > 20/21, A z_0 small, the
    equality sequence needs about ``1/((1-theta) A z_0) > 21/(A z_0)`` steps. Units: steps.

    Raises
    ------
    ValueError
        If a hypothesis fails.
    """
    _check(start, target, power)
    _require(0 <= error < start, f"the cumulative error must be in [0, start) = [0, {start}), got {error}")
    if sharp:
        return growth_time_bound(start - error, target, rate, power=power)
    _require(power == 3, f"the literature's form is for power 3, got {power}")
    _require(error <= start * 20 / 21, f"the literature's form needs error <= 20/21 of the start, got {error / start}")
    _require(target > start, f"the literature's form needs a target above the start, got {target} <= {start}")
    doublings = _doublings(start, target)
    return float(21 / (rate * start) + 8 * doublings)


def comparison_log_margin(
    fast_start: float, slow_start: float, rate_ratio: float, *, relative_growth: float, power: float, sharp: bool = True
) -> float:
    """L4: log of the margin ``1 + eps = x_0 / (S^{1/(q-2)} D^{1/(q-2)} y_0)`` by which the fast sequence wins (q > 2).

    ``D = R_q(kappa)`` when `sharp`, else ``(1+kappa)^{q-1}``. Above 0, the slow sequence stays below
    :func:`comparison_bound` for as long as the relative growth of the fast one stays below kappa.
    Kind: exact rearrangement of L4. Derived here.
    """
    _check(slow_start, fast_start, power)
    _require(power > 2, "for power 2 no margin of the starts suffices: both sequences grow exponentially")
    _require(rate_ratio > 0, f"the rate ratio must be positive, got {rate_ratio}")
    log_factor = _log_discretisation(relative_growth, power, sharp)
    return float(np.log(fast_start) - np.log(slow_start) - (np.log(rate_ratio) + log_factor) / (power - 2))


def _log_discretisation(relative_growth: float, power: float, sharp: bool) -> float:
    if sharp:
        return float(np.log(discretisation_factor(relative_growth, power)))
    return float((power - 1) * np.log1p(relative_growth))


def comparison_bound(
    fast_start: float,
    slow_start: float,
    rate_ratio: float,
    *,
    relative_growth: float,
    power: float,
    fast_value: float = np.inf,
    sharp: bool = True,
) -> float:
    """L4: bound on the slow sequence y while the fast one x grows from `fast_start` to `fast_value`.

    ``x_{t+1} >= x_t + c_t x_t^{q-1}`` and ``y_{t+1} <= y_t + S c_t y_t^{q-1}`` imply
    ``y_t^{2-q} >= y_0^{2-q} - S D (x_0^{2-q} - x_t^{2-q})`` with ``D = R_q(kappa)`` (sharp) or ``(1+kappa)^{q-1}``.
    With the margin 1 + eps of :func:`comparison_log_margin` this gives, whatever x_t,
    ``y_t <= y_0 [1 - (1+eps)^{-(q-2)}]^{-1/(q-2)}``, for q = 3 ``y_0 (1+eps)/eps``. For q = 2 it is
    ``y_t <= y_0 (x_t/x_0)^{S D}``. Infinite when there is no bound.

    Kind: bound, at every t with ``c_s x_s^{q-2} <= kappa`` for all s < t; kappa of the slow sequence is free.
    Hypotheses: positive starts, S > 0, q >= 2. Source: comparison used by Allen-Zhu and Li (arXiv 2012.09816);
    explicit constants derived here from the two sides of L1: ``I(y_0, y_t) <= S sum_{s<t} c_s <= S D I(x_0, x_t)``.
    Units: those of y. The paper uses it for "the signal wins before any noise grows" (arXiv 2306.01271, stage I).
    """
    _check(slow_start, fast_start, power)
    _check(fast_start, fast_value, power)
    _require(rate_ratio > 0, f"the rate ratio must be positive, got {rate_ratio}")
    factor = rate_ratio * np.exp(_log_discretisation(relative_growth, power, sharp))
    integral = float(growth_integral(fast_start, fast_value, power))
    return float(grow(slow_start, factor * integral, power))
