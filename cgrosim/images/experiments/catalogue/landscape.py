"""The loss landscape over training time: how flat the loss is around training and around test points.

Kept networks of standard and adversarial training are measured one by one, each with random streams of its own, so that
the numbers do not depend on their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.files.cells import Variable
from cgrosim.images.experiments.experiment import (
    Conclusion,
    Experiment,
    Job,
    Measurement,
    Table,
    multiplications,
    pair,
)
from cgrosim.images.experiments.landscape_courses import changes, courses, measured_epochs, told
from cgrosim.images.experiments.landscape_file import DIMS, LANDSCAPE, SETS, empty, units_of
from cgrosim.images.experiments.landscape_search import Ball, NetworkSurface, Search, measure
from cgrosim.images.experiments.landscape_statistics import LABELS, contrasts, curves, last_epoch, note, sentence
from cgrosim.images.experiments.training_job import TrainingJob
from cgrosim.images.experiments.training_options import TrainingOptions
from cgrosim.images.training.samples import Samples, training_data
from cgrosim.images.training.settings import Settings
from cgrosim.model.streams import TrainingStream, stream
from cgrosim.progress import Progress, part_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.experiments.landscape_statistics import Contrast

OUTER = 1.5  # of the training radius: where the growth beyond it is read off
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5)  # of the training radius
SHARED = ("dataset", "subset", "validation", "shuffle_labels", "snapshots", "seed")  # by all trainings
QUANTITIES = ("gradient_norm", "value_change")
MOST_POINTS = 10**5  # of training and of test images: the table of results has a place for each


class Options(TrainingOptions):
    """Train without and with attacks and measure the loss around training and test points: OUT/landscape.png,
    landscape_epochs.png, a table, landscape.nc, standard.npz and adversarial.npz. The same command goes on where it was
    stopped or killed.
    """

    networks: int = Field(6, description="networks of each training that are measured, spread over its epochs")
    measured_epochs: tuple[int, ...] | None = Field(
        None, description="epochs after which they are measured, in place of --networks"
    )
    points: int = Field(100, description="training points, and test points, at most")
    ascent_steps: int = Field(10, description=Search.model_fields["steps"].description)
    restarts: int = Field(1, description="random starts of every search")

    def experiment(self) -> LossLandscape:
        """Both trainings, around the radius of the training attack."""
        search = Search(steps=self.ascent_steps, restarts=self.restarts)
        asked = self.networks if self.measured_epochs is None else self.measured_epochs
        return landscape_of(self.settings(), asked, self.points, search=search)


class Surroundings(Measurement):
    """The landscape around training and test points of the network that a training kept after an epoch."""

    kind: ClassVar[str] = "landscape"

    settings: Settings
    epoch: int
    radii: tuple[float, ...]
    points: int
    search: Search
    order: int  # of the training among those of the experiment, for the random streams

    def variables(self) -> tuple[Variable, ...]:
        """Both quantities over points and radii."""
        units = units_of(self.settings.attack.norm)
        return tuple(Variable(name, DIMS[2:], "float64", *units[name]) for name in QUANTITIES)

    def labels(self) -> Mapping[str, Sequence[Any]]:
        """Sets, points by number, and radii."""
        return {"points_of": SETS, "point": range(self.points), "radius": self.radii}

    def check(self, found: Mapping[str, Any]) -> None:
        """Both quantities over points and radii, or nothing at all."""
        if found and {*found} != {*LABELS}:
            raise ValueError(f"it holds {', '.join(found)}")
        for name, values in found.items():
            shape = np.shape(values)
            fits = len(shape) == 3 and (shape[0], shape[2]) == (len(SETS), len(self.radii))
            if not fits or not 1 <= shape[1] <= self.points or values.dtype != np.float64:
                raise ValueError(f"{name} is not over its points and radii")

    def measure(self, data: Dataset, given: Mapping[str, Any], tell: Progress) -> dict[str, Any]:
        """``gradient_norm`` and ``value_change``, (train and test, points, radii); nothing of an epoch not reached."""
        from cgrosim.images.training.train import new_network

        (training,) = given.values()
        if self.epoch not in training.snapshots:
            return {}
        settings, found = self.settings, []
        surface = NetworkSurface(new_network(settings.architecture, training.snapshots[self.epoch]))
        points = draw_points(settings, data, self.points)
        for place, part in enumerate(SETS):
            generator = stream(settings.seed, TrainingStream.SEARCH, self.order, self.epoch, place)
            report = part_of(tell, f"{part} points", 0.5 * place, 0.5)
            ball, radii = Ball(settings.attack.norm), np.array(self.radii)
            around = points[part]
            found.append(measure(surface, around.images, around.labels, radii, ball, self.search, generator, report))
        return {name: np.stack([getattr(each, name) for each in found]) for name in QUANTITIES}

    def cost(self, data: Dataset) -> float:
        """In multiplications: two passes for a step of an ascent, three ascents besides those of the restarts."""
        passes = 2.0 * self.search.steps * (3 + self.search.restarts) * len(self.radii)
        return 2.0 * self.points * passes * multiplications(self.settings.architecture)


class LossLandscape(Experiment):
    """What is trained and measured; all trainings keep the networks of the same epochs (`snapshots`).

    Raises
    ------
    ParameterError
        If the trainings, the radii or the points contradict each other.
    """

    options = Options

    trainings: dict[str, Settings] = Field(description="of every training, by name")
    radii: tuple[float, ...] = Field(description="increasing, with the training radius and the outer radius among them")
    training_radius: float = Field(description="of the attack that is trained against")
    outer_radius: float = Field(description="beyond it, where the growth of the loss is read off")
    points: int = Field(200, description="of the training and of the test images, class-balanced, at most")
    search: Search = Field(Search(), description="how hard the maxima are sought")

    @model_validator(mode="after")
    def _possible(self) -> LossLandscape:
        if not 1 <= self.points <= MOST_POINTS:
            raise ValueError(f"points is {self.points}, but must be from 1 to {MOST_POINTS}.")
        if not 0.0 < self.training_radius < self.outer_radius:
            raise ValueError(
                f"the outer radius is {self.outer_radius:g}, but must be larger than the training radius "
                f"{self.training_radius:g}."
            )
        if not {self.training_radius, self.outer_radius} <= set(self.radii):
            raise ValueError(f"radii are {self.radii}, but must hold the training radius and the outer radius.")
        if not self.any_settings.snapshots:
            raise ValueError("the trainings keep no networks to measure; name epochs in their snapshots.")
        for name in SHARED:
            values = {str(getattr(settings, name)) for settings in self.trainings.values()}
            if len(values) > 1:
                raise ValueError(f"the trainings differ in {name} ({' and '.join(sorted(values))}), but must share it.")
        return self

    @property
    def any_settings(self) -> Settings:
        """Settings of the first training: what `SHARED` names is the same in all of them."""
        return next(iter(self.trainings.values()))

    def jobs(self) -> tuple[Job, ...]:
        """All trainings, then their networks one by one."""
        trained = [TrainingJob(name=name, settings=settings) for name, settings in self.trainings.items()]
        measured = [
            Surroundings(
                name=f"{name}-epoch{epoch}",
                needs=(name,),
                settings=settings,
                epoch=epoch,
                radii=self.radii,
                points=self.points,
                search=self.search,
                order=order,
            )
            for order, (name, settings) in enumerate(self.trainings.items())
            for epoch in self.any_settings.snapshots
        ]
        return (*trained, *measured)

    def axes(self, job: Job) -> dict[str, Any]:
        """The training, and of its surroundings the epoch after which the network was kept."""
        if isinstance(job, Surroundings):
            return {"training": job.needs[0], "snapshot": job.epoch}
        return {"training": job.name}

    def dataset(self, results: Mapping[str, Any]) -> xarray.Dataset | None:
        """Both quantities over (training, epoch, points_of, point, radius), nan where nothing was measured; None if
        nothing was. Beside them the accuracies that the trainings recorded at these epochs.
        """
        measured = {
            (name, epoch): results.get(f"{name}-epoch{epoch}")
            for name in self.trainings
            for epoch in self.any_settings.snapshots
        }
        found = {where: each for where, each in measured.items() if each}
        if not found:
            return None
        epochs, norm = list(self.any_settings.snapshots), self.any_settings.attack.norm
        count = next(iter(found.values()))["value_change"].shape[1]
        coordinates: dict[str, list[Any]] = {
            "training": list(self.trainings),
            "epoch": epochs,
            "radius": list(self.radii),
        }
        data = empty(self._attributes(norm), coordinates, count)
        for (name, epoch), each in found.items():
            for quantity in QUANTITIES:
                data[quantity].loc[{"training": name, "epoch": epoch}] = each[quantity]
            for kind in data["accuracy_of"].values if epoch > 0 else ():  # nothing is known of the start
                where = {"training": name, "epoch": epoch, "accuracy_of": kind}
                data["accuracy"].loc[where] = results[name].history[kind][epoch - 1]
        return data

    def conclude(self, results: Mapping[str, Any]) -> Conclusion:
        """The curves, and what was seen of the paper's observation."""
        trainings = {name: results[name] for name in self.trainings if name in results}
        warnings = tuple(f"{name}: {each.message}" for name, each in trainings.items() if each.message)
        data = self.dataset(results)
        if data is None:
            return Conclusion(warnings=warnings)
        means, found = curves(data), _contrasts(data)
        notes = {(q, name): note(data, each) for (name, _), both in found.items() for q, each in both.items()}
        over_time = {name: changes(data, name) for name in trainings}
        words = [
            told(name, measured_epochs(data, name), *where, each)
            for name, every in over_time.items()
            for where, each in every.items()
        ]
        last = [*trainings][-1]
        courses_notes = {
            where: f"last / first, r = {self.training_radius:.3g}: {each}" for where, each in over_time[last].items()
        }
        return Conclusion(
            tables=(_table(data, means, found),),
            warnings=warnings,
            sentences=(
                *(sentence(*where, q, each) for where, both in found.items() for q, each in both.items()),
                *words,
            ),
            figures={
                "landscape": partial(_draw, means, notes),
                "landscape_epochs": partial(_draw_epochs, courses(data, means), last, courses_notes),
            },
            datasets={"landscape": (data, LANDSCAPE)},
        )

    def _attributes(self, norm: str) -> dict[str, Any]:
        """What stands in the file beside the numbers; ``study`` is everything they depend on, as JSON."""
        first = self.any_settings
        return {
            "study": json.dumps(self.dump()),
            "search": self.search.describe(norm),
            "attacks": json.dumps({name: settings.attack_description for name, settings in self.trainings.items()}),
            "dataset": first.dataset,
            "architecture": first.architecture.name,
            "norm": norm,
            "training_radius": self.training_radius,
            "outer_radius": self.outer_radius,
            "seed": first.seed,
        }


