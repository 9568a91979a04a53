"""How far a sweep is, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.files.cells import Found
from cgrosim.files.words import counted
from cgrosim.sweeps.batches import Batch
from cgrosim.sweeps.cells import STATUSES
from cgrosim.sweeps.grid import Grid
from cgrosim.sweeps.layout import STATUS
from cgrosim.sweeps.plan import Plan

WELL = STATUSES.index("finished")


@dataclass(frozen=True)
class State:
    """How far a sweep is.

    Attributes
    ----------
    grid : what was asked for
    done : cells of each point that are done, over the axes of the grid
    failed : those of them that failed or diverged
    rate : cells a second, since the first result of this time came; 0 before the second one
    where : who does the work
    status : running, finished, interrupted or stopped
    """

    grid: Grid
    done: NDArray[np.int64]
    failed: NDArray[np.int64]
    rate: float
    where: str
    status: str = "running"

    @property
    def cells(self) -> int:
        """How many are done."""
        return int(self.done.sum())

    @property
    def share(self) -> float:
        """Of the whole."""
        return self.cells / self.grid.size

    @property
    def seconds_left(self) -> float:
        """As the rate says; infinite before the first cell."""
        return (self.grid.size - self.cells) / self.rate if self.rate > 0 else float("inf")

    def __str__(self) -> str:
        parts = [f"{self.cells} of {counted(self.grid.size, 'cell')}"]
        if self.rate > 0:
            parts.append(f"{self.rate:.3g} cells/s")
        if self.failed.any():
            parts.append(f"{int(self.failed.sum())} failed")
        if self.status == "running" and 0 < self.seconds_left < float("inf"):
            parts.append(f"about {in_words(self.seconds_left)} left")
        return ", ".join(parts)


Watcher = Callable[[State], None]


class Watch:
    """Counts what is done as it comes, and tells the watchers."""

    def __init__(self, plan: Plan, done: NDArray[np.bool_], status: NDArray[np.int8], where: str) -> None:
        self._grid, self._where = plan.asked, where
        rows = plan.rows_of(plan.asked)
        self._cell_of_row = np.full(plan.rows, -1, dtype=np.int64)
        self._cell_of_row[rows] = np.arange(len(rows))
        shape = self._grid.shape
        here = done[rows].reshape(shape)
        self._done = here.sum(axis=-1)
        self._failed = (here & (status.reshape(shape) != WELL)).sum(axis=-1)
        self._first: tuple[float, int] | None = None  # when the first result came, and how many were there then

    def note(self, batch: Batch, found: Found) -> None:
        """Count the cells of a batch."""
        cells = self._cell_of_row[batch.first : batch.last]
        points = cells[cells >= 0] // len(self._grid.seeds)
        np.add.at(self._done.reshape(-1), points, 1)
        bad = found.arrays[STATUS][cells >= 0] != WELL
        np.add.at(self._failed.reshape(-1), points[bad], 1)
        if self._first is None:  # what came before it was starting processes and loading kernels
            self._first = time.perf_counter(), int(self._done.sum())

    def state(self, status: str = "running") -> State:
        """How far it is now."""
        rate = 0.0
        if self._first is not None:
            began, cells = self._first
            rate = (int(self._done.sum()) - cells) / max(time.perf_counter() - began, 1e-9)
        return State(self._grid, self._done.copy(), self._failed.copy(), rate, self._where, status)


def in_words(seconds: float) -> str:
    """A length of time in the unit that suits it."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2.0 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{max(seconds, 1.0):.0f} seconds"
