"""Batches of cells: what is handed to a worker, what comes back, and how large the next one is to be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cgrosim.errors import UserError
from cgrosim.files.cells import Found
from cgrosim.files.versions import versions
from cgrosim.model.params import Params
from cgrosim.run.identity import check_worker
from cgrosim.run.processor import processor
from cgrosim.run.stopping import rule_from
from cgrosim.sweeps.base import Base
from cgrosim.sweeps.cells import CellResult, run_cells
from cgrosim.sweeps.layout import arrays_of, sizes, variables
from cgrosim.sweeps.plan import Measured, Plan

BATCH_SECONDS = 2.0  # of work at a time: little is lost if it is, and handing it out costs nothing beside it
LARGEST = 4096  # cells of a batch
_one_at_a_time = threading.Lock()  # workers of a cluster may have threads, which would only share the processors


@dataclass(frozen=True)
class Batch:
    """Cells that are run together, as plain values.

    Attributes
    ----------
    first, last : their rows in the store, `last` not among them
    points : for each point its varied values, the seeds there, and whether the theory is asked for each
    identity : versions and processor the results must come from
    """

    first: int
    last: int
    points: tuple[tuple[dict[str, Any], tuple[tuple[int, bool], ...]], ...]
    base: Base
    measured: Measured
    lengths: Mapping[str, int]
    identity: Mapping[str, str]


def identity_of(base: Base, engines: tuple[Any, ...] = ()) -> dict[str, str]:
    """Versions and kind of processor: two results with the same ones have the same bits."""
    asked = engines or (base.values.get("engine", "auto"),)
    blas = any(engine not in ("reduced", "direct") for engine in asked)  # the flow adds with the BLAS
    return {**versions(), "processor": processor(blas=blas)}


def run_batch(batch: Batch) -> Found:
    """Run the cells of a batch, in the worker.

    Raises
    ------
    OtherVersions
        If this process would not give the bits that the rest of the sweep has.
    """
    check_worker(batch.identity)
    with _one_at_a_time:
        began = time.perf_counter()
        cells, predicted = list[Params | CellResult](), list[Mapping[str, float] | None]()
        for values, seeds in batch.points:
            try:
                params: Params | None = batch.base.params({**values, "seed": seeds[0][0]})
            except UserError as error:
                params, trouble = None, CellResult("failed", str(error))
            for seed, asks in seeds:
                cell = None if params is None else params.model_copy(update={"seed": seed})
                cells.append(trouble if cell is None else cell)
                predicted.append(_told(cell) if asks and cell is not None else None)
        results = _run(cells, batch.measured)
        arrays = arrays_of(results, predicted, variables(batch.measured), batch.lengths)
        messages = {place: result.message for place, result in enumerate(results) if result.message}
        return Found(arrays, messages, time.perf_counter() - began)


def _told(params: Params) -> Mapping[str, float]:
    # imported here: the theory's special functions take a worker that is not asked for them a second to load
    from cgrosim.predictions.numbers import predicted_numbers

    return predicted_numbers(params)


def _run(cells: list[Params | CellResult], measured: Measured) -> list[CellResult]:
    """The results of all cells, those that were impossible from the beginning in their places."""
    found = run_cells(
        [cell for cell in cells if isinstance(cell, Params)],
        keep=measured.recorded,
        record_at=None if measured.record_at is None else np.array(measured.record_at, dtype=np.int64),
        until=None if measured.until is None else rule_from(dict(measured.until)),
    )
    results = iter(found)
    return [next(results) if isinstance(cell, Params) else cell for cell in cells]


def lost(batch: Batch, reason: str) -> Found:
    """What is kept of a batch whose worker ended each time it was tried: every cell failed."""
    results = [CellResult("failed", reason[:1].upper() + reason[1:] + ".")] * (batch.last - batch.first)
    arrays = arrays_of(results, [None] * len(results), variables(batch.measured), batch.lengths)
    return Found(arrays, {place: result.message for place, result in enumerate(results)})


class Batches:
    """Cuts the rows that are still missing into batches, each as long as what is known by then says.

    Parameters
    ----------
    plan
        What the rows are.
    missing
        Pairs of rows (first, last), last not among them, in order.
    share
        Batches that are at work at once; near the end they become smaller, so that all end together.
    """

    def __init__(self, plan: Plan, missing: list[tuple[int, int]], share: int) -> None:
        self._plan, self._missing, self._share = plan, list(missing), max(share, 1)
        self._left = sum(last - first for first, last in missing)
        self._lengths = sizes(plan)
        self._count, self._apart = 1.0, list[tuple[int, int]]()
        # the theory is asked for the first seeds of the first grid, whatever it has grown to
        self._told = frozenset(plan.sections[0].seeds[: plan.measured.predicted_seeds])

    def __iter__(self) -> Iterator[Batch]:
        while self._apart or self._missing:
            yield self._batch(*(self._apart.pop(0) if self._apart else self._next()))

    def note(self, batch: Batch, found: Found) -> None:
        """Learn from a batch how long a cell takes; the size at most doubles, because the first one also compiles."""
        cells = batch.last - batch.first
        wanted = cells * BATCH_SECONDS / max(found.seconds, 1e-6)
        self._count = min(max(wanted, 1.0), 2.0 * max(self._count, cells), LARGEST)

    def split(self, batch: Batch) -> None:
        """Do the cells of a batch again, one by one: one of them ends its worker."""
        self._apart += [(row, row + 1) for row in range(batch.first, batch.last)]

    def _next(self) -> tuple[int, int]:
        first, last = self._missing.pop(0)
        count = max(1, min(int(self._count), -(-self._left // (2 * self._share))))
        if first + count < last:
            self._missing.insert(0, (first + count, last))
            last = first + count
        self._left -= last - first
        return first, last

    def _batch(self, first: int, last: int) -> Batch:
        points: list[tuple[dict[str, Any], list[tuple[int, bool]]]] = []
        begun: tuple[int, int] | None = None
        for row in range(first, last):
            grid, number = self._plan.cell(row)
            point, place = divmod(number, len(grid.seeds))
            if begun != (id(grid), point):
                begun = (id(grid), point)
                points.append((grid.at(point), []))
            seed = grid.seeds[place]
            points[-1][1].append((seed, seed in self._told))
        told = tuple((values, tuple(seeds)) for values, seeds in points)
        return Batch(first, last, told, self._plan.base, self._plan.measured, self._lengths, self._plan.identity)
