"""Marks of work that is done: one small record a unit of it, written after its data and holding their checksum.

What a kill, a full disk or a power cut leaves without a mark, or with data that do not fit it, is done again, and
nothing else is. Sweeps mark batches of cells, experiments on images their jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cgrosim.errors import FileError
from cgrosim.files.kinds import Kind
from cgrosim.files.records import read_record, write_record

MARKS = "marks"
"""Their folder, beside the data."""


def write_mark(folder: Path, kind: Kind, name: str, content: Mapping[str, Any]) -> None:
    """Mark a unit of work as done, atomically.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    write_record(folder / MARKS / f"{name}.json", {"format": kind.format, **content})


def whole_marks(
    folder: Path, kind: Kind, judge: Callable[[dict[str, Any]], None], names: str = "*"
) -> tuple[list[dict[str, Any]], int]:
    """Every whole mark in the order of the names, and how many others there are; a damaged one is no mark.

    Parameters
    ----------
    names
        A pattern; what is called otherwise is none of these marks.
    judge
        Raises ValueError, or another error of reading values, where a mark says what it cannot.
    """
    found, damaged = [], 0
    for path in sorted((folder / MARKS).glob(f"{names}.json")):
        try:
            mark = read_record(path, kind)
            with kind.judging(path):
                judge(mark)
        except FileError:
            damaged += 1
        else:
            found.append(mark)
    return found, damaged
