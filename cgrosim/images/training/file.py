"""What a training returns, and its file: checkpoint and result are the same archive, without pickled objects."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.atomic import write_atomically
from cgrosim.files.versions import versions
from cgrosim.images.training.settings import Settings

FORMAT = "cgrosim training 1"
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
        (nan without validation images) and ``test``, measured after the epoch with ``settings.evaluation_attack``.
    last, velocity
        Parameters and velocity after the last whole epoch.
    best, best_epoch
        Parameters and number of the epoch with the largest robust validation accuracy (the earliest of equals); None
        without validation images. Never chosen on test images.
    snapshots
        Parameters after the epochs that ``settings.snapshots`` names, as far as they were reached.
    status, message
        ``finished``; ``diverged`` or ``interrupted``, with a message that says where and why; ``running`` in a file
        whose training was killed.
    seconds
        Spent on training and measuring.
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
    made_with: dict[str, str] = field(default_factory=versions)

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
            "format": FORMAT,
            "settings": self.settings.model_dump(),
            "best_epoch": self.best_epoch,
            "status": self.status,
            "message": self.message,
            "seconds": self.seconds,
            "versions": self.made_with,
        }
        arrays: dict[str, Any] = {"header": np.array(json.dumps(header))}
        groups: dict[str, Parameters] = {
            "history": self.history,
            "last": self.last,
            "velocity": self.velocity,
            "best": self.best or {},
        }
        groups |= {f"snapshot {epoch}": parameters for epoch, parameters in self.snapshots.items()}
        for group, content in groups.items():
            arrays |= {f"{group}/{name}": value for name, value in content.items()}

        return write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> Training:
        """Read a training that `save` wrote.

        Raises
        ------
        FileError
            If the file is missing, truncated or foreign.
        """
        header, groups = _read(Path(path))
        try:
            return cls(
                Settings.from_dump(header["settings"]),
                groups["history"],
                groups["last"],
                groups["velocity"],
                groups.get("best"),
                header["best_epoch"],
                {int(name.split()[1]): value for name, value in groups.items() if name.startswith("snapshot ")},
                header["status"],
                header["message"],
                header["seconds"],
                header["versions"],
            )
        except (KeyError, TypeError, AttributeError, ParameterError) as error:
            raise FileError(f"{path} is not a training of this version of cgrosim ({error}); train it again.") from None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, NDArray[Any]]]]:
    """The header and the arrays by group."""
    if not path.is_file():
        raise FileError(f"{path} does not exist; give the .npz file of a training.")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            arrays = {name: archive[name] for name in archive.files if name != "header"}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, TypeError) as error:
        raise FileError(f"{path} is not a whole training of cgrosim ({error}); train it again.") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FileError(f"{path} is not a training of cgrosim; give the .npz file of one.")
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    for name, value in arrays.items():
        group, _, inner = name.partition("/")
        groups.setdefault(group, {})[inner] = value
    return header, groups


def continuable(path: str | Path, settings: Settings) -> Training | None:
    """The training in the file, if it can be gone on with bit-identically; None if there is no file.

    Raises
    ------
    FileError
        If the file is damaged, holds other settings, or is unfinished and of other library versions (which may round
        differently).
    """
    if not Path(path).is_file():
        return None
    found = Training.load(path)
    if found.settings != settings:
        ours, theirs = settings.model_dump(), found.settings.model_dump()
        names = ", ".join(name for name in ours if ours[name] != theirs.get(name))
        raise FileError(
            f"{path} holds a training with other settings ({names}); choose another place (--out), or remove the file."
        )
    changed = [name for name, version in versions().items() if found.made_with.get(name) != version]
    if changed and found.status in ("running", "interrupted"):
        raise FileError(
            f"{path} was begun with other versions of {', '.join(changed)}, which may round differently; choose "
            "another place, or install those versions."
        )
    return found
