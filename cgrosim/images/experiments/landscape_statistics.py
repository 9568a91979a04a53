"""Means of the loss landscape over points, with intervals, and what they say of training against test points."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.streams import TrainingStream, stream

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95
LABELS = {"gradient_norm": "gradient norm", "value_change": "loss change"}
QUANTITIES = tuple(LABELS)
Answer = Literal["seen", "opposite seen", "undecided"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap interval of level 95 %; scalars, or arrays over the radii."""

    estimate: Array
    low: Array
    high: Array

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"

    @property
    def above_one(self) -> Answer:
        """Whether a ratio is above 1, as far as the interval can tell."""
        if self.low > 1.0:
            return "seen"
        return "opposite seen" if self.high < 1.0 else "undecided"


@dataclass(frozen=True)
class Contrast:
    """Training against test points, at the training radius and beyond it, of one quantity after one epoch.

    A loss that is linear around a point has twice the value change at twice the radius, and the same gradient norm.

    Attributes
    ----------
    inside : mean at test points / mean at training points, both at the training radius: above 1, training points
        are the flatter ones inside it
    growth_train, growth_test : mean at the outer radius / mean at the training radius
    sharpening : growth_train / growth_test; above 1, the loss sharpens more beyond the training radius at training
        points than at test points
    """

    inside: Interval
    growth_train: Interval
    growth_test: Interval
    sharpening: Interval


def resampled_means(values: Array, generator: np.random.Generator) -> Array:
    """Means over points of `RESAMPLES` bootstrap samples of the points: ``(n, ...) -> (RESAMPLES, ...)``."""
    points = len(values)
    counts = generator.multinomial(points, np.full(points, 1.0 / points), size=RESAMPLES)
    # not a matrix product: BLAS rounds differently with one thread and with two
    return np.asarray(np.einsum("bn,n...->b...", counts / points, values))


def mean_interval(values: Array, generator: np.random.Generator) -> Interval:
    """Mean over points (the first axis) with its percentile bootstrap interval, for each radius."""
    return _interval(values.mean(axis=0), resampled_means(values, generator))


def contrast(train: Array, test: Array, generator: np.random.Generator) -> Contrast:
    """Compare training with test points.

    Parameters
    ----------
    train, test : ``(points, 2)``, values at the training radius and at the outer one

    Notes
    -----
    Percentile bootstrap; training and test points are resampled independently, the two radii of a point together.
    """
    means = {"train": train.mean(axis=0)[None], "test": test.mean(axis=0)[None]}
    draws = {"train": resampled_means(train, generator), "test": resampled_means(test, generator)}

    def ratio(of: tuple[str, int], to: tuple[str, int]) -> tuple[Array, Array]:
        first, second = (part[of[0]][:, of[1]] / part[to[0]][:, to[1]] for part in (means, draws))
        return first, second

    with np.errstate(divide="ignore", invalid="ignore"):  # points without any gradient have no ratio
        inside = ratio(("test", 0), ("train", 0))
        growth_train, growth_test = (ratio((name, 1), (name, 0)) for name in ("train", "test"))
        sharpening = growth_train[0] / growth_test[0], growth_train[1] / growth_test[1]
        found = (_interval(first[0], draw) for first, draw in (inside, growth_train, growth_test, sharpening))
        return Contrast(*found)


def curves(data: xarray.Dataset) -> xarray.Dataset:
    """Means over the points of a landscape file with the ends of their intervals.

    Returns
    -------
    xarray.Dataset
        Per quantity ``NAME``, ``NAME_low`` and ``NAME_high`` over (training, epoch, points_of, radius); nan where
        nothing was measured.
    """
    import xarray

    dims = ("training", "epoch", "points_of", "radius")
    shape = tuple(data.sizes[dim] for dim in dims)
    found: dict[str, Any] = {}
    for quantity, name in enumerate(QUANTITIES):
        values = data[name].transpose("training", "epoch", "points_of", "point", "radius").values
        filled = {end: np.full(shape, np.nan) for end in ("", "_low", "_high")}
        for place in np.ndindex(*shape[:3]):
            if np.all(np.isfinite(values[place])):
                interval = mean_interval(
                    values[place], stream(int(data.attrs["seed"]), TrainingStream.BOOTSTRAP, quantity, *place)
                )
                for end, part in zip(filled, (interval.estimate, interval.low, interval.high), strict=True):
                    filled[end][place] = part
        found |= {name + end: (dims, array, data[name].attrs) for end, array in filled.items()}
    return xarray.Dataset(found, {dim: data[dim] for dim in dims}, {**data.attrs, "points": data.sizes["point"]})


