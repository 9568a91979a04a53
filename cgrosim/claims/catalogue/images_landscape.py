"""The loss around training and test points: flat inside the training radius, sharp beyond it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import ERROR_RATE, Check, inside, mean_interval
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.image_runs import (
    OBSERVED,
    Estimate,
    Trained,
    fits_robustly,
    smallest,
    train_on_digits,
)
from cgrosim.files.words import counted
from cgrosim.studies.world import World

if TYPE_CHECKING:
    from cgrosim.images.experiments.landscape_search import Landscape

Array = NDArray[np.float64]

MOST_TRAININGS = 6  # of which the first two that fit their images are looked at: the claim is about those
INSIDE, BEYOND = 1.0, 2.0  # radii in units of the training radius: two shells of equal width
TIE = math.log(2.0)  # cross-entropy, nat, at which two classes are tied: below it the point is classified right


@dataclass(frozen=True)
class Sizes:
    """How much is trained and measured; `shares` are radii in units of the training radius.

    Training against attacks goes on from `epochs` on until the training images are fitted.
    """

    images: int = 200
    test: int = 450
    width: int = 8
    epochs: int = 60
    steps: int = 15
    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


QUICK = Sizes(images=150, test=300, width=4, epochs=40, steps=8, shares=(0.0, 0.5, 1.0, 1.5, 2.0))
"""Fewer training images are fitted further in the same time, and differ more from test points."""


@dataclass(frozen=True)
class Surroundings:
    """The landscape around all training points and around test points of one network.

    Attributes
    ----------
    radius, attack : of the training attack (of the adversarial one also where training was standard)
    shares : radii in units of the training radius
    described : network, training and search in words
    """

    radius: float
    shares: tuple[float, ...]
    train: Landscape
    test: Landscape
    attack: str
    described: str

    def rises(self, part: str) -> tuple[Array, Array]:
        """Largest rise found within the training radius, and the further rise up to twice that radius, nat: (n,)."""
        values = getattr(self, part).value_change
        inner, outer = (values[:, self.shares.index(share)] for share in (INSIDE, BEYOND))
        return inner, outer - inner

    def slopes(self, part: str) -> Array:
        """Largest gradient norm found within the training radius, times that radius, nat: (n,).

        An upper bound of the rise on any way out, and far above it where the loss steepens towards the edge.
        """
        norms: Array = getattr(self, part).gradient_norm[:, self.shares.index(INSIDE)]
        return self.radius * norms

    def sharpness(self, part: str) -> float:
        """Mean rise in the shell beyond over the mean rise inside; 1 for a loss that is linear in the radius."""
        inner, beyond = self.rises(part)
        return float(np.mean(beyond) / np.mean(inner))

    def flatter(self, error_rate: float) -> Estimate:
        """Mean rise inside at test points minus at training points; random are the test points."""
        return _excess(self.rises("test")[0], self.rises("train")[0], error_rate)

    def less_steep(self, error_rate: float) -> Estimate:
        """The same of `slopes`."""
        return _excess(self.slopes("test"), self.slopes("train"), error_rate)

    def relative_evenness(self, error_rate: float) -> Estimate:
        """Mean rise inside over that beyond at test points, over the same at training points: one over sharpness.

        With Fieller's interval over the test points: the rise beyond is never small, the one inside may be.
        """
        inner, beyond = self.rises("test")
        train = self.sharpness("train")
        ends = float(np.mean(inner) / np.mean(beyond)), *fieller(inner, beyond, error_rate)
        return Estimate(*(train * end for end in ends))


def _excess(test: Array, train: Array, error_rate: float) -> Estimate:
    """Mean over test points minus mean over all training points, with Student's interval over the test points."""
    known = float(np.mean(train))
    return Estimate(*(end - known for end in mean_interval(test, error_rate)))


