"""The landscape by epoch on digits: training images become flat within the radius, fresh ones become steeper."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cgrosim.claims.checks import success_rate
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.image_flatness import ImageMoment, Sizes, image_moments
from cgrosim.claims.image_runs import CUT, OBSERVED, postponed
from cgrosim.studies.world import World

SIZES = Sizes(widths=(6,), radii=(0.05,), epochs=(5, 10, 20, 40, 60))
SEEDS, LEAST_RATE = 25, 0.5
FITTED = CUT * math.log(2.0)
"""Mean attacked loss, nat: a misclassified image has at least ln 2, so at most `CUT` of the images can be."""
REASON = (
    f"more likely than not is the least that a tendency means: {SEEDS - 1} of {SEEDS} show it, and with two trainings "
    "that go the other way the claim is not supported"
)


def course_evidence(replicates: Sequence[Sequence[ImageMoment]], seeds: Sequence[int], world: World) -> Evidence:
    """Rates over trainings that fitted and changed as stated; one that did not fit counts as none.

    Parameters
    ----------
    replicates : the moments of one training each, over its epochs
    world : which images stand for which, and where the training ends
    """
    train, test = ("train_flatness", "test_flatness")[:: -1 if world.number("exchanged", False) else 1]
    until = world.number("until", math.inf)
    falls = rises = fitted = 0
    for moments in replicates:
        first, *_, last = [moment for moment in moments if moment.epoch <= until]
        fits = last.train_loss <= FITTED
        fitted += fits
        falls += fits and getattr(last, train) < getattr(first, train)
        rises += fits and getattr(last, test) > getattr(first, test)
    count = len(replicates)
    what = f"trainings that end with a mean attacked training loss of at most {FITTED:.3g} and of whose"
    return Evidence(
        (
            success_rate(f"{what} training images the global flatness falls", falls, count, LEAST_RATE, REASON),
            success_rate(f"{what} fresh images the global flatness rises", rises, count, LEAST_RATE, REASON),
        ),
        seeds=tuple(seeds),
        finding=f"{fitted} of {count} trainings fitted.",
    )


def _measure(context: Context, world: World) -> Evidence:
    if not context.full:
        return postponed()
    seeds = context.seeds("landscape-by-epoch", SEEDS)
    replicates = [image_moments(seed, SIZES) for seed in seeds]
    found = course_evidence(replicates, seeds, world)
    described = (
        f"digits, {SIZES.images} training and {SIZES.test} test images, LeNet x{SIZES.widths[0]}, trained and measured "
        f"within l_inf radius {SIZES.radii[0]} (PGD-{SIZES.steps}), from epoch {SIZES.epochs[0]} to {SIZES.epochs[-1]}"
    )
    return Evidence(found.checks, seeds=found.seeds, tested_range=described, panels=(_panel(replicates),),
                    finding=found.finding)  # fmt: skip


def _panel(replicates: Sequence[Sequence[ImageMoment]]) -> Panel:
    """Mean and range of the trainings by epoch."""
    epochs = np.array([moment.epoch for moment in replicates[0]], np.float64)
    series = []
    for name, part in (("test_flatness", "fresh images"), ("train_flatness", "training images")):
        values = np.array([[getattr(moment, name) for moment in moments] for moments in replicates])
        series.append(Series("points", part, epochs, values.mean(axis=0), values.min(axis=0), values.max(axis=0)))
    return Panel("Digits: global flatness by epoch, mean and range of the trainings", "epoch",
                 "mean largest gradient norm within the radius / (nat per unit of pixels)", tuple(series))  # fmt: skip


CLAIMS = (
    Claim(
        name="landscape-by-epoch",
        title="digits: training images flatten, fresh ones steepen",
        statement="As adversarial training goes on to fit its training images, the mean largest gradient norm within "
        "the training radius falls around training images and rises around fresh ones.",
        source="arXiv 2306.01271, experiments on real images: so on CIFAR-10 by epoch (on MNIST test curves fall too); "
        "here on scikit-learn's digits",
        kind="observation",
        measure=_measure,
        worlds=(
            World("training and fresh images exchanged", exchanged=True),
            World("trainings that end at epoch 10, before they fit", until=10),
        ),
        proved_for=OBSERVED,
        cost=45.0,
    ),
)
