"""What weight decay changes of the predictions of one experiment: who is memorised, when, where margins rest.

Rates are per step: the time of the gradient flow that a step covers is learning_rate / (1 - momentum). Edges are weight
decays, whatever the one in use.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.model.params import Params
from cgrosim.predictions.starts import Starts
from cgrosim.theory.decay import (
    decay_edge,
    decayed_growth,
    decayed_growth_time,
    growth_edge,
    memorisation_edge,
    start_needed,
)
from cgrosim.theory.decay_cure import robust_time
from cgrosim.theory.decay_plateaus import EscapeEdges, Plateaus, escape_edges, joint_plateaus
from cgrosim.theory.initial_laws import MaximumLaw
from cgrosim.theory.setting import Setting
from cgrosim.theory.stages import signal_growth_rate
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]


class DecayForecast:
    """One experiment with weight decay as the theory sees it.

    Parameters
    ----------
    params, setting, starts
        The experiment, the theory's description of it, and where it starts.
    signal_growth_time
        T_I in steps without decay; infinite if every neuron starts dead.
    """

    def __init__(self, params: Params, setting: Setting, starts: Starts, signal_growth_time: float) -> None:
        self._params, self._setting, self._starts = params, setting, starts
        self._plain_growth_time = signal_growth_time
        self._rate = params.flow_rate  # flow time a step
        self._decay = params.weight_decay * self._rate  # per step

    @cached_property
    def signal_edge(self) -> float:
        """Weight decay above which the signal does not grow: c1 u_max(0)^(q-2), more while U < 0; at small margins."""
        p = self._params
        below = signal_growth_rate(
            power=p.power,
            signal_strength=p.signal_strength,
            gap=p.gap,
            adversarial_weight=self._setting.adversarial_weight,
            learning_rate=self._rate,
            signal_positive=False,
            threat="fixed_direction" if p.threat == "fixed_direction" else "signal_span",
        )
        above = self._setting.signal_growth_rate
        return growth_edge(self._starts.signal, above, rate_below=below, power=p.power) / self._rate

    @cached_property
    def signal_growth_time(self) -> float:
        """T_I in steps: that without decay, stretched as the growth of the largest start is."""
        plain, share = (
            self._plain_growth_time,
            self._params.weight_decay / self.signal_edge if self.signal_edge else 1.0,
        )
        if self._decay == 0.0 or not np.isfinite(plain):
            return plain
        if share >= 1.0:
            return np.inf
        stretched = (self._params.power - 2.0) * self._decay * plain / (1.0 - share)
        return plain / (1.0 - share) * (float(np.log1p(stretched)) / stretched if stretched > 0.0 else 1.0)

    @cached_property
    def _leaders(self) -> tuple[Array, Array]:
        """(N,) start and rate (per step, both losses pushing) of the feature of each sample that outgrows the most."""
        speed = self._starts.energy * np.maximum(self._starts.noise, 0.0) ** (self._params.power - 2.0)
        best = np.argmax(np.where(self._starts.noise > 0, speed, -1.0), axis=1)
        rows = np.arange(len(best))
        rate = self._rate * self._params.power / (2.0 * self._params.samples)
        return self._starts.noise[rows, best], rate * self._starts.energy[rows, best]

    @cached_property
    def memorisation_edges(self) -> Array:
        """(N,) largest weight decay under which each sample is memorised, decoupled."""
        start, rate = self._leaders
        edges = memorisation_edge(
            start,
            rate=rate,
            adversarial_weight=self._setting.adversarial_weight,
            signal_growth_time=min(self._plain_growth_time, 1e300),
            power=self._params.power,
        )
        return edges / self._rate

    def edge_quantiles(self, probability: ArrayLike) -> Array:
        """Quantiles over random starts of the weight decay above which no sample is memorised, at mean energy."""
        setting, count = self._setting, self._params.samples * self._params.neurons * (self._params.patches - 1)
        start = MaximumLaw(count, setting.noise_start_std).ppf(probability)
        return decay_edge(start, setting.memorisation_rate, setting.power) / self._rate

    def _times_from(self, start: Array, rate: ArrayLike) -> Array:
        """Steps from starts with their rates to V = 0.7: both losses push until T_I, then the attacked one."""
        power, early = self._params.power, self.signal_growth_time
        target = MEMORISED ** (1.0 / power)
        first = decayed_growth_time(start, target, rate=rate, decay=self._decay, power=power)
        if not np.isfinite(early):
            return first
        grown = np.where(first > early, decayed_growth(start, early, rate=rate, decay=self._decay, power=power), target)
        late = self._setting.adversarial_weight * np.asarray(rate)
        later = early + decayed_growth_time(grown, target, rate=late, decay=self._decay, power=power)
        return np.where(first <= early, first, later)

    @cached_property
    def times(self) -> Array:
        """(N,) memorisation times in steps, decoupled; infinite where decay wins."""
        return self._times_from(*self._leaders)

    def quantiles(self, probability: ArrayLike) -> Array:
        """Quantiles of the memorisation time of one sample over random starts, at mean energy."""
        start = MaximumLaw(self._params.neurons * (self._params.patches - 1), self._setting.noise_start_std)
        return self._times_from(start.isf(probability), self._setting.noise_growth_rate)

    def law(self, steps: ArrayLike) -> Array:
        """P(V_i reaches 0.7 within `steps`) over random starts, at mean energy; below 1 for ever where decay wins.

        The start needed is traced back from V = 0.7: through the attacked loss alone to T_I, then through both losses.
        """
        time, early = np.asarray(steps, dtype=np.float64), self.signal_growth_time
        power, rate = self._params.power, self._setting.noise_growth_rate
        late = self._setting.adversarial_weight * rate
        target = MEMORISED ** (1.0 / power)
        common = {"decay": self._decay, "power": power}
        if np.isfinite(early):
            at_growth = start_needed(target, np.maximum(time - early, 0.0), rate=late, **common)
            needed = start_needed(at_growth, np.minimum(time, early), rate=rate, **common)
        else:
            needed = start_needed(target, time, rate=rate, **common)
        starts = MaximumLaw(self._params.neurons * (self._params.patches - 1), self._setting.noise_start_std)
        return np.asarray(starts.sf(np.minimum(needed, target)))

    @cached_property
    def plateaus(self) -> Plateaus:
        """Where signal and noise rest with the samples memorised that are predicted to be."""
        p = self._params
        return joint_plateaus(
            p.weight_decay,
            float(np.mean(np.isfinite(self.times))),
            power=p.power,
            signal_strength=p.signal_strength,
            gap=p.gap,
            adversarial_weight=self._setting.adversarial_weight,
            samples=p.samples,
            patch_energy=self._setting.patch_energy,
        )

    @cached_property
    def escape(self) -> EscapeEdges:
        """Weight decays that hold the signal on its plateau, and that leave no escaped state."""
        p = self._params
        return escape_edges(
            power=p.power,
            signal_strength=p.signal_strength,
            gap=p.gap,
            adversarial_weight=self._setting.adversarial_weight,
        )

    def robust_time(self, error: float) -> float:
        """Steps until the robust test error has fallen to `error`, if no sample is memorised."""
        p = self._params
        norms = np.full(p.neurons, p.init_std * np.sqrt(p.dimension - 1.0))
        time = robust_time(
            np.repeat(p.noise_std * norms, p.patches - 1),
            self.plateaus.attacked,
            weight_decay=p.weight_decay,
            power=p.power,
            error=error,
        )
        return max(time / self._rate, self.signal_growth_time)
