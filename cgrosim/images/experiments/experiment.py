"""What an experiment on images is: jobs that are done one by one, and a conclusion from what they found.

A job is a picklable description: run anywhere with the same data and the same results of the jobs it needs, it finds
the same, so that it can be stored, taken up again, and done in another process.
"""

from __future__ import annotations

import hashlib
import json
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cgrosim.images.experiments.results import read_result, write_result
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected
from cgrosim.images.training.settings import Settings
from cgrosim.model.settings import SettingsBase
from cgrosim.progress import Progress

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from cgrosim.files.kinds import Kind
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.file import Training

MEASURED = "measured"  # folder of the measurements, beside the trainings


class Job(SettingsBase):
    """One unit of work; its fields are everything its result depends on beside the data and the results it needs."""

    name: str
    needs: tuple[str, ...] = ()

    @abstractmethod
    def run(self, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> Any:
        """Do the work, or take up what is in the folder.

        Parameters
        ----------
        given : results of the jobs it needs, by name
        folder : where the result is kept; None keeps nothing
        """

    def cost(self, data: Dataset) -> float:
        """About how long it takes, in a unit that all jobs of an experiment share."""
        return 1.0

    def status(self, result: Any) -> str:
        """``finished``, ``diverged`` or ``interrupted``."""
        return str(getattr(result, "status", "finished"))

    def digest(self) -> str:
        """A few letters that tell jobs of other settings apart."""
        return hashlib.sha256(json.dumps(self.dump(), sort_keys=True).encode()).hexdigest()[:8]


class TrainingJob(Job):
    """A training; FOLDER/NAME.npz is written after every epoch, and gone on with."""

    settings: Settings

    def run(self, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> Training:
        """Train; Ctrl-C ends it after the last whole epoch."""
        from cgrosim.images.training.train import train

        checkpoint = None if folder is None else folder / f"{self.name}.npz"
        return train(self.settings, data, checkpoint=checkpoint, progress=tell)

    def cost(self, data: Dataset) -> float:
        """In multiplications."""
        from cgrosim.images.training.train import work

        return work(self.settings, data) * multiplications(self.settings.architecture)


class Measurement(Job):
    """A measurement; kept in FOLDER/measured/NAME-DIGEST.npz, so that measurements of other settings lie beside it."""

    def run(self, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> dict[str, Any]:
        """Measure, or return what was found before by this job on these data and results."""
        key = {
            "job": self.dump(),
            "data": data.digest,
            "given": {name: fingerprint(given[name]) for name in self.needs},
        }
        path = None if folder is None else folder / MEASURED / f"{self.name}-{self.digest()}.npz"
        found = None if path is None else read_result(path, key, self.check)
        if found is None:
            found = self.measure(data, given, tell)
            if path is not None:
                write_result(path, key, found)
        return found

    def check(self, found: Mapping[str, Any]) -> None:
        """Refuse values that this measurement cannot have found; by default any are taken.

        Raises
        ------
        ValueError
            In one sentence without its full stop; other errors of reading values say that they are odd, too.
        """

    @abstractmethod
    def measure(self, data: Dataset, given: Mapping[str, Any], tell: Progress) -> dict[str, Any]:
        """What is found: plain values (as JSON has them) and arrays, by name."""


@dataclass(frozen=True)
class Table:
    """A table for people: rows of texts, with a style of rich for each row where it matters."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    styles: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conclusion:
    """What an experiment says: for the terminal, and the files it leaves, by their names without suffix.

    Attributes
    ----------
    tables, warnings, sentences : for people
    figures : drawn when they are written
    records : plain values for JSON files
    datasets : labelled arrays for netCDF files, with the kind of file
    """

    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    datasets: Mapping[str, tuple[xarray.Dataset, Kind]] = field(default_factory=dict)


class Options(SettingsBase):
    """What the command line of an experiment asks; every field is an option."""

    @abstractmethod
    def experiment(self) -> Experiment:
        """The experiment asked for.

        Raises
        ------
        UserError
            If a value is bad, in one sentence.
        """

    dataset: str

    @classmethod
    def defaults(cls) -> dict[str, str]:
        """What the help says of an option that is left out, where that is not the field's own default."""
        return {}


class Experiment(SettingsBase):
    """An experiment: everything it depends on, as settings."""

    options: ClassVar[type[Options]]
    """What ``cgrosim images NAME`` asks; the docstring of the class is its help."""

    @abstractmethod
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, each after those it needs."""

    @abstractmethod
    def conclude(self, results: Mapping[str, Any]) -> Conclusion:
        """What follows from the results, by name of the job; after an interruption some of them are missing."""


def pair(settings: Any) -> dict[str, Any]:
    """Settings of standard and adversarial training of the same start, from those of the adversarial one.

    Raises
    ------
    ParameterError
        If the training is not adversarial.
    """
    from cgrosim.errors import ParameterError

    if settings.adversarial_weight == 0.0:
        raise ParameterError("adversarial_weight is 0, but standard training is done in any case; give more than 0.")
    return {"standard": settings.replace(adversarial_weight=0.0), "adversarial": settings}


def fingerprint(result: Any) -> str:
    """A few letters that a result of other content does not have."""
    from cgrosim.files.digest import content_digest
    from cgrosim.images.training.file import Training

    if isinstance(result, Training):
        groups = {"last": result.last, "best": result.best or {}, "averaged": result.averaged or {}}
        groups |= {f"snapshot {epoch}": kept for epoch, kept in result.snapshots.items()}
        arrays = {f"{group}/{name}": value for group, found in groups.items() for name, value in found.items()}
        return content_digest({"status": result.status, "epochs": result.epochs_done}, arrays)
    if isinstance(result, dict):
        arrays = {name: value for name, value in result.items() if hasattr(value, "dtype")}
        return content_digest({name: value for name, value in result.items() if name not in arrays}, arrays)
    variables = {str(name): result[name].values for name in sorted(result.variables) if result[name].dtype.kind != "O"}
    return content_digest({}, variables)  # a dataset of xarray


def multiplications(architecture: Architecture) -> int:
    """Multiplications of one forward pass, to share out a progress bar."""
    total = 0
    shapes = architecture.shapes
    for layer, before, after in zip(architecture.layers, shapes, shapes[1:], strict=False):
        if isinstance(layer, Convolution):
            total += math.prod(after) * layer.size**2 * before[2]
        elif isinstance(layer, FullyConnected):
            total += math.prod(before) * layer.units
    return total
