"""Label smoothing: later memorisation, capped margins, and in the end a true feature that is unlearnt.

With the target 1 - eps/2 the loss is ``(1 - eps/2) l(z) + (eps/2) l(-z)`` and its weight, minus the derivative, ``s(z)
- eps/2``: 1 - eps times smaller at z = 0, zero at the cap ``log((2-eps)/eps)`` and negative beyond. The attack is still
the one that makes the margin smallest. What follows is derived here: the clean and the attacked loss cannot both rest
at their cap unless the signal is zero, so once the samples are memorised the margin of the signal is worn away:
smoothing does not cure robust overfitting, and in time it costs the clean margin as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from cgrosim.theory.clock import LOG_WEIGHTS, NODES
from cgrosim.theory.plateau import log_sigmoid_weight
from cgrosim.theory.power_growth import check_power
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]


def check_smoothing(smoothing: float) -> float:
    """Return eps after refusing what lies outside [0, 1)."""
    if not 0.0 <= smoothing < 1.0:
        raise ValueError(f"label smoothing must lie in [0, 1), got {smoothing!r}")
    return float(smoothing)


def smoothed_weight(margin: ArrayLike, smoothing: ArrayLike) -> Array:
    """Minus the derivative of the smoothed loss, ``s(z) - eps/2``; eps may differ by sample, 1 is no label at all.

    Kind: exact.
    """
    eps = np.asarray(smoothing, dtype=float)
    if not np.all((eps >= 0.0) & (eps <= 1.0)):
        raise ValueError(f"label smoothing must lie in [0, 1], got {smoothing!r}")
    return np.asarray(np.exp(log_sigmoid_weight(margin)) - 0.5 * eps)


def margin_cap(smoothing: float) -> float:
    """The margin ``log((2 - eps)/eps)`` at which the smoothed loss pulls no more; infinite without smoothing."""
    eps = check_smoothing(smoothing)
    return float(np.log((2.0 - eps) / eps)) if eps > 0 else np.inf


def smoothed_memorisation_time(
    start: ArrayLike, *, rate: ArrayLike, smoothing: float, power: float, threshold: float = MEMORISED
) -> Array:
    """Time in which ``v' = 2 rate (s(v^q) - eps/2) v^(q-1)`` takes v^q from the start to `threshold`.

    `rate` is that of `memorisation.noise_growth_rate`, half of the rate at full weight. Early on all of it is slower by
    1 - eps, which sets most of the time: T_mem / (1 - eps), and a little more close to the cap. Infinite where the
    start is not positive or the threshold at or beyond the cap. Kind: exact for one decoupled feature on the plateau.
    """
    check_power(power)
    start, rate = np.broadcast_arrays(np.asarray(start, dtype=float), np.asarray(rate, dtype=float))
    end = threshold ** (1.0 / power)
    begin = np.where((start > 0) & (start < end), start, end)
    length = np.log(end) - np.log(begin)
    if threshold >= margin_cap(smoothing):
        return np.where(start >= end, 0.0, np.where(np.isnan(start), start, np.inf))
    # in log v; panels of half a unit of log V, as smooth as the weight unless the threshold is next to the cap
    panels = max(1, int(np.ceil(2.0 * power * float(np.max(length, initial=0.0)))))
    half = 0.5 * length / panels
    points = half[..., None] * (2.0 * np.arange(panels)[:, None] + NODES + 1.0).ravel() + np.log(begin)[..., None]
    slowness = -np.log(2.0 * smoothed_weight(np.exp(power * points), smoothing)) - (power - 2.0) * points
    weights = np.broadcast_to(LOG_WEIGHTS, (panels, LOG_WEIGHTS.size)).reshape(-1)
    with np.errstate(divide="ignore"):
        time = np.exp(logsumexp(slowness + weights, axis=-1) + np.log(half)) / rate
    time = np.where(np.isnan(start), start, time)
    return np.where(start <= 0, np.inf, np.where(start >= end, 0.0, time))


def held_back(
    start: ArrayLike, *, smoothing: float, power: float, adversarial_weight: float, threshold: float = MEMORISED
) -> Array:
    """Factor by which the clean loss delays the memorisation of a start whose attacked loss pushes it.

    Beside a signal at rest at the cap the clean margin of a sample is cap + V, beyond it: its push ``(1-lam)
    (s(cap + V) - eps/2)`` is 0 at first and negative later. 1 without smoothing, where there is no cap, and for starts
    that are not positive or at the threshold already. Kind: exact for one decoupled feature on the plateau.
    """
    cap, lam = margin_cap(smoothing), adversarial_weight
    begin, end = np.asarray(start, dtype=float), threshold ** (1.0 / power)
    if smoothing == 0.0:
        return np.ones(begin.shape)
    inside = (begin > 0.0) & (begin < end)
    logs = np.linspace(np.log(np.where(inside, begin, 0.5 * end)), np.log(end), 2001, axis=-1)
    margins = np.exp(power * logs)
    alone = lam * smoothed_weight(margins, smoothing)
    both = alone + (1.0 - lam) * smoothed_weight(cap + margins, smoothing)
    times = [np.trapezoid(np.exp((2.0 - power) * logs) / weight, logs, axis=-1) for weight in (both, alone)]
    return np.where(inside, times[0] / times[1], 1.0)


def resting_noise_margin(
    clean: float, *, smoothing: float, gap: float, power: float, adversarial_weight: float
) -> float:
    """V at which a memorised sample rests beside a signal margin `clean`: both weights add up to nothing.

    ``lam [s(gap^q a + V) - eps/2] + (1-lam) [s(a + V) - eps/2] = 0``. Between the cap less a and the cap; beside a
    negative margin, of a flipped label, beyond the cap, and the attack may strengthen it (gap above 1). Kind: exact.
    """
    cap, lam = margin_cap(smoothing), adversarial_weight
    if np.isinf(cap):
        raise ValueError("without smoothing a memorised margin never rests")

    def pull(margin: float) -> float:
        attacked = lam * smoothed_weight(gap**power * clean + margin, smoothing)
        return float(attacked + (1.0 - lam) * smoothed_weight(clean + margin, smoothing))

    ends = (0.0, clean, gap**power * clean)
    return float(brentq(pull, cap - max(ends) - 1.0, cap - min(ends) + 1.0, xtol=1e-13))


def erosion_rate(
    clean: float, *, smoothing: float, gap: float, power: float, signal_strength: float, adversarial_weight: float
) -> float:
    """-da/dt of a = alpha^q U beside memorised samples at rest, one neuron:

    ``q^2 alpha^2 a^(2-2/q) (1-lam) (1 - gap^q) [eps/2 - s(a + V)]``, V from `resting_noise_margin`. Positive for every
    a > 0: the clean margin a + V lies beyond the cap and is pushed back, which the attacked loss does not undo. Unit:
    flow time. Kind: asymptotic, noise quicker than signal at the end (it rests, the signal creeps).
    """
    rest = resting_noise_margin(clean, smoothing=smoothing, gap=gap, power=power, adversarial_weight=adversarial_weight)
    beyond = -float(smoothed_weight(clean + rest, smoothing))
    front = power**2 * signal_strength**2 * (1.0 - adversarial_weight) * (1.0 - gap**power)
    return front * clean ** (2.0 - 2.0 / power) * beyond


def held_margin(share: float, *, smoothing: float, gap: float, power: float, adversarial_weight: float) -> float:
    """alpha^q U at which a `share` of unmemorised samples holds the signal against the erosion beside all the others.

    ``share [(1-lam)(s(a) - eps/2) + lam gap^q (s(gap^q a) - eps/2)] = (1 - share)(1-lam)(1-gap^q)[eps/2 - s(a + V)]``
    with V at rest beside a; 0 where nobody holds it. Kind: exact for hard rests, V = 0 of the unmemorised.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share must lie in [0, 1], got {share!r}")
    lam, left = adversarial_weight, gap**power
    at = {"smoothing": smoothing, "gap": gap, "power": power, "adversarial_weight": lam}

    def push(clean: float) -> float:
        held = (1.0 - lam) * smoothed_weight(clean, smoothing) + lam * left * smoothed_weight(left * clean, smoothing)
        beyond = -smoothed_weight(clean + resting_noise_margin(clean, **at), smoothing)
        return float(share * held - (1.0 - share) * (1.0 - lam) * (1.0 - left) * beyond)

    if share == 0.0 or push(1e-12) <= 0.0:
        return 0.0
    high = 1.0
    while push(high) > 0.0:
        high *= 2.0
    return float(brentq(push, 1e-12, high, xtol=1e-13))


def eroded_margin(
    time: ArrayLike,
    clean: float,
    *,
    smoothing: float,
    gap: float,
    power: float,
    signal_strength: float,
    adversarial_weight: float,
) -> Array:
    """alpha^q U after a flow time of erosion from a small margin `clean`: ``[a_0^-p + p C t]^(-1/p)``, p = 2 - 2/q,

    ``C = q^2 alpha^2 lam (1-lam) (1 - gap^q)^2 (eps/2)(1 - eps/2)``: a power of time, without end. Kind: asymptotic, a
    -> 0 (`erosion_rate` linearised at the cap), one neuron; neurons that started below 0 make it quicker, since U then
    reaches 0 before they do.
    """
    exponent, half = 2.0 - 2.0 / power, 0.5 * check_smoothing(smoothing)
    front = power**2 * signal_strength**2 * adversarial_weight * (1.0 - adversarial_weight)
    rate = front * (1.0 - gap**power) ** 2 * half * (1.0 - half)
    return (clean**-exponent + exponent * rate * np.asarray(time, dtype=float)) ** (-1.0 / exponent)
