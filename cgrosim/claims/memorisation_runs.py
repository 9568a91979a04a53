"""Memorisation times of a run against their decoupled prediction, and how far the coupling should move them.

The decoupled prediction drops the overlaps of noise patches. Derived here, to first order in the coupling chi: when
sample b is memorised through neuron r at T_b, it moves every other projection of that neuron by K_ab/K_bb times the
memorised value nu, that is by nu N(0,1)/sqrt(d). Sample a, whose largest start x_a sits on the same neuron, has grown
to x_a / (1 - T_b/T_a) by then (q = 3; the exponent is 1/(q-2) in general), and an addition delta at that moment moves
log T_a by -(q-2) (delta/x_a) (1 - T_b/T_a)^((q-1)/(q-2)). The kicks have random signs: the logarithm of a time is moved
symmetrically, by `kick_deviation`, and its median only at second order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.clock import Clock
from cgrosim.predictions.laws import required_exposures
from cgrosim.predictions.starts import Starts, starts_of_system
from cgrosim.studies.memorisation import memorisation_times, with_overlaps
from cgrosim.studies.same_samples import of_same_samples
from cgrosim.studies.world import CLAIMED, World
from cgrosim.theory.memorisation import noise_margin_after_memorisation
from cgrosim.theory.power_growth import grow
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]

TABLE = (1e-6, 1e12)  # times since memorisation in units of N / (eta lam kappa), wider than any run here needs


@dataclass(frozen=True)
class Foreseen:
    """One run before it is run: its starts, and when every sample is predicted to be memorised.

    Attributes
    ----------
    starts : what it starts from
    exposure : (N,) array, the predicted exposure (steps weighted by the loss weight) that each sample needs
    """

    params: Params
    starts: Starts
    exposure: Array

    @classmethod
    def of(cls, params: Params) -> Self:
        """From what is drawn for some parameters."""
        starts = starts_of_system(params, draw_gram(params))
        return cls(params, starts, required_exposures(params, starts))

    @cached_property
    def clock(self) -> Clock:
        """The predicted flow of the signal."""
        return Clock(self.params, self.starts.signal)

    @cached_property
    def predicted(self) -> Array:
        """Decoupled memorisation times, steps: (N,)."""
        return self.clock.times(self.exposure)

    @property
    def plateau_times(self) -> Array:
        """The same on an ideal plateau, 2 exposure / lam: (N,)."""
        return 2.0 * self.exposure / self.params.adversarial_weight

    def memorised_value(self, steps: Array) -> Array:
        """The value V^(1/q) of a memorised feature against the steps since V = 0.7 (decoupled, interpolated)."""
        p = self.params
        speed = p.learning_rate * p.adversarial_weight * float(np.mean(self.starts.energy)) / p.samples
        return np.interp(np.log(np.maximum(speed * steps, TABLE[0])), *_value_table(p.power))


@dataclass(frozen=True)
class Measured(Foreseen):
    """The same run with the memorisation time of every sample as measured.

    Attributes
    ----------
    times : (N,) array, steps; infinite where a sample is never memorised, nan where the world has no such sample
    """

    times: Array

    @property
    def log_ratios(self) -> Array:
        """log(measured / predicted) of the samples for which both are finite."""
        both = np.isfinite(self.times) & np.isfinite(self.predicted)
        return np.log(self.times[both]) - np.log(self.predicted[both])


@lru_cache(maxsize=8)
def _value_table(power: float) -> tuple[Array, Array]:
    """Memorised value against the log of the time in units of N / (eta lam kappa): one table for every run."""
    time = np.geomspace(*TABLE, 200)
    margin = noise_margin_after_memorisation(
        time, MEMORISED, power=power, samples=1.0, learning_rate=1.0, attacked_weight=1.0, patch_energy=1.0
    )
    return np.log(time), margin ** (1.0 / power)


MEMORISATION_HYPOTHESES = (
    "gram-nearly-orthogonal",
    "signal-grows-first",
    "adversarial-weight-inside",
    "memorises-before-escape",
    "some-live-filter",
)
"""Hypotheses of every claim about single memorisation times; those at small coupling add decoupled-memorisation."""


@lru_cache(maxsize=256)
def measure_times(params: Params, world: World = CLAIMED) -> Measured:
    """Measure the memorisation times of a run of a world, and predict them from the starts that are claimed.

    The world has the same seed, so that its starts are those claimed but for what is wrong in it; its number `overlaps`
    is a factor of the overlaps of the noise patches.
    """
    told = Foreseen.of(params)
    first = float(np.min(told.exposure))  # half the time it takes with both losses at weight 1/2
    simulated = world.of(params)
    system = draw_gram(simulated)
    overlaps = world.number("overlaps", 1.0)
    if overlaps != 1.0:
        system = with_overlaps(system, overlaps)
    times = memorisation_times(simulated, first, system)
    return Measured(params, told.starts, told.exposure, of_same_samples(times, params.samples))


def kick_deviation(run: Foreseen) -> Array:
    """Standard deviation of log T of every sample by first-order kicks from those memorised before: (N,).

    Kind: order (derived above); the memorised value nu is taken at a third of the way from T_b to T_a, where the mean
    of the falling weight lies.
    """
    params, predicted = run.params, run.plateau_times
    starts = run.starts.noise.reshape(params.samples, params.patches - 1, params.neurons).max(axis=1)
    winner, largest = starts.argmax(axis=1), starts.max(axis=1)
    value = run.memorised_value
    excess = params.power - 2.0
    deviation = np.zeros(params.samples)
    for a in np.flatnonzero(np.isfinite(predicted)):
        earlier = np.flatnonzero((winner == winner[a]) & (predicted < predicted[a]))
        left = 1.0 - predicted[earlier] / predicted[a]
        kicks = value(predicted[a] * left / 3.0) * left ** ((params.power - 1.0) / excess)
        deviation[a] = excess * np.sqrt(np.sum(kicks**2) / params.dimension) / largest[a]
    return deviation


class Race(NamedTuple):
    """When every sample is memorised, in steps, infinite for never, and by which neuron, -1 for none: (N,) each."""

    times: Array
    winners: NDArray[np.int64]


def decoupled_race(run: Foreseen) -> Race:
    """Memorisation times when no sample knows of another: by the neuron of the feature that blows up first."""
    order = np.argmax(run.starts.noise, axis=1) % run.params.neurons
    return Race(run.predicted, np.where(np.isfinite(run.predicted), order, -1))


def kicked_race(run: Foreseen, overlaps: Array, value_scale: float = 1.0) -> Race:
    """Memorisation when every memorised sample kicks the others of its neuron, with no free parameter.

    The race of the decoupled features, event by event: between two events every feature grows on its own,
    v' = c_a |v|^(q-1) with c_a from the decoupled time; when sample b is memorised through neuron r, every other
    feature of r is moved by ``overlaps[a, b]`` = y_a y_b K_ab / K_bb times the memorised value. Kind: order; the kick
    comes at once, its slow logarithmic growth afterwards is replaced by its mean value (`value_spread` says how far
    that can be off; `value_scale` multiplies it).
    """
    params, predicted = run.params, run.predicted
    value, excess = run.memorised_value, params.power - 2.0
    features = run.starts.noise.reshape(params.samples, params.patches - 1, params.neurons).max(axis=1)
    speed = np.where(np.isfinite(predicted), features.max(axis=1) ** -excess / (excess * predicted), 0.0)
    speed[speed == 0.0] = np.median(speed[speed > 0.0])  # no positive start: the rate is that of any sample
    times, winners = np.full(params.samples, np.inf), np.full(params.samples, -1)
    now, present = 0.0, features.copy()
    open_samples = np.ones(params.samples, dtype=bool)
    while True:
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.where(present > 0.0, np.abs(present) ** -excess / (excess * speed[:, None]), np.inf)
        left[~open_samples] = np.inf
        b, r = np.unravel_index(int(np.argmin(left)), left.shape)
        if np.isinf(left[b, r]):
            return Race(times, winners)
        wait = float(left[b, r])
        now += wait
        times[b], winners[b], open_samples[b] = now, r, False
        present[open_samples] = grow(present[open_samples], speed[open_samples, None] * wait, params.power)
        ahead = np.where(present[:, r] > 0.0, left[:, r] - wait, now)
        kick = value_scale * overlaps[:, b] * value(np.clip(np.where(np.isfinite(ahead), ahead, now), 0.0, None) / 3.0)
        present[open_samples, r] += kick[open_samples]


def value_spread(run: Foreseen) -> float:
    """Half the range of the memorised value during the run, relative to its mean: V^(1/q) grows from V = 0.7 on."""
    longest = float(np.max(run.plateau_times[np.isfinite(run.exposure)]))
    low, high = run.memorised_value(np.array([0.0, longest]))
    return float((high - low) / (high + low))
