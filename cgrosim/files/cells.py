"""Cells of a table: what is kept of each, and a store of them in memory.

A sweep has a cell for every run, an experiment on images one for every job. Cells are rows; whatever varies inside one
has further dimensions, all of them as long as the longest cell needs, and a shorter cell leaves the missing value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cgrosim.files.memory import memory_bytes

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Variable:
    """One array of a store; its first dimension is the cell.

    Attributes
    ----------
    dimensions : after the cell
    """

    name: str
    dimensions: tuple[str, ...]
    dtype: str
    long_name: str
    units: str

    @property
    def missing(self) -> float | int:
        """What stands where nothing was found."""
        return 0 if self.dtype == "int8" else np.nan


@dataclass(frozen=True)
class Found:
    """What came of some cells in a row.

    Attributes
    ----------
    arrays : by variable; the first axis counts the cells
    messages : sentences, by the place of the cell among them
    seconds : of work
    about : plain values of all of them together that are no variable, by name
    """

    arrays: dict[str, NDArray[Any]]
    messages: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)


class Store(Protocol):
    """Where the cells of a table are; those of one writing are there wholly or not at all."""

    plan: Any

    def done(self) -> NDArray[np.bool_]:
        """For every row whether its result is there."""

    def write(self, first: int, last: int, found: Found) -> None:
        """Keep what came of the rows from `first` to before `last`."""

    def read(self, name: str, rows: Rows) -> NDArray[Any]:
        """One variable at some rows; where nothing is, what stands for missing."""

    def messages(self) -> dict[int, str]:
        """Sentences by row."""

    def about(self) -> dict[int, dict[str, Any]]:
        """What else was kept of some rows, by the first of them."""


class MemoryStore:
    """Cells in memory."""

    def __init__(self, plan: Any, rows: int, variables: tuple[Variable, ...], lengths: Mapping[str, int]) -> None:
        self.plan = plan
        self._done = np.zeros(rows, dtype=bool)
        self._messages: dict[int, str] = {}
        self._about: dict[int, dict[str, Any]] = {}
        self._arrays = {v.name: np.full(shape_of(v, rows, lengths), v.missing, dtype=v.dtype) for v in variables}

    def done(self) -> NDArray[np.bool_]:
        """For every row whether its result is there."""
        return self._done

    def write(self, first: int, last: int, found: Found) -> None:
        """Keep what came of some rows."""
        for name, values in found.arrays.items():
            self._arrays[name][first:last] = values
        note(self._messages, self._about, first, last, found.messages, found.about)
        self._done[first:last] = True

    def read(self, name: str, rows: Rows) -> NDArray[Any]:
        """One variable at some rows."""
        return self._arrays[name][rows]

    def messages(self) -> dict[int, str]:
        """Sentences by row."""
        return self._messages

    def about(self) -> dict[int, dict[str, Any]]:
        """What else was kept of some rows, by the first of them."""
        return self._about


def note(
    texts: dict[int, str],
    abouts: dict[int, dict[str, Any]],
    first: int,
    last: int,
    messages: Mapping[int, str],
    about: Mapping[str, Any],
) -> None:
    """Put sentences and plain values of some rows in the place of those that were there."""
    for row in [row for row in texts if first <= row < last]:
        del texts[row]
    texts |= {first + place: text for place, text in messages.items()}
    if about:
        abouts[first] = dict(about)


def shape_of(variable: Variable, rows: int, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of a variable over so many rows."""
    return (rows, *(lengths[dimension] for dimension in variable.dimensions))


def check_described(variables: Iterable[Variable], rows: int, lengths: Mapping[str, int]) -> None:
    """Look at what a file says of arrays and sizes, before anything is made of it.

    Raises
    ------
    ValueError
        If a name is none of an array, or a cell has a size that memory does not hold; other errors of reading values,
        too.
    """
    for variable in variables:
        if not variable.name.isidentifier():
            raise ValueError(f"an array is called {variable.name[:40]!r}")
        shape, size = shape_of(variable, rows, lengths), np.dtype(variable.dtype).itemsize
        if min(shape) < 0 or size * math.prod(shape[1:]) > memory_bytes() // 4:
            raise ValueError(f"a cell of {variable.name} has the sizes {shape[1:]!r:.60}")


def missing_rows(done: NDArray[np.bool_], wanted: Rows) -> list[tuple[int, int]]:
    """Pairs (first, last) of the wanted rows that are not done, last not among them, in their order."""
    rows = np.sort(wanted[~done[wanted]])
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) > 1)
    begins, ends = np.append(rows[0], rows[breaks + 1]), np.append(rows[breaks], rows[-1]) + 1
    return list(zip(begins.tolist(), ends.tolist(), strict=True))
