"""The clock of memorisation: gradient steps against exposure, as the flow of the signal sets it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.model.algorithms import draw_features
from cgrosim.model.params import Params
from cgrosim.predictions.setting import effective_weight
from cgrosim.theory.labelled_flow import LabelledFlow
from cgrosim.theory.plateau import SignalFlow, Threat

Array = NDArray[np.float64]

LATE = 1e6  # escape times after which a sample counts as never memorised: its weight has fallen below 1e-10 by then


class Clock:
    """Gradient steps against exposure (steps weighted by the loss weight of an unmemorised sample) of one experiment.

    With a live neuron it is the flow of the signal; with none the weight stays at 1/2 for ever.
    """

    def __init__(self, params: Params, signal: ArrayLike) -> None:
        signal = np.asarray(signal, dtype=np.float64)
        self.flow = signal_flow(params, signal) if np.any(signal > 0.0) else None
        self._weight = effective_weight(params)
        never = self.flow is None or self._weight == 0.0
        self.escape_time = np.inf if self.flow is None or never else self.flow.escape_time()

    def times(self, exposure: ArrayLike) -> Array:
        """Steps at which the exposure reaches the given values; infinite beyond `LATE` escape times."""
        exposure = np.asarray(exposure, dtype=np.float64)
        if self.flow is None:
            return 2.0 * exposure
        if isinstance(self.flow, LabelledFlow):
            return self.flow.time_of_exposure(exposure)
        return times_of_exposure(self.flow, exposure, self._weight, self.escape_time)

    def exposures(self, steps: ArrayLike) -> Array:
        """Exposure after the given steps."""
        steps = np.asarray(steps, dtype=np.float64)
        return 0.5 * steps if self.flow is None else self.flow.exposure_at(steps)


def times_of_exposure(flow: SignalFlow, exposure: Array, weight: float, escape_time: float) -> Array:
    """Steps at which the exposure reaches the given values; infinite beyond `LATE` escape times."""
    # until the escape the attacked loss weighs at least lam s(0.7) > lam / 4, so these exposures come before it
    early = exposure <= 0.25 * weight * escape_time
    if not np.all(early | np.isinf(exposure)):
        limit = float(flow.exposure_at(LATE * escape_time))
        exposure = np.where(exposure <= limit, exposure, np.inf)
    return flow.time_of_exposure(exposure)


def signal_flow(params: Params, signal: ArrayLike) -> SignalFlow | LabelledFlow:
    """The predicted flow of the signal from given starts, at least one of them positive."""
    threat: Threat = "fixed_direction" if params.threat == "fixed_direction" else "signal_span"
    common: dict[str, Any] = {
        "power": params.power,
        "signal_strength": params.signal_strength,
        "gap": params.gap,
        "adversarial_weight": effective_weight(params),
        "threat": threat,
    }
    features = draw_features(params)
    flipped, missing = (0.0, 0.0) if features is None else (np.mean(features < 0.0), np.mean(features == 0.0))
    if params.label_smoothing == 0.0 and flipped == 0.0:
        return SignalFlow(signal, learning_rate=params.flow_rate * float(1.0 - missing), **common)
    return LabelledFlow(
        signal,
        learning_rate=params.flow_rate,
        smoothing=params.label_smoothing,
        label_noise=float(flipped),
        unlearnable=float(missing),
        **common,
    )
