"""One experiment as its predictions see it: parameters and start, and what is derived from both, each once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.predictions.clock import Clock
from cgrosim.predictions.decay import DecayForecast
from cgrosim.predictions.labels import LabelForecast
from cgrosim.predictions.laws import a_priori_exposures, memorisation_quantiles, predict_starts, required_exposures
from cgrosim.predictions.setting import corrupts_labels, effective_weight, setting_of
from cgrosim.predictions.starts import Starts
from cgrosim.theory.decay_plateaus import Plateaus
from cgrosim.theory.errors import gaussian_error
from cgrosim.theory.labelled_flow import LabelledFlow
from cgrosim.theory.memorisation import noise_margin_after_memorisation
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.noise_moments import gram_test_noise_std
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.setting import Setting
from cgrosim.theory.thresholds import MEMORISED, SIGNAL_GROWN

Array = NDArray[np.float64]

AFTERMATH = 3.0  # where no steps are given, the story is told until three times its last event, as `simulate` does
DECAYED = 20.0  # with weight decay until twenty decay times in
CONTROL_HORIZON = 1e3  # and without adversarial training until so many signal growth times
EXACT_TERMS = 64  # independent terms of the test noise up to which its law is computed; beyond, it is nearly normal


class Silent(Exception):
    """The theory says nothing about a quantity here; the message says why."""


def first_line(error: Exception) -> str:
    """What an error of the theory says, as the end of a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


