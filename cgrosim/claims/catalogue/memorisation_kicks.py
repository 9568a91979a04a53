"""Memorisation times where chi is about 1: wrong by a factor when decoupled, right with the kicks between samples."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.memorisation_runs import (
    MEMORISATION_HYPOTHESES,
    Foreseen,
    kicked_race,
    measure_times,
    value_spread,
)
from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.memorisation import live_seeds, overlaps_of, small_coupling
from cgrosim.studies.world import World, plus, times

Array = NDArray[np.float64]


DRAWS = 4  # of random overlaps, a run: what the size of a kick is predicted by varies less than what is measured


class Races(NamedTuple):
    """What is predicted of one run: log times (N,) of every sample.

    Attributes
    ----------
    params : the run
    decoupled, kicked : without and with the kicks of the samples memorised before
    ends : kicked, the memorised value at either end of its range: (2, N)
    drawn : kicked by random overlaps: (DRAWS, N)
    """

    params: Params
    decoupled: Array
    kicked: Array
    ends: Array
    drawn: Array


def _dimensions(context: Context) -> list[float]:
    return [1e4, 1e6, 1e8, 1e10] if context.full else [1e4]


@lru_cache(maxsize=4)
def _races(context: Context) -> tuple[Races, ...]:
    """The predictions of every run, which no world changes."""
    dimensions, generator, found = _dimensions(context), context.generator("memorisation-kicks"), []
    seeds = live_seeds(context, "memorisation-kicks", context.choose(8, 3 * len(dimensions)))
    for dimension, seed in zip(np.resize(dimensions, len(seeds)), seeds, strict=True):
        params = small_coupling(float(dimension), seed, init_exponent=-0.5)
        run, overlaps = Foreseen.of(params), overlaps_of(draw_gram(params))
        spread = value_spread(run)
        others = [generator.standard_normal(overlaps.shape) / np.sqrt(params.dimension) for _ in range(DRAWS)]
        found.append(
            Races(
                params,
                np.log(run.predicted),
                np.log(kicked_race(run, overlaps).times),
                np.log([kicked_race(run, overlaps, 1.0 + sign * spread).times for sign in (-1.0, 1.0)]),
                np.log([kicked_race(run, each).times for each in others]),
            )
        )
    return tuple(found)


def measure_kicked(context: Context, world: World) -> Evidence:
    """Decoupled and kicked predictions at chi about 1; in wrong worlds overlaps are left out or turned round."""
    dimensions, told = _dimensions(context), _races(context)
    rows: dict[str, list[Array]] = {name: [] for name in ("times", "decoupled", "kicked", "spread", "kicks")}
    for one in told:
        times = np.log(measure_times(one.params, world).times)
        everything = np.vstack([times, one.decoupled, one.kicked, one.ends, one.drawn])
        kept = np.all(np.isfinite(everything), axis=0)
        for name, value in (("times", times), ("decoupled", one.decoupled), ("kicked", one.kicked)):
            # relative to the run's own median, or pooling dimensions would pass for correlation
            rows[name].append(value[kept] - np.median(one.decoupled[kept]))
        rows["spread"].append(np.max(np.abs(one.ends - one.kicked)[:, kept], axis=0))
        rows["kicks"].append(np.abs(one.drawn - one.decoupled)[:, kept].ravel())
    times, decoupled, kicked, spread, kicks = (np.concatenate(row) for row in rows.values())
    found = [*_kicked_checks(times, kicked, spread), _decoupled_error(times, decoupled, kicks)]
    correlation, *interval = checks.rank_correlation(times, decoupled)
    median, low, high = checks.median_interval(np.exp(times - decoupled))
    first, last = told[0].params, told[-1].params
    return Evidence(
        checks=tuple(found),
        hypotheses=slacks(first, *MEMORISATION_HYPOTHESES),
        params=first,
        seeds=tuple(one.params.seed for one in told),
        tested_range=f"d = {dimensions[0]:g} to {dimensions[-1]:g}, init_std = d^-0.5: chi = "
        f"{setting_of(first).coupling:.2f} to {setting_of(last).coupling:.2f}, N = 100, P = 2, m = 10, q = 3, "
        "lam = 1/2",
        panels=(_kicked_panel(rows),),
        finding=f"At chi about 1 the decoupled times are right only within a factor: median ratio {median:.3f} "
        f"[{low:.3f}, {high:.3f}], rank correlation {correlation:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]. What "
        "they lack are the kicks of the samples memorised before.",
    )


def _kicked_checks(times: Array, kicked: Array, spread: Array) -> list[Check]:
    median, low, high = checks.median_interval(times - kicked)
    region = float(np.median(spread))
    value, *limits = checks.rank_correlation(times, kicked)
    least, *_ = checks.rank_correlation(kicked, kicked + spread * np.where(np.arange(len(spread)) % 2 == 0, 1.0, -1.0))
    reason = "the race with the memorised value at either end of its range instead of its mean"
    return [
        checks.inside(
            f"median of log(measured / kicked prediction), {len(times)} samples",
            "0",
            median,
            (-region, region),
            f"{reason} moves the median time by {region:.3g}",
            (low, high),
        ),
        checks.inside(
            "rank correlation of measured and kicked times",
            f"at least {least:.3f}",
            value,
            (least, 1.0),
            f"{reason}, up for one half of the samples and down for the other, leaves {least:.3f}",
            (limits[0], limits[1]),
        ),
    ]


def _decoupled_error(times: Array, decoupled: Array, kicks: Array) -> Check:
    median, low, high = checks.median_interval(np.abs(times - decoupled))
    expected = float(np.median(kicks))
    return checks.inside(
        "median |log(measured / decoupled prediction)|",
        f"{expected:.3g}: the race with overlaps N(0,1)/sqrt(d)",
        median,
        (expected / 2.0, 2.0 * expected),
        "order of magnitude of one kick relative to the start: a prediction of kind order, right within a factor 2",
        (low, high),
    )


def _kicked_panel(rows: dict[str, list[Array]]) -> Panel:
    times, decoupled, kicked = (np.exp(rows[name][0]) for name in ("times", "decoupled", "kicked"))
    ends = np.array([times.min(), times.max()])
    return Panel(
        "memorisation times at chi about 1",
        "predicted / median decoupled time",
        "measured / median decoupled time",
        (
            Series("points", "decoupled prediction", decoupled, times),
            Series("points", "with the kicks of earlier samples", kicked, times),
            Series("line", "equal", ends, ends),
        ),
        "log",
        "log",
    )


CLAIMS = (
    Claim(
        name="memorisation-kicks",
        title="memorisation times at chi about 1",
        statement="At sigma_0 = d^-1/2 (chi about 1 at every d) decoupled times hold only within a factor; moving "
        "every feature by (K_ab / K_bb) v when a sample of its neuron is memorised predicts each time, with no free "
        "parameter.",
        source="derived here: a memorised patch moves the projections of its neuron by their Gram entries",
        kind="derived here",
        measure=measure_kicked,
        worlds=(
            World("noise patches made orthogonal (off-diagonal Gram entries removed), starts kept", overlaps=0.0),
            World("kicks of the opposite sign (off-diagonal Gram entries turned round), starts kept", overlaps=-1.0),
            World("noise 10 % stronger", noise_std=times(1.1)),
            World("starts 20 % larger", init_std=times(1.2)),
            World("power q + 0.05", power=plus(0.05)),
        ),
        cost=6.0,
    ),
)
