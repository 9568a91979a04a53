"""How the loss landscape changes over the epochs: which curves fall, which rise, and the robust gap beside flatness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.experiments.landscape_file import SETS
from cgrosim.images.experiments.landscape_statistics import LABELS, QUANTITIES, Interval, resampled_means
from cgrosim.model.streams import TrainingStream, stream

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]
Direction = Literal["rises", "falls", "undecided"]
LEARNT = 0.5  # clean training accuracy
PLACES = 4  # of the bootstrap streams, behind those of `landscape_statistics`


def change(first: Array, last: Array, generator: np.random.Generator) -> Interval:
    """Mean over points after the last epoch over that after the first, with a bootstrap interval of level 95 %.

    Parameters
    ----------
    first, last : (points,), of the same points: a resample takes both values of a point
    """
    both = np.stack([first, last], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant network has no gradient anywhere
        draws = np.divide(*resampled_means(both, generator).T[::-1])
        estimate = np.divide(*both.mean(axis=0)[::-1])
        return Interval(estimate, *np.quantile(draws, [0.025, 0.975]))


def direction(found: Interval) -> Direction:
    """What a change says, as far as its interval can tell."""
    answers: dict[str, Direction] = {"seen": "rises", "opposite seen": "falls", "undecided": "undecided"}
    return answers[found.above_one]


def measured_epochs(data: xarray.Dataset, training: str) -> list[int]:
    """The epochs of a training that were measured, from the first on after which it gets half of its images right.

    A network that has learnt nothing is flat because its answer is constant.
    """
    values = data["value_change"].sel(training=training).transpose("epoch", ...).values
    learnt = data["accuracy"].sel(training=training, accuracy_of="clean_train").values >= LEARNT
    done = np.isfinite(values.reshape(len(values), -1)).all(axis=1) & np.logical_or.accumulate(learnt)
    return [int(epoch) for epoch in data["epoch"].values[done]]


def changes(data: xarray.Dataset, training: str) -> dict[tuple[str, str], Interval]:
    """From the first to the last of the `measured_epochs`, at the training radius: by quantity, and ``train`` or
    ``test``.

    Empty where there are fewer than two.
    """
    epochs = measured_epochs(data, training)
    if len(epochs) < 2:
        return {}
    at = data.sel(training=training).sel(radius=data.attrs["training_radius"], method="nearest")
    order = data["training"].values.tolist().index(training)
    found = {}
    for place, quantity in enumerate(QUANTITIES):
        for part_place, part in enumerate(SETS):
            first, last = (at[quantity].sel(epoch=epoch, points_of=part).values for epoch in (epochs[0], epochs[-1]))
            generator = stream(
                int(data.attrs["seed"]), TrainingStream.BOOTSTRAP, PLACES + place, order, part_place, epochs[-1]
            )
            found[quantity, part] = change(first, last, generator)
    return found


def courses(data: xarray.Dataset, means: xarray.Dataset) -> xarray.Dataset:
    """The means, with the robust generalization gap of every epoch beside them.

    Parameters
    ----------
    means : of the same landscape, as `cgrosim.images.experiments.landscape_statistics.curves` gives them
    """
    accuracy = data["accuracy"]
    train, test = (accuracy.sel(accuracy_of=name, drop=True) for name in ("robust_train", "robust_test"))
    return means.assign(robust_gap=(train - test).assign_attrs(long_name="robust generalization gap", units="1"))


def told(training: str, epochs: list[int], quantity: str, part: str, found: Interval) -> str:
    """A change in words."""
    words = {"rises": "rises", "falls": "falls", "undecided": "is not told from constant"}[direction(found)]
    return (
        f"{training} training, epoch {epochs[0]} to {epochs[-1]}: the largest {LABELS[quantity]} within the training "
        f"radius of {part} points {words} (last / first {found})."
    )