class Experiment:
    """Parameters and start of one experiment and what the theory derives from them.

    Parameters
    ----------
    params
        An experiment that the theory speaks of (`why_not` is empty).
    starts
        Where it starts; None where that cannot be drawn.
    no_starts
        Why not.
    """

    def __init__(self, params: Params, starts: Starts | None, no_starts: str = "") -> None:
        self.params = params
        self._starts = starts
        self._no_starts = no_starts

    @property
    def starts(self) -> Starts:
        """Where the run starts."""
        if self._starts is None:
            raise Silent(self._no_starts)
        return self._starts

    @cached_property
    def setting(self) -> Setting:
        """The theory's description of the parameters."""
        return setting_of(self.params)

    @cached_property
    def clock(self) -> Clock:
        """Steps against exposure."""
        starts = self.starts
        try:
            return Clock(self.params, starts.signal)
        except (ArithmeticError, ValueError) as error:
            self._starts, self._no_starts = None, f"no value at these parameters: {first_line(error)}"
            raise Silent(self._no_starts) from None

    @property
    def flow(self) -> SignalFlow | LabelledFlow:
        """The flow of the signal."""
        if self.clock.flow is None:
            raise Silent("every neuron starts dead, so no signal is predicted to grow")
        return self.clock.flow

    @property
    def adversarial(self) -> bool:
        """Whether the attack has any weight in training."""
        return effective_weight(self.params) > 0.0

    def must_attack(self) -> None:
        """Stop where there is no attack in training, and so no memorisation."""
        if not self.adversarial and not self.labelled:
            raise Silent("standard training: no memorisation is predicted, the noise stops with the clean loss")

    @property
    def labelled(self) -> bool:
        """Whether labels are smoothed or flipped, or samples have no feature."""
        return corrupts_labels(self.params)

    @cached_property
    def labels(self) -> LabelForecast:
        """What smoothed, flipped and missing labels do."""
        return LabelForecast(self.params, self.starts, self.clock.flow, required_exposures(self.params, self.starts))

    def with_right_labels(self) -> None:
        """Stop where labels are not hard and right: what follows is derived for those."""
        if self.labelled:
            raise Silent("derived for hard labels that are right, and samples with a feature")

    @cached_property
    def plain_growth_time(self) -> float:
        """T_I from the starts without weight decay; infinite if every neuron starts dead."""
        if self.labelled:
            return self.labels.growth_time
        return np.inf if self.clock.flow is None else float(self.clock.flow.time_of_margin(SIGNAL_GROWN))

    @cached_property
    def signal_growth_time(self) -> float:
        """T_I from the starts; infinite if every neuron starts dead, or decays."""
        return self.decay.signal_growth_time if self.decays else self.plain_growth_time

    @property
    def decays(self) -> bool:
        """Whether there is weight decay."""
        return self.params.weight_decay > 0.0

    @cached_property
    def decay(self) -> DecayForecast:
        """What weight decay does, or would do."""
        return DecayForecast(self.params, self.setting, self.starts, self.plain_growth_time)

    @cached_property
    def rests(self) -> Plateaus:
        """Where the margins rest under weight decay."""
        if not self.decays:
            raise Silent("without weight decay no margin ever rests")
        if np.isnan(self.decay.plateaus.clean):
            dead = self.params.weight_decay >= self.decay.signal_edge
            raise Silent("weight decay kills the signal" if dead else "the signal is predicted to run on to its escape")
        return self.decay.plateaus

    def without_decay(self) -> None:
        """Stop where there is weight decay: what follows is derived without."""
        if self.decays:
            raise Silent("derived without weight decay")

    @cached_property
    def escape_time(self) -> float:
        """T_esc; infinite where weight decay holds the signal on its plateau."""
        if self.labelled:
            return self.labels.escape_time
        held = self.decays and self.params.weight_decay >= self.decay.escape.free
        return np.inf if held else float(self.clock.escape_time)

    @cached_property
    def exposures(self) -> Array:
        """(N,) exposure that each sample needs, in steps."""
        return required_exposures(self.params, self.starts)

    @cached_property
    def times(self) -> Array:
        """(N,) memorisation times, decoupled; infinite for never, and for all samples in standard training."""
        if self.labelled:
            return self.labels.times
        if not self.adversarial:
            return np.full(self.params.samples, np.inf)
        if self.decays:
            return self.decay.times
        return predict_starts(self.params, self.starts, self.clock)

    def quantiles(self, probability: object) -> Array:
        """A-priori quantiles of the memorisation time of one sample, of a right label, in steps."""
        self.must_attack()
        if self.labelled:
            exposures = a_priori_exposures(self.params, np.asarray(probability, dtype=np.float64))
            return self.labels.time_of_exposure(exposures * self.labels.typical)
        if self.decays:
            return self.decay.quantiles(np.asarray(probability, dtype=np.float64))
        return memorisation_quantiles(self.params, self.clock, np.asarray(probability, dtype=np.float64))

    @property
    def _last_event(self) -> float:
        """The last memorisation, or the escape if that comes before some of them; with labels the later of both."""
        done, escape = float(np.max(self.times)), self.escape_time
        if np.isfinite(done):
            return done
        if not self.labelled:
            return escape
        last = float(np.max(self.times[np.isfinite(self.times)], initial=0.0))
        return max(last, escape) if np.isfinite(escape) else last

    @cached_property
    def end(self) -> float:
        """The step at which the predicted story ends: the last step of the run, if its steps are given."""
        if self.params.steps is not None:
            return float(self.params.steps)
        growth = self.signal_growth_time
        if self.decays:
            wanted = DECAYED / (self.params.flow_rate * self.params.weight_decay)
        elif not self.adversarial and not np.any(np.isfinite(self.times)):
            wanted = CONTROL_HORIZON * growth
        else:
            wanted = AFTERMATH * self._last_event
        return float(min(max(wanted, 100.0), MAX_STEPS))

    @cached_property
    def signal_margin(self) -> float:
        """alpha^q U at the end.

        The clean push on u falls by e^(-V_i) once sample i is memorised, so that the margin a stops, up to a logarithm
        of a logarithm, where the time weighted over samples stops: a(T) = a_0(mean of min(T_i, T)), a_0 the signal's
        flow at V = 0. Derived here.
        """
        if self.decays:
            return self.rests.clean
        if self.labelled:
            return self.labels.signal_margin(self.end)
        return float(self.flow.margin_at(np.mean(np.minimum(self.times, self.end))))

    @cached_property
    def attacked_signal_margin(self) -> float:
        """(gap alpha)^q U at the end."""
        return float(self.params.gap**self.params.power * self.signal_margin)

    @cached_property
    def noise_margins(self) -> Array:
        """(N,) V_i at the end: from 0.7 at T_i on by its own logarithmic law; nan for a sample not yet memorised.

        With weight decay the plateau.
        """
        if self.decays:
            return np.where(self.times < self.end, self.rests.noise, np.nan)
        energy = self._sample_energy
        late = np.where(self.times < self.end, self.end - self.times, 0.0)
        grown = noise_margin_after_memorisation(
            late * energy / energy.mean(),
            MEMORISED,
            power=self.params.power,
            samples=self.params.samples,
            learning_rate=self.params.flow_rate,
            attacked_weight=effective_weight(self.params) or 1.0,
            patch_energy=float(energy.mean()),
        )
        if self.labelled:
            return self.labels.noise_margins(grown, self.signal_margin, self.times < self.end)
        return np.where(self.times < self.end, grown, np.nan)

    @property
    def _fastest(self) -> NDArray[np.int64]:
        """(N,) feature that memorises each sample: the one with the largest start, neuron running fastest."""
        return np.argmax(self.starts.noise, axis=1)

    @property
    def _sample_energy(self) -> Array:
        return self.starts.energy[np.arange(self.params.samples), self._fastest]

    @cached_property
    def filter_norms(self) -> Array:
        """(m,) squared norms of the filters off w_star at the end.

        What decay has left of the start, sigma_0^2 (d-1), plus V_i^(2/q)/kappa_i for every sample the filter memorises.
        Kind: order (overlaps of patches, of relative size d^(-1/2), and samples won by another filter because of kicks
        are left out).
        """
        params = self.params
        learnt = np.nan_to_num(self.noise_margins) ** (2.0 / params.power) / self._sample_energy
        won = np.bincount(self._fastest % params.neurons, weights=learnt, minlength=params.neurons)
        left = np.exp(-2.0 * params.flow_rate * params.weight_decay * self.end)
        return np.asarray(left * params.init_std**2 * (params.dimension - 1.0) + won)

    @cached_property
    def test_noise_std(self) -> float:
        """sd(S) at the end, the filters orthogonal off w_star."""
        params, gram = self.params, np.diag(self.filter_norms)
        return float(gram_test_noise_std(gram, power=params.power, noise_std=params.noise_std, patches=params.patches))

    def test_error(self, margin: float) -> float:
        """P(margin + S < 0) for a fresh sample at the end."""
        scales = np.repeat(self.params.noise_std * np.sqrt(self.filter_norms), self.params.patches - 1)
        if scales.size > EXACT_TERMS:
            return float(gaussian_error(margin, self.test_noise_std))
        return float(IndependentNoiseLaw(scales, self.params.power, points=200).error_at(margin))
