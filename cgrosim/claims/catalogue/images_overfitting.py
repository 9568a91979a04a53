"""Clean generalization and robust overfitting on real images: digits, and a subset of MNIST."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.claims.checks import ERROR_RATE, Check, inside, success_rate
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.image_runs import (
    CRITERION,
    CUT,
    CUT_REASON,
    OBSERVED,
    UNKNOWN,
    Estimate,
    Judged,
    data_present,
    draw_digits,
    error_of,
    judge,
    largest,
    local_data,
    paired_difference,
    postponed,
    smallest,
    without_data,
)
from cgrosim.claims.overfitting_settings import Fitted, digits_settings, fit, judging_attack, mnist_settings
from cgrosim.studies.world import World

if TYPE_CHECKING:
    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.training.file import Training

FEW = 3  # trainings, the worst of which is judged; the others count for the rate over seeds
LEAST_RATE, RATED = 0.5, 25
"""More likely than not: 25 trainings with one failure at most show it, and 25 with one success the opposite."""
EVERY, ENOUGH = 10_000, 500
"""Test images that a training is judged on: all there are, and of those that only count for the rate, whose errors are
compared with a cut."""
ASIDE = 20  # test images measured after every epoch of a training whose course no figure shows
JUDGED_AT = "judged_at"  # radius of the judging attack in units of the training radius
EXCHANGED = "exchanged"  # whether the network that fits the clean images stands for the last one, and the reverse
READ = (JUDGED_AT, EXCHANGED)  # what changes nothing in the training
SQUARE_QUERIES = 300  # of Square Attack, on a hundred training images of every network that was trained against attacks
WORLDS = (
    World("judged by an attack of a hundredth of the radius", **{JUDGED_AT: 0.01}),  # the same trainings: first
    World("the fitted and the last epoch exchanged", **{EXCHANGED: True}),
    World("standard training: nothing is fitted robustly", adversarial_weight=0.0, epochs=30),
    World("shuffled labels: clean test accuracy at chance", shuffle_labels=True, epochs=30),
)


@dataclass(frozen=True)
class Run:
    """One training, judged on all of its training images and on the test images.

    Attributes
    ----------
    epochs : ``fitted``, the first one with a clean training error of at most `CUT` (absent if there is none),
        ``selected`` by robust validation accuracy, and ``last``
    train, test : how the networks of these epochs do
    warnings : of the checks of the attack on the training images of the last network
    """

    training: Training
    attack: Attack
    epochs: dict[str, int]
    train: dict[str, Judged]
    test: dict[str, Judged]
    warnings: tuple[str, ...]

    @property
    def as_stated(self) -> bool:
        """Whether robust training and clean test error are small and the robust test error is not, as measured."""
        small = np.mean(~self.train["last"].robust) <= CUT and np.mean(~self.test["last"].clean) <= CUT
        return bool(small and np.mean(~self.test["last"].robust) >= CUT)

    def gap_growth(self, error_rate: float) -> Estimate:
        """Robust train minus robust test accuracy: at the last epoch minus at the fitted one."""
        if "fitted" not in self.epochs:
            return UNKNOWN
        before, after = (float(np.mean(self.train[name].robust)) for name in ("fitted", "last"))
        test = paired_difference(self.test["fitted"].robust, self.test["last"].robust, error_rate)
        return Estimate(after - before - test.value, after - before - test.high, after - before - test.low)


def judged_run(fitted: Fitted, attack: Attack, queries: int = SQUARE_QUERIES) -> Run:
    """Judge the networks of a training."""
    from cgrosim.images.attacks.evaluation import evaluate
    from cgrosim.images.training.train import new_network
    from cgrosim.model.streams import TrainingStream, stream

    training, data, networks = fitted.training, fitted.data, fitted.networks
    settings = training.settings
    train, test = (
        {name: judge(settings, each, part, attack, place) for name, (_, each) in networks.items()}
        for place, part in enumerate((data.train, data.test))
    )
    warnings: tuple[str, ...] = ()
    if settings.adversarial_weight > 0.0 and queries:
        last = new_network(settings.architecture, training.last)
        generator = stream(settings.seed, TrainingStream.CLAIM_JUDGED, 2)
        some = data.train
        found = evaluate(last, some.images, some.labels, attack=attack, generator=generator, black_box_queries=queries)
        warnings = found.warnings
    epochs = {name: epoch for name, (epoch, _) in networks.items()}
    return Run(training, attack, epochs, train, test, warnings)


def exchanged(run: Run) -> Run:
    """The run with its fitted and its last network exchanged: the gap then shrinks by as much as it grows."""
    names = {"fitted": "last", "last": "fitted"} if "fitted" in run.epochs else {}
    return dataclasses.replace(
        run,
        epochs={names.get(name, name): epoch for name, epoch in run.epochs.items()},
        train={names.get(name, name): one for name, one in run.train.items()},
        test={names.get(name, name): one for name, one in run.test.items()},
    )


def overfitting_checks(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Training, clean test and robust test error of the last networks and the growth of the gap, worst of few seeds.

    Of `RATED` trainings or more the rate at which all errors are as stated comes first.
    """
    attack = runs[0].attack.describe()
    rate_over_seeds = () if len(runs) < RATED else (
        success_rate(
            f"trainings of which all three errors are as stated ({attack})", sum(run.as_stated for run in runs),
            len(runs), LEAST_RATE, "with high probability has no constant; more likely than not is the least it means",
        ),
    )  # fmt: skip
    runs = runs[:FEW]
    rate, seeds = ERROR_RATE / len(runs), len(runs)
    shared = f"; worst of {seeds} seeds, error rate shared out among them" if seeds > 1 else ""
    samples = len(runs[0].test["last"].clean)
    train = max(float(np.mean(~run.train["last"].robust)) for run in runs)
    clean = largest([error_of(run.test["last"].clean, rate) for run in runs])
    robust = smallest([error_of(run.test["last"].robust, rate) for run in runs])
    growth = smallest([run.gap_growth(rate) for run in runs])
    return (
        *rate_over_seeds,
        inside(
            f"robust training error ({attack}; all training images, largest of {seeds} seeds)",
            f"small: at most {CUT:.3g}",
            train,
            (0.0, CUT),
            f"{CUT_REASON}; the training images are all there are, nothing is random",
        ),
        inside(
            f"clean test error ({samples} images, largest of {seeds} seeds)",
            f"small: at most {CUT:.3g}",
            clean.value,
            (0.0, CUT),
            f"{CUT_REASON}; Clopper-Pearson over the test images{shared}",
            clean.interval,
        ),
        inside(
            f"robust test error ({attack}; {samples} images, smallest of {seeds} seeds)",
            f"stays: at least {CUT:.3g}",
            robust.value,
            (CUT, 1.0),
            f"{CUT_REASON}; Clopper-Pearson over the test images{shared}",
            robust.interval,
        ),
        inside(
            f"growth of the gap, robust train minus robust test accuracy ({attack}), from the first epoch with a clean "
            f"training error of at most {CUT:.3g} to the last (smallest of {seeds} seeds)",
            "positive",
            growth.value,
            (0.0, 1.0),
            "what is learned after the clean images are fitted is robustness at the training images themselves; the "
            f"same test images at both epochs, Tango's interval of a paired difference{shared}",
            growth.interval,
        ),
    )


