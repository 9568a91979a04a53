"""Runs under weight decay beside what is predicted from the same start: who is memorised, where margins rest, edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.experiment import Experiment
from cgrosim.predictions.predict import experiment_of
from cgrosim.run.results import Run
from cgrosim.studies.context import Context
from cgrosim.studies.memorisation import live_seeds, small_coupling
from cgrosim.studies.recording import record
from cgrosim.studies.world import World
from cgrosim.theory.decay import critical_start
from cgrosim.theory.initial_laws import MaximumLaw

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

DECAY_TIMES = 20.0  # what has not happened by then starts within exp(-20) of an edge
GAP = 1e-4
BRACKET = 1.03  # an edge is looked for between 3 per cent below and 3 per cent above its prediction


def decay_steps(params: Params, decay: float) -> int:
    """Steps of `DECAY_TIMES` decay times."""
    return int(np.ceil(DECAY_TIMES / (decay * params.flow_rate)))


def decayed(params: Params, decay: float, world: World, *names: str) -> Run:
    """A run of a world for twenty decay times, with these quantities at its end."""
    simulated = world.of(params.replace(weight_decay=decay))
    return record(simulated, [decay_steps(params, decay)], *names, start=draw_gram(simulated))


def memorised(run: Run) -> Bools:
    """(N,) which samples have been memorised."""
    return np.isfinite(run.values("memorization_time"))


def hardly_coupled(seed: int, **changes: int) -> Params:
    """Samples that do not lift each other over their edges: large starts at a large d, so that chi = 1e-4."""
    params = small_coupling(1e12, seed, signal_strength=10.0, gap=1e-5, **changes)
    return params.replace(init_std=100.0 * params.init_std)


@dataclass(frozen=True)
class DecayedSamples:
    """The samples of one run at one weight decay.

    Attributes
    ----------
    params : what is claimed, its weight decay included
    edges : (N,) predicted largest weight decay under which each sample is memorised, decoupled
    kicks : (N,) standard deviation of the log of an edge by the kicks of memorised samples
    memorised : (N,) what the run did
    share : predicted a-priori share of memorised samples
    """

    params: Params
    edges: Array
    kicks: Array
    memorised: Bools
    share: float

    @property
    def distance(self) -> Array:
        """(N,) how far the decay lies below the edge of each sample, in kicks; infinite where nobody kicks it."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.edges / self.params.weight_decay) / self.kicks)


def _kicks(x: Experiment) -> Array:
    """Relative width of the edges: a sample at its edge rests at the critical start until it is moved.

    Every memorised sample of its neuron moves it by nu N(0,1)/sqrt(d), nu the memorised value, and the edge by (q-2)
    times the relative move. Derived here; without what decay forgives of late kicks, so rather too wide.
    """
    p, starts = x.params, x.starts
    winner = np.argmax(starts.noise, axis=1) % p.neurons
    of_neuron = np.bincount(winner[np.isfinite(x.times)], minlength=p.neurons)
    value = x.rests.noise ** (1.0 / p.power)
    with np.errstate(divide="ignore"):  # a sample all of whose starts are dead has no edge
        share = p.weight_decay / x.decay.memorisation_edges
    barrier = np.abs(np.max(starts.noise, axis=1)) * share ** (1.0 / (p.power - 2.0))
    # at least one: a feature in another neuron, nearly as large, is kicked there
    count = np.maximum(of_neuron[winner], 1)
    return np.asarray((p.power - 2.0) * value * np.sqrt(count / p.dimension) / barrier)


def _a_priori_share(x: Experiment) -> float:
    """P(edge > decay) over starts, at mean energy, with the head start of this signal."""
    p, lam = x.params, x.setting.adversarial_weight
    decay = p.weight_decay * p.flow_rate
    head = 1.0 - (1.0 - lam) * np.exp(-(p.power - 2.0) * decay * x.plain_growth_time)
    barrier = critical_start(x.setting.noise_growth_rate * head, decay, p.power)
    return float(MaximumLaw(p.neurons * (p.patches - 1), x.setting.noise_start_std).sf(barrier))


def decayed_samples(context: Context, world: World) -> tuple[DecayedSamples, ...]:
    """Runs at the weight decay that half of the samples outgrow, where they hardly move each other."""
    found = []
    for seed in live_seeds(context, "decay-memorised-fraction", context.choose(2, 8)):
        params = hardly_coupled(seed, samples=context.choose(40, 100))
        middle = float(np.median(experiment_of(params).decay.memorisation_edges))
        params = params.replace(weight_decay=float(f"{middle:.2g}"))
        x = experiment_of(params)
        run = decayed(params, params.weight_decay, world)
        done, limits = memorised(run), x.decay.memorisation_edges
        both = slice(min(len(done), len(limits)))  # a world may have other samples besides
        found.append(DecayedSamples(params, limits[both], _kicks(x)[both], done[both], _a_priori_share(x)))
    return tuple(found)