def fieller(numerator: Array, denominator: Array, error_rate: float) -> tuple[float, float]:
    """Interval of a ratio of means of paired values: where the mean of n - rho d is not told from 0 (Fieller 1954).

    Unbounded where the mean of the denominator is not told from 0.
    """
    from scipy.stats import t

    n = len(numerator)
    quantile = float(t.isf(error_rate / 2.0, n - 1)) ** 2 / n
    covariance = np.cov(numerator, denominator)
    top, bottom = float(np.mean(numerator)), float(np.mean(denominator))
    a = bottom**2 - quantile * covariance[1, 1]
    b = top * bottom - quantile * covariance[0, 1]
    c = top**2 - quantile * covariance[0, 0]
    if a <= 0.0:
        return -math.inf, math.inf
    root = math.sqrt(max(0.0, b * b - a * c))
    return float((b - root) / a), float((b + root) / a)


@lru_cache(maxsize=8)
def _trained(seed: int, sizes: Sizes, adversarial: bool) -> Trained:
    ends = {"fitted_after": sizes.epochs} if adversarial else {"epochs": sizes.epochs}
    return train_on_digits(
        seed, sizes.images, sizes.test, width=sizes.width, adversarial_weight=float(adversarial), **ends
    )


@lru_cache(maxsize=8)
def surroundings(seed: int, sizes: Sizes, adversarial: bool, reach: float = 1.0) -> Surroundings:
    """Train, and measure the last network around every training image and around test images.

    Radii are `reach` times those that the shares stand for.
    """
    from cgrosim.images.experiments.landscape_search import Ball, NetworkSurface, Search, measure
    from cgrosim.images.training.train import new_network
    from cgrosim.model.streams import TrainingStream, stream

    settings, data, training = _trained(seed, sizes, adversarial)
    surface = NetworkSurface(new_network(settings.architecture, training.last))
    radius, ball, search = reach * settings.attack.radius, Ball(settings.attack.norm), Search(steps=sizes.steps)
    radii = radius * np.array(sizes.shares)
    train_points, test_points = (
        measure(
            surface, each.images, each.labels, radii, ball, search, stream(seed, TrainingStream.CLAIM_LANDSCAPE, place)
        )
        for place, each in enumerate((data.train, data.test))
    )
    against = f"trained against {settings.attack.describe()}" if adversarial else "trained without attack"
    described = f"{settings.architecture.name}, {against}; {search.describe(ball.norm)}"
    return Surroundings(radius, sizes.shares, train_points, test_points, settings.attack.describe(), described)


def landscape_checks(found: Sequence[Surroundings]) -> tuple[Check, ...]:
    """Flat inside, sharp beyond, and both less so at test points; the worst seed."""
    rate, seeds, points = ERROR_RATE / len(found), len(found), len(found[0].train.value_change)
    tests = len(found[0].test.value_change)
    flat = max(float(np.mean(each.rises("train")[0])) for each in found)
    sharp = min(each.sharpness("train") for each in found)
    flatter = smallest([each.flatter(rate) for each in found])
    steeper = smallest([each.less_steep(rate) for each in found])
    relative = smallest([each.relative_evenness(rate) for each in found])
    tie = (
        "ln 2 is the cross-entropy of two tied classes, the least at which a point is misclassified: the scale on "
        "which a loss is flat or not"
    )
    drawn = f"over the draw of the test points; worst of {seeds} seeds, error rate shared out among them"
    skewed = "values skewed to the right make its lower end err on the low side"
    return (
        inside(
            f"mean over all {points} training points of the largest rise of the loss within the training radius, nat",
            "flat: at most ln 2",
            flat,
            (0.0, TIE),
            f"{tie}; all training points, nothing is random",
        ),
        inside(
            "training points: mean rise from the training radius to twice that over the mean rise within it",
            "sharp beyond: more than 1",
            sharp,
            (1.0, np.inf),
            "two shells of equal width: a loss that is linear in the radius rises equally in both",
        ),
        inside(
            f"rise within the training radius, mean over {tests} test points minus over the training points, nat",
            "test points less flat: positive",
            flatter.value,
            (0.0, np.inf),
            f"Student interval {drawn}; {skewed}",
            flatter.interval,
        ),
        inside(
            f"largest gradient norm within it times the radius, mean over {tests} test points minus over the training "
            "points, nat",
            "test points steeper: positive",
            steeper.value,
            (0.0, np.inf),
            f"Student interval {drawn}; {skewed}",
            steeper.interval,
        ),
        inside(
            "rise within over rise beyond, at test points, over the same at training points",
            "test points less sharp: above 1",
            relative.value,
            (1.0, np.inf),
            f"ratio of means with Fieller's interval {drawn}",
            relative.interval,
        ),
    )


