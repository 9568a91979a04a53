"""What will happen, in a word: where an experiment lies in the phase diagram."""

from __future__ import annotations

import numpy as np

from cgrosim.predictions.experiment import Experiment
from cgrosim.predictions.values import Value


def outcome(x: Experiment) -> Value:
    """The region of the phase diagram, or what stands in the way."""
    if x.clock.flow is None:
        return "no signal"
    if x.labelled:
        return _regime_with_labels(x)
    if not x.adversarial:
        return "standard training"
    if x.decays:
        return _regime_with_decay(x)
    if not np.median(x.times) < x.clock.escape_time:
        return "robust by signal"
    return "robust overfitting" if x.attacked_signal_margin < x.test_noise_std else "memorised yet robust"


def _regime_with_labels(x: Experiment) -> Value:
    if not np.isfinite(x.signal_growth_time):
        return "no signal"
    if not np.any(x.times < x.escape_time):
        return "robust by signal" if x.adversarial else "standard training"
    all_of_them = bool(np.all(x.times < x.escape_time))
    if x.attacked_signal_margin >= x.test_noise_std:
        return "memorised yet robust" if all_of_them else "partly memorised yet robust"
    return "robust overfitting" if all_of_them else "partly memorised"


def _regime_with_decay(x: Experiment) -> Value:
    rho = x.params.weight_decay
    if rho >= x.decay.signal_edge:
        return "nothing learnt"
    if rho < x.decay.escape.free and not np.median(x.times) < x.clock.escape_time:
        return "robust by signal"
    share = float(np.mean(np.isfinite(x.times)))
    if share == 0.0:
        return "robust by decay"
    if x.attacked_signal_margin >= x.test_noise_std:
        return "memorised yet robust" if share == 1.0 else "partly memorised yet robust"
    return "robust overfitting" if share == 1.0 else "partly memorised"