def decline_sentence(runs: Sequence[Run]) -> str:
    """Whether robust test accuracy falls from the validation-selected epoch to the last; the paper does not say."""
    rate = ERROR_RATE / len(runs)
    chosen = [run for run in runs if "selected" in run.epochs]
    changes = [paired_difference(run.test["selected"].robust, run.test["last"].robust, rate) for run in chosen]
    if not changes:
        return ""
    told = ", ".join(
        f"epoch {run.epochs['selected']} to {run.epochs['last']}: {100 * c.value:+.1f} "
        f"[{100 * c.low:+.1f}, {100 * c.high:+.1f}] points"
        for run, c in zip(chosen, changes, strict=True)
    )
    verdict = "stays the same within the intervals"
    if all(change.high < 0.0 for change in changes):
        verdict = "falls"
    elif all(change.low > 0.0 for change in changes):
        verdict = "rises"
    return f"From the validation-selected epoch to the last robust test accuracy {verdict} ({told})."


def course_panel(run: Run, title: str) -> Panel:
    """Accuracies over the epochs of one training, and those of the judged networks."""
    settings, history = run.training.settings, run.training.history
    lines = tuple(
        Series("line", f"{kind} {part}", history["epoch"], history[f"{kind}_{part}"])
        for kind in ("clean", "robust")
        for part in ("train", "test")
    )
    order = [name for name in ("fitted", "selected", "last") if name in run.epochs]
    errors = [error_of(run.test[name].robust, ERROR_RATE) for name in order]
    x = np.array([run.epochs[name] for name in order], np.float64)
    values, low, high = (1.0 - np.array([getattr(e, end) for e in errors]) for end in ("value", "high", "low"))
    train = np.array([float(np.mean(run.train[name].robust)) for name in order])
    marks = (
        Series("points", "robust train, all images, strong attack", x, train),
        Series("points", "robust test, all images, strong attack", x, values, low, high),
    )
    return Panel(
        f"{title}, {settings.architecture.name}: lines {settings.evaluation_attack.describe()}, at "
        f"most {settings.evaluation_samples} images; marks {run.attack.describe()}",
        "epoch",
        "accuracy",
        (*lines, *marks),
    )