def _panels(adversarial: Surroundings, standard: Surroundings) -> tuple[Panel, Panel]:
    """Means over the points of one seed, against the radius."""
    x = np.array(adversarial.shares)
    drawn = []
    for attribute, title, label in (
        ("value_change", "Largest rise of the loss", "rise of the loss within r / nat"),
        ("gradient_norm", "Largest gradient norm", "gradient norm (l1) within r / (nat per unit of pixels)"),
    ):
        lines = []
        for name, each in (("adversarial", adversarial), ("standard", standard)):
            for part in ("train", "test"):
                means = getattr(getattr(each, part), attribute).mean(axis=0)
                lines.append(Series("line", f"{name}, {part} points", x, means))
        heights = np.array([min(line.y.min() for line in lines), max(line.y.max() for line in lines)])
        edge = Series("line", "training radius", np.ones(2), heights)
        drawn.append(
            Panel(
                f"{title} found around training and test points, after adversarial ({adversarial.attack}) and "
                "standard training",
                f"radius r / training radius ({adversarial.radius:g})",
                label,
                (*lines, edge),
            )
        )
    return drawn[0], drawn[1]


def landscape_evidence(found: Sequence[Surroundings], seeds: Sequence[int]) -> Evidence:
    """The checks of one world."""
    return Evidence(
        landscape_checks(found),
        seeds=tuple(seeds),
        tested_range=f"digits, {len(found[0].train.value_change)} images, {found[0].described}",
    )


def _measure_landscape(context: Context, world: World) -> Evidence:
    sizes = Sizes() if context.full else QUICK
    candidates = context.seeds("image-landscape", MOST_TRAININGS)
    seeds = list(islice((seed for seed in candidates if fits_robustly(_trained(seed, sizes, True).training)), 2))
    if not seeds:
        return Evidence((), finding=f"None of {MOST_TRAININGS} trainings fitted their images.")
    if world.wrong:
        adversarial, reach = world.number("adversarial", True), world.number("reach", 1.0)
        found = [surroundings(seed, sizes, adversarial, reach) for seed in seeds]
        if world.number("exchanged", False):
            found = [replace(each, train=each.test, test=each.train) for each in found]
        return landscape_evidence(found, seeds)
    adversarial, standard = ([surroundings(seed, sizes, kind) for seed in seeds] for kind in (True, False))
    evidence = landscape_evidence(adversarial, seeds)
    told = ", ".join(f"{each.sharpness('train'):.2g} and {each.sharpness('test'):.2g}" for each in standard)
    steep = ", ".join(
        f"{np.mean(each.slopes('train')):.2g} and {np.mean(each.slopes('test')):.2g}" for each in adversarial
    )
    finding = (
        "Standard training is sharper beyond the radius at training points than at test points as well (rise beyond "
        f"over rise within {told}), but its training points are not flat inside. After adversarial training the "
        f"largest gradient norm times the radius is {steep} nat (training and test points, by seed): the "
        "gradient grows before the edge of the ball, so it is far above the rise."
    )
    if (skipped := candidates.index(seeds[-1]) + 1 - len(seeds)) > 0:
        finding += (
            f" {counted(skipped, 'training')} ended in a constant prediction, which fits nothing, and was left out."
        )
    return Evidence(
        evidence.checks,
        seeds=evidence.seeds,
        tested_range=evidence.tested_range,
        panels=_panels(adversarial[0], standard[0]),
        finding=finding,
    )


CLAIMS = (
    Claim(
        name="image-landscape",
        title="digits: flat inside the training radius, sharp beyond",
        statement="After adversarial training that fits its images the loss around training points is flat within the "
        "training radius and rises steeply beyond it; around test points it is less flat inside and less sharp beyond.",
        source="arXiv 2306.01271, experiments on real images (loss landscape); here on scikit-learn's digits",
        kind="observation",
        measure=_measure_landscape,
        worlds=(
            World("standard training", adversarial=False),
            World("training points and test points exchanged", exchanged=True),
            World("radii of ten times the training radius, where pixels end", reach=10.0),
        ),
        proved_for=OBSERVED,
        cost=9.0,
    ),
)
