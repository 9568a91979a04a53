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
from cgrosim.run.many import simulate_many
from cgrosim.run.results import Run
from cgrosim.run.stopping import StopRule

Steps = NDArray[np.int64]

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
    record_at: Steps | None = None,
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
    found: list[CellResult] = []
    while len(found) < len(cells):
        asked, at = _asked(cells[len(found)], record_at, until)
        alike = [asked]
        for params in cells[len(found) + 1 :]:
            other, its = _asked(params, record_at, until)
            if not _same(its, at):
                break
            alike.append(other)
        found += _in_a_row(alike, keep, at, record_at, until)
    return found


def _asked(params: Params, record_at: Steps | None, until: StopRule | None) -> tuple[Params, Steps | None]:
    """A cell as it is simulated, and the steps to record it at: what lies between is not kept, and changes nothing."""
    if record_at is not None:
        return params, record_at if params.steps is None else record_at[record_at <= params.steps]
    if until is None and params.steps is not None:
        return params, np.array([params.steps])
    few = until is None and params.record_grid == "log"  # a rule is looked at whenever something is recorded
    return params.model_copy(update={"records": 1}) if few else params, None


def _same(one: Steps | None, other: Steps | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _in_a_row(
    cells: Sequence[Params], keep: tuple[str, ...], at: Steps | None, record_at: Steps | None, until: StopRule | None
) -> list[CellResult]:
    """The results of cells that are recorded at the same steps, as far as the first one that fails, itself included."""
    found: list[CellResult] = []
    try:
        with raising_interrupts():  # half a run is worth nothing here
            for run in simulate_many(cells, record_at=at, until=until, keep=keep):
                found.append(_last(run, keep) if record_at is None else _over_steps(run, keep, record_at))
    except UserError as error:
        found.append(CellResult("failed", str(error)))
    except Exception as error:  # one cell in a hundred thousand must not end the others
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        found.append(CellResult("failed", f"{type(error).__name__}: {reason}."))
    return found


def _last(run: Run, keep: tuple[str, ...]) -> CellResult:
    values = {name: np.asarray(run.final(name)) for name in keep} if run.status == "finished" else {}
    return _result(run, values)


def _over_steps(run: Run, keep: tuple[str, ...], record_at: Steps) -> CellResult:
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
    return CellResult(run.status, run.message, float(run.steps_taken), values, times)
