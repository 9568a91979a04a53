"""Flatness orders the robust generalization gap: rank correlation over training time, radii and widths."""

from __future__ import annotations

import math

import numpy as np

from cgrosim.claims.checks import inside, median_interval
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.flatness_runs import Moment, follow, order_by, slices
from cgrosim.studies.flatness import GAPS, STEPS, WIDTHS, experiment
from cgrosim.studies.world import World

LEAST = math.sqrt(0.5)
REPLICATES = (100, 160)  # quick and full: the interval of the median ends at quantiles of 0.27 and 0.73, and nearer


def _measure(context: Context, world: World) -> Evidence:
    """Replicates draw data and starts anew; each gives one rank correlation over all its networks and times."""
    seeds = context.seeds("flatness-order", context.choose(*REPLICATES))
    fresh = context.choose(500, 2000)
    replicates = [
        [moment for width in WIDTHS for gap in GAPS
         for moment in follow(world.of(experiment(seed, neurons=width, gap=gap)), STEPS, fresh)]
        for seed in seeds
    ]  # fmt: skip
    found = [order_by(moments, f"{world.number('around', 'test')}_flatness") for moments in replicates]
    # one replicate in twenty has a correlation far below the others, which a mean and its interval would follow
    middle, low, high = median_interval(found)
    count = len(replicates[0])
    check = inside(
        f"rank correlation of global flatness and robust gap, median of {len(seeds)} replicates of {count} networks",
        f"above {LEAST:.3f}",
        middle,
        (LEAST, 1.0),
        "above the root of 1/2 flatness explains more of the variance of the gap's ranks than all else that the bound "
        "holds together; distribution-free interval of the median over replicates",
        (low, high),
    )
    return Evidence(
        checks=(check,),
        params=experiment(seeds[0]),
        seeds=tuple(seeds),
        tested_range=f"m = {WIDTHS}, radius (1 - {GAPS}) alpha, {STEPS[0]} to {STEPS[-1]} steps"
        + ("" if world.wrong else f"; mean along {_alone(replicates)}"),
        panels=(_panel(replicates),),
    )


def _alone(replicates: list[list[Moment]]) -> str:
    """Mean rank correlations when one of time, radius and width varies and the others are held, in words."""
    means = {
        name: np.mean([np.nanmean(slices(moments, name)) for moments in replicates])
        for name in ("step", "gap", "neurons")
    }
    return ", ".join(f"{name} alone {value:.2f}" for name, value in means.items())


def _panel(replicates: list[list[Moment]]) -> Panel:
    moments = [moment for each in replicates[:6] for moment in each]
    series = []
    for gap in GAPS:
        chosen = [moment for moment in moments if moment.gap == gap]
        series.append(
            Series("points", f"radius {1 - gap:.2g} alpha", np.array([m.test_flatness for m in chosen]),
                   np.array([m.robust_gap for m in chosen])),
        )  # fmt: skip
    return Panel("Sharper around fresh samples, larger robust gap", "mean global flatness of fresh samples",
                 "robust generalization gap (loss)", tuple(series), x_scale="log")  # fmt: skip


CLAIMS = (
    Claim(
        name="flatness-order",
        title="flatness: orders the robust gap",
        statement="Over training time, radii and widths the robust generalization gap of the loss grows with the mean "
        "global flatness of fresh samples, E max_{r <= delta} |d L / d c| along w_star, where the attack moves.",
        source="arXiv 2306.01271 v1, and Appendix B of v4 (gap <= N^(-1/(D+2)) O(E max |grad L|)): its order only",
        kind="order",
        measure=_measure,
        worlds=(
            World("the loss around fresh samples is as flat as around training samples", around="train"),
            World("flatness of the fresh samples themselves, not of the ball around them", around="point"),
        ),
        proved_for="power",
        cost=8.0,
    ),
)
