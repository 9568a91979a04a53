"""Rigorous windows for the signal growth time of gradient descent with all its neurons and noise margins.

The argument is Lemma L1 with a rate that depends on the state. Every neuron moves by ``u += c_t |u|^(q-1)`` with the
common rate ``c_t = eta q mean_i [(1-lam) alpha^q s(a + V_i) + lam (rho alpha)^q s(rho^q a + V_i)]``, a = alpha^q U and
rho alpha the attacked strength. ``s`` falls in its argument and ``|d log s/dz| <= 1``, so ``|V_i| <= V`` puts c_t
within e^(+-V) of its value c(a) at V_i = 0, and c(a) falls in a. Derived here; stage I of arXiv 2306.01271. Times are
gradient steps.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.clock import MonotoneClock
from cgrosim.theory.plateau import Threat, attacked_ratio_log, log_sigmoid_weight
from cgrosim.theory.power_growth import check_power, grow, growth_integral
from cgrosim.theory.tensor_power import Window, discretisation_factor, time_window

Array = NDArray[np.float64]

CELLS = 4000  # of the monotone sums below
# A margin is a sum of at most a few thousand powers, each within some ten roundings of its own: relative errors below
# 1e-12 (1e4 roundings of 1.1e-16). Where a comparison with the goal decides, it is taken that much to the safe side.
ROUNDING = 1e-12


def state_rate(
    margin: ArrayLike,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
    learning_rate: float,
    threat: Threat = "signal_span",
) -> Array:
    """Rate c(a) per step of u += c |u|^(q-1) while the signal margin is a and every V_i is 0. Kind: exact."""
    margin = np.asarray(margin, dtype=float)
    strength = np.exp(power * attacked_ratio_log(margin, gap, threat))
    clean = (1.0 - adversarial_weight) * np.exp(log_sigmoid_weight(margin))
    attacked = adversarial_weight * strength * np.exp(log_sigmoid_weight(strength * margin))
    return np.asarray(learning_rate * power * signal_strength**power * (clean + attacked))


def joint_growth_window(
    correlations: ArrayLike,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
    learning_rate: float,
    threat: Threat = "signal_span",
    noise_margin: float = 0.0,
    margin: float = 1.0,
    cells: int = CELLS,
) -> Window:
    """Window for the first step T with alpha^q U >= `margin`, from all starts u_r(0), while |V_i| <= `noise_margin`.

    With C_t = sum_{s<t} c_s: a positive neuron has ``z(C_t) <= u(t) <= grow(u(0), C_t)``, where z spends
    ``R_q(c_max z^(q-2)) z^(1-q) dz`` (Lemma L1, local form), and a negative one
    ``grow(u(0), C_t) <= u(t) <= grow(u(0), C_t (1 - g)^(1-q))``, g = c_max |u(0)|^(q-2): so U lies between two
    increasing functions of C_t. T is the sum of ``(C_{t+1} - C_t) / c_t``, and 1/c(a) rises with a: sums over a grid of
    C with the larger (smaller) end of every cell are upper (lower) bounds, not quadratures, for any number of `cells`.

    Kind: bound, for gradient descent and, because g -> 0 only narrows it, for the flow. Derived here.

    Raises
    ------
    ValueError
        If no start is positive, or a step would carry a negative neuron across 0 (g >= 1).
    """
    excess = check_power(power)
    starts = np.atleast_1d(np.asarray(correlations, dtype=float))
    positive = np.sort(starts[starts > 0])[::-1]
    negative = starts[starts < 0]
    if positive.size == 0:
        raise ValueError("correlations needs at least one positive start: with none the signal is never learnt.")

    def margin_of(values: Array) -> Array:
        scaled = signal_strength * values
        return np.asarray(np.sum(np.sign(scaled) * np.abs(scaled) ** power, axis=-1))

    def rate(value: ArrayLike) -> Array:
        return state_rate(
            value,
            power=power,
            signal_strength=signal_strength,
            gap=gap,
            adversarial_weight=adversarial_weight,
            learning_rate=learning_rate,
            threat=threat,
        )

    first = float(margin_of(starts))
    if first >= margin:
        return Window(0.0, 0.0)
    swing = float(np.exp(noise_margin))
    top = float(rate(first)) * swing
    backlash = top * np.abs(negative) ** excess
    if np.any(backlash >= 1.0):
        raise ValueError("a step carries a negative neuron across zero; lower the learning rate.")
    cap = (margin - float(margin_of(negative))) ** (1.0 / power) / signal_strength * (1.0 + ROUNDING)
    log_growth = np.linspace(0.0, np.log(cap / positive[0]) * (1.0 + ROUNDING) + ROUNDING, cells + 1)

    def log_speed(state: Array) -> Array:
        logarithm = np.log(positive[0]) + state
        factor = discretisation_factor(top * np.exp(excess * logarithm), power)
        return np.asarray(excess * logarithm - np.log(factor))

    exposure = np.exp(MonotoneClock(log_speed, log_growth).log_times)  # the C at which z has grown that far
    spent = exposure[:, None]
    upper_others = np.minimum(grow(positive, spent, power), cap)
    factor = discretisation_factor(top * upper_others[:, 1:] ** excess, power)
    lower = np.column_stack(
        [positive[0] * np.exp(log_growth), grow(positive[1:], spent / factor, power), grow(negative, spent, power)]
    )
    upper = np.column_stack([upper_others, grow(negative, spent * (1.0 - backlash) ** (1.0 - power), power)])
    least, most = margin_of(lower), np.minimum(margin_of(upper), margin)
    pieces = np.diff(exposure)
    last = _first(least >= margin * (1.0 + ROUNDING), cells)
    slowest = 1.0 + swing * float(np.sum(pieces[:last] / rate(most[1 : last + 1])))
    # the whole of every cell up to the one in which the goal can be met is spent; the cap is above the goal, so one is
    reached = max(_first(most >= margin * (1.0 - ROUNDING), cells), 1)
    behind = np.searchsorted(exposure, exposure - top, side="right") - 1  # c_s was taken at most one step earlier
    earlier = np.where(behind >= 0, least[np.maximum(behind, 0)], first)
    fastest = float(np.sum(pieces[: reached - 1] / rate(earlier[: reached - 1])) / swing)
    return Window(fastest, float(slowest))


def _first(holds: NDArray[np.bool_], otherwise: int) -> int:
    """First place at which something holds."""
    found = np.flatnonzero(holds)
    return int(found[0]) if found.size else otherwise


def growth_law_window(
    largest_start: float,
    *,
    neurons: float,
    power: float,
    signal_strength: float,
    rate: float,
    negative_margin: float = 0.0,
    noise_margin: float = 0.0,
) -> Window:
    """Window for T_I from the largest start x alone, whatever the other neurons: the distance of the a-priori law.

    With v = 1/alpha, nu = `negative_margin` >= alpha^q sum of |u_r(0)|^q over negative starts, and c1 = `rate`:
    ``T c1 >= I(x, v m^(-1/q)) e^-V / (1 + nu/2)``, because U <= m u_max^q and s(a) <= (1 + nu/2)/2 for a >= -nu; and
    ``T c1 <= e^V (c1 T_1 + (1+g)^(q-1) K)``, where T_1 is the refined upper bound of L1 from x to
    v (1 + nu)^(1/q) (reached by u_max at the latest), g = c1 v^(q-2) (1 + nu)^((q-2)/q), and
    ``K = (1/(2 s(1))) * integral over [0, v] of min(m (alpha z)^q, 2 tanh(1/2))/2 z^(1-q) dz`` bounds the sum of
    c1 - c_t: 1 - 2 s(a) = tanh(a/2) <= min(a, 2 tanh(1/2))/2, a <= m (alpha u_max)^q, and a step is worth
    dz / (c_t z^(q-1)) with c_t >= 2 s(1) c1. Corrections are a fixed time of order alpha^(q-2)/c1, so they vanish
    against T ~ x^(2-q)/c1 as alpha x -> 0. Kind: bound for `fixed_direction` (or U >= 0); derived here. Units: steps.
    """
    excess = check_power(power)
    goal, swing = 1.0 / signal_strength, float(np.exp(noise_margin))
    early = goal * neurons ** (-1.0 / power)
    late = goal * (1.0 + negative_margin) ** (1.0 / power)
    if not 0 < largest_start < early:
        raise ValueError(f"the largest start must lie in (0, {early!r}), got {largest_start!r}.")
    lower = float(growth_integral(largest_start, early, power)) / (rate * swing * (1.0 + 0.5 * negative_margin))
    level = 2.0 * np.tanh(0.5)
    bend = (level / neurons) ** (1.0 / power)  # alpha z at which the two arms of the minimum meet
    below = 0.25 * neurons * bend**2
    above = 0.5 * level * float(growth_integral(bend, late * signal_strength, power))
    slowed = (below + above) * (1.0 + math.e) / 2.0 * signal_strength**excess
    step = (1.0 + rate * late**excess) ** (power - 1.0)
    upper = time_window(largest_start, late, rate * swing * (1.0 + 0.5 * negative_margin), power=power).upper
    upper *= swing * (1.0 + 0.5 * negative_margin)  # the window in steps at rate c1
    return Window(lower, swing * (upper + step * slowed / rate))
