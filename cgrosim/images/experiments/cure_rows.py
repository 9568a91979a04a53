"""What the trainings of the sweep over cures found: means over seeds, paired differences, and words for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.experiments.accuracies import SHARES

if TYPE_CHECKING:
    from cgrosim.figures.image_cures import Column
    from cgrosim.images.training.final import FinalAccuracies

Rows = Mapping[str, Sequence[Sequence["FinalAccuracies"]]]
"""By kind of training, and seed by seed, its networks as `final_accuracies` finds them, the last one first."""

EARLY = "validation-selected"
KINDS = {"decay": "weight decay", "smoothing": "label smoothing", "batch": "batch size"}


@dataclass(frozen=True)
class Mean:
    """Means over seeds; `errors` (standard errors of the mean over seeds) are empty for one seed."""

    selected: str
    epochs: str
    shares: dict[str, float]
    errors: dict[str, float]


def constant(seeds: Sequence[Sequence[FinalAccuracies]]) -> int:
    """How many trainings ended in a constant prediction."""
    return sum(found[0].collapsed for found in seeds)


def means(seeds: Sequence[Sequence[FinalAccuracies]]) -> list[Mean]:
    """Of the last networks, and of the selected ones if every seed has one.

    Trainings that ended in a constant prediction are left out beside others that did not, and told of.
    """
    found = []
    for each in zip(*([rows for rows in seeds if not rows[0].collapsed] or seeds), strict=False):
        epochs = [row.epoch for row in each]
        values = {share: np.array([getattr(row, share) for row in each]) for share in SHARES}
        errors = {share: standard_error(value) for share, value in values.items()} if len(each) > 1 else {}
        text = str(epochs[0]) if len(set(epochs)) == 1 else f"{min(epochs)}-{max(epochs)}"
        found.append(Mean(each[0].selected, text, {s: float(v.mean()) for s, v in values.items()}, errors))
    return found


def standard_error(values: NDArray[np.float64]) -> float:
    """Of the mean of independent values."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def label(kind: str) -> str:
    """Words for the name of a kind of training."""
    name, _, value = kind.partition("-")
    return f"{KINDS[name]} {value}"


def mark(seeds: Sequence[Sequence[FinalAccuracies]]) -> str:
    """A star where trainings are left out of the means."""
    return "*" if 0 < constant(seeds) < len(seeds) else ""


def warnings(rows: Rows) -> tuple[str, ...]:
    """Which trainings ended in a constant prediction."""
    return tuple(
        f"{label(kind)}: {constant(seeds)} of {len(seeds)} ended in a constant prediction"
        f"{', left out of the means (*)' if mark(seeds) else ''}"
        for kind, seeds in rows.items()
        if constant(seeds)
    )


def columns(rows: Rows) -> list[Column]:
    """What `cgrosim.figures.image_cures` draws of them."""
    from cgrosim.figures.image_cures import Accuracy, Column

    found = []
    for kind, seeds in rows.items():
        name, _, value = kind.partition("-")
        each = [mean for mean in means(seeds) if mean.selected in ("last", EARLY)]
        shares = tuple(Accuracy(**mean.shares) for mean in each)
        value += mark(seeds)
        found.append(Column(KINDS[name], value, shares, tuple(Accuracy(**mean.errors) for mean in each if mean.errors)))
    return found


def sentences(rows: Rows) -> tuple[str, ...]:
    """The largest robust test accuracy at the last epoch, and what stopping early gains without a cure.

    Trainings of one seed have start, images and order in common, so differences are taken seed by seed.
    """
    from cgrosim.images.training.final import network_of

    if len(rows) < 2:
        return ()
    last = {kind: means(seeds)[0].shares for kind, seeds in rows.items()}
    first, best = next(iter(last)), max(last, key=lambda kind: last[kind]["robust_test"])
    plain, cured = last[first], last[best]
    gaps = f"robust gap {100 * gap(cured):.1f}"
    if best == first:
        most = f"{label(first)}, {100 * plain['robust_test']:.1f} %"
        text = f"nothing has a larger robust test accuracy than {most}; {gaps}."
    else:
        both = zip(rows[best], rows[first], strict=False)
        change = _change([(a[0], b[0]) for a, b in both if not a[0].collapsed and not b[0].collapsed])
        text = (
            f"{label(best)} has the largest robust test accuracy, {100 * cured['robust_test']:.1f} %, against "
            f"{100 * plain['robust_test']:.1f} % with {label(first)}{change}; {gaps} against {100 * gap(plain):.1f}."
        )
    said = [f"Last epoch: {text}"]
    kept = [found for found in rows[first] if not found[0].collapsed]
    stopped = [(early, found[0]) for found in kept if (early := network_of(list(found), EARLY)) is not None]
    if stopped:
        epochs = next(mean.epochs for mean in means([[one] for one, _ in stopped]))
        reached = float(np.mean([one.robust_test for one, _ in stopped]))
        said.append(
            f"Stopping early, at epoch {epochs} with {label(first)}: {100 * reached:.1f} %{_change(stopped)} to the "
            "last epoch; in the model it gains nothing."
        )
    return tuple(said)


def gap(shares: Mapping[str, float]) -> float:
    """Robust accuracy on training images minus that on test images."""
    return shares["robust_train"] - shares["robust_test"]


def _change(pairs: Sequence[tuple[FinalAccuracies, FinalAccuracies]]) -> str:
    """Mean difference in the robust test accuracy, and its standard error: over seeds, else of the test images."""
    moved = np.array([one.robust_test - other.robust_test for one, other in pairs])
    if not len(moved):
        return ""
    if len(moved) > 1:
        return f", {100 * moved.mean():+.1f} ± {100 * standard_error(moved):.1f} over {len(moved)} seeds"
    one, other = pairs[0]
    error = math.hypot(one.robust_test_error, other.robust_test_error)
    return f", {100 * moved.mean():+.1f} (one training each: at most ± {100 * error:.1f} is chance in the images alone)"
