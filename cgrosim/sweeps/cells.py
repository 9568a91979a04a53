"""The narrow waist: parameters in, small results out, one cell exactly as `cgrosim.simulate` would run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import UserError
from cgrosim.interrupts import raising_interrupts
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import Params
from cgrosim.run.results import Run
from cgrosim.run.session import simulate
from cgrosim.run.stopping import StopRule

STATUSES = ("missing", "finished", "diverged", "failed")
"""Of a cell; a store keeps the place in this list."""


@dataclass(frozen=True)
class CellResult:
    """What is kept of one run.

    Attributes
    ----------
    status : finished, diverged or failed
    message : why it failed or diverged, or what a reader must know; a sentence
    steps : gradient steps taken
    values : the kept quantities at the end, none of a run that diverged; or, with a grid of steps, over it as far as
        the run came: the step is the first axis
    times : every hitting time, with an entry for each sample where it has one
    """

    status: str
    message: str = ""
    steps: float = np.nan
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    times: dict[str, NDArray[Any]] = field(default_factory=dict)


def run_cells(
    cells: Sequence[Params],
    *,
    keep: tuple[str, ...],
    record_at: NDArray[np.int64] | None = None,
    until: StopRule | None = None,
) -> list[CellResult]:
    """Run cells, each bit for bit as `cgrosim.simulate` does; what goes wrong in one does not touch the others.

    Parameters
    ----------
    cells
        What to run.
    keep
        Names of the quantities to keep.
    record_at
        The steps to keep them at, as far as a run goes on; None keeps the last record only.
    until
        A rule that ends a run.

    Returns
    -------
    list of CellResult
        In the order of the cells.
    """
    return [_run(params, keep, record_at, until) for params in cells]


def _run(
    params: Params, keep: tuple[str, ...], record_at: NDArray[np.int64] | None, until: StopRule | None
) -> CellResult:
    try:
        with raising_interrupts():  # half a run is worth nothing here
            if record_at is not None:
                at = record_at if params.steps is None else record_at[record_at <= params.steps]
                return _over_steps(simulate(params, keep=keep, record_at=at, until=until), keep, record_at)
            if until is None and params.steps is not None:
                return _last(simulate(params, keep=keep, record_at=[params.steps]), keep)
            if until is None and params.record_grid == "log":  # what lies between is not kept, and changes nothing
                params = params.model_copy(update={"records": 1})
            return _last(simulate(params, keep=keep, until=until), keep)
    except UserError as error:
        return CellResult("failed", str(error))
    except Exception as error:  # one cell in a hundred thousand must not end the others
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        return CellResult("failed", f"{type(error).__name__}: {reason}.")


def _last(run: Run, keep: tuple[str, ...]) -> CellResult:
    values = {name: np.asarray(run.final(name)) for name in keep} if run.status == "finished" else {}
    return _result(run, values)


def _over_steps(run: Run, keep: tuple[str, ...], record_at: NDArray[np.int64]) -> CellResult:
    """The records by their steps; a run that ended before the last of them has fewer."""
    places = np.searchsorted(record_at, run.values("step"))
    values = {}
    for name in keep:
        records = np.asarray(run.values(name))
        values[name] = np.full((len(record_at), *records.shape[1:]), np.nan)
        values[name][places] = records
    return _result(run, values)


def _result(run: Run, values: dict[str, NDArray[Any]]) -> CellResult:
    times = {entry.variable: np.asarray(run.values(entry.variable)) for entry in HITTING_TIMES.values()}
    return CellResult(run.status, run.message, float(run.attributes["steps_taken"]), values, times)
