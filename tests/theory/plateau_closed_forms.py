"""The plateau of one neuron in closed form: the oracle of the flow of many."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expi, hyp1f1, lambertw

from cgrosim.theory.power_growth import check_power

Array = NDArray[np.float64]


def plateau_rate(
    *, power: float, signal_strength: float, learning_rate: float, adversarial_weight: float, neurons: float = 1.0
) -> float:
    """Constant kap of a' = kap a^(2-2/q) s(a): eta q^2 alpha^2 (1-lam) k^(-(q-2)/q) for `neurons` k equal neurons,
    per step.

    Kind: exact for k equal neurons with the attacked term dropped (derived here).
    """
    excess = check_power(power)
    clean = 1.0 - adversarial_weight
    return float(learning_rate * power**2 * signal_strength**2 * clean * neurons ** (-excess / power))


def _primitive_scaled(margin: Array, power: float) -> Array:
    """exp(-a) times a primitive of a^(-(2-2/q)) (1 + e^a)."""
    excess = power - 2.0
    decay = np.exp(-margin)
    if excess == 0.0:
        with np.errstate(over="ignore", invalid="ignore"):
            # Ei(a) e^-a by its asymptotic series where Ei overflows; at a = 500 twenty terms reach rounding.
            series = sum(_factorials(20)[k] / margin ** (k + 1) for k in range(20))
            scaled = np.where(margin > 500.0, series, expi(np.minimum(margin, 500.0)) * decay)
        return decay * np.log(margin) + scaled
    # 1F1(b; b+1; a) = e^a 1F1(1; b+1; -a) keeps every term below 1.
    bend = 2.0 / power
    kummer = 0.5 * power * margin**bend * hyp1f1(1.0, bend + 1.0, -margin)
    return -(power / excess) * (margin ** (-excess / power) * (1.0 + decay) - kummer)


def _factorials(count: int) -> list[float]:
    return [float(np.prod(np.arange(1, k + 1, dtype=float))) for k in range(count)]


def plateau_time(start_margin: ArrayLike, end_margin: ArrayLike, *, power: float, rate: float) -> Array:
    """Steps from margin a_0 to a under a' = kap a^(2-2/q) s(a): the bracket of the primitive divided by kap.

    For q = 3 the primitive is -3 a^(-1/3) (1 + e^a) + (9/2) a^(2/3) 1F1(2/3; 5/3; a); for general q > 2
    -(q/(q-2)) [a^(-(q-2)/q) (1 + e^a) - (q/2) a^(2/q) 1F1(2/q; 2/q + 1; a)]; log a + Ei(a) for q = 2.
    Kind: exact; infinite above margins of about 709. Loses log10(q a/(q-2)) digits, so take `SignalFlow` as q -> 2.
    """
    check_power(power)
    start, end = np.asarray(start_margin, dtype=float), np.asarray(end_margin, dtype=float)
    if np.any(start <= 0) or np.any(end < start):
        raise ValueError("margins must satisfy 0 < start_margin <= end_margin.")
    with np.errstate(over="ignore"):
        upper = np.exp(end) * _primitive_scaled(end, power)
        lower = np.exp(start) * _primitive_scaled(start, power)
    return np.asarray((upper - lower) / rate)


def late_margin(time: ArrayLike, *, power: float, rate: float) -> Array:
    """Plateau law for late times: the larger root of e^a a^(-(2-2/q)) = kap t, i.e. a = -b W_{-1}(-(kap t)^(-1/b) /
    b), b = 2 - 2/q.

    Expands to log(kap t) + b log log(kap t) + o(1). Kind: asymptotic with error O(1/a) (the next factor of t(a) is
    1 + b/a). Needs kap t > (e/b)^b; nan below, where there is no plateau yet.
    """
    check_power(power)
    bend = 2.0 - 2.0 / power
    with np.errstate(divide="ignore"):
        log_time = np.log(rate) + np.log(np.asarray(time, dtype=float))
    argument = -np.exp(-log_time / bend) / bend
    valid = argument > -np.exp(-1.0)
    root = -bend * np.real(lambertw(np.where(valid, argument, -0.1), -1))
    return np.where(valid, root, np.nan)