@dataclass(frozen=True)
class Plateau:
    """Clean margin of the signal and mean noise margin of the memorised samples at rest: predicted and measured."""

    params: Params
    memorised: float
    predicted: tuple[float, float]
    measured: tuple[float, float]


def _nobody_lags(params: Params) -> bool:
    """Whether every sample has a start above a quarter of most, 1.4e-4 here: kicks of 2e-5 each turn none over.

    Of eight starts one has a sample with less, and of a hundred one has a sample that no filter can learn.
    """
    edges = experiment_of(params).decay.memorisation_edges
    return bool(np.min(edges) > 0.25 * np.median(edges))


def plateaus(context: Context, world: World) -> tuple[Plateau, ...]:
    """Runs whose decay lets everybody, and nobody, be memorised, where overlaps of patches are 1e-5."""
    found = []
    count = context.choose(1, 4)
    drawn = [
        small_coupling(1e10, seed, samples=10, gap=GAP, flow_tolerance=1e-9)
        for seed in live_seeds(context, "decay-plateaus", 2 * count + 5)
    ]
    for params in islice((params for params in drawn if _nobody_lags(params)), count):
        edges = experiment_of(params).decay.memorisation_edges
        for decay in (0.2 * float(edges.min()), 3.0 * float(edges.max())):
            x = experiment_of(params.replace(weight_decay=decay))
            run = decayed(params, decay, world, "signal_margin", "memorization")
            chosen = memorised(run)
            noise = float(np.mean(run.final("memorization")[chosen])) if chosen.any() else 0.0
            measured = float(run.final("signal_margin")), noise
            found.append(Plateau(x.params, float(chosen.mean()), (x.rests.clean, x.rests.noise), measured))
    return tuple(found)


@dataclass(frozen=True)
class Edge:
    """One edge of the phase diagram.

    Attributes
    ----------
    name : which edge, and where
    predicted : weight decay
    located : measured over predicted: 1 inside the bracket, 2 above it, 1/2 below it
    """

    name: str
    predicted: float
    located: float


def locate(below: Callable[[float], bool], predicted: float, bracket: float = BRACKET) -> float:
    """Where an edge lies, `below` being true of decays below it: 1 within the bracket, 2 above it, 1/2 below it."""
    first, last = below(predicted / bracket), below(predicted * bracket)
    return 1.0 if first and not last else 2.0 if first else 0.5


def edges(context: Context, world: World) -> tuple[Edge, ...]:
    """Edges over decay and gap, and over decay and number of samples, each from one start.

    The edge of the first sample, which others could lift over it, is looked for where they hardly do.
    """
    found = []

    def add(name: str, params: Params, predicted: float, outcome: Callable[[Run], bool], *names: str) -> None:
        located = locate(lambda decay: outcome(decayed(params, decay, world, *names)), predicted)
        found.append(Edge(name, predicted, located))

    for seed in live_seeds(context, "decay-phase-diagram", context.choose(1, 4)):
        for samples, gap in ((8, 1e-4), (30, 3e-4)):
            params = small_coupling(1e8, seed, samples=samples, gap=gap)
            largest = float(np.max(experiment_of(params).decay.memorisation_edges))
            add(
                f"anybody memorised, N = {samples}, gap {gap:g}",
                params,
                largest,
                lambda run: bool(memorised(run).any()),
            )
            # of 24 neurons one starts above 0 for every sample, but for one start of 5e5 (30 samples)
            params = hardly_coupled(seed, samples=samples, neurons=24)
            least = float(np.min(experiment_of(params).decay.memorisation_edges))
            add(
                f"everybody memorised, N = {samples}, gap {params.gap:g}",
                params,
                least,
                lambda run: bool(memorised(run).all()),
            )
        for gap in (1e-4, 0.3):
            params = small_coupling(1e8, seed, samples=8, gap=gap)
            params = params.replace(init_std=0.1 * params.init_std)  # the edge is that of small margins
            lost = experiment_of(params).decay.signal_edge
            add(f"signal learnt, gap {gap:g}", params, lost, _learnt, "signal_margin")
        for gap in (0.01, 0.1):
            params = small_coupling(1e8, seed, samples=8, gap=gap)
            free = experiment_of(params).decay.escape.free
            add(f"signal escapes, gap {gap:g}", params, free, _escaped, "attacked_signal_margin")
    return tuple(found)


def _learnt(run: Run) -> bool:
    return float(run.final("signal_margin")) > 1.0


def _escaped(run: Run) -> bool:
    # the plateau leaves less than gap^q times some ten, the escaped state a margin of several
    return float(run.final("attacked_signal_margin")) > 1.0
