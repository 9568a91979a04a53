"""What a training returns, and its file: checkpoint and result are the same archive."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cgrosim.arguments import checked
from cgrosim.errors import FileError
from cgrosim.files.archive import Archive, read_archive, write_archive
from cgrosim.files.kinds import Kind
from cgrosim.files.schema import Expected, check_arrays
from cgrosim.files.versions import versions
from cgrosim.files.words import shown
from cgrosim.images.training.measuring import measured_names
from cgrosim.images.training.settings import Settings
from cgrosim.run.processor import other_processor, processor

TRAINING = Kind(
    "cgrosim training 2",
    "training of cgrosim",
    "the .npz file of a training",
    "train it again",
    older=("cgrosim training 1",),
)
HISTORY = ("epoch", "learning_rate", "train_loss")  # before the accuracies
UNSAID = {"confirmation_steps": 0}  # what the settings of a file mean that do not say it
Parameters = dict[str, NDArray[Any]]
Status = Literal["running", "finished", "diverged", "interrupted"]


@dataclass(frozen=True)
class Training:
    """A training after its last whole epoch.

    Attributes
    ----------
    settings
        What was trained.
    history
        Arrays over the epochs done: ``epoch`` (from 1), ``learning_rate`` (of the epoch's last step), ``train_loss``
        (mean of the minimised loss, nat) and the accuracies ``clean_`` and ``robust_`` of ``train``, ``validation``
        (nan without validation images) and ``test``, measured after the epoch with ``settings.evaluation_attack``;
        with ``settings.averaging`` the same of the averaged weights, ``averaged_clean_test`` for example (nan before
        there are any).
    last, velocity
        Parameters and velocity after the last whole epoch.
    best, best_epoch, best_accuracy
        Parameters and number of the epoch with the largest robust validation accuracy (the earliest of equals), and
        that accuracy: what ``settings.evaluation_attack`` and the stronger attacks that confirm it have left
        (`cgrosim.images.training.selection`). Where weights are averaged they are those of the average, from the first
        epoch on that has one. None without validation images. Never chosen on test images.
    averaged, averaged_networks
        Average of the parameters that ``settings.averaging`` asks for, in float64, and of how many networks it is; None
        and 0 before there is one.
    snapshots
        Parameters after the epochs that ``settings.snapshots`` names, as far as they were reached.
    status, message
        ``finished``; ``diverged`` or ``interrupted``, with a message that says where and why; ``running`` in a file
        whose training was killed.
    seconds
        Spent on training and measuring.
    data
        Digest of the data set (`cgrosim.images.data.datasets.Dataset.digest`); empty in a file of the first release.
    """

    settings: Settings
    history: dict[str, NDArray[np.float64]]
    last: Parameters
    velocity: Parameters
    best: Parameters | None = None
    best_epoch: int | None = None
    snapshots: dict[int, Parameters] = field(default_factory=dict)
    status: Status = "running"
    message: str = ""
    seconds: float = 0.0
    made_with: dict[str, str] = field(default_factory=lambda: {**versions(), "processor": processor()})
    data: str = ""
    averaged: dict[str, NDArray[np.float64]] | None = None
    averaged_networks: int = 0
    best_accuracy: float | None = None

    @property
    def epochs_done(self) -> int:
        """Number of whole epochs."""
        return len(self.history["epoch"])

    def save(self, path: str | Path) -> Path:
        """Write the training atomically: after a crash the file is the last whole one.

        Raises
        ------
        FileError
            If the place cannot be written to.
        """
        header = {
            "settings": self.settings.dump(),
            "best_epoch": self.best_epoch,
            "best_accuracy": self.best_accuracy,
            "status": self.status,
            "message": self.message,
            "seconds": self.seconds,
            "versions": self.made_with,
            "data": self.data,
            "averaged_networks": self.averaged_networks,
        }
        groups: dict[str, Parameters] = {
            "history": self.history,
            "last": self.last,
            "velocity": self.velocity,
            "best": self.best or {},
            "averaged": self.averaged or {},
        }
        groups |= {f"snapshot {epoch}": parameters for epoch, parameters in self.snapshots.items()}
        arrays = {f"{group}/{name}": value for group, content in groups.items() for name, value in content.items()}
        return write_archive(path, TRAINING, header, arrays)

    @classmethod
    @checked
    def load(cls, path: str | Path) -> Training:
        """Read a training that `save` wrote.

        Raises
        ------
        FileError
            If the file is missing, cut, changed, foreign, or contradicts itself.
        """
        archive = read_archive(path, TRAINING)
        with TRAINING.judging(path):
            header = Header(**archive.header)
            settings = Settings.load({**UNSAID, **header.settings})
            epochs = [int(name) for name in {key.split("/")[0].removeprefix("snapshot ") for key in archive.arrays}
                      if name.isdigit()]  # fmt: skip
            training = cls(
                settings,
                archive.group("history/"),
                archive.group("last/"),
                archive.group("velocity/"),
                archive.group("best/") or None,
                header.best_epoch,
                {epoch: archive.group(f"snapshot {epoch}/") for epoch in sorted(epochs)},
                header.status,
                header.message,
                header.seconds,
                header.versions,
                header.data,
                archive.group("averaged/") or None,
                header.averaged_networks,
                header.best_accuracy,
            )
            _check(training, archive)
        return training


class Header(BaseModel):
    """What the file of a training says beside its arrays."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    settings: dict[str, Any]
    best_epoch: int | None
    best_accuracy: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    status: Status
    message: str
    seconds: Annotated[float, Field(ge=0.0)]
    data: str = ""
    averaged_networks: Annotated[int, Field(ge=0)] = 0
    versions: dict[str, str]


def _check(training: Training, archive: Archive) -> None:
    """Refuse a training whose arrays are not those of its settings and status.

    Raises
    ------
    ValueError
        In one sentence without its full stop.
    """
    settings, best = training.settings, training.best_epoch
    done = len(training.history["epoch"])
    names = (*HISTORY, *measured_names(settings))
    expected = {f"history/{name}": Expected("float64", (done,)) for name in names}
    kept = [epoch for epoch in settings.snapshots if epoch <= done]
    groups = ["last", "velocity", *(() if best is None else ("best",)), *(f"snapshot {epoch}" for epoch in kept)]
    shapes = settings.architecture.parameter_shapes
    expected |= {f"{group}/{name}": Expected("float32", shapes[name], "finite") for group in groups for name in shapes}
    if training.averaged_networks:
        expected |= {f"averaged/{name}": Expected("float64", shape, "finite") for name, shape in shapes.items()}
    check_arrays(archive.arrays, expected)
    if not np.array_equal(training.history["epoch"], np.arange(1, done + 1)) or done > settings.epochs:
        raise ValueError("its epochs are not those of its settings")
    averaging, count = settings.averaging, training.averaged_networks
    steps = (
        count // max(done, 1) if averaging.name == "ema" else 1
    )  # of an epoch; the number of images is not known here
    if count != averaging.count(done, settings.epochs, steps) or (settings.averages and done and steps == 0):
        raise ValueError(f"its average is of {count} networks, which {done} epochs do not have")
    if training.status == "finished" and done < settings.epochs:
        raise ValueError(f"it is finished after {done} of {settings.epochs} epochs")
    if best is not None and not 1 <= best <= done:
        raise ValueError(f"its best epoch is {best}, but it has {done}")


def continuable(path: str | Path, settings: Settings, data: str) -> Training | None:
    """The training in the file, if it can be gone on with bit-identically; None if there is no file.

    Parameters
    ----------
    data : digest of the data set; a file of the first release does not know its own

    Raises
    ------
    FileError
        If the file is damaged, holds other settings or a training on other data, or is unfinished and of other library
        versions or another type of processor (which may round differently).
    """
    if not Path(path).is_file():
        return None
    found = Training.load(path)
    if found.settings != settings:
        names = ", ".join(settings.differences(found.settings))
        raise FileError(
            f"{path} holds a training with other settings ({names}); choose another place (--out), or remove the file."
        )
    if found.data not in ("", data):
        raise FileError(f"{path} holds a training on other images; choose another place (--out), or remove the file.")
    found = replace(found, data=data)
    unfinished = found.status in ("running", "interrupted")
    other = other_processor(found.made_with.get("processor"), processor())
    if other and unfinished:
        raise FileError(f"{shown(path)} {other}")
    changed = [name for name, version in versions().items() if found.made_with.get(name) != version]
    if changed and unfinished:
        raise FileError(
            f"{path} was begun with other versions of {', '.join(changed)}, which may round differently; choose "
            "another place, or install those versions."
        )
    if found.status in ("running", "interrupted") and found.epochs_done == settings.epochs:
        raise TRAINING.damaged(path, f"it is {found.status} after all of its {settings.epochs} epochs")
    return found
