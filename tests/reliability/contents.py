"""What is in a folder of results, without what differs between two runs of the same work: seconds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cgrosim.files.archive import HEADER

CLOCKS = ("seconds", "checksum", "timing")
UNTOLD = ("marks", "cells.zarr", "index.html")
"""What depends on how the cells of a sweep were cut into batches, which the table does not, and pages with clocks; of
an experiment on images the table is told."""


def content(folder: Path) -> dict[str, str]:
    """A digest of every file that a program may leave, by its path; unfinished ones are named."""
    found = {}
    for path in sorted(folder.rglob("*")):
        told = not set(path.relative_to(folder).parts) & {*UNTOLD}
        if path.is_file() and path.suffix in READERS and not path.name.startswith(".") and told:
            found[str(path.relative_to(folder))] = READERS[path.suffix](path)
        elif path.name.endswith(".partial"):
            found[str(path.relative_to(folder))] = "unfinished"
    if (folder / "experiment.json").exists():
        found["table"] = _table(folder)
    return found


def _table(folder: Path) -> str:
    """Of everything that jobs found, without the seconds that trainings took."""
    from cgrosim.images import load_table

    data = load_table(folder).data.drop_vars("seconds", errors="ignore")
    digest = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        values = data[name].values
        told = repr(values.tolist()).encode() if values.dtype.kind in "OU" else values.tobytes()
        digest.update(name.encode() + told)
    return digest.hexdigest()


def _archive(path: Path) -> str:
    digest = hashlib.sha256()
    with np.load(path) as members:
        for name in sorted(members.files):
            if name == HEADER:
                digest.update(_without_clocks(json.loads(str(members[name]))).encode())
            else:
                digest.update(name.encode() + members[name].tobytes())
    return digest.hexdigest()


def _labelled(path: Path) -> str:
    import xarray

    digest = hashlib.sha256()
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        for name in sorted(map(str, data.variables)):
            values = data[name].values
            digest.update(
                name.encode() + (repr(values.tolist()).encode() if values.dtype.kind in "OU" else values.tobytes())
            )
        plain = {str(name): str(value) for name, value in data.attrs.items()}
    digest.update(_without_clocks(plain).encode())
    return digest.hexdigest()


def _plain(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record(path: Path) -> str:
    return hashlib.sha256(_without_clocks(json.loads(path.read_text())).encode()).hexdigest()


def _without_clocks(value: Any) -> str:
    def plain(each: Any) -> Any:
        if isinstance(each, dict):
            return {name: plain(inner) for name, inner in each.items() if name not in CLOCKS}
        return [plain(inner) for inner in each] if isinstance(each, list) else each

    return json.dumps(plain(value), sort_keys=True)


READERS: dict[str, Callable[[Path], str]] = {
    ".npz": _archive,
    ".nc": _labelled,
    ".json": _record,
    ".html": _plain,
}
