"""Closed forms of the plateau: its time as a Kummer function, its height, its logarithmic law, and the escape from it.

The single dominating neuron (or k equal ones) makes a = alpha^q U obey a' = kap a^(2-2/q) s(a) while the attacked
push is negligible. Source: stage II of arXiv 2306.01271; all closed forms derived here. Times are gradient-descent
steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.power_growth import check_power

Array = NDArray[np.float64]


def plateau_height(*, power: float, gap: float, adversarial_weight: float) -> float:
    """Margin a_* at which the attacked push takes over: (1-lam) e^(-a_*) = lam gap^q / 2.

    a_* = log(2 (1-lam)/lam) - q log(gap): where the logarithmic plateau ends and the drift towards escape begins.
    Kind: order (leading logarithm; derived here). Infinite for lam = 0 or gap = 0.
    """
    if adversarial_weight == 0 or gap == 0:
        return np.inf
    with np.errstate(divide="ignore"):
        balance = np.log(2.0) + np.log1p(-adversarial_weight) - np.log(adversarial_weight)
    return float(balance - power * np.log(gap))


def escape_time(
    plateau_correlation: ArrayLike,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    adversarial_weight: float,
    learning_rate: float,
) -> Array:
    """Steps for the residual signal to escape from the plateau: 2 / ((q-2) q eta lam (gap alpha)^q u_p^(q-2)).

    The blow-up time of u' = (eta q lam / 2) (gap alpha)^q u^(q-1) from the plateau correlation u_p ~ a_*^(1/q)/alpha;
    q = 3: 2 / (3 eta lam (gap alpha)^3 u_p). Kind: order (derived here; `SignalFlow.escape_time` is the exact time).
    """
    excess = check_power(power)
    height = np.asarray(plateau_correlation, dtype=float)
    with np.errstate(divide="ignore", over="ignore"):
        push = learning_rate * power * adversarial_weight * (gap * signal_strength) ** power
        return np.asarray(2.0 / (excess * push * height**excess))
