"""What the theory predicts of a run at the paper's exponents from its start alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.memorisation_runs import Foreseen, decoupled_race, kicked_race
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_gram
from cgrosim.predictions.starts import Starts, starts_of_system
from cgrosim.studies.memorisation import overlaps_of
from cgrosim.studies.paper_scale import PaperRun
from cgrosim.studies.same_samples import of_same_samples
from cgrosim.theory.memorisation import noise_margin_after_memorisation
from cgrosim.theory.noise_moments import gram_test_noise_std
from cgrosim.theory.small_ball import density_at_zero
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """What the theory says about a run from its start alone.

    Attributes
    ----------
    growth_time : T_I, steps until alpha^q U = 1
    memorization_times : T_i of every sample, with the kicks of those memorised before where a sample has one patch
    decoupled_times : the same without kicks
    winners : (N,) the neuron that memorises each sample, -1 where none does
    signal_margin : alpha^q U at the end
    memorization : (N,) V_i at the end; nan for a sample predicted not to be memorised by then
    """

    growth_time: float
    memorization_times: Array
    decoupled_times: Array
    winners: NDArray[np.int64]
    signal_margin: float
    memorization: Array


def leading_energy(starts: Starts, power: float) -> Array:
    """Energy of the patch that carries each sample's memorised noise, the one whose feature blows up first: (N,).

    v' = c kappa v^(q-1) blows up after a time proportional to v(0)^(2-q) / kappa; at q = 2 it grows at the rate kappa.
    """
    speed = starts.energy * np.maximum(starts.noise, 0.0) ** (power - 2.0)
    speed = np.where(starts.noise > 0.0, speed, -1.0)
    return np.asarray(starts.energy[np.arange(len(speed)), speed.argmax(axis=1)])


@lru_cache(maxsize=256)
def _system(params: Params) -> ClosedSystem:
    """The start that is claimed."""
    return draw_gram(params)


@lru_cache(maxsize=256)
def predict(params: Params, steps: float) -> Predicted | None:
    """Predict a run of `steps` steps from its start.

    On the plateau the clean push on u falls by e^(-V_i) once sample i is memorised, so that the margin a stops, up to
    a logarithm of a logarithm, where the time weighted over samples stops: a(T) = a_0(mean of min(T_i, T)), a_0 the
    signal's flow at V = 0. V_i grows from 0.7 at T_i by its own logarithmic law. T_i is that of the race of the
    features, in which a memorised one kicks those it overlaps with, to first order (`kicked_race`). Derived here.
    """
    run = Foreseen.of(params)
    starts, flow = run.starts, run.clock.flow
    if flow is None:
        return None
    race = decoupled_race(run)
    if params.patches == 2:
        race = kicked_race(run, overlaps_of(_system(params)))
    times = race.times
    energy = leading_energy(starts, params.power)
    late = np.maximum(steps - times, 0.0)
    memorization = noise_margin_after_memorisation(
        late * energy / energy.mean(),
        MEMORISED,
        power=params.power,
        samples=params.samples,
        learning_rate=params.learning_rate,
        attacked_weight=params.adversarial_weight,
        patch_energy=float(energy.mean()),
    )
    return Predicted(
        growth_time=float(flow.time_of_margin(1.0)),
        memorization_times=times,
        decoupled_times=run.predicted,
        winners=race.winners,
        signal_margin=float(flow.margin_at(np.mean(np.minimum(times, steps)))),
        memorization=np.where(times < steps, memorization, np.nan),
    )


def predicted_of(run: PaperRun) -> Predicted | None:
    """The prediction of the parameters a claim is about; None where every filter starts dead."""
    return predict(run.claimed, run.steps)


PROMPT = 0.3
"""Of T, three median memorisation times: the starts of samples that take longer are a third of what most have."""


def prompt(run: PaperRun, predicted: Predicted) -> NDArray[np.bool_]:
    """Samples predicted to be memorised well before T: (N,); of those that the simulated world has as well.

    Whether the others are is left to kicks of the second order, of features that grow and do not win: they can turn a
    small start over. One sample in 4096 has no live filter at all.
    """
    there = np.arange(len(predicted.memorization_times)) < len(run.trained.memorization)
    return np.asarray(there & (predicted.memorization_times < PROMPT * run.steps))


def of_prompt(run: PaperRun, predicted: Predicted, values: Array) -> Array:
    """What was measured of every sample, of the prompt ones."""
    return of_same_samples(values, run.claimed.samples)[prompt(run, predicted)]


def distance_from_start(run: PaperRun, predicted: Predicted) -> float:
    """Distance of the robust test error from 1/2 predicted from the start alone: (gap alpha)^q U f_S(0)."""
    return predicted_distance(run.claimed, _system(run.claimed), predicted)


def predicted_distance(p: Params, system: ClosedSystem, predicted: Predicted) -> float:
    """The same for parameters and the system they start from."""
    scales = p.noise_std * predicted_norms(p, system, predicted)
    residual = p.gap**p.power * predicted.signal_margin
    return float(residual * density_at_zero(np.repeat(scales, p.patches - 1), p.power))


def deviation_from_start(run: PaperRun, predicted: Predicted) -> float:
    """Standard deviation of S predicted from the start alone, overlaps of the filters left out."""
    p = run.claimed
    norms = predicted_norms(p, _system(p), predicted)
    return float(gram_test_noise_std(np.diag(norms**2), power=p.power, noise_std=p.noise_std, patches=p.patches))


def predicted_norms(p: Params, system: ClosedSystem, predicted: Predicted) -> Array:
    """Norms of the filters off w_star at the end, from the start.

    The neuron that wins sample i memorises it: its squared norm grows by (v^2 - v(0)^2)/|X_i|^2 with v = V_i^(1/q).
    Overlaps of the patches, of order d^(-1/2), are left out. Derived here.
    """
    starts = starts_of_system(p, system)
    squared = np.diag(system.weight_gram).copy()
    for i, (value, winner) in enumerate(zip(predicted.memorization, predicted.winners, strict=True)):
        if np.isfinite(value):
            feature = winner + p.neurons * int(np.argmax(starts.noise[i, winner :: p.neurons]))
            grown = value ** (2.0 / p.power) - starts.noise[i, feature] ** 2
            squared[winner] += grown / starts.energy[i, feature]
    return np.asarray(np.sqrt(squared))