def overfitting_evidence(runs: Sequence[Run], title: str, seeds: Sequence[int]) -> Evidence:
    """Checks, figure and finding of one world."""
    settings = runs[0].training.settings
    warnings = sorted({warning for run in runs for warning in run.warnings})
    statuses = [run.training.message for run in runs if run.training.message]
    ended = ", ".join(str(run.training.epochs_done) for run in runs)
    finding = " ".join(part for part in (decline_sentence(runs), *warnings, *statuses) if part)
    return Evidence(
        overfitting_checks(runs),
        seeds=tuple(seeds),
        tested_range=f"{title}, {settings.architecture.name}, to a robust training error of {CRITERION:.3g} "
        f"or {settings.epochs} epochs (ended after {ended}); {settings.attack_description}; "
        f"judged by {runs[0].attack.describe()}",
        panels=(course_panel(runs[0], title),),
        finding=finding,
    )


def measure_world(
    make: Callable[[int, dict[str, Any]], Run], seeds: Sequence[int], title: str, world: World
) -> Evidence:
    """The checks of one world, of trainings from `make(seed, changes)`."""
    name = world.name or "adversarial training"
    return overfitting_evidence([make(seed, dict(world.changes)) for seed in seeds], f"{title}, {name}", seeds)


@lru_cache(maxsize=2 * RATED)
def _fitted_digits(seed: int, changes: tuple[tuple[str, Any], ...], shown: bool) -> Fitted:
    """Train; of a course that nobody is shown a few test images are measured after every epoch.

    They decide nothing: the criterion and the fitted epoch are those of the training images, and the networks are
    judged on all test images.
    """
    from cgrosim.images.training.samples import Samples

    settings = digits_settings(seed, **dict(changes))
    whole = draw_digits((settings.subset or 0) + settings.validation, seed)
    few = dataclasses.replace(whole, test_images=whole.test_images[:ASIDE], test_labels=whole.test_labels[:ASIDE])
    fitted = fit(settings, whole if shown else few)
    every = Samples(whole.test_images, whole.test_labels)
    return dataclasses.replace(fitted, data=dataclasses.replace(fitted.data, test=every))


