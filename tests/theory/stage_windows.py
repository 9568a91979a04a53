"""The window of the signal's growth time to the letter of Lemma L1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.theory.clock import MonotoneClock
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.power_growth import check_power
from cgrosim.theory.stages import signal_growth_rate

Array = NDArray[np.float64]


def signal_growth_time_window(
    start: float,
    end: float,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
    learning_rate: float,
) -> tuple[float, float]:
    """Rigorous window for the number of gradient-descent steps T until one neuron's u first reaches `end` > 0.

    With f(u) = 1/(force on u per step), g(u) = c1 u^(q-2) and a(u) = alpha^q u^q,
        integral of f e^(-a ((1+g)^q - 1))  <=  T  <=  1 + integral of f (1+g)^(q-1),      both over [start, end].
    Proof: a step from u_t to u_{t+1} = u_t (1 + g_t), g_t <= g(u_t), has length 1/f(u_t). For u inside it, f(u) <=
    f(u_t) s(a_t)/s(a_{t+1}) <= f(u_t) e^(a_{t+1}-a_t) and a_{t+1} - a_t <= a(u) ((1+g(u))^q - 1), so every step adds
    at most 1 on the left; f(u) >= f(u_t) (1+g_t)^-(q-1), because s falls, so every full step below `end` adds at
    least 1 on the right. Kind: bound (derived here; the argument of Lemma L1 with a rate that depends on the state).
    Hypotheses: one neuron, V_i = 0, 0 < start < end.
    """
    excess = check_power(power)
    if not 0 < start < end:
        raise ValueError(f"needs 0 < start < end, got start {start!r} and end {end!r}.")
    flow = SignalFlow(
        [start],
        power=power,
        signal_strength=signal_strength,
        gap=gap,
        adversarial_weight=adversarial_weight,
        learning_rate=learning_rate,
    )
    rate = signal_growth_rate(
        power=power,
        signal_strength=signal_strength,
        gap=gap,
        adversarial_weight=adversarial_weight,
        learning_rate=learning_rate,
    )
    edges = flow.panels_until((signal_strength * end) ** power)

    def log_step_growth(state: Array) -> Array:
        return np.log1p(rate * (start * np.exp(state)) ** excess)

    def swing(state: Array) -> Array:
        return (signal_strength * start * np.exp(state)) ** power * np.expm1(power * log_step_growth(state))

    lower = MonotoneClock(lambda x: flow.log_rate(x) + swing(x), edges)
    upper = MonotoneClock(lambda x: flow.log_rate(x) - (power - 1.0) * log_step_growth(x), edges)
    with np.errstate(over="ignore"):
        return float(np.exp(lower.log_times[-1])), float(1.0 + np.exp(upper.log_times[-1]))
