"""Stage I, signal growth: rates, closed forms, the time T_I, its a-priori law and a rigorous window for gradient
descent.

Source: stage I of arXiv 2306.01271 (tensor power method); closed forms and laws derived here. Times are
gradient-descent steps; the rates contain the learning rate. The plateau and the escape are in `plateau`, memorisation
in `memorisation`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.initial_laws import GrowthTimeLaw, MaximumLaw
from cgrosim.theory.plateau import Threat, attacked_ratio_log
from cgrosim.theory.power_growth import check_power, grow, growth_integral

Array = NDArray[np.float64]


def signal_growth_rate(
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
    learning_rate: float,
    signal_positive: bool = True,
    threat: Threat = "signal_span",
) -> float:
    """Rate c1 of u_r' = c1 |u_r|^(q-1) while all margins are small, per step: (eta q/2) [(1-lam) alpha^q + lam (rho
    alpha)^q].

    The attacked coefficient rho alpha is gap alpha, except under `signal_span` while U < 0 (``signal_positive=False``),
    where the maximiser strengthens the signal: rho = 2 - gap. Kind: asymptotic (s = 1/2, exact as margins
    -> 0).
    """
    check_power(power)
    ratio = float(np.exp(attacked_ratio_log(1.0 if signal_positive else -1.0, gap, threat)))
    weight = (1.0 - adversarial_weight) + adversarial_weight * ratio**power
    return float(0.5 * learning_rate * power * signal_strength**power * weight)


def signal_correlation(start: ArrayLike, time: ArrayLike, *, rate: float, power: float) -> Array:
    """Solution u_r(t) = u_r(0) [1 - (q-2) c1 u_r(0)^(q-2) t]^(-1/(q-2)), exponential at q = 2.

    Infinite after the blow-up. Kind: exact for the flow with constant rate.
    A negative start decays towards zero and never crosses it.
    """
    return grow(start, rate * np.asarray(time, dtype=float), power)


def signal_growth_time(largest_start: ArrayLike, *, rate: float, power: float, signal_strength: float) -> Array:
    """T_I = (u_max(0)^(2-q) - alpha^(q-2)) / ((q-2) c1): steps until alpha u_max = 1 at constant rate.

    Infinite when the largest start is not positive (all filters dead), zero when it starts above 1/alpha. Kind:
    asymptotic: saturation of the loss near margin 1 and other neurons are left out (`SignalFlow` keeps both).
    """
    start = np.asarray(largest_start, dtype=float)
    goal = 1.0 / signal_strength
    return growth_integral(np.minimum(start, goal), goal, power) / rate


def signal_growth_time_law(
    *, rate: float, power: float, signal_strength: float, init_std: float, neurons: float
) -> GrowthTimeLaw:
    """A-priori law of T_I: P(T_I <= t) = 1 - Phi(u_t/init_std)^m, u_t the start that reaches 1/alpha at t.

    Mass 1 - 2^-m (dead filters). Kind: exact for constant rate and independent starts (derived here). Under
    `signal_span` starts with U(0) < 0 run at the larger rate of ``signal_growth_rate(signal_positive=False)`` until U
    turns positive, which happens in half of all runs: the laws at the two rates then bracket the true one, and
    `SignalFlow` gives the time of each start.
    """
    return GrowthTimeLaw(MaximumLaw(neurons, init_std), rate, power, 1.0 / signal_strength)