@lru_cache(maxsize=2 * RATED)
def _judged_digits(
    seed: int, changes: tuple[tuple[str, Any], ...], shown: bool, restarts: int, share: float, queries: int, tests: int
) -> Run:
    """Train and judge on so many test images; worlds that only read otherwise share it."""
    from cgrosim.images.training.samples import Samples

    fitted = _fitted_digits(seed, changes, shown)
    few = Samples(fitted.data.test.images[:tests], fitted.data.test.labels[:tests])
    fitted = dataclasses.replace(fitted, data=dataclasses.replace(fitted.data, test=few))
    return judged_run(fitted, judging_attack(fitted.training.settings, restarts, share), queries)


def _measure_digits(context: Context, world: World) -> Evidence:
    changes = tuple(change for change in world.changes if change[0] not in READ)

    def make(seed: int, _: dict[str, Any]) -> Run:
        shown = seed == seeds[0] and not changes
        queries = SQUARE_QUERIES if context.full and seed in seeds[:FEW] else 0
        tests = EVERY if seed in seeds[:FEW] else ENOUGH
        share = world.number(JUDGED_AT, 1.0)
        run = _judged_digits(seed, changes, shown, context.choose(1, 2), share, queries, tests)
        return exchanged(run) if world.number(EXCHANGED, False) else run

    seeds = context.seeds("image-overfitting-digits", context.choose(FEW, RATED))
    return measure_world(make, seeds, "digits, 300 images", world)


def _measure_mnist(context: Context, world: World) -> Evidence:
    if not context.full:
        return postponed()
    from cgrosim.errors import FileError

    root, why = local_data("mnist")
    if root is None:
        return without_data("MNIST", why)
    seeds = context.seeds("image-overfitting-mnist", FEW)
    changes = tuple(change for change in world.changes if change[0] not in READ)

    def make(seed: int, _: dict[str, Any]) -> Run:
        fitted = _fitted_mnist(seed, changes, root)
        run = judged_run(fitted, judging_attack(fitted.training.settings, 1, world.number(JUDGED_AT, 1.0)))
        return exchanged(run) if world.number(EXCHANGED, False) else run

    try:
        evidence = measure_world(make, seeds, "MNIST, 1000 images", world)
    except FileError as error:
        return without_data("MNIST", str(error))
    return dataclasses.replace(evidence, hypotheses=(data_present("MNIST"),))


@lru_cache(maxsize=2 * FEW)
def _fitted_mnist(seed: int, changes: tuple[tuple[str, Any], ...], root: Path) -> Fitted:
    """Train on a subset of the files in a folder; worlds that only judge otherwise share it."""
    from cgrosim.images.data.datasets import load_dataset
    from cgrosim.model.streams import TrainingStream, stream

    settings = mnist_settings(seed, **dict(changes))
    pool = (settings.subset or 0) + settings.validation
    drawn = stream(seed, TrainingStream.CLAIM_POOL)
    return fit(settings, load_dataset("mnist", root, train_count=pool, test_count=2000, generator=drawn))


STATEMENT = (
    "An adversarially trained network that fits its attacked training images classifies clean test images right and "
    "attacked ones not: robust training and clean test error are small, the robust test error stays, and the gap "
    "between robust train and test accuracy grows after the clean images are fitted."
)
CLAIMS = (
    Claim(
        name="image-overfitting-digits",
        title="digits: robust overfitting, clean generalization",
        statement=STATEMENT,
        source="arXiv 2306.01271, experiments on real images and Table 1; here on scikit-learn's digits",
        kind="observation",
        measure=_measure_digits,
        worlds=WORLDS,
        proved_for=OBSERVED,
        cost=20.0,
    ),
    Claim(
        name="image-overfitting-mnist",
        title="MNIST: robust overfitting, clean generalization",
        statement=STATEMENT,
        source="arXiv 2306.01271, experiments on real images and Table 1; here on a subset of MNIST",
        kind="observation",
        measure=_measure_mnist,
        worlds=WORLDS,
        proved_for=OBSERVED,
        cost=100.0,
    ),
)
