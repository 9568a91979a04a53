"""Capacity: with width, robust training accuracy rises to 1 while the robust test error stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import ERROR_RATE, Check, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.image_runs import (
    CUT,
    CUT_REASON,
    OBSERVED,
    Judged,
    Trained,
    error_of,
    judge,
    postponed,
    smallest,
    train_on_digits,
)
from cgrosim.studies.world import World

Array = NDArray[np.float64]

SEEDS = 12  # Student's quantile at the error rate, over the root of so many, is 2.4; of eight it is 4.4


@dataclass(frozen=True)
class Sizes:
    """How much is trained: LeNet of these widths on `images` digits, once for each seed, judged on `test` others.

    For these epochs, and against attacks until the training images are fitted, for at most twice as many.
    """

    widths: tuple[int, ...] = (1, 2, 4, 8)
    images: int = 200
    test: int = 500
    epochs: int = 40
    attack_steps: int = 5
    judging_steps: int = 20


@dataclass(frozen=True)
class Table:
    """All networks by seed and width, on their training and on their test images."""

    sizes: Sizes
    attack: str
    training: str
    train: tuple[tuple[Judged, ...], ...]
    test: tuple[tuple[Judged, ...], ...]

    def accuracy(self, part: str, kind: str) -> Array:
        """``(seeds, widths)``; `part` is ``train`` or ``test``, `kind` is ``clean`` or ``robust``."""
        return np.array([[np.mean(getattr(one, kind)) for one in row] for row in getattr(self, part)])


@lru_cache(maxsize=128)
def trained_network(seed: int, sizes: Sizes, width: int, adversarial: bool) -> Trained:
    """Train one width on the images of one seed; worlds that only judge otherwise share it."""
    ends = {"fitted_after": sizes.epochs, "epochs": 2 * sizes.epochs} if adversarial else {"epochs": sizes.epochs}
    return train_on_digits(
        seed, sizes.images, sizes.test, width=width, attack_steps=sizes.attack_steps,
        adversarial_weight=float(adversarial), **ends,
    )  # fmt: skip


@lru_cache(maxsize=4)
def trained_table(seeds: tuple[int, ...], sizes: Sizes, adversarial: bool, judged_at: float = 1.0) -> Table:
    """Every width of every seed, trained on that seed's images, which its widths share.

    Parameters
    ----------
    judged_at : radius of the judging attack in units of the training radius
    """
    from cgrosim.images.attacks.gradient import Attack

    judged: dict[str, list[tuple[Judged, ...]]] = {"train": [], "test": []}
    for seed in seeds:
        row: dict[str, list[Judged]] = {"train": [], "test": []}
        for width in sizes.widths:
            settings, data, training = trained_network(seed, sizes, width, adversarial)
            attack = Attack.pgd(settings.attack.norm, judged_at * settings.attack.radius, sizes.judging_steps)
            row["train"].append(judge(settings, training.last, data.train, attack, 0))
            row["test"].append(judge(settings, training.last, data.test, attack, 1))
        for part, networks in row.items():
            judged[part].append(tuple(networks))
    against = f"trained against {settings.attack.describe()}" if adversarial else "trained without attack"
    return Table(sizes, attack.describe(), against, tuple(judged["train"]), tuple(judged["test"]))


def capacity_checks(table: Table, order: NDArray[np.int64] | None = None) -> tuple[Check, ...]:
    """The ordering over all widths, the two ends, and that the robust test error stays where training images fit.

    Parameters
    ----------
    order : ``(seeds, widths)``, a wrong order of the networks of every seed
    """
    from cgrosim.images.experiments.capacity_statistics import ordering, widest_minus_narrowest

    robust, attack = table.accuracy("train", "robust"), table.attack
    places = np.broadcast_to(np.arange(robust.shape[1]), robust.shape) if order is None else order
    robust = np.take_along_axis(robust, places, axis=1)
    seeds, widths = robust.shape
    tau = ordering(robust, ERROR_RATE)
    difference, _ = widest_minus_narrowest(robust, ERROR_RATE)
    pairs = seeds * widths * (widths - 1) // 2
    fitted = [
        one
        for trained, tested in zip(table.train, table.test, strict=True)
        for known, one in zip(trained, tested, strict=True)
        if np.mean(~known.robust) <= CUT
    ]
    test = smallest([error_of(one.robust, ERROR_RATE / len(fitted)) for one in fitted])
    return (
        inside(
            f"Kendall tau of robust training accuracy ({attack}) with width, mean of {seeds} seeds",
            "positive: increases with width",
            tau.value,
            (1.0 / pairs, 1.0),
            "at least one pair of networks more in order than chance allows: the interval is that of all orders of the "
            "widths being equally likely, enumerated with ties (blocked Kendall test)",
            (tau.low, min(1.0, tau.high)),
        ),
        inside(
            f"robust training accuracy ({attack}), widest minus narrowest, mean of {seeds} seeds",
            "positive",
            difference.value,
            (0.0, 1.0),
            "the same images for both; Student interval over the seeds, cut at 1, the largest difference there is",
            (difference.low, min(1.0, difference.high)),
        ),
        inside(
            f"robust training error ({attack}) of the widest network, largest of {seeds} seeds",
            f"small: at most {CUT:.3g}",
            float(np.max(1.0 - robust[:, -1])),
            (0.0, CUT),
            f"{CUT_REASON}; the training images are all there are, nothing is random",
        ),
        inside(
            f"robust test error ({attack}) of the {len(fitted)} networks with a robust training error of at most "
            f"{CUT:.3g}, smallest",
            f"stays: at least {CUT:.3g}",
            test.value,
            (CUT, 1.0),
            f"{CUT_REASON}; Clopper-Pearson over the test images, error rate shared out among the networks",
            test.interval,
        ),
    )


def capacity_evidence(table: Table, seeds: Sequence[int], control: Table) -> Evidence:
    """The true world, with standard training beside it in the figure and in the finding."""
    wide = control.accuracy("train", "robust").mean(axis=0)
    sizes = table.sizes
    collapsed = np.mean(table.accuracy("train", "clean") < 0.2, axis=0)
    told = ", ".join(f"x{w}: {share:.0%}" for w, share in zip(sizes.widths, collapsed, strict=True) if share > 0.0)
    finding = (
        f"Standard training has the ordering too, far below 1: robust training accuracy {wide[0]:.2f} at "
        f"x{sizes.widths[0]} to {wide[-1]:.2f} at x{sizes.widths[-1]}."
    )
    if told:
        finding += f" Adversarial trainings with a clean training accuracy below 0.2, twice that of a constant: {told}."
    return Evidence(
        capacity_checks(table),
        seeds=tuple(seeds),
        tested_range=f"digits, {sizes.images} images, LeNet x{sizes.widths[0]} to x{sizes.widths[-1]}, {sizes.epochs} "
        f"epochs and until fitted, at most {2 * sizes.epochs}, {table.training}; judged by {table.attack}",
        panels=(_panel(table, control),),
        finding=finding,
    )


def _panel(table: Table, control: Table) -> Panel:
    """Means over the seeds with the range of all seeds."""
    x = np.array(table.sizes.widths, np.float64)

    def series(label: str, values: Array) -> Series:
        return Series("points", label, x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))

    return Panel(
        f"Digits, {table.training}; judged by {table.attack}",
        "width of LeNet (mean and range of the seeds)",
        "accuracy",
        (
            series("robust train", table.accuracy("train", "robust")),
            series("robust test", table.accuracy("test", "robust")),
            series("clean test", table.accuracy("test", "clean")),
            series("robust train, trained without attack", control.accuracy("train", "robust")),
        ),
        "log",
    )


REVERSED = World("the widths from the largest to the smallest", order="reversed")
SHUFFLED = World("the widths of every seed in random order", order="random")
STANDARD = World("standard training", adversarial=False)
NEARLY_CLEAN = World("judged by an attack of a hundredth of the radius", judged_at=0.01)


def wrong_order(table: Table, order: str, generator: np.random.Generator) -> Evidence:
    """The widths of every seed from large to small, or in random order."""
    places = np.tile(np.arange(len(table.sizes.widths)), (len(table.train), 1))
    return Evidence(
        capacity_checks(table, places[:, ::-1] if order == "reversed" else generator.permuted(places, axis=1))
    )


def _measure_capacity(context: Context, world: World) -> Evidence:
    if not context.full:
        return postponed()
    seeds = tuple(context.seeds("image-capacity", SEEDS))
    adversarial, share = world.number("adversarial", True), world.number("judged_at", 1.0)
    table = trained_table(seeds, Sizes(), adversarial, share)
    order = world.number("order", "")
    if order:
        return wrong_order(table, order, context.generator("image-capacity"))
    if world.wrong:
        return Evidence(capacity_checks(table))
    return capacity_evidence(table, seeds, trained_table(seeds, Sizes(), False))


CLAIMS = (
    Claim(
        name="image-capacity-ordering",
        title="digits: capacity decides what is fitted robustly",
        statement="Under adversarial training robust training accuracy increases with the width of the network, up to "
        "1, while the robust test error of the networks that fit stays.",
        source="arXiv 2306.01271, Table 1; here on scikit-learn's digits",
        kind="observation",
        measure=_measure_capacity,
        worlds=(REVERSED, SHUFFLED, STANDARD, NEARLY_CLEAN),
        proved_for=OBSERVED,
        cost=40.0,
    ),
)
