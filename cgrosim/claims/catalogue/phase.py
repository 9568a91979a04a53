"""The phase diagram: memorise or escape, and memorised yet robust or overfitting, on grids of runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.laws import required_exposures
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.predictions.starts import Starts, starts_of_system
from cgrosim.run.session import simulate
from cgrosim.studies.world import World
from cgrosim.theory.memorisation import noise_margin_after_memorisation
from cgrosim.theory.noise_law import IndependentNoiseLaw

Array = NDArray[np.float64]

REGIONS = ("robust overfitting", "memorised yet robust", "robust by signal")
OVERFITTING, ROBUST, ESCAPED = range(3)
TEST_SAMPLES = 2000
ESCAPE_WIDTH = float(np.log(2.0)) + 0.5  # of log(T_mem/T_esc); why, see `_escape_check`
HALF_WAY = 0.25  # robust test error between 0 and the 1/2 of the theorem: the edge of overfitting
HYPOTHESES = ("gram-nearly-orthogonal", "signal-grows-first", "adversarial-weight-inside", "some-live-filter")


@dataclass(frozen=True)
class Cell:
    """One run of a phase map.

    Attributes
    ----------
    gap, other, seed : place on the map, and the seed of the run
    region, predicted : index into `REGIONS`, as observed and as predicted from the starts
    time_ratio : predicted log(T_mem / T_esc), negative where half of the samples are memorised first
    overfitting_ratio : predicted log of the attacked margin over the one that would give a robust error of 1/4
    observed_memorises : whether half of the samples were memorised before the attacked signal grew
    robust_error : measured robust test error at the end
    """

    gap: float
    other: float
    seed: int
    region: int
    time_ratio: float
    overfitting_ratio: float
    observed_memorises: bool
    robust_error: float

    @property
    def predicted(self) -> int:
        """The region both ratios point to."""
        if self.time_ratio > 0.0:
            return ESCAPED
        return OVERFITTING if self.overfitting_ratio < 0.0 else ROBUST


def phase_params(seed: int, *, gap: float, samples: int, noise_factor: float = 1.0) -> Params:
    """The setting of the phase maps: d = 2000, P = 2, m = 10, q = 3, lam = 1/2, init_std = d^-0.4."""
    params = Params.from_paper(
        2000, patches=2, neurons=10, samples=samples, gap=gap, init_exponent=-0.4, init_polylog=1.0, seed=seed,
        sampling="gram", engine="flow", flow_tolerance=1e-5, records=1, test_samples=TEST_SAMPLES,
    )  # fmt: skip
    return params.replace(noise_std=noise_factor * params.noise_std)


@lru_cache(maxsize=1024)
def _outcome(params: Params) -> tuple[bool, float]:
    """Run to the horizon: whether half of the samples were memorised before the escape, and the robust test error."""
    run = simulate(params)
    times = np.nan_to_num(run.data["memorization_time"].values, nan=np.inf)
    escape = np.nan_to_num(float(run.data["escape_time"]), nan=np.inf)
    return bool(np.median(times) < escape), float(run.final("robust_test_error"))


def observe(params: Params, other: float, gap_power: float) -> Cell:
    """Run one cell and predict it from its starts; `gap_power` is the exponent of gap in the predicted edges (q)."""
    starts, exposure = _start(params)
    told = params.replace(gap=params.gap ** (gap_power / params.power))
    flow = signal_flow(told, starts.signal)
    plateau_time = 2.0 * exposure / params.adversarial_weight
    horizon = int(np.ceil(3.0 * plateau_time))
    memorises, error = _outcome(params.replace(steps=horizon))
    # on the plateau both times are exact until the first of the two happens; beyond it only the sign is used
    time_ratio = float(np.log(plateau_time) - np.log(flow.escape_time()))
    # once half of the samples are memorised they no longer push the attacked signal: the plateau stays where it is
    margin = told.gap**params.power * float(flow.margin_at(plateau_time))
    quarter = _quarter_level(params, horizon)
    region = (OVERFITTING if error > HALF_WAY else ROBUST) if memorises else ESCAPED
    return Cell(params.gap, other, params.seed, region, time_ratio, float(np.log(margin / quarter)), memorises, error)


@lru_cache(maxsize=1024)
def _start(params: Params) -> tuple[Starts, float]:
    """What a run starts from, and the median exposure its samples need."""
    starts = starts_of_system(params, draw_gram(params))
    return starts, float(np.median(required_exposures(params, starts)))


@lru_cache(maxsize=1024)
def _quarter_level(params: Params, horizon: int) -> float:
    """Attacked margin at which the robust test error would be 1/4, every sample memorised by its fastest neuron.

    Squared norms: init_std^2 (d-1) plus V^(2/q)/kappa for every sample the neuron wins, V the decoupled margin at the
    horizon; the noise S of a fresh sample is then a sum of independent powers of normals. Kind: order (overlaps of
    patches of relative size d^(-1/2), and winners changed by kicks, are left out).
    """
    from scipy.optimize import brentq

    starts, _ = _start(params)
    winners = np.bincount(starts.noise.argmax(axis=1) % params.neurons, minlength=params.neurons)
    kappa = float(np.mean(starts.energy))
    margin = noise_margin_after_memorisation(
        0.5 * horizon,
        0.7,
        power=params.power,
        samples=params.samples,
        learning_rate=params.learning_rate,
        attacked_weight=params.adversarial_weight,
        patch_energy=kappa,
    )
    norms = params.init_std**2 * (params.dimension - 1) + winners * float(margin) ** (2.0 / params.power) / kappa
    scales = params.noise_std * np.sqrt(norms)
    law = IndependentNoiseLaw(scales, params.power, points=150)
    unit = float(np.max(scales)) ** params.power
    top = np.log(unit) + 5.0
    return float(np.exp(brentq(lambda x: float(law.error_at(np.exp(x))) - HALF_WAY, top - 25.0, top, xtol=1e-3)))


def _live(params: Params) -> bool:
    return bool(np.any(draw_gram(params).signal > 0.0))


def phase_map(context: Context, kind: str, gap_power: float) -> list[Cell]:
    """All cells of a map: gap against samples, or gap against noise_std."""
    gaps = [float(gap) for gap in np.geomspace(0.003, 0.3, 11 if context.full else 5)]
    if kind == "samples":
        others = [4.0, 8.0, 16.0, 32.0, 64.0, 128.0] if context.full else [4.0, 8.0, 12.0, 16.0, 24.0]
    else:
        others = [0.5, 0.71, 1.0, 1.41, 2.0]
    seeds = iter(context.seeds(f"phase-{kind}", 2 * len(gaps) * len(others)))
    cells = []
    for gap, other in ((g, o) for g in gaps for o in others):
        samples, factor = (int(other), 1.0) if kind == "samples" else (12, float(other))
        # given a live filter: with none (probability 2^-10 a run) there is no signal to escape by
        params = next(
            p for seed in seeds if _live(p := phase_params(seed, gap=gap, samples=samples, noise_factor=factor))
        )
        cells.append(observe(params, float(other), gap_power))
    return cells


def _agreement(name: str, cells: list[Cell], agree: list[bool], reason: str) -> Check:
    count = len(agree)
    return checks.success_rate(
        f"{name}: agreement away from the edge",
        sum(agree),
        max(count, 1),
        0.75,
        f"{reason}; at least 3 in 4, half-way between guessing and certainty, on {count} of {len(cells)} runs",
    )


def _escape_check(cells: list[Cell]) -> Check:
    away = [c for c in cells if abs(c.time_ratio) > ESCAPE_WIDTH]
    agree = [c.observed_memorises == (c.time_ratio < 0.0) for c in away]
    reason = (
        "undecided within |log(T_mem/T_esc)| < log 2 + 0.5: half of the samples memorised halve the push that is "
        "left, and at coupling chi = 0.5 one kick moves a time by up to about 0.5 in log"
    )
    return _agreement("memorise/escape edge", cells, agree, reason)


def _overfitting_check(cells: list[Cell]) -> Check:
    """Which runs overfit, of all whose prediction is decided: chosen by the prediction, never by what a run did."""
    width = 1.5 * float(np.log(2.0))
    # above the edge a run is robust whether it memorises or escapes; below it, it overfits if it memorises first
    robust = [c for c in cells if c.overfitting_ratio > width]
    away = robust + [c for c in cells if c.overfitting_ratio < -width and c.time_ratio < -ESCAPE_WIDTH]
    agree = [(c.robust_error > HALF_WAY) == (c.overfitting_ratio < 0.0) for c in away]
    reason = (
        "undecided within (q/2) log 2: squared weight norms are known to a factor 2 (one sample more or less on one); "
        "and below the edge where memorising first is not decided"
    )
    return _agreement("overfitting edge", cells, agree, reason)


def measure_edges(context: Context, world: World) -> Evidence:
    """Both edges on gap x samples and gap x noise_std; wrong world: edges with gap in place of gap^q."""
    gap_power = 1.0 if world.wrong else 3.0
    maps = {"gap x N": phase_map(context, "samples", gap_power)}
    if context.full:
        maps["gap x noise_std"] = phase_map(context, "noise", gap_power)
    params = phase_params(0, gap=0.01, samples=16)
    everything = [cell for cells in maps.values() for cell in cells]
    found = (_escape_check(everything), _overfitting_check(everything))
    wrong = [c for c in everything if c.region != c.predicted]
    return Evidence(
        checks=found,
        hypotheses=slacks(params, *HYPOTHESES),
        params=params,
        seeds=tuple(cell.seed for cell in everything),
        tested_range=f"d = 2000, P = 2, m = 10, q = 3, lam = 1/2, init_std = d^-0.4, "
        f"chi = {setting_of(params).coupling:.2g}; "
        + ", ".join(f"{title}: {len(cells)} runs" for title, cells in maps.items()),
        panels=tuple(_map_panel(title, cells) for title, cells in maps.items()),
        finding=""
        if world.wrong
        else f"{len(wrong)} of {len(everything)} runs lie in another region than predicted, all counted; those near an "
        "edge are undecided by design.",
    )


def _map_panel(title: str, cells: list[Cell]) -> Panel:
    gaps = np.array(sorted({c.gap for c in cells}))
    others = np.array(sorted({c.other for c in cells}))
    place = {(c.gap, c.other): c for c in cells}
    grid = [[place[g, o] for g in gaps] for o in others]
    values = np.array([[float(c.region) for c in row] for row in grid])
    escape = np.array([_crossing(gaps, [c.time_ratio for c in row]) for row in grid])
    overfit = np.array([_crossing(gaps, [c.overfitting_ratio for c in row]) for row in grid])
    label = "samples N" if "N" in title else "noise_std / its paper value"
    return Panel(
        f"phase diagram, {title}",
        "gap = 1 - radius / signal strength",
        label,
        (
            Series("map", "outcome", gaps, others, values=values, categories=REGIONS),
            Series("line", "predicted memorise/escape edge", escape, others),
            Series("line", "predicted overfitting edge", overfit, others),
        ),
        "log",
        "log",
    )


def _crossing(gaps: Array, ratios: list[float]) -> float:
    """Gap at which a predicted log-ratio, averaged over the runs of a row by a straight line, crosses zero."""
    slope, offset = np.polyfit(np.log(gaps), ratios, 1)
    return float(np.exp(-offset / slope))


CLAIMS = (
    Claim(
        name="phase-edges",
        title="three phases and their two edges",
        statement="Robust overfitting, memorised yet robust, robust by signal: memorised iff T_mem < T_esc, i.e. "
        "(gap alpha)^q u_p^(q-2) N < kappa v_max^(q-2); overfitting iff gap^q a is below the quartile of S.",
        source="derived here; not in arXiv 2306.01271",
        kind="derived here",
        measure=measure_edges,
        worlds=(World("edges with gap to the power 1 instead of q"),),
        cost=4.0,
    ),
)
