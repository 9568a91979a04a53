"""Trainings on real images for claims: data that are on this machine, networks judged image by image, intervals.

A trained network is judged on all of its training images, so that nothing is random there, and on test images that
neither training nor selection has seen: given the network they are a sample, and every interval is one over their draw.
Where several networks of different seeds are judged, the worst one counts, and the error rate is shared out among them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import clopper_pearson
from cgrosim.claims.claim import Evidence, Slack
from cgrosim.errors import FileError

if TYPE_CHECKING:
    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.data.known_files import IdxName
    from cgrosim.images.training.file import Parameters, Training
    from cgrosim.images.training.samples import Samples, TrainingData
    from cgrosim.images.training.settings import Settings

Flags = NDArray[np.bool_]

SMALL, LARGE = 0.0515, 0.1657
"""Table 1 of arXiv 2306.01271, MNIST, widths that fit: the largest error that should vanish (clean test, x16) and the
smallest that should not (robust test, x16)."""
CUT = math.sqrt(SMALL * LARGE)
CUT_REASON = (
    f"one cut for all errors, {CUT:.3g}: the geometric middle between the largest error that the paper calls small "
    f"({SMALL:g}, clean test) and its smallest robust test error ({LARGE:g}) on MNIST (Table 1, widths that fit)"
)
CRITERION = CUT / 2.0
"""Robust training error at which a training ends, by the attack that every epoch is measured with: half of what counts
as small, because a judging attack is stronger."""
MOST_EPOCHS = 4  # times the least: a training that has not reached the criterion by then is judged as it is
OBSERVED = "nothing: an observation on real images"
POSTPONED = "Measured only with --full: its trainings take about a minute."


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """The two ends."""
        return self.low, self.high


@dataclass(frozen=True)
class Judged:
    """Which images of a set a network gets right: clean, and clean and under everything an attack tried."""

    clean: Flags
    robust: Flags


def postponed() -> Evidence:
    """Evidence of a quick verification: none."""
    return Evidence(checks=(), finding=POSTPONED)


def local_data(name: IdxName) -> tuple[Path | None, str]:
    """The folder whose files of a data set can be read without asking anybody, and otherwise a sentence why not.

    Looked for in the folder that CGROSIM_DATA names, then among earlier downloads. Nothing is downloaded.
    """
    from cgrosim.images.data.download import cache_folder
    from cgrosim.images.data.folders import DATA_VARIABLE, data_root, find_idx

    try:
        for root in (data_root(None), cache_folder()):
            if root is not None and root.is_dir() and find_idx(name, root) is not None:
                return root, ""
    except FileError as error:
        return None, str(error)
    return None, (
        f"{name} is neither in the folder that {DATA_VARIABLE} names nor among earlier downloads; nothing is "
        f"downloaded here: set {DATA_VARIABLE}, or run 'cgrosim images train --dataset {name}' once."
    )


def without_data(name: str, why: str) -> Evidence:
    """Evidence where the data are missing: the claim is not applicable."""
    slack = Slack("data-present", f"the files of {name} are on this machine", -1.0)
    return Evidence(checks=(), hypotheses=(slack,), finding=f"The data are missing: {why}")


def data_present(name: str) -> Slack:
    """The hypothesis that holds once the data were read."""
    return Slack("data-present", f"the files of {name} are on this machine", 1.0)


def draw_digits(count: int, seed: int, test: int | None = None) -> Dataset:
    """The digits with `count` class-balanced images as training part (validation included); the others are the test.

    Parameters
    ----------
    test : at most so many of the others, drawn uniformly; None keeps them all
    """
    from cgrosim.images.data.datasets import balanced_subset, load_dataset
    from cgrosim.model.streams import TrainingStream, stream

    whole = load_dataset("digits")
    images = np.concatenate([whole.train_images, whole.test_images])
    labels = np.concatenate([whole.train_labels, whole.test_labels])
    train = balanced_subset(labels, count, stream(seed, TrainingStream.CLAIM_POOL))
    others = stream(seed, TrainingStream.CLAIM_TEST).permutation(np.setdiff1d(np.arange(len(labels)), train))[:test]
    return dataclasses.replace(
        whole,
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[others],
        test_labels=labels[others],
    )


def digits_settings(seed: int, images: int, **changes: Any) -> Settings:
    """Training on `images` digits with nothing put aside; the epochs on the way do not count: little is measured."""
    from cgrosim.images.training.defaults import default_settings

    start = {"subset": images, "validation": 0, "evaluation_steps": 1, "evaluation_samples": 10, "seed": seed}
    return default_settings("digits", **{**start, **changes})


class Trained(NamedTuple):
    """A training on digits, with the images it was trained and is judged on."""

    settings: Settings
    data: TrainingData
    training: Training


def fits_robustly(training: Training) -> bool:
    """Whether the robust training error of the last epoch has reached the criterion."""
    return bool(1.0 - training.history["robust_train"][-1] <= CRITERION)


def train_on_digits(seed: int, images: int, test: int, *, fitted_after: int = 0, **changes: Any) -> Trained:
    """Train by `digits_settings` on a draw of the digits.

    Parameters
    ----------
    images, test : numbers of training and of test images, drawn from the seed alone
    fitted_after : train for that many epochs, and on until all training images are fitted to `CRITERION`, instead of
        for a given number
    changes : of the digits' default settings
    """
    from cgrosim.images.training.samples import training_data
    from cgrosim.images.training.train import train

    until: Callable[[Training], bool] | None = None
    if fitted_after:
        measured = {"epochs": MOST_EPOCHS * fitted_after, "evaluation_samples": images, "evaluation_steps": 5}
        changes = {**measured, **changes}

        def until(training: Training) -> bool:
            return training.epochs_done >= fitted_after and fits_robustly(training)

    settings, dataset = digits_settings(seed, images, **changes), draw_digits(images, seed, test)
    return Trained(settings, training_data(settings, dataset), train(settings, dataset, until=until))


def judge(settings: Settings, parameters: Parameters, samples: Samples, attack: Attack, place: int) -> Judged:
    """Attack a network on some images; `place` keeps the random starts of different sets apart."""
    from cgrosim.images.attacks.worst import worst_case
    from cgrosim.images.training.train import new_network
    from cgrosim.model.streams import TrainingStream, stream

    network = new_network(settings.architecture, parameters)
    generator = stream(settings.seed, TrainingStream.CLAIM_JUDGED, place)
    found = worst_case(network, samples.images, samples.labels, attack=attack, generator=generator)
    return Judged(found.clean_margins > 0.0, found.margins > 0.0)


def error_of(correct: Flags, error_rate: float) -> Estimate:
    """Share of misclassified images with its Clopper-Pearson interval."""
    wrong = int(np.sum(~correct))
    return Estimate(wrong / len(correct), *clopper_pearson(wrong, len(correct), error_rate))


def paired_difference(before: Flags, after: Flags, error_rate: float) -> Estimate:
    """Accuracy after minus accuracy before, on the same images, with its score interval.

    Only images that changed sides count. The interval holds every difference at which the number won less the number
    lost is within a normal quantile of what is expected, the nuisance share at its most likely value there (T. Tango,
    Statistics in Medicine 17, 1998): it keeps its rate for few changes, where a Student interval has no width.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    n, quantile = len(before), float(norm.isf(error_rate / 2.0))
    won, lost = int(np.sum(after & ~before)), int(np.sum(before & ~after))

    def score(difference: float) -> float:
        linear = -won - lost + (2 * n - won + lost) * difference
        root = math.sqrt(linear**2 + 8 * n * lost * difference * (1.0 - difference))
        share = (root - linear) / (4 * n)  # of images that are lost, at this difference
        spread = n * (2.0 * share + difference * (1.0 - difference))
        off = won - lost - n * difference
        return off / math.sqrt(spread) if spread > 0.0 else math.copysign(math.inf, off) if off else 0.0

    measured, edge = (won - lost) / n, 1.0 - 1e-12
    low = -1.0 if score(-edge) <= quantile else brentq(lambda x: score(x) - quantile, -edge, measured)
    high = 1.0 if score(edge) >= -quantile else brentq(lambda x: score(x) + quantile, measured, edge)
    return Estimate(measured, float(low), float(high))


def largest(estimates: Sequence[Estimate]) -> Estimate:
    """The largest of several quantities whose intervals hold together; nan where there is none."""
    return Estimate(*(float(np.max(ends)) for ends in zip(*estimates, strict=True))) if estimates else UNKNOWN


def smallest(estimates: Sequence[Estimate]) -> Estimate:
    """The smallest of several quantities whose intervals hold together; nan where there is none."""
    return Estimate(*(float(np.min(ends)) for ends in zip(*estimates, strict=True))) if estimates else UNKNOWN


UNKNOWN = Estimate(math.nan, math.nan, math.nan)
