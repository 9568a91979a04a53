"""Growth of signal and noise per unit of log t, from the start of the plateau until long after all is memorised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_gram
from cgrosim.predictions.setting import setting_of
from cgrosim.predictions.starts import Starts, starts_of_system
from cgrosim.studies.context import Context
from cgrosim.studies.recording import record, whole_steps
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.world import World
from cgrosim.theory.decoupled_flow import DecoupledFlow, DecoupledPath

Array = NDArray[np.float64]

END = 300.0  # flow that is predicted, in median memorisation times
LATE = (3.0, 30.0)  # after the last memorisation, in units of it: a decade of the logarithmic growth
LEAST_START = 0.4  # of the largest features of the samples, over their median
LOOKS = 60  # looks before the first memorisation, and as many about it


class Grown(NamedTuple):
    """What one run, or its prediction, says of growth per unit of log t.

    Attributes
    ----------
    early : mean growth of the V_i over that of alpha^q U, from T_I to half of the first memorisation time
    relative : step from which the leading |v|^q of the first sample grows by a larger factor than alpha^q U
    absolute : step from which its V_i grows by more than alpha^q U
    late : growth of alpha^q U over the mean of the V_i, in the decade `LATE`
    """

    early: float
    relative: float
    absolute: float
    late: float


@dataclass(frozen=True)
class Dominance:
    """One start: growth as measured and as predicted, and the course of the run.

    Attributes
    ----------
    params : as claimed
    first, last : predicted steps at which the first and the last sample are memorised
    steps, signal, noise : looks at alpha^q U and at V of the first sample, for a figure
    """

    params: Params
    measured: Grown
    predicted: Grown
    first: float
    last: float
    steps: Array
    signal: Array
    noise: Array


class _Told(NamedTuple):
    """What a start says: where to look, what is to be seen there, and which feature leads."""

    steps: NDArray[np.int64]
    predicted: Grown
    first: float
    last: float
    sample: int
    feature: int


def experiment(seed: int = 0) -> Params:
    """Ten samples at d = 1e9 and chi = 0.04; the attack hides the signal for longer than is watched."""
    return Params.from_paper(
        10**9, init_exponent=-0.33, init_polylog=1.0, patches=2, samples=10, neurons=12, seed=seed, engine="flow",
        sampling="gram", flow_tolerance=1e-9,
    )  # fmt: skip


def dominance_study(context: Context, world: World) -> tuple[Dominance, ...]:
    """Starts with a live filter of which every sample is memorised without waiting for kicks of the others.

    A kick is chi of a typical start, and so more of a small one: the last sample of one start in twenty is decided by
    what it is given by others.
    """
    count = context.choose(3, 12)
    seeds = context.seeds("noise-growth-dominates", 8 * count)
    return tuple(_follow(params, system, world) for params, system in chosen_starts(experiment(), seeds, count, _able))


def _able(system: ClosedSystem) -> bool:
    starts = starts_of_system(experiment(), system)
    largest = np.max(starts.noise, axis=1)
    return bool(np.any(starts.signal > 0.0) and np.min(largest) > LEAST_START * np.median(largest))


def _follow(params: Params, system: ClosedSystem, world: World) -> Dominance:
    told = _told(params)
    there = world.of(params)
    start = None if there != params else system
    run = record(there, told.steps, "memorization", "signal_margin", "noise_correlation", start=start)
    neuron, patch = told.feature % params.neurons, told.feature // params.neurons
    leading = run.values("noise_correlation")[:, neuron, told.sample, patch]
    signal, noise = run.values("signal_margin"), run.values("memorization")
    grown = _grown(told, signal, noise, leading, params.power)
    return Dominance(params, grown, told.predicted, told.first, told.last, told.steps.astype(np.float64), signal,
                     noise[:, told.sample])  # fmt: skip


@lru_cache(maxsize=64)
def _told(params: Params) -> _Told:
    """Follow the decoupled flow of a start, and say where a run is to be looked at."""
    starts = starts_of_system(params, draw_gram(params))
    path, unit = _path(params, starts), params.flow_rate
    times, grown = path.memorisation_times() / unit, path.signal_growth_time() / unit
    first, last, sample = float(np.min(times)), float(np.max(times)), int(np.argmin(times))
    feature = int(np.argmax(starts.noise[sample]))
    steps = whole_steps([
        *np.geomspace(grown, 0.9 * first, LOOKS), *np.linspace(0.9 * first, 1.05 * first, LOOKS)[1:],
        *(late * last for late in LATE),
    ])  # fmt: skip
    growths = [path.growth(unit * step) for step in steps]
    margins = [path.flow.margins(unit * step, growth) for step, growth in zip(steps, growths, strict=True)]
    leading = np.array([path.noise(unit * step)[sample, feature] for step in steps])
    told = _Told(steps, Grown(*4 * (np.nan,)), first, last, sample, feature)
    signal, noise = np.array([one for one, _ in margins]), np.array([all_of for _, all_of in margins])
    return told._replace(predicted=_grown(told, signal, noise, leading, params.power))


def _path(params: Params, starts: Starts) -> DecoupledPath:
    flow = DecoupledFlow(
        starts.signal, starts.noise, starts.energy, params.power, params.signal_strength, params.gap,
        params.adversarial_weight,
    )  # fmt: skip
    return flow.run(END * setting_of(params).memorisation_time() * params.flow_rate)


def _grown(told: _Told, signal: Array, noise: Array, leading: Array, power: float) -> Grown:
    half = int(np.searchsorted(told.steps, 0.5 * told.first))
    before = slice(0, -2)  # the last two looks are the late ones
    logs, one = np.log(told.steps[before].astype(np.float64)), noise[before, told.sample]
    return Grown(
        early=float(np.mean(noise[half] - noise[0]) / (signal[half] - signal[0])),
        relative=_overtaken(logs, np.log(signal[before]), power * np.log(np.abs(leading[before]))),
        absolute=_overtaken(logs, signal[before], one),
        late=float((signal[-1] - signal[-2]) / np.mean(noise[-1] - noise[-2])),
    )


def _overtaken(logs: Array, slow: Array, fast: Array) -> float:
    """Where the second quantity begins to grow faster than the first; nan where it does not, or did from the start."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(np.diff(fast) / np.diff(slow))
    ahead = np.flatnonzero(ratio >= 0.0)
    if len(ahead) == 0 or ahead[0] == 0:
        return np.nan
    k, middle = int(ahead[0]), 0.5 * (logs[1:] + logs[:-1])
    share = ratio[k - 1] / (ratio[k - 1] - ratio[k])
    return float(np.exp(middle[k - 1] + share * (middle[k] - middle[k - 1])))
