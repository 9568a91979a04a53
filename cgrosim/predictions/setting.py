"""What the theory needs to know of an experiment, and which experiments it has nothing to say about."""

from __future__ import annotations

from typing import get_args

from cgrosim.model.params import Params
from cgrosim.theory.plateau import Threat
from cgrosim.theory.setting import Setting


def setting_of(params: Params) -> Setting:
    """The theory's description of an experiment; without an attack both losses are the clean one (lambda = 0).

    Raises
    ------
    ValueError
        Where the theory has no formula: no signal, no noise, or an attack beyond the signal.
    """
    return Setting(
        dimension=float(params.dimension),
        patches=params.patches,
        samples=params.samples,
        neurons=params.neurons,
        power=params.power,
        signal_strength=params.signal_strength,
        noise_std=params.noise_std,
        init_std=params.init_std,
        gap=params.gap,
        adversarial_weight=effective_weight(params),
        learning_rate=params.flow_rate,
        momentum=params.momentum,
    )


def effective_weight(params: Params) -> float:
    """Weight of a loss that differs from the clean one."""
    return 0.0 if params.threat == "none" else params.adversarial_weight


def corrupts_labels(params: Params) -> bool:
    """Whether labels are smoothed or flipped, or samples have no feature."""
    return bool(params.label_smoothing or params.label_noise or params.unlearnable_fraction)


def why_not(params: Params) -> str:
    """Why the theory says nothing about an experiment; empty where it speaks."""
    if params.activation != "power" or params.second_layer_sign != "positive":
        return f"No predictions: they are derived for the odd power activation, not for {params.activation}" + (
            " with a signed second layer." if params.second_layer_sign == "signed" else "."
        )
    if not params.signal_only:
        return f"No predictions: threat {params.threat} moves more than the true feature."
    if params.threat not in ("none", *get_args(Threat)):
        return f"No predictions: the theory has no formula for threat {params.threat}."
    if not 0.0 <= params.gap <= 1.0:
        return f"No predictions: the attack is stronger than the signal (gap {params.gap:g})."
    if params.signal_strength == 0.0 or params.noise_std == 0.0:
        return "No predictions: signal_strength and noise_std must be positive."
    if params.weight_decay and corrupts_labels(params):
        return "No predictions: weight decay and smoothed, flipped or missing labels are predicted one at a time."
    if params.label_noise >= 0.5:
        return "No predictions: half of the labels or more are flipped."
    if effective_weight(params) == 1.0 and params.gap == 0.0:
        return "No predictions: adversarial_weight 1 with gap 0 leaves no force on the signal."
    return ""
