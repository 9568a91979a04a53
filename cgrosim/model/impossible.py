"""Every condition that no experiment may meet, with the sentence to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cgrosim.model.activations import activation
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.signal_threats import SIGNAL_THREATS
from cgrosim.model.threats import SEARCH_THREATS

if TYPE_CHECKING:
    from cgrosim.model.params import Params


def impossibilities(params: Params) -> list[tuple[bool, str]]:
    """Whether each of the conditions is met, and what to say then."""
    signed = params.second_layer_sign == "signed"
    least_power, closed = activation(params.activation).least_power, [n for n, e in ENGINES.items() if e.closed]
    signal_threat, evaluated = SIGNAL_THREATS.get(params.threat), params.evaluation.threat
    return [
        (params.gap > 1, f"gap is {params.gap:g}, but must be at most 1 (1 is no attack at all)."),
        (
            params.perturbation_radius < 0,
            f"perturbation_radius is {params.perturbation_radius:g}, but must not be negative.",
        ),
        (
            least_power is not None and params.power < least_power,
            f"power is {params.power:g}, but the {params.activation} activation needs a power of at least "
            f"{least_power}; "
            "for power 1 take activation relu or linear.",
        ),
        (
            signal_threat is not None and not signal_threat.beyond_signal and not 0 <= params.gap <= 1,
            f"perturbation_radius is {params.perturbation_radius:g}, but the {params.threat} threat allows at most the "
            f"signal_strength {params.signal_strength:g}; lower it, or take threat fixed_direction or l2_pgd.",
        ),
        (
            params.attack_step_size is not None and params.attack_step_size <= 0,
            f"attack_step_size is {params.attack_step_size}, but must be positive.",
        ),
        (
            evaluated in SEARCH_THREATS and evaluated != params.threat,
            f"evaluation_threat {evaluated} needs training with the same threat; for standard training take "
            f"threat {evaluated} and adversarial_weight 0.",
        ),
        (
            evaluated != params.threat
            and evaluated in SIGNAL_THREATS
            and not SIGNAL_THREATS[evaluated].beyond_signal
            and not 0 <= params.gap <= 1,
            f"perturbation_radius is {params.perturbation_radius:g}, but the evaluation_threat {evaluated} allows at "
            f"most the signal_strength {params.signal_strength:g}; lower it, or take fixed_direction.",
        ),
        (signed and params.neurons < 2, "neurons is 1, but a signed second layer needs at least 2."),
        (
            not params.signal_only and params.engine in closed,
            f"engine {params.engine} needs a threat that moves only the true feature ({', '.join(SIGNAL_THREATS)}); "
            f"for threat {params.threat} take engine direct.",
        ),
        (
            not params.signal_only and params.sampling == "gram",
            f"sampling gram has no vectors for threat {params.threat} to perturb; take sampling explicit.",
        ),
        (
            params.sampling == "gram" and params.engine not in ("auto", *closed),
            f"engine {params.engine} needs vectors, which sampling gram does not make; take engine "
            f"{' or '.join(closed)}.",
        ),
        (
            not params.signal_only and "coefficients" in params.record,
            f"record coefficients needs a threat that moves only the true feature, not {params.threat}; "
            f"take one of {', '.join(SIGNAL_THREATS)}.",
        ),
        (
            "weights" in params.record and params.sampling == "gram",
            "record weights needs vectors, which sampling gram does not make; take sampling explicit.",
        ),
        *_of_the_algorithm(params),
    ]


def _of_the_algorithm(params: Params) -> list[tuple[bool, str]]:
    size, samples = params.batch_size, params.samples
    return [
        (
            params.learning_rate * params.weight_decay >= 2.0 * (1.0 + params.momentum),
            f"weight_decay is {params.weight_decay:g}, but at learning_rate {params.learning_rate:g} the weights alone "
            f"would diverge; keep their product below {2.0 * (1.0 + params.momentum):g}.",
        ),
        (
            params.label_noise + params.unlearnable_fraction > 1.0,
            f"label_noise {params.label_noise:g} and unlearnable_fraction {params.unlearnable_fraction:g} are more "
            "than all samples; lower one of them.",
        ),
        (size is not None and size > samples, f"batch_size is {size}, but must be at most samples, {samples}."),
        (
            size is not None and size <= samples and not params.batch_replacement and samples % size != 0,
            f"batch_size {size} does not divide samples {samples}, so an epoch cannot visit each of them once; take a "
            "divisor, or batch_replacement.",
        ),
        (
            size is not None and not params.discrete,
            f"engine {params.engine} has no steps to draw a batch for; take engine reduced or direct.",
        ),
        (
            not params.discrete and params.holds_signal,
            f"label_noise {params.label_noise:g} under threat {params.threat} holds the signal at 0, where the attack "
            "jumps and engine flow cannot follow; take engine reduced or direct.",
        ),
    ]
