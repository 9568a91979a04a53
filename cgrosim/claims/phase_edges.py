"""Both edges of the phase diagram start by start: the gap at which they are predicted, and the one at which they are.

An edge is found, not guessed from outcomes: a run near it tells how far its attacked signal is from the level that
decides, and the attacked signal grows like gap^q, so that the next run is nearly on it.
"""

from __future__ import annotations

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
    "escape": ((4, 0.5), (4, 2.0), (24, 0.5), (24, 2.0)),
    "overfitting": ((2, 0.5), (2, 4.0), (4, 1.0), (4, 4.0)),
}
"""N, and noise_std over its value in the paper, by edge: where the gaps span most, and where the one of overfitting
is predicted below that of escape, so that there is one."""
REGIONS = ("robust overfitting", "memorised yet robust", "robust by signal")
HALF_WAY = 0.25  # robust test error between 0 and the 1/2 of the theorem: the edge of overfitting
HORIZON = 3.0  # in plateau times of the median sample
ROUNDS = 2  # runs towards an edge, the first one at the predicted gap: what the second leaves is of second order
FRESH = 40_000  # samples whose quartile of S is taken: the level is known to 1 %
BRACKET, HALVINGS = 3.0, 6  # about the predicted edge of escape, which is found to 2 %
PATIENCE = 10.0  # plateau times of the median sample after which neither has come


def phase_params(seed: int, *, gap: float, samples: int, noise_factor: float = 1.0) -> Params:
    """The setting of the phase maps: d = 2000, P = 2, m = 10, q = 3, lam = 1/2, init_std = d^-0.4."""
    params = Params.from_paper(
        2000, patches=2, neurons=10, samples=samples, gap=gap, init_exponent=-0.4, init_polylog=1.0, seed=seed,
        sampling="gram", engine="flow", flow_tolerance=1e-5, records=1, test_samples=2000,
    )  # fmt: skip
    return params.replace(noise_std=noise_factor * params.noise_std)


class Foreseen(NamedTuple):
    """What a start says: the gaps of both edges, and the plateau times of its median sample and of the push."""

    escape: float
    overfitting: float
    median_time: float
    pushed: float


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


@lru_cache(maxsize=256)
def foresee(params: Params) -> Foreseen:
    """Both edges of a start; the gap of `params` does not count.

    On the plateau a sample pushes the attacked signal until it is memorised. When the median sample is, the push has
    lasted the mean of min(T_i, T_median) at full strength: the signal escapes first if its flow without noise needs
    less. At the horizon the push has lasted the mean of min(T_i, horizon), and a run overfits if the attacked margin
    that it made is below the quartile of S. Derived here.
    """
    starts, exposures = _start(params)
    plateau = 2.0 * exposures / params.adversarial_weight
    median = float(np.median(plateau))
    until_median, until_end = (float(np.mean(np.minimum(plateau, end))) for end in (median, HORIZON * median))

    def early(log_gap: float) -> float:  # by how much it escapes before the push is over
        told = params.replace(gap=float(np.exp(log_gap)))
        return float(np.log(until_median / max(signal_flow(told, starts.signal).escape_time(), 1e-9)))

    quarter = quarter_level(params, HORIZON * median)

    def above(log_gap: float) -> float:  # by how much the attacked margin exceeds the quartile
        told = params.replace(gap=float(np.exp(log_gap)))
        margin = float(signal_flow(told, starts.signal).margin_at(until_end))
        return float(params.power * log_gap + np.log(margin / quarter))

    gap, low = (float(np.exp(brentq(off, np.log(1e-4), np.log(0.99), xtol=1e-3))) for off in (early, above))
    return Foreseen(gap, low, median, until_median)


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
    found = []
    for kind, places in PLACES.items():
        for number, (samples, factor) in enumerate(places):
            base = phase_params(0, gap=0.05, samples=samples, noise_factor=factor)
            each = context.choose(3, 12)
            seeds = context.seeds(f"phase-{kind}-{number}", 4 * each)
            for params, _ in chosen_starts(base, seeds, each, lambda system: bool(np.any(system.signal > 0.0))):
                told = foresee(params)
                edge = FINDERS[kind](params, told, world)
                found.append(Edge(kind, samples, factor, params.seed, getattr(told, kind), edge))
    return tuple(found)


def _escape_edge(params: Params, told: Foreseen, world: World) -> float:
    """The gap above which the signal escapes before half of the samples are memorised, by halving an interval."""
    low, high = told.escape / BRACKET, min(told.escape * BRACKET, 1.0)
    end = int(np.ceil(PATIENCE * told.median_time))
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high))
        run = record(world.of(params.replace(gap=middle)), whole_steps(np.geomspace(1.0, end, 30)), "learnt_signal",
                     until=memorised(0.5 + 1e-9) | escaped())  # fmt: skip
        times = np.nan_to_num(run.values("memorization_time"), nan=np.inf)
        escape = np.nan_to_num(float(run.values("escape_time")), nan=np.inf)
        low, high = (middle, high) if np.median(times) < escape else (low, middle)
    return float(np.sqrt(low * high))


def _overfitting_edge(params: Params, told: Foreseen, world: World) -> float:
    """The gap at which the attacked margin, gap^q times a slow function of it, is at the quartile of S."""
    gap = told.overfitting
    for _ in range(ROUNDS):
        there = world.of(params.replace(gap=gap))
        run = record(there, [int(np.ceil(HORIZON * told.median_time))], "attacked_signal_margin", "weight_gram")
        noise = draw_fresh_noise(
            stream(params.seed, RunStream.TEST), FRESH, np.asarray(run.final("weight_gram")), power=there.power,
            noise_std=there.noise_std, patches=there.patches,
        )  # fmt: skip
        ratio = float(np.median(np.abs(noise))) / float(run.final("attacked_signal_margin"))
        gap = float(np.clip(gap * ratio ** (1.0 / params.power), 1e-6, 0.9))
    return gap


FINDERS = {"escape": _escape_edge, "overfitting": _overfitting_edge}
