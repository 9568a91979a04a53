"""The table of everything that is predicted: a new quantity is one entry here and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.predictions.cures import (
    cap_of_margins,
    delay_of_steps,
    edge_of_the_signal,
    edges_of_escape,
    limit_of_noise,
    memorisation_edge_quantiles,
    memorisation_edges,
    ratio_of_flipped_times,
    time_to_robustness,
    window_of_cure,
)
from cgrosim.predictions.experiment import Experiment, Silent
from cgrosim.predictions.laws import memorisation_law, signal_growth_quantiles
from cgrosim.predictions.outcome import outcome
from cgrosim.predictions.predicted import Kind
from cgrosim.predictions.regime import GROWTH, MEMORISATION, OVERFITTING, STAGNATION
from cgrosim.predictions.values import LEVELS, Curve, Quantiles, Value, Window
from cgrosim.theory.control import control_ratio
from cgrosim.theory.errors import chaos_error_bound, chebyshev_error_bound
from cgrosim.theory.growth_window import joint_growth_window
from cgrosim.theory.labelled_flow import LabelledFlow
from cgrosim.theory.memorisation_laws import probability_for_last
from cgrosim.theory.phase import memorise_escape_gap, memorise_escape_log_ratio, overfitting_gap, phase_coordinates
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.plateau_forms import plateau_height
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]

PAPER = "arXiv 2306.01271"
CURVE_POINTS, LAW_POINTS = 240, 96
FOREVER = 1e3  # decay times after which nobody is memorised any more: e^-1000 of the start is left
LAW_ENDS = (1e-3, 0.999)  # shares of the samples that can be memorised at all, between which the law is tabulated

STEP, NUMBER, RATE = "step", "1", "1/time"


@dataclass(frozen=True)
class Quantity:
    """One entry of the table.

    Attributes
    ----------
    name, meaning, unit, kind, source : as in `Prediction`
    hypotheses : names of the hypotheses of `theory.regime` it rests on
    function : from an `Experiment` to the value; raises `Silent` where the theory has none
    """

    name: str
    meaning: str
    unit: str
    kind: Kind
    source: str
    hypotheses: tuple[str, ...]
    function: Callable[[Experiment], Value]


def _growth_window(x: Experiment) -> Value:
    x.without_decay()
    x.with_right_labels()
    if x.params.momentum:
        raise Silent("derived for steps without momentum")
    p, _ = x.params, x.flow
    found = joint_growth_window(
        x.starts.signal,
        power=p.power,
        signal_strength=p.signal_strength,
        gap=p.gap,
        adversarial_weight=x.setting.adversarial_weight,
        learning_rate=p.flow_rate,
        threat="fixed_direction" if p.threat == "fixed_direction" else "signal_span",
        noise_margin=MEMORISED,
    )
    return Window(found.lower, found.upper)


def _signal_curve(x: Experiment) -> Value:
    x.without_decay()
    steps = np.geomspace(1.0, max(x.end, 2.0), CURVE_POINTS)
    return Curve(steps, x.flow.margin_at(steps))


def _plateau_height(x: Experiment) -> Value:
    if isinstance(x.flow, LabelledFlow):
        return x.flow.rest_margin
    p = x.params
    return plateau_height(power=p.power, gap=p.gap, adversarial_weight=x.setting.adversarial_weight)


def _memorisation_law(x: Experiment) -> Value:
    x.with_right_labels()
    p, (low, high) = x.params, LAW_ENDS
    if x.decays:
        x.must_attack()
        memorised = float(x.decay.law(FOREVER / (p.flow_rate * p.weight_decay)))
        if not memorised > 1e-6:
            raise Silent("weight decay is predicted to let no sample be memorised")
        first, last = x.quantiles((low * memorised, high * memorised))
        steps = np.geomspace(first, last, LAW_POINTS)
        return Curve(steps, x.decay.law(steps))
    ends = x.quantiles((low, high * (1.0 - 0.5 ** (p.neurons * (p.patches - 1)))))
    if not np.all(np.isfinite(ends)):
        raise Silent("the signal is predicted to escape before the law has run its course")
    steps = np.geomspace(max(ends[0], 1e-3), ends[1], LAW_POINTS)
    return Curve(steps, memorisation_law(p, x.clock, steps))


def _memorisation_times(x: Experiment) -> Value:
    x.must_attack()
    return x.times


def _control_ratio(x: Experiment) -> Value:
    p, starts = x.params, x.starts
    ratio = control_ratio(
        float(np.max(starts.signal)),
        np.max(starts.noise),
        power=p.power,
        signal_strength=p.signal_strength,
        samples=p.samples,
        patch_energy=x.setting.patch_energy,
    )
    return float(ratio)


def _memorise_escape(x: Experiment) -> Value:
    x.must_attack()
    x.with_right_labels()
    x.without_decay()
    flow = x.flow
    assert isinstance(flow, SignalFlow)  # labels are right
    return float(np.median(memorise_escape_log_ratio(x.exposures, flow)))


def _overfitting(x: Experiment) -> Value:
    x.must_attack()
    place = phase_coordinates(0.0, _learnt(x), x.test_noise_std, power=x.params.power, gap=x.params.gap)
    return float(place.overfitting)


def _memorise_escape_gap(x: Experiment) -> Value:
    x.must_attack()
    x.with_right_labels()
    x.without_decay()
    p, half = x.params, float(np.median(x.times))
    if not np.isfinite(half):
        raise Silent("half of the samples are predicted never to be memorised")
    found = memorise_escape_gap(
        float(np.median(np.max(x.starts.noise, axis=1))),
        float(np.max(x.flow.correlations_at(half))),
        power=p.power,
        signal_strength=p.signal_strength,
        samples=p.samples,
        patch_energy=x.setting.patch_energy,
    )
    return found


def _overfitting_gap(x: Experiment) -> Value:
    x.must_attack()
    return float(overfitting_gap(_learnt(x), x.test_noise_std, x.params.power))


def _learnt(x: Experiment) -> float:
    if x.signal_margin <= 0.0:
        raise Silent("the signal is predicted not to have grown at the end")
    return x.signal_margin


def _clean_error_bound(x: Experiment) -> Value:
    q, margin, std = x.params.power, x.signal_margin, x.test_noise_std
    if q == int(q) and int(q) % 2 == 1:
        return float(chaos_error_bound(margin, std, int(q)))
    return float(chebyshev_error_bound(margin, std))


def _robust_error(x: Experiment) -> Value:
    if x.params.threat == "none":
        raise Silent("nothing is attacked under threat none")
    return x.test_error(x.attacked_signal_margin)


QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "regime", "what will happen: where the experiment lies in the phase diagram", "word", "order",
        f"{PAPER}, theorem; phase diagram derived here", (*MEMORISATION, *OVERFITTING), outcome,
    ),
    Quantity(
        "signal_growth_time", "T_I: alpha^q U reaches 1, from the start", STEP, "asymptotic",
        f"{PAPER}, stage I; flow derived here", GROWTH, lambda x: x.signal_growth_time,
    ),
    Quantity(
        "signal_growth_window", "T_I of gradient descent lies in, while every |V_i| is at most 0.7", STEP, "bound",
        "derived here, from Lemma L1", ("signal-grows-first",), _growth_window,
    ),
    Quantity(
        "signal_growth_quantiles", "T_I over random starts", STEP, "asymptotic",
        f"{PAPER}, stage I; law derived here", GROWTH, lambda x: signal_growth_quantiles(x.params),
    ),
    Quantity(
        "signal_margin_curve", "alpha^q U while no sample is memorised, from the start", NUMBER, "asymptotic",
        f"{PAPER}, stages I and II; flow derived here", (*GROWTH, *STAGNATION), _signal_curve,
    ),
    Quantity(
        "plateau_height", "alpha^q U at which the attacked loss takes over", NUMBER, "order",
        f"{PAPER}, stage II; derived here", STAGNATION, _plateau_height,
    ),
    Quantity(
        "memorization_times", "T_i: V_i reaches 0.7, from the start of each sample", STEP, "asymptotic",
        f"{PAPER}, stage III; decoupled, derived here", MEMORISATION, _memorisation_times,
    ),
    Quantity(
        "memorization_quantiles", "T_i of one sample over random starts", STEP, "asymptotic",
        f"{PAPER}, stage III; law derived here", MEMORISATION, lambda x: Quantiles.of(x.quantiles(LEVELS)),
    ),
    Quantity(
        "memorization_law", "share of the samples memorised, over random starts", NUMBER, "asymptotic",
        f"{PAPER}, stage III; law derived here", MEMORISATION, _memorisation_law,
    ),
    Quantity(
        "last_memorization_quantiles", "T_mem: the last sample is memorised, over random starts", STEP, "asymptotic",
        f"{PAPER}, stage III; law derived here", MEMORISATION,
        lambda x: Quantiles.of(x.quantiles(probability_for_last(LEVELS, x.params.samples))),
    ),
    Quantity(
        "escape_time", "T_esc: (gap alpha)^q U reaches 0.7 with no sample memorised, from the start", STEP,
        "asymptotic", "flow derived here", GROWTH, lambda x: x.escape_time,
    ),
    Quantity(
        "coupling", "chi: how far one memorised sample moves the start of another", NUMBER, "order",
        "derived here", ("gram-nearly-orthogonal", "noise-norms-concentrate"), lambda x: x.setting.coupling,
    ),
    Quantity(
        "control_ratio", "R: above 1 standard training from this start memorises nothing", NUMBER, "order",
        "derived here", ("power-above-two", "gram-nearly-orthogonal"), _control_ratio,
    ),
    Quantity(
        "standard_noise_limit", "no V_i exceeds it in standard training from this start", NUMBER, "asymptotic",
        "derived here; decoupled", ("power-above-two", "gram-nearly-orthogonal"), limit_of_noise,
    ),
    Quantity(
        "step_delay", "steps by which the median T_i is later than its flow, at first order", STEP, "asymptotic",
        "derived here", ("noise-grows-smoothly", "stable-step-noise"), delay_of_steps,
    ),
    Quantity(
        "flipped_time_ratio", "T_i of a flipped sample over that of a right one, at equal starts", NUMBER, "asymptotic",
        "derived here", MEMORISATION, ratio_of_flipped_times,
    ),
    Quantity(
        "margin_cap", "margin at which a smoothed label pulls no more", NUMBER, "exact", "derived here", (),
        cap_of_margins,
    ),
    Quantity(
        "memorise_escape_log_ratio", "log(T_i / T_esc), median sample: negative memorises first", NUMBER, "asymptotic",
        "phase diagram derived here", MEMORISATION, _memorise_escape,
    ),
    Quantity(
        "overfitting_log_ratio", "log((gap alpha)^q U / sd(S)) at the end: negative overfits", NUMBER, "order",
        "phase diagram derived here", (*MEMORISATION, *OVERFITTING), _overfitting,
    ),
    Quantity(
        "memorise_escape_gap", "gap above which the attacked signal grows first", NUMBER, "order",
        "phase diagram derived here", MEMORISATION, _memorise_escape_gap,
    ),
    Quantity(
        "overfitting_gap", "gap below which the test noise covers the attacked signal at the end", NUMBER, "order",
        "phase diagram derived here", (*MEMORISATION, *OVERFITTING), _overfitting_gap,
    ),
    Quantity(
        "decay_edges", "weight decay above which each sample is not memorised, from its start", RATE, "asymptotic",
        "derived here; decoupled", MEMORISATION, memorisation_edges,
    ),
    Quantity(
        "decay_edge_quantiles", "weight decay above which nobody is memorised, over random starts", RATE, "asymptotic",
        "extreme value derived here", MEMORISATION, memorisation_edge_quantiles,
    ),
    Quantity(
        "decay_signal_edge", "weight decay above which the signal does not grow, from the start", RATE, "asymptotic",
        "derived here", GROWTH, edge_of_the_signal,
    ),
    Quantity(
        "decay_escape_edges", "weight decays that hold the signal on its plateau, and leave no escaped state", RATE,
        "exact", "derived here, one neuron", ("attack-hides-signal",), edges_of_escape,
    ),
    Quantity(
        "decay_cure_window", "weight decays that cure: nobody is memorised, and the signal grows", RATE, "asymptotic",
        "derived here; decoupled", (*GROWTH, *MEMORISATION), window_of_cure,
    ),
    Quantity(
        "decay_robust_time", "robust test error falls to 5 per cent, nobody being memorised", STEP, "asymptotic",
        "derived here", (*GROWTH, "radius-below-signal"), time_to_robustness,
    ),
    Quantity("end", "the step called the end below", STEP, "exact", "the given steps, or derived here", (),
             lambda x: x.end),
    Quantity(
        "signal_margin", "alpha^q U at the end", NUMBER, "order",
        f"{PAPER}, stage II; derived here", (*GROWTH, *STAGNATION), lambda x: x.signal_margin,
    ),
    Quantity(
        "attacked_signal_margin", "(gap alpha)^q U at the end", NUMBER, "order",
        f"{PAPER}, stage II; derived here", (*GROWTH, *STAGNATION), lambda x: x.attacked_signal_margin,
    ),
    Quantity(
        "noise_margins", "V_i at the end; nan where the sample is not memorised", NUMBER, "order",
        f"{PAPER}, stage III; decoupled, derived here", MEMORISATION, lambda x: x.noise_margins,
    ),
    Quantity(
        "test_noise_std", "sd(S) of the noise in the margin of a fresh sample at the end", NUMBER, "order",
        "derived here", MEMORISATION, lambda x: x.test_noise_std,
    ),
    Quantity(
        "clean_test_error", "clean test error at the end", NUMBER, "order",
        f"{PAPER}, theorem; law of S derived here", (*GROWTH, *MEMORISATION), lambda x: x.test_error(x.signal_margin),
    ),
    Quantity(
        "clean_test_error_bound", "clean test error at the end is at most, given sd(S) above", NUMBER, "order",
        "hypercontractivity, or Chebyshev where q is not odd", (*GROWTH, *MEMORISATION), _clean_error_bound,
    ),
    Quantity(
        "robust_test_error", "robust test error at the end", NUMBER, "order",
        f"{PAPER}, theorem; law of S derived here", (*MEMORISATION, *OVERFITTING), _robust_error,
    ),
)  # fmt: skip
"""Everything that `cgrosim.predict` predicts."""