def contrasts(data: xarray.Dataset, training: str, epoch: int) -> dict[str, Contrast]:
    """Both quantities' contrasts after one epoch of one training; empty where it was not measured."""
    radii = float(data.attrs["training_radius"]), float(data.attrs["outer_radius"])
    found: dict[str, Contrast] = {}
    for quantity, name in enumerate(QUANTITIES):
        chosen = data[name].sel(training=training, epoch=epoch).sel(radius=list(radii), method="nearest")
        train, test = (chosen.sel(points_of=part).transpose("point", "radius").values for part in ("train", "test"))
        if np.all(np.isfinite(train)) and np.all(np.isfinite(test)):
            found[name] = contrast(
                train, test, stream(int(data.attrs["seed"]), TrainingStream.BOOTSTRAP, 2 + quantity, epoch)
            )
    return found


def last_epoch(data: xarray.Dataset, training: str) -> int | None:
    """The last epoch of a training that was measured."""
    values = data["value_change"].sel(training=training).transpose("epoch", ...).values
    measured = data["epoch"].values[np.isfinite(values.reshape(len(values), -1)).all(axis=1)]
    return int(measured[-1]) if len(measured) else None


def note(data: xarray.Dataset, found: Contrast) -> str:
    """Two lines for a panel: the ratio inside, and the growth beyond."""
    inner, outer = data.attrs["training_radius"], data.attrs["outer_radius"]
    train, test = found.growth_train.estimate, found.growth_test.estimate
    growth = f"r = {inner:.3g} to {outer:.3g}: train ×{train:.3g}, test ×{test:.3g}"
    return f"r = {inner:.3g}: test / train = {found.inside}\n{growth}"


def numbers(found: Contrast) -> dict[str, list[float] | str]:
    """Estimate, low and high end of each ratio, and the two answers, for a file of plain values."""
    ratios = {f.name: getattr(found, f.name) for f in fields(found)}
    plain: dict[str, list[float] | str] = {
        name: [float(each.estimate), float(each.low), float(each.high)] for name, each in ratios.items()
    }
    return plain | {
        "training points flatter inside": found.inside.above_one,
        "sharpening more beyond at training points": found.sharpening.above_one,
    }


def sentence(name: str, epoch: int, quantity: str, found: Contrast) -> str:
    """What was seen of the paper's observation, in words, with the intervals behind them."""
    what = f"{name} training, epoch {epoch}, largest {LABELS[quantity]}"
    if not np.isfinite(found.sharpening.estimate):
        return f"{what}: the loss is constant around the points, nothing can be compared."
    flatter = {"seen": "flatter than", "opposite seen": "steeper than", "undecided": "not told apart from"}
    more = {
        "seen": "larger at training points",
        "opposite seen": "larger at test points",
        "undecided": "the same at both, as far as can be told",
    }
    return (
        f"{what}: within the training radius training points are "
        f"{flatter[found.inside.above_one]} test points (test / train {found.inside}); beyond it the growth is "
        f"{more[found.sharpening.above_one]} (train {found.growth_train}, test {found.growth_test})."
    )


def _interval(estimate: Array, draws: Array) -> Interval:
    low, high = np.quantile(draws, [0.5 - LEVEL / 2.0, 0.5 + LEVEL / 2.0], axis=0)
    return Interval(estimate, low, high)
