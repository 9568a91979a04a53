"""Both edges of the phase diagram start by start: the gap at which they are predicted, and the one at which they are.

An edge is found, not guessed from outcomes: that of escape by halving an interval, that of overfitting by a run near
it, which tells how far its attacked signal is from the level that decides; the attacked signal grows like gap^q, so
that the next run is nearly on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.model.streams import RunStream, stream
from cgrosim.model.thresholds import MEMORISED
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.laws import required_exposures
from cgrosim.predictions.starts import Starts, starts_of_system
from cgrosim.run.stopping import escaped, memorised
from cgrosim.studies.context import Context
from cgrosim.studies.fresh_noise import draw_fresh_noise
from cgrosim.studies.recording import record, whole_steps
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.world import World
from cgrosim.theory.memorisation import noise_margin_after_memorisation
from cgrosim.theory.noise_law import IndependentNoiseLaw

Array = NDArray[np.float64]

PLACES = {
    "escape": ((4, 1.0), (4, 4.0), (24, 1.0), (24, 4.0)),
    "overfitting": ((2, 1.0), (2, 4.0), (4, 1.0), (4, 4.0)),
}
"""N, and noise_std over its value in the paper, by edge: where the gaps span most."""
SCALES = {"escape": (10**8, -0.35), "overfitting": (10**6, -0.4)}
"""d and the exponent of init_std in it, by edge: kicks chi of 0.07, and of 0.28 where the memorised noise is to be at
least a quarter of the squared norms that make the fresh noise."""
EACH = {"escape": (5, 12), "overfitting": (5, 12)}
"""Starts of a place, quick and full: intervals of both edges, and four standard deviations, fit into their regions."""
REGIONS = ("robust overfitting", "memorised yet robust", "robust by signal")
HALF_WAY = 0.25  # robust test error between 0 and the 1/2 of the theorem: the edge of overfitting
HORIZON = 3.0  # in plateau times until half of the samples are memorised
ROUNDS = 2  # runs towards an edge, the first one at the predicted gap: what the second leaves is of second order
FRESH = 40_000  # samples whose quartile of S is taken: the level is known to 1 %
BRACKET, HALVINGS = 1.06, 4  # about the predicted edge of escape: cells of 0.7 %, laid at random
LOOKS = (0.3, 0.6, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.5, 2.0, 4.0, 10.0)  # until neither has come, in half times


def phase_params(
    seed: int,
    *,
    gap: float,
    samples: int,
    noise_factor: float = 1.0,
    scales: tuple[int, float] = (2000, -0.4),
) -> Params:
    """The setting of the phase maps: P = 2, m = 10, q = 3, lam = 1/2; `scales` are d and the exponent of init_std."""
    params = Params.from_paper(
        scales[0], patches=2, neurons=10, samples=samples, gap=gap, init_exponent=scales[1], init_polylog=1.0,
        seed=seed, sampling="gram", engine="flow", flow_tolerance=1e-5, records=1, test_samples=2000,
    )  # fmt: skip
    return params.replace(noise_std=noise_factor * params.noise_std)


class Push(NamedTuple):
    """What a start says of the push on the attacked signal, in steps at full strength (s = 1/2 for every sample)."""

    half_time: float  # when half of the samples are memorised
    until_half: float
    until_end: float


@dataclass(frozen=True)
class Edge:
    """One edge of one start, as a gap.

    Attributes
    ----------
    kind : a key of `PLACES`
    samples, noise_factor, seed : place on the map, and the seed of the start
    foreseen, found : as predicted and as found
    """

    kind: str
    samples: int
    noise_factor: float
    seed: int
    foreseen: float
    found: float


@lru_cache(maxsize=256)
def _start(params: Params) -> tuple[Starts, Array]:
    """What a run starts from, and the exposure that each sample needs."""
    starts = starts_of_system(params, draw_gram(params))
    return starts, required_exposures(params, starts)


def half_of(times: Array) -> float:
    """When half of the samples are memorised, of whose N each has one time; N is even."""
    return float(np.sort(times)[len(times) // 2 - 1])


@lru_cache(maxsize=256)
def push_of(params: Params) -> Push:
    """On the plateau a sample pushes the attacked signal until it is memorised; the gap of `params` does not count.

    When half of the samples are, it has lasted the mean of min(T_i, T_half), and at the horizon of min(T_i, horizon).
    """
    plateau = 2.0 * _start(params)[1] / params.adversarial_weight
    half = half_of(plateau)
    until_half, until_end = (float(np.mean(np.minimum(plateau, end))) for end in (half, HORIZON * half))
    return Push(half, until_half, until_end)


@lru_cache(maxsize=256)
def foreseen_escape(params: Params) -> float:
    """Gap above which the signal escapes: its flow without noise needs less than the push lasts. Derived here."""
    signal, push = _start(params)[0].signal, push_of(params).until_half

    def early(log_gap: float) -> float:
        told = params.replace(gap=float(np.exp(log_gap)))
        return float(np.log(push / max(signal_flow(told, signal).escape_time(), 1e-9)))

    return _root(early)


@lru_cache(maxsize=256)
def foreseen_overfitting(params: Params) -> float:
    """Gap below which a run overfits: its attacked margin stays below the quartile of S. Derived here."""
    signal, push = _start(params)[0].signal, push_of(params)
    quarter = quarter_level(params, HORIZON * push.half_time)

    def above(log_gap: float) -> float:
        told = params.replace(gap=float(np.exp(log_gap)))
        margin = float(signal_flow(told, signal).margin_at(push.until_end))
        return float(params.power * log_gap + np.log(margin / quarter))

    return _root(above)


def _root(function: Callable[[float], float]) -> float:
    """The gap at which a function of its logarithm is 0."""
    return float(np.exp(brentq(function, np.log(1e-5), np.log(0.99), xtol=3e-4)))


def quarter_level(params: Params, horizon: float) -> float:
    """Attacked margin at which the robust test error would be 1/4, every sample memorised by its fastest neuron.

    Squared norms: init_std^2 (d-1) plus V^(2/q)/kappa for every sample the neuron wins, V the decoupled margin at the
    horizon; the noise S of a fresh sample is then a sum of independent powers of normals. Kind: order (overlaps of
    patches of relative size d^(-1/2), and winners changed by kicks, are left out).
    """
    starts, _ = _start(params)
    winners = np.bincount(starts.noise.argmax(axis=1) % params.neurons, minlength=params.neurons)
    kappa = float(np.mean(starts.energy))
    margin = noise_margin_after_memorisation(
        horizon * (1.0 - 1.0 / HORIZON),
        MEMORISED,
        power=params.power,
        samples=params.samples,
        learning_rate=params.learning_rate,
        attacked_weight=params.adversarial_weight,
        patch_energy=kappa,
    )
    norms = params.init_std**2 * (params.dimension - 1) + winners * float(margin) ** (2.0 / params.power) / kappa
    scales = params.noise_std * np.sqrt(norms)
    law = IndependentNoiseLaw(scales, params.power, points=150)
    top = params.power * float(np.log(np.max(scales))) + 5.0
    return float(np.exp(brentq(lambda x: float(law.error_at(np.exp(x))) - HALF_WAY, top - 25.0, top, xtol=1e-3)))


def edge_study(context: Context, world: World) -> tuple[Edge, ...]:
    """Starts with a live filter (with none, of probability 2^-10, there is no signal to escape by) on a grid of N and
    noise, and both edges of each.
    """
    found, cells = [], context.generator("phase-cells")
    for kind, places in PLACES.items():
        foresee, find = EDGES[kind]
        for number, (samples, factor) in enumerate(places):
            base = phase_params(0, gap=0.05, samples=samples, noise_factor=factor, scales=SCALES[kind])
            each = context.choose(*EACH[kind])
            seeds = context.seeds(f"phase-{kind}-{number}", 4 * each)
            for params, _ in chosen_starts(base, seeds, each, lambda system: bool(np.any(system.signal > 0.0))):
                told, laid = foresee(params), float(cells.uniform(-0.5, 0.5))
                found.append(Edge(kind, samples, factor, params.seed, told, find(params, told, world, laid)))
    return tuple(found)


def _escape_edge(params: Params, told: float, world: World, laid: float) -> float:
    """The gap above which the signal escapes before half of the samples are memorised, by halving an interval.

    The cells in which halving ends are laid at random, so that the middle of the one that holds the edge is off by a
    uniform error of mean 0, whatever the edge: what the Student interval takes it for. An edge outside of the interval
    is found at its end.
    """
    width = 2.0 * np.log(BRACKET)
    low = float(np.log(told)) - 0.5 * width + laid * width / 2**HALVINGS
    high = low + width
    looks = np.ceil(np.array(LOOKS) * push_of(params).half_time)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        there = world.of(params.replace(gap=float(np.exp(middle))))
        run = record(there, whole_steps(looks), "learnt_signal", until=memorised(0.5) | escaped())
        half = half_of(np.nan_to_num(run.values("memorization_time"), nan=np.inf))
        escape = np.nan_to_num(float(run.values("escape_time")), nan=np.inf)
        low, high = (middle, high) if half < escape else (low, middle)
    return float(np.exp(0.5 * (low + high)))


def _overfitting_edge(params: Params, told: float, world: World, laid: float) -> float:
    """The gap at which the attacked margin, gap^q times a slow function of it, is at the quartile of S."""
    gap = told
    for _ in range(ROUNDS):
        there = world.of(params.replace(gap=gap))
        end = whole_steps([np.ceil(HORIZON * push_of(params).half_time)])
        run = record(there, end, "attacked_signal_margin", "weight_gram")
        noise = draw_fresh_noise(
            stream(params.seed, RunStream.TEST), FRESH, np.asarray(run.final("weight_gram")), power=there.power,
            noise_std=there.noise_std, patches=there.patches,
        )  # fmt: skip
        ratio = float(np.median(np.abs(noise))) / float(run.final("attacked_signal_margin"))
        gap = float(np.clip(gap * ratio ** (1.0 / params.power), 1e-6, 0.9))
    return gap


EDGES = {"escape": (foreseen_escape, _escape_edge), "overfitting": (foreseen_overfitting, _overfitting_edge)}
"""By edge what says at which gap it is from a start, and what finds it."""
