"""Results of a sweep in memory, for one that is not kept in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cgrosim.sweeps.batches import Batch, Found
from cgrosim.sweeps.layout import Variable, sizes, variables
from cgrosim.sweeps.plan import Plan, Rows


class Store(Protocol):
    """Where the results of a sweep are; a batch is there wholly or not at all."""

    plan: Plan

    def done(self) -> NDArray[np.bool_]:
        """For every row whether its result is there."""

    def write(self, batch: Batch, found: Found) -> None:
        """Keep what came of a batch."""

    def read(self, name: str, rows: Rows) -> NDArray[Any]:
        """One variable at some rows; where nothing is, what stands for missing."""

    def messages(self) -> dict[int, str]:
        """Sentences by row."""


def missing_rows(done: NDArray[np.bool_], wanted: Rows) -> list[tuple[int, int]]:
    """Pairs (first, last) of the wanted rows that are not done, last not among them, in their order."""
    rows = np.sort(wanted[~done[wanted]])
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) > 1)
    begins, ends = np.append(rows[0], rows[breaks + 1]), np.append(rows[breaks], rows[-1]) + 1
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


class MemoryStore:
    """Arrays in memory."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._done = np.zeros(plan.rows, dtype=bool)
        self._messages: dict[int, str] = {}
        self._arrays = {v.name: empty(v, plan.rows, sizes(plan)) for v in variables(plan.measured)}

    def done(self) -> NDArray[np.bool_]:
        """For every row whether its result is there."""
        return self._done

    def write(self, batch: Batch, found: Found) -> None:
        """Keep what came of a batch."""
        for name, values in found.arrays.items():
            self._arrays[name][batch.first : batch.last] = values
        self._messages |= {batch.first + place: text for place, text in found.messages.items()}
        self._done[batch.first : batch.last] = True

    def read(self, name: str, rows: Rows) -> NDArray[Any]:
        """One variable at some rows."""
        return self._arrays[name][rows]

    def messages(self) -> dict[int, str]:
        """Sentences by row."""
        return self._messages


def empty(variable: Variable, rows: int, lengths: Any) -> NDArray[Any]:
    """An array of a variable in which nothing is there yet."""
    shape = (rows, *(lengths[dimension] for dimension in variable.dimensions))
    return np.full(shape, variable.missing, dtype=variable.dtype)


def shape_of(variable: Variable, rows: int, lengths: Any) -> tuple[int, ...]:
    """The shape of a variable over so many rows."""
    return (rows, *(lengths[dimension] for dimension in variable.dimensions))


def in_rows(spans: Iterable[tuple[int, int]]) -> int:
    """How many rows lie in pairs (first, last)."""
    return sum(last - first for first, last in spans)