@checked
def landscape_of(settings: Settings, networks: int | tuple[int, ...], points: int, *, search: Search) -> LossLandscape:
    """Standard and adversarial training side by side, around the radius of the training attack.

    Parameters
    ----------
    settings : of the adversarial training
    networks : kept of each training, after equally many epochs as far as possible, the last one among them; or the
        epochs after which they are kept

    Raises
    ------
    ParameterError
        If the training is not adversarial, there are more networks than epochs, or an epoch is none of the training.
    """
    kept = settings.replace(snapshots=_epochs(networks, settings.epochs))
    radius = settings.attack.radius
    return LossLandscape(pair(kept), tuple(share * radius for share in SHARES), radius, OUTER * radius, points, search)


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


def _epochs(networks: int | tuple[int, ...], epochs: int) -> tuple[int, ...]:
    """The epochs asked for, in order."""
    if isinstance(networks, int):
        if not 1 <= networks <= epochs:
            raise ParameterError(f"networks is {networks}, but must lie between 1 and epochs = {epochs}.")
        spread = np.linspace(1 if networks > 1 else epochs, epochs, networks)
        return tuple(round(epoch) for epoch in spread.tolist())
    if not networks or len({*networks}) < len(networks) or not all(0 <= epoch <= epochs for epoch in networks):
        raise ParameterError(
            f"measured_epochs are {networks}, but must be different whole numbers between 0 and epochs = {epochs}."
        )
    return tuple(sorted(networks))


