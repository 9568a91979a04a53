"""Flatness orders the robust generalization gap of image networks too: over epochs, radii and widths, on digits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cgrosim.claims.checks import inside, mean_interval
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.flatness_runs import order_by, slices
from cgrosim.claims.image_flatness import ImageMoment, Sizes, image_moments
from cgrosim.claims.image_runs import OBSERVED, postponed
from cgrosim.studies.world import World

LEAST = math.sqrt(0.5)
VARIED = ("epoch", "radius", "width")


def order_evidence(replicates: Sequence[Sequence[ImageMoment]], seeds: Sequence[int], flatness: str) -> Evidence:
    """The rule on replicates: one rank correlation each, over all its networks and epochs."""
    mean, low, high = mean_interval([order_by(moments, flatness) for moments in replicates])
    check = inside(
        f"rank correlation of global flatness and robust gap, mean of {len(seeds)} replicates of {len(replicates[0])} "
        "networks",
        f"above {LEAST:.3f}",
        mean,
        (LEAST, 1.0),
        "above the root of 1/2 flatness explains more of the variance of the gap's ranks than all else together; "
        "Student interval over replicates",
        (max(low, -1.0), min(high, 1.0)),
    )
    alone = {
        name: float(np.mean([np.nanmean(slices(moments, name, VARIED)) for moments in replicates])) for name in VARIED
    }
    told = ", ".join(f"{name} alone {value:.2f}" for name, value in alone.items())
    return Evidence((check,), seeds=tuple(seeds), panels=(_panel(replicates),), finding=f"Mean along {told}.")


def _measure(context: Context, world: World) -> Evidence:
    if not context.full:
        return postponed()
    seeds, sizes = context.seeds("flatness-order-images", 12), Sizes()
    replicates = [image_moments(seed, sizes) for seed in seeds]
    found = order_evidence(replicates, seeds, "train_flatness" if world.wrong else "test_flatness")
    described = (
        f"digits, {sizes.images} training and {sizes.test} test images, LeNet x{sizes.widths}, trained and measured "
        f"within l_inf radii {sizes.radii} (PGD-{sizes.steps}), after epochs {sizes.epochs}"
    )
    return Evidence(found.checks, seeds=found.seeds, tested_range=described, panels=found.panels, finding=found.finding)


def _panel(replicates: Sequence[Sequence[ImageMoment]]) -> Panel:
    moments = [moment for each in replicates[:4] for moment in each]
    series = []
    for radius in sorted({moment.radius for moment in moments}):
        for part, name in (("test", "fresh images"), ("train", "training images")):
            chosen = [moment for moment in moments if moment.radius == radius]
            x = np.array([getattr(moment, f"{part}_flatness") for moment in chosen])
            gaps = np.array([moment.robust_gap for moment in chosen])
            series.append(Series("points", f"{name}, radius {radius:g}", x, gaps))
    return Panel("Digits: the gap goes with flatness around fresh images, not around training images",
                 "mean global flatness / (nat per unit of pixels)", "robust generalization gap (loss)",
                 tuple(series), x_scale="log")  # fmt: skip


CLAIMS = (
    Claim(
        name="flatness-order-images",
        title="digits: flatness orders the robust gap",
        statement="Over epochs, radii and widths the robust generalization gap of the loss of adversarially trained "
        "image networks grows with the mean global flatness of fresh images, E max_{|xi| <= delta} |grad L|_1.",
        source="arXiv 2306.01271 v1, and Appendix B of v4 (gap <= N^(-1/(D+2)) O(E max |grad L|)): its order only",
        kind="observation",
        measure=_measure,
        worlds=(World("flatness around the training images in place of fresh ones"),),
        proved_for=OBSERVED,
        cost=70.0,
    ),
)
