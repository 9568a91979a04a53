"""What smoothed, flipped and missing labels change of the predictions: three kinds of samples on one signal."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.algorithms import draw_features, smoothing_of
from cgrosim.model.params import Params
from cgrosim.predictions.clock import times_of_exposure
from cgrosim.predictions.setting import effective_weight
from cgrosim.predictions.starts import Starts
from cgrosim.theory.label_smoothing import eroded_margin, held_margin, resting_noise_margin, smoothed_memorisation_time
from cgrosim.theory.labelled_flow import Label, LabelledFlow
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.thresholds import SIGNAL_GROWN

Array = NDArray[np.float64]

KINDS: dict[float, Label] = {1.0: "right", -1.0: "flipped", 0.0: "none"}


class LabelForecast:
    """One experiment with labels that are smoothed or flipped, or samples without a feature, as the theory sees it.

    Parameters
    ----------
    params, starts
        The experiment and where it starts.
    flow
        The signal's, while no sample is memorised; None if every neuron starts dead.
    exposures
        (N,) exposure that each sample would need under hard labels, in steps.
    """

    def __init__(
        self, params: Params, starts: Starts, flow: SignalFlow | LabelledFlow | None, exposures: Array
    ) -> None:
        self._params, self._starts, self._flow = params, starts, flow
        drawn = draw_features(params)
        self.features: Array = np.ones(params.samples) if drawn is None else drawn
        self._smoothing = smoothing_of(params, drawn, params.samples)
        longer = self._longer()
        self.exposures: Array = exposures * longer
        right = longer[self.features > 0.0]
        self.typical = float(np.median(right)) if len(right) else 1.0
        """The factor of a typical sample with a right label."""

    def _longer(self) -> Array:
        """(N,) factor by which smoothing lengthens the exposure, since its weight vanishes at the cap, not at infinity.

        From the start to V = 0.7 on a plateau of the signal, over the same time without smoothing and over 1/(1 - eps),
        which is in the weight already.
        """
        largest = np.max(self._starts.noise, axis=1)
        factor = np.ones(largest.shape)
        for eps in np.unique(self._smoothing[self._smoothing > 0.0]):
            here = self._smoothing == eps
            if eps >= 1.0:  # a label of no certainty at all pushes nothing
                factor[here] = np.inf
                continue
            at = {"rate": 1.0, "power": self._params.power}
            slow = (1.0 - eps) * smoothed_memorisation_time(largest[here], smoothing=float(eps), **at)
            with np.errstate(invalid="ignore"):
                ratio = slow / smoothed_memorisation_time(largest[here], smoothing=0.0, **at)
            factor[here] = np.where(np.isnan(ratio), 1.0, ratio)
        return factor

    @cached_property
    def times(self) -> Array:
        """(N,) memorisation times in steps, decoupled; infinite for never."""
        found = np.empty(self._params.samples)
        for feature, label in KINDS.items():
            here = self.features == feature
            if not np.any(here):
                continue
            if label == "none":
                with np.errstate(divide="ignore"):
                    found[here] = 2.0 * self.exposures[here] / (1.0 - self._smoothing[here])
            else:
                found[here] = self.time_of_exposure(self.exposures[here], label)
        return found

    @cached_property
    def _second(self) -> tuple[float, SignalFlow | LabelledFlow] | None:
        """When flipped samples have been memorised (the mean of their times), and the signal's flow from then on."""
        flipped = self.features < 0.0
        if not np.any(flipped) or not isinstance(self._flow, LabelledFlow):
            return None
        memorised = float(np.mean(self._first_time(self.exposures[flipped], "flipped")))
        return (memorised, self._flow.once_memorised(memorised)) if np.isfinite(memorised) else None

    def _first_time(self, exposure: Array, label: Label) -> Array:
        """Steps until samples of a kind have the exposure, beside a signal that no sample has left."""
        if self._flow is None:
            return 2.0 * exposure / (1.0 - self._params.label_smoothing)
        return self._times(self._flow, exposure, label)

    def _times(self, flow: SignalFlow | LabelledFlow, exposure: Array, label: Label) -> Array:
        if isinstance(flow, LabelledFlow):
            time = flow.time_of_exposure(np.where(np.isfinite(exposure), exposure, 0.0), label)
            return np.where(np.isfinite(exposure), time, np.inf)
        weight = effective_weight(self._params)
        if weight == 0.0:
            return flow.time_of_exposure(exposure)
        return times_of_exposure(flow, exposure, weight, flow.escape_time())

    def time_of_exposure(self, exposure: Array, label: Label = "right") -> Array:
        """Steps until samples with a feature have the exposure; right ones meet the signal that flipped ones let go."""
        first = self._first_time(exposure, label)
        if label == "flipped" or self._second is None or self._flow is None:
            return first
        memorised, flow = self._second
        left = exposure - float(self._flow.exposure_at(memorised))
        late = left > 0.0
        return np.where(late, memorised + self._times(flow, np.where(late, left, 0.0), label), first)

    def _time_of_margin(self, margin: float) -> float:
        if self._flow is None:
            return np.inf
        first = float(self._flow.time_of_margin(margin))
        if self._second is None or first <= self._second[0]:
            return first
        return self._second[0] + float(self._second[1].time_of_margin(margin))

    @cached_property
    def growth_time(self) -> float:
        """T_I in steps: beside flipped labels the signal may have to wait until those are memorised."""
        return self._time_of_margin(SIGNAL_GROWN)

    @cached_property
    def escape_time(self) -> float:
        """T_esc in steps, no right sample being memorised."""
        if self._flow is None or effective_weight(self._params) == 0.0:
            return np.inf
        first = self._flow.escape_time()
        if self._second is None or first <= self._second[0]:
            return first
        return self._second[0] + self._second[1].escape_time()

    def signal_margin(self, end: float) -> float:
        """alpha^q U at the end of the run.

        Memorised samples stop pulling: flipped ones come first, and the right ones then go on as if alone, to the mean
        of the times at which they are memorised themselves. Smoothing then wears the margin away. Kind: order.
        """
        if self._flow is None:
            return 0.0
        right = self.times[self.features > 0.0]
        right = right[np.isfinite(right)]  # beside memorised ones the kicks of those memorise the others as well
        at = float(np.mean(np.minimum(right, end))) if len(right) else end
        if self._second is None or at <= self._second[0]:
            margin = float(self._flow.margin_at(at))
        else:
            margin = float(self._second[1].margin_at(at - self._second[0]))
        if self._params.label_smoothing == 0.0 or margin <= 0.0:
            return margin
        return self._worn(margin, end)

    def _worn(self, margin: float, end: float) -> float:
        """What smoothing has left of the margin: what unmemorised samples hold, or after the last a power of time."""
        p, weight = self._params, effective_weight(self._params)
        at = {"smoothing": p.label_smoothing, "gap": p.gap, "power": p.power, "adversarial_weight": weight}
        share, last = float(np.mean(self.times >= end)), float(np.max(self.times))
        if share > 0.0:
            return min(margin, held_margin(share, **at))
        return float(eroded_margin((end - last) * p.flow_rate, margin, signal_strength=p.signal_strength, **at))

    def noise_margins(self, hard: Array, signal: float, memorised: NDArray[np.bool_]) -> Array:
        """(N,) V_i at the end; nan where the sample is not memorised.

        With smoothing they rest beside the signal; otherwise they follow the law of hard labels (`hard`), a flipped
        sample from beyond the signal it has to outweigh. Kind: order.
        """
        p = self._params
        found = np.where(self.features < 0.0, hard + signal, hard)
        for feature in np.unique(self.features):
            here = self.features == feature
            eps = float(self._smoothing[here][0])
            if eps > 0.0 and eps < 1.0:
                left = p.gap if feature > 0.0 or p.threat == "fixed_direction" else 2.0 - p.gap
                found[here] = resting_noise_margin(
                    float(feature) * signal,
                    smoothing=eps,
                    gap=left,
                    power=p.power,
                    adversarial_weight=effective_weight(p),
                )
        return np.where(memorised, found, np.nan)