def _contrasts(data: xarray.Dataset) -> dict[tuple[str, int], dict[str, Contrast]]:
    """Of every training after its last measured epoch."""
    last = {name: last_epoch(data, name) for name in data["training"].values.tolist()}
    return {(name, epoch): contrasts(data, name, epoch) for name, epoch in last.items() if epoch is not None}


def _draw(means: xarray.Dataset, notes: Mapping[tuple[str, str], str]) -> Figure:
    from cgrosim.figures.landscape import landscape_figure

    return landscape_figure(means, notes)


def _draw_epochs(data: xarray.Dataset, training: str, notes: Mapping[tuple[str, str], str]) -> Figure:
    from cgrosim.figures.landscape_epochs import landscape_epochs_figure

    return landscape_epochs_figure(data, training, notes)


def _table(
    data: xarray.Dataset, means: xarray.Dataset, found: Mapping[tuple[str, int], Mapping[str, Contrast]]
) -> Table:
    """Training and test points side by side at the two marked radii."""
    radii = data.attrs["training_radius"], data.attrs["outer_radius"]
    rows = []
    for (name, epoch), both in found.items():
        for quantity, each in both.items():
            chosen = means[quantity].sel(training=name, epoch=epoch)
            pairs = [chosen.sel(radius=r, method="nearest").sel(points_of=[*SETS]).values for r in radii]
            cells = [f"{train:.3g} | {test:.3g}" for train, test in pairs]
            rows.append((f"{name}, {epoch}", LABELS[quantity], *cells, str(each.inside)))
    return Table(
        f"means over {data.sizes['point']} training | {data.sizes['point']} test points, [95 % bootstrap intervals]\n"
        f"largest values found, lower bounds of the maxima: {data.attrs['search']}",
        ("training, epoch", "largest", *(f"r = {r:.3g}" for r in radii), f"test / train, r = {radii[0]:.3g}"),
        rows,
    )


EXPERIMENT = LossLandscape
