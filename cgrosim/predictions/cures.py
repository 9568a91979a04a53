"""Predicted numbers of what might cure robust overfitting: decay, labels, momentum, batches, and no attack at all."""

from __future__ import annotations

import numpy as np

from cgrosim.predictions.experiment import Experiment, Silent
from cgrosim.predictions.values import LEVELS, Quantiles, Value, Window
from cgrosim.theory.control import self_consistent_limit
from cgrosim.theory.decay_cure import cure_window
from cgrosim.theory.label_noise import memorisation_time_ratio
from cgrosim.theory.label_smoothing import margin_cap
from cgrosim.theory.minibatches import discretisation_delay
from cgrosim.theory.momentum import growth_delay
from cgrosim.theory.thresholds import MEMORISED

CURED = 0.05  # robust test error at which decay has cured a run


def time_to_robustness(x: Experiment) -> Value:
    """Steps until the robust test error has fallen to `CURED`, nobody being memorised."""
    rests = x.rests
    if np.any(np.isfinite(x.times)):
        raise Silent("some samples are predicted to be memorised, so the noise stays")
    if x.params.threat == "none" or rests.attacked <= 0.0:
        raise Silent("the attack leaves nothing of the signal, or there is none")
    return x.decay.robust_time(CURED)


def edges_of_escape(x: Experiment) -> Value:
    """Weight decays that hold the signal on its plateau, and that leave no escaped state."""
    x.with_right_labels()
    x.must_attack()
    return Window(*x.decay.escape)


def window_of_cure(x: Experiment) -> Value:
    """Weight decays between the edge of the last sample and that of the signal."""
    x.with_right_labels()
    x.must_attack()
    return Window(*cure_window(x.decay.memorisation_edges, x.decay.signal_edge))


def cap_of_margins(x: Experiment) -> Value:
    """The margin at which a smoothed label pulls no more."""
    if not x.params.label_smoothing:
        raise Silent("hard labels pull for ever")
    return margin_cap(x.params.label_smoothing)


def ratio_of_flipped_times(x: Experiment) -> Value:
    """Memorisation time of a flipped sample over that of a right one, at equal starts."""
    if not x.params.label_noise:
        raise Silent("no label is flipped")
    return memorisation_time_ratio(
        x.params.label_noise,
        gap=x.params.gap,
        power=x.params.power,
        adversarial_weight=x.setting.adversarial_weight,
        threat="fixed_direction" if x.params.threat == "fixed_direction" else "signal_span",
    )


def delay_of_steps(x: Experiment) -> Value:
    """Steps by which the median sample is later than its flow, at first order in the learning rate."""
    x.must_attack()
    x.without_decay()
    p, start, target = x.params, x.starts.noise.max(axis=1), MEMORISED ** (1.0 / x.params.power)
    growing = start[(start > 0) & (start < target)]
    if p.momentum and p.batch_size is not None:
        raise Silent("derived for momentum or batches, not for both")
    if not len(growing):
        raise Silent("no sample is predicted to be memorised")
    if p.batch_size is not None:
        late = discretisation_delay(growing, target, p.power, samples=p.samples, batch=p.batch_size)
    else:
        late = growth_delay(growing, target, p.power, momentum=p.momentum)
    return float(np.median(late))


def limit_of_noise(x: Experiment) -> Value:
    """What no V_i ever exceeds in standard training from this start."""
    x.without_decay()
    x.with_right_labels()
    if not x.params.power > 2.0:
        raise Silent("at power 2 the clean exposure has no end")
    found = self_consistent_limit(
        x.starts.noise,
        x.starts.energy,
        float(np.max(x.starts.signal)),
        power=x.params.power,
        signal_strength=x.params.signal_strength,
        samples=x.params.samples,
    )
    if not np.isfinite(found.spread):
        raise Silent("the signal leaves enough clean exposure to memorise a sample")
    return float(np.max(found.margins))


def memorisation_edges(x: Experiment) -> Value:
    """(N,) weight decays above which each sample is not memorised."""
    x.with_right_labels()
    x.must_attack()
    return x.decay.memorisation_edges


def memorisation_edge_quantiles(x: Experiment) -> Value:
    """Quantiles over random starts of the weight decay above which nobody is memorised."""
    x.with_right_labels()
    x.must_attack()
    return Quantiles.of(x.decay.edge_quantiles(LEVELS))


def edge_of_the_signal(x: Experiment) -> Value:
    """Weight decay above which the signal does not grow."""
    x.with_right_labels()
    return x.decay.signal_edge
