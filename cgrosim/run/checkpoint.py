"""Checkpoints: everything a run needs to go on bit-identically, in one NumPy archive without pickled objects."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError
from cgrosim.files.atomic import write_atomically
from cgrosim.files.versions import versions
from cgrosim.model.params import Params
from cgrosim.run.quantities import RENAMED

FORMAT = "cgrosim checkpoint 1"


@dataclass(frozen=True)
class Checkpoint:
    """A saved moment of a run: its plan, the records so far and the state of the engine."""

    params: Params
    plan: dict[str, Any]  # sampling, engine, reason, steps, notes; record_at, until and keep where they were given
    records: dict[str, list[Any]]
    state: dict[str, NDArray[Any]]
    seconds: float
    start: dict[str, NDArray[Any]] = field(default_factory=dict)  # arrays of the start, where it was given


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically: after a crash the file is the last whole one."""
    header = {
        "format": FORMAT,
        "params": checkpoint.params.model_dump_json(),
        "plan": checkpoint.plan,
        "versions": versions(),
        "seconds": checkpoint.seconds,
    }
    arrays: dict[str, Any] = {"header": np.array(json.dumps(header))}
    arrays |= {f"record {name}": np.stack(values) for name, values in checkpoint.records.items()}
    arrays |= {f"state {name}": value for name, value in checkpoint.state.items()}
    arrays |= {f"start {name}": value for name, value in checkpoint.start.items()}

    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    FileError
        If the file is missing, truncated, foreign, or written by other library versions (the same bits could then
        not be promised).
    """
    if not Path(path).is_file():
        raise FileError(f"{path} does not exist; give the file that --checkpoint wrote.")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, TypeError) as error:
        raise FileError(f"{path} is not a whole checkpoint of cgrosim ({error}); start the run again.") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FileError(f"{path} is not a checkpoint of cgrosim; give the file that --checkpoint wrote.")
    changed = [name for name, version in versions().items() if header["versions"].get(name) != version]
    if changed:
        raise FileError(
            f"{path} was written with other versions of {', '.join(changed)}, which may round differently; "
            "start the run again, or install those versions."
        )
    parts: dict[str, dict[str, Any]] = {"record": {}, "state": {}, "start": {}}
    for name, array in arrays.items():
        part, _, rest = name.partition(" ")
        if part in parts:
            parts[part][rest] = array
    records = {RENAMED.get(name, name): list(array) for name, array in parts["record"].items()}
    params = Params(**json.loads(header["params"]))
    return Checkpoint(params, header["plan"], records, parts["state"], header["seconds"], parts["start"])
