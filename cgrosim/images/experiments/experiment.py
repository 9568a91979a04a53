"""What an experiment on images is: jobs that are done one by one, and a conclusion from what they found.

A job is a picklable description: run anywhere with the same data and the same results of the jobs it needs, it finds
the same, so that it can be stored, taken up again, and done in another process.
"""

from __future__ import annotations

import hashlib
import json
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cgrosim.errors import ParameterError
from cgrosim.files.cells import Variable
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected
from cgrosim.model.settings import SettingsBase
from cgrosim.progress import Progress

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from cgrosim.files.kinds import Kind
    from cgrosim.images.data.datasets import Dataset


MOST_TRAININGS = 20_000
"""Of one experiment: the shortest take a second, and all of them are made before the first is begun."""


def check_trainings(count: int, fewer: str) -> None:
    """Refuse more trainings than an experiment can hold, before any is made.

    Raises
    ------
    ParameterError
        In one sentence.
    """
    if count > MOST_TRAININGS:
        raise ParameterError(
            f"that makes {count:.3g} trainings, but one experiment holds at most {MOST_TRAININGS}; take fewer {fewer}."
        )


class Job(SettingsBase):
    """One unit of work; its fields are everything its result depends on beside the data and the results it needs.

    What it finds is a cell of the experiment's table: `variables` says which arrays, `cell` what they are.

    Attributes
    ----------
    kind : what it is, for the name of its status in the table; jobs of one kind have the same variables
    """

    kind: ClassVar[str] = "job"

    name: str
    needs: tuple[str, ...] = ()

    @abstractmethod
    def run(self, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> Any:
        """Do the work, or take up what is in the folder.

        Parameters
        ----------
        given : results of the jobs it needs, by name
        folder : where networks are kept; None keeps nothing
        """

    def cost(self, data: Dataset) -> float:
        """About how long it takes, in a unit that all jobs of an experiment share."""
        return 1.0

    def status(self, result: Any) -> str:
        """``finished``, ``diverged`` or ``interrupted``."""
        return str(getattr(result, "status", "finished"))

    def message(self, result: Any) -> str:
        """What a reader must know of it; a sentence, or nothing."""
        return str(getattr(result, "message", ""))

    def variables(self) -> tuple[Variable, ...]:
        """The arrays of its cell."""
        return ()

    def labels(self) -> Mapping[str, Sequence[Any]]:
        """Of every dimension of its variables the labels, at most as many as which its result has."""
        return {}

    def cell(self, result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is kept of the result: values of its variables, perhaps fewer or shorter; and other plain values."""
        return {}, {}

    def digest(self) -> str:
        """A few letters that tell jobs of other settings apart."""
        return hashlib.sha256(json.dumps(self.dump(), sort_keys=True).encode()).hexdigest()[:8]


class Measurement(Job):
    """A measurement; its cell is all that it finds, and is taken up instead of measuring again."""

    kind: ClassVar[str] = "measurement"

    def run(self, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> dict[str, Any]:
        """Measure."""
        return self.measure(data, given, tell)

    def cell(self, result: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arrays, which the variables must name, and everything else."""
        arrays = {name: value for name, value in result.items() if hasattr(value, "dtype")}
        return arrays, {name: value for name, value in result.items() if name not in arrays}

    def found(self, arrays: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
        """The result that `cell` was given."""
        return {**plain, **arrays}

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

    def axes(self, job: Job) -> dict[str, Any]:
        """Where a job stands in the table: a place on every axis, by its name; for one that measures, that of what it
        measures. By default there is one axis, the jobs.
        """
        return {"job": job.name}

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
