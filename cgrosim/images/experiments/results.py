"""The files of measurements: what was found, of what, on which data; nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cgrosim.errors import FileError
from cgrosim.files.archive import read_archive, write_archive
from cgrosim.files.kinds import Kind

RESULT = Kind("cgrosim measurement 1", "measurement of cgrosim", "the .npz file of one", "remove it and measure again")


def write_result(path: Path, key: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Keep plain values and arrays under the key that says what they are of.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in found.items() if name not in arrays}
    write_archive(path, RESULT, {"key": dict(key), "values": values}, arrays)


def read_result(
    path: Path, key: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None] | None = None
) -> dict[str, Any] | None:
    """What was found under this key; None where nothing was, or where it was of other results of the same data.

    Parameters
    ----------
    check
        Raises ValueError where values and arrays are not what such a measurement finds.

    Raises
    ------
    FileError
        If the file is damaged, or its result is of other data.
    """
    if not path.exists():
        return None
    archive = read_archive(path, RESULT)
    with RESULT.judging(path):
        theirs, values = dict(archive.header["key"]), dict(archive.header["values"])
    if theirs.get("data") != key["data"]:
        raise FileError(
            f"{path} holds a measurement on other images; choose another place (--out), or remove the file."
        )
    if theirs != key:
        return None
    found = {**values, **archive.arrays}
    if check is not None:
        with RESULT.judging(path):
            check(found)
    return found
