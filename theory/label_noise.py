"""Flipped training labels: how far the signal grows against them, and that flipped samples are memorised first.

A share tau of the labels is flipped; the patches still carry the true feature, so the clean margin of a flipped sample
is -alpha^q U + V. The attack goes against the label that is trained on: under `signal_span` it *strengthens* the
feature of a flipped sample, to alpha + delta = (2 - gap) alpha while U > 0, and only under `fixed_direction`, which
weakens the feature of every sample alike, does it leave gap alpha. Derived here; rates are relative to the weight 1 of
a wholly unsolved loss.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from cgrosim.theory._arguments import one_of, share
from cgrosim.theory.plateau import Threat, log_sigmoid_weight
from cgrosim.theory.power_growth import check_power


def check_label_noise(label_noise: float) -> float:
    """Return tau after refusing what lies outside [0, 1/2)."""
    if not 0.0 <= label_noise < 0.5:
        raise ValueError(f"label noise must lie in [0, 1/2), got {label_noise!r}")
    return float(label_noise)


def flipped_ratio(gap: float, threat: Threat = "signal_span") -> float:
    """Attacked signal coefficient of a flipped sample over alpha while U > 0: 2 - gap, or gap. Kind: exact."""
    one_of("threat", threat, Threat)
    return share("gap", gap) if threat == "fixed_direction" else 2.0 - share("gap", gap)


def signal_share(
    label_noise: float, *, gap: float, power: float, adversarial_weight: float, threat: Threat = "signal_span"
) -> float:
    """Pull on the signal at small margins over that of clean labels trained without attack, U > 0:

    ``(1-lam)(1-2 tau) + lam [(1-tau) gap^q - tau r^q]``, r the `flipped_ratio`. Under `fixed_direction` that is 1 - 2
    tau times the share without flips; under `signal_span` it may be negative. Kind: exact at margin 0.
    """
    check_power(power)
    tau, lam = check_label_noise(label_noise), share("adversarial_weight", adversarial_weight)
    flipped = flipped_ratio(gap, threat) ** power
    return (1.0 - lam) * (1.0 - 2.0 * tau) + lam * ((1.0 - tau) * gap**power - tau * flipped)


def largest_label_noise(
    *, gap: float, power: float, adversarial_weight: float, threat: Threat = "signal_span"
) -> float:
    """The share of flips from which on the signal does not grow at all (U > 0): a zero of `signal_share`.

    1/2 under `fixed_direction` and in standard training; ``(1-lam)/(2(1-lam) + lam 2^q)`` under `signal_span` as gap ->
    0: one in ten at q = 3, lam = 1/2. Kind: exact at margin 0.
    """
    check_power(power)
    lam, left = share("adversarial_weight", adversarial_weight), share("gap", gap) ** power
    flipped = flipped_ratio(gap, threat) ** power
    return ((1.0 - lam) + lam * left) / (2.0 * (1.0 - lam) + lam * (left + flipped))


class Weights(NamedTuple):
    """Loss weights at V = 0 of a sample whose label is right and of one whose label is flipped."""

    right: float
    flipped: float


def loss_weights(
    margin: float, *, gap: float, power: float, adversarial_weight: float, threat: Threat = "signal_span"
) -> Weights:
    """Weights ``(1-lam) s(+-a) + lam s(+-r^q a)`` that drive the noise of unmemorised samples, a = alpha^q U > 0.

    Kind: exact.
    """
    lam, r = share("adversarial_weight", adversarial_weight), flipped_ratio(gap, threat)

    def s(z: float) -> float:
        return float(np.exp(log_sigmoid_weight(z)))

    right = (1.0 - lam) * s(margin) + lam * s(gap**power * margin)
    return Weights(right, (1.0 - lam) * s(-margin) + lam * s(-(r**power) * margin))


def signal_rest(
    label_noise: float, *, gap: float, power: float, adversarial_weight: float, threat: Threat = "signal_span"
) -> float:
    """alpha^q U at which flipped and right samples hold each other until one of them is memorised; 0 where it never
    grows.

    ``(1-tau) [(1-lam) s(a) + lam gap^q s(gap^q a)] = tau [(1-lam) s(-a) + lam r^q s(-r^q a)]``. In standard training,
    and under `fixed_direction` as gap -> 0, it is ``log((1-tau)/tau)``, the log-odds of the label: s ~ 1 and s ~ 0 are
    never reached. Kind: exact for V = 0.
    """
    check_power(power)
    tau, lam = check_label_noise(label_noise), share("adversarial_weight", adversarial_weight)
    one_of("threat", threat, Threat)
    if tau == 0.0:
        return np.inf
    left, up = gap**power, flipped_ratio(gap, threat) ** power

    def pull(a: float) -> float:
        right = (1.0 - lam) * np.exp(log_sigmoid_weight(a)) + lam * left * np.exp(log_sigmoid_weight(left * a))
        wrong = (1.0 - lam) * np.exp(log_sigmoid_weight(-a)) + lam * up * np.exp(log_sigmoid_weight(-up * a))
        return float((1.0 - tau) * right - tau * wrong)

    if pull(0.0) <= 0.0:
        return 0.0
    high = 1.0
    while pull(high) > 0.0:
        high *= 2.0
    return float(brentq(pull, 0.0, high, xtol=1e-14))


def memorisation_time_ratio(
    label_noise: float, *, gap: float, power: float, adversarial_weight: float, threat: Threat = "signal_span"
) -> float:
    """T_flipped / T_right at equal starts, both on the plateau `signal_rest`: the ratio of `loss_weights`.

    As tau -> 0: ``(lam/2)/((1-lam) + lam/2)`` under `fixed_direction` and lam/2 under `signal_span`, 0 in standard
    training, where only flipped samples are memorised; at finite tau the plateau is finite and the ratio larger,
    tau/(1-tau) in standard training. Kind: asymptotic: no head start, V small, nobody memorised yet.
    """
    settings = {"gap": gap, "power": power, "adversarial_weight": adversarial_weight}
    rest = signal_rest(label_noise, **settings, threat=threat)
    weights = loss_weights(min(rest, 1e3), **settings, threat=threat)
    return weights.right / weights.flipped
