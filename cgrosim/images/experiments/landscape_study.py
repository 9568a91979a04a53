"""The loss landscape over training time: kept networks of several trainings, measured one by one into one file.

The file is written after every network, atomically; a study that was stopped goes on with the next network, and every
network has random streams of its own, so that the numbers are the same as without the stop.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.errors import ParameterError
from cgrosim.images.experiments.landscape import Ball, NetworkSurface, Search, measure
from cgrosim.images.experiments.landscape_file import SETS, continued, empty, save
from cgrosim.images.training.samples import Samples, training_data
from cgrosim.images.training.settings import Settings
from cgrosim.model.streams import TrainingStream, stream

if TYPE_CHECKING:
    import xarray

    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.file import Training

OUTER = 1.5  # of the training radius: where the growth beyond it is read off
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5)  # of the training radius
SHARED = ("dataset", "subset", "validation", "shuffle_labels", "snapshots", "seed")  # by all trainings of a study
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Study:
    """What is measured.

    Attributes
    ----------
    trainings : settings of every training by name; all of them keep the networks of the same epochs (`snapshots`)
    radii : increasing, with the training radius and the outer radius among them
    training_radius : radius of the attack that is trained against
    outer_radius : a radius beyond it, at which the growth of the loss is read off
    points : of the training and of the test images, class-balanced; at most as many as both have
    search : how hard the maxima are sought

    Raises
    ------
    ParameterError
        If these contradict each other.
    """

    trainings: Mapping[str, Settings]
    radii: tuple[float, ...]
    training_radius: float
    outer_radius: float
    points: int = 200
    search: Search = field(default_factory=Search)

    def __post_init__(self) -> None:
        if self.points < 1:
            raise ParameterError(f"points is {self.points}, but must be at least 1.")
        if not 0.0 < self.training_radius < self.outer_radius:
            raise ParameterError(
                f"the outer radius is {self.outer_radius:g}, but must be larger than the training radius "
                f"{self.training_radius:g}."
            )
        if not {self.training_radius, self.outer_radius} <= set(self.radii):
            raise ParameterError(f"radii are {self.radii}, but must hold the training radius and the outer radius.")
        if not self.any_settings.snapshots:
            raise ParameterError("the trainings keep no networks to measure; name epochs in their snapshots.")
        for name in SHARED:
            values = {str(getattr(settings, name)) for settings in self.trainings.values()}
            if len(values) > 1:
                raise ParameterError(
                    f"the trainings differ in {name} ({' and '.join(sorted(values))}), but must share it."
                )

    @property
    def any_settings(self) -> Settings:
        """Settings of the first training: what `SHARED` names is the same in all of them."""
        return next(iter(self.trainings.values()))

    @property
    def ball(self) -> Ball:
        """The balls in which is searched: those of the training attack."""
        return Ball(self.any_settings.attack.norm)

    def coordinates(self) -> dict[str, list[Any]]:
        """Names of the trainings, epochs and radii."""
        return {
            "training": list(self.trainings),
            "epoch": list(self.any_settings.snapshots),
            "radius": list(self.radii),
        }

    def attributes(self) -> dict[str, Any]:
        """What stands in the file beside the numbers; ``study`` is everything the numbers depend on, as JSON."""
        first, trainings = self.any_settings, self.trainings.items()
        everything = {
            "trainings": {name: settings.dump() for name, settings in trainings},
            "radii": self.radii,
            "marked": [self.training_radius, self.outer_radius],
            "points": self.points,
            "search": self.search.dump(),
        }
        return {
            "study": json.dumps(everything),
            "search": self.search.describe(self.ball.norm),
            "attacks": json.dumps({name: settings.attack_description for name, settings in trainings}),
            "dataset": first.dataset,
            "architecture": first.architecture.name,
            "norm": self.ball.norm,
            "training_radius": self.training_radius,
            "outer_radius": self.outer_radius,
            "seed": first.seed,
        }


def study_of(settings: Settings, networks: int, points: int, search: Search) -> Study:
    """Standard and adversarial training side by side, around the radius of the training attack.

    Parameters
    ----------
    settings : of the adversarial training
    networks : kept of each training, after equally many epochs as far as possible; the last one is among them

    Raises
    ------
    ParameterError
        If the training is not adversarial, or there are more networks than epochs.
    """
    if settings.adversarial_weight == 0.0:
        raise ParameterError("adversarial_weight is 0, but standard training is done in any case; give more than 0.")
    if not 1 <= networks <= settings.epochs:
        raise ParameterError(f"networks is {networks}, but must lie between 1 and epochs = {settings.epochs}.")
    epochs = np.linspace(1 if networks > 1 else settings.epochs, settings.epochs, networks)
    kept = settings.replace(snapshots=tuple(round(epoch) for epoch in epochs.tolist()))
    radius = settings.attack.radius
    return Study(
        {"standard": kept.replace(adversarial_weight=0.0), "adversarial": kept},
        tuple(share * radius for share in SHARES),
        radius,
        OUTER * radius,
        points,
        search,
    )


def draw_points(settings: Settings, dataset: Dataset, count: int) -> dict[str, Samples]:
    """Equally many training and test points, class-balanced; the training points are images that are trained on."""
    from cgrosim.images.data.datasets import balanced_subset

    data = training_data(settings, dataset)
    parts = {"train": data.train, "test": data.test}
    count = min(count, *(len(part) for part in parts.values()))
    return {
        name: part.take(balanced_subset(part.labels, count, stream(settings.seed, TrainingStream.POINTS, place)))
        for place, (name, part) in enumerate(parts.items())
    }


def run_study(
    study: Study,
    dataset: Dataset,
    trainings: Mapping[str, Training],
    path: str | Path,
    make_network: Callable[[Any, Any], Any],
    progress: Progress | None = None,
) -> xarray.Dataset:
    """Measure every kept network that the file does not hold yet.

    Parameters
    ----------
    trainings : the trained networks under the names of `study.trainings`; an epoch that a training did not reach
        stays unmeasured (nan)
    path : netCDF file, created, or continued if it holds this very study
    make_network : builds a network from an architecture and parameters

    Returns
    -------
    xarray.Dataset
        ``gradient_norm`` and ``value_change`` over (training, epoch, points_of, point, radius), and the accuracies
        that the trainings recorded at these epochs.

    Raises
    ------
    FileError
        If the file is damaged or holds another study, or the place cannot be written to.
    """
    points = draw_points(study.any_settings, dataset, study.points)
    description = study.attributes()
    data = (
        continued(path, description)
        if Path(path).exists()
        else empty(description, study.coordinates(), len(points["train"]))
    )
    work = [(name, epoch) for name, training in trainings.items() for epoch in sorted(training.snapshots)]
    for done, (name, epoch) in enumerate(work):
        if np.all(np.isfinite(data["value_change"].sel(training=name, epoch=epoch))):
            continue
        training = trainings[name]
        surface = NetworkSurface(make_network(training.settings.architecture, training.snapshots[epoch]))

        def tell(what: str, share: float, at: int = done, where: str = f"{name}, epoch {epoch}") -> None:
            if progress is not None:
                progress(f"{where}, {what}", (at + share) / len(work))

        _measure(data, study, surface, points, name, epoch, tell)
        _record_accuracy(data, training, name, epoch)
        save(data, path)
    return data


def _measure(
    data: xarray.Dataset,
    study: Study,
    surface: NetworkSurface,
    points: Mapping[str, Samples],
    name: str,
    epoch: int,
    tell: Progress,
) -> None:
    order = list(study.trainings).index(name)
    for place, part in enumerate(SETS):

        def report(what: str, share: float, place: int = place, part: str = part) -> None:
            tell(f"{part} points, {what}", 0.5 * (place + share))

        found = measure(
            surface,
            points[part].images,
            points[part].labels,
            np.array(study.radii),
            study.ball,
            study.search,
            stream(study.any_settings.seed, TrainingStream.SEARCH, order, epoch, place),
            report,
        )
        where = {"training": name, "epoch": epoch, "points_of": part}
        data["gradient_norm"].loc[where] = found.gradient_norm
        data["value_change"].loc[where] = found.value_change


def _record_accuracy(data: xarray.Dataset, training: Training, name: str, epoch: int) -> None:
    """What the training measured after this epoch; nothing is known of the start."""
    if epoch > 0:
        for kind in data["accuracy_of"].values:
            where = {"training": name, "epoch": epoch, "accuracy_of": kind}
            data["accuracy"].loc[where] = training.history[kind][epoch - 1]
