"""Run a grid of experiments: what is there already is kept, what is missing is run, whoever does it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError, UserError
from cgrosim.executors.choice import executor_for
from cgrosim.executors.executor import Executor, Lost
from cgrosim.files.cells import Store, missing_rows
from cgrosim.files.words import quoted
from cgrosim.interrupts import raising_interrupts
from cgrosim.model.params import Params
from cgrosim.model.settings import whole_number
from cgrosim.predictions.numbers import predicted_end
from cgrosim.run.grids import given_steps
from cgrosim.run.stopping import StopRule, rule_from
from cgrosim.sweeps.axes import read_axes
from cgrosim.sweeps.base import Base
from cgrosim.sweeps.batches import Batches, identity_of, lost, run_batch
from cgrosim.sweeps.grid import Grid, make_grid, seeds_of
from cgrosim.sweeps.layout import STATUS, kept_names, sizes, variables
from cgrosim.sweeps.plan import Measured, Plan
from cgrosim.sweeps.progress import Watch, Watcher, in_words
from cgrosim.sweeps.store import SweepStore, in_memory
from cgrosim.sweeps.table import Table

MOST_CELLS, MOST_GRANTED = 10**6, 10**9  # unasked, and with --yes
LEAST_SECONDS = 5e-4  # of any run, which is what it takes to set one up
WATCH_SECONDS = 0.25  # between two calls of a watcher
CORNERS = 64


@checked
def sweep(
    params: Params | Mapping[str, Any],
    over: Mapping[Any, Any],
    *,
    seeds: int | Iterable[int] = 1,
    keep: str | Iterable[str] | None = None,
    points: int | None = None,
    record_at: ArrayLike | None = None,
    until: StopRule | None = None,
    predicted_seeds: int = 1,
    out: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    executor: Executor | None = None,
    watch: Watcher | None = None,
    most_cells: int = MOST_CELLS,
) -> Table:
    """Run every combination of what is varied, for every seed, and return one labelled table.

    Every cell is, bit for bit, the run that `cgrosim.simulate` makes of its parameters (`Table.params`), wherever,
    in whatever order and by however many workers it is done.

    Parameters
    ----------
    params
        What is not varied: `Params`, or a dictionary of what `Params.from_paper` takes. Where the dimension is varied
        the paper's scales follow it.
    over
        What is varied: a name and its values; several names together, as a tuple, and rows of values; or a name and a
        function of the parameters, such as ``{"dimension": [1000, 4000], "samples": lambda p: p.dimension // 100}``.
    seeds
        How many runs at every point, of seeds spawned from that of the parameters (more seeds begin with the same
        ones); or a list of seeds. All points have the same seeds.
    keep
        Names of what is kept of every run; all quantities that are one number by default. Hitting times and how the
        run ended are always kept.
    points
        Keep it over so many common steps, for `Table.curves`; by default at the end only.
    record_at
        Those steps themselves.
    until
        A rule that ends a run, such as ``memorised(0.5)``.
    predicted_seeds
        For how many of the seeds the theory's numbers are put beside the measured ones (up to a second each).
    out
        Folder to keep the results in. The same sweep, given there again, goes on where it ended, however it ended; one
        with more values or more seeds runs what is new.
    workers
        Processes; by default the work is done in this one.
    scheduler
        Address of a Dask scheduler, whose workers are to do it.
    executor
        Anything else that does it.
    watch
        Called now and then with a `cgrosim.sweeps.progress.State`.
    most_cells
        A larger grid is refused, saying what it would cost.

    Returns
    -------
    Table
        Also after Ctrl-C, with what is there by then.

    Raises
    ------
    UserError
        If the grid makes no sense, the store is of another sweep or in use, or an executor cannot be had.
    """
    plan = planned(
        params, over, seeds=seeds, keep=keep, points=points, record_at=record_at, until=until,
        predicted_seeds=predicted_seeds, most_cells=most_cells,
    )  # fmt: skip
    if out is not None:
        SweepStore.check_installed()
    with executor_for(_workers(workers), scheduler, executor) as chosen:
        if out is None:
            table = _work(in_memory(plan), chosen, watch)
        else:
            with SweepStore.holding(Path(out), plan) as store:
                table = _work(store, chosen, watch)

    def again(quantity: str, points: int) -> Table:  # without an executor that was given: its owner may have closed it
        measured = Measured((quantity,), _steps(plan.base, plan.asked, points, None), plan.measured.until, 0)
        with executor_for(_workers(workers), scheduler) as chosen:
            return _work(in_memory(Plan(plan.base, measured, plan.identity, (plan.asked,), plan.asked)), chosen, watch)

    return Table(table.data, again)


def planned(
    params: Params | Mapping[str, Any],
    over: Mapping[Any, Any],
    *,
    seeds: int | Iterable[int] = 1,
    keep: str | Iterable[str] | None = None,
    points: int | None = None,
    record_at: ArrayLike | None = None,
    until: StopRule | None = None,
    predicted_seeds: int = 1,
    most_cells: int = MOST_CELLS,
) -> Plan:
    """What `sweep` would run with the same arguments; nothing is run or written.

    Raises
    ------
    UserError
        If the grid makes no sense.
    """
    base = Base.of(params)
    axes, rules = read_axes(over)
    seed_list = seeds_of(base, seeds)
    _check_size(Grid(axes, seed_list), most_cells)
    grid = make_grid(base, axes, rules, seed_list)
    first = _check_corners(base, grid)
    kept = kept_names(first, (keep,) if isinstance(keep, str) else None if keep is None else tuple(keep))
    measured = Measured(
        kept, _steps(base, grid, points, record_at), _rule(until), _count(predicted_seeds, len(seed_list))
    )
    engines = [axis.column("engine") for axis in grid.axes if "engine" in axis.names]
    return Plan(base, measured, identity_of(base, tuple(engines[0]) if engines else ()), (grid,), grid)


def _work(store: Store, executor: Executor, watch: Watcher | None) -> Table:
    """Do what is missing of the grid that was asked for last."""
    plan = store.plan
    rows = plan.rows_of(plan.asked)
    missing = missing_rows(store.done(), rows)
    seen = Watch(plan, store.done(), store.read(STATUS, rows), executor.name)
    batches = Batches(plan, missing, getattr(executor, "workers", 1))
    told, status = 0.0, "stopped"
    if watch is not None:
        watch(seen.state())
    try:
        with raising_interrupts():
            for batch, found in executor.map(run_batch, batches) if missing else ():
                if isinstance(found, Lost):
                    if batch.last - batch.first > 1:
                        batches.split(batch)
                        continue
                    found = lost(batch, found.reason)
                batches.note(batch, found)
                store.write(batch.first, batch.last, found)
                seen.note(batch, found)
                if watch is not None and time.perf_counter() - told >= WATCH_SECONDS:
                    watch(seen.state())
                    told = time.perf_counter()
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
    finally:
        if watch is not None:
            watch(seen.state(status))
    return Table.of_store(store)


def _workers(given: Any) -> int | None:
    count = None if given is None else whole_number(given)
    if count is not None and (not isinstance(count, int) or count < 1):
        raise ParameterError(f"workers is {quoted(given)}, but must be a whole number of at least 1.")
    return count


def _check_size(grid: Grid, most: int) -> None:
    if grid.size > most:
        seconds, size = grid.size * LEAST_SECONDS, 8.0 * grid.size * 20
        allow = ", or allow it with --yes (most_cells=...)" if most < MOST_GRANTED and grid.size <= MOST_GRANTED else ""
        raise ParameterError(
            f"the grid has {grid.size:.3g} cells, which take at least {in_words(seconds)} on one processor (half a "
            f"millisecond each, and most runs take longer) and {size / 2**30:.3g} GiB; thin it{allow}."
        )


def _check_corners(base: Base, grid: Grid) -> Params:
    """Make the parameters at the corners of the grid and along its first edges; those of the first point.

    Raises
    ------
    ParameterError
        If none of them, or not the first, is possible; elsewhere a cell that is impossible fails by itself.
    """
    first = base.params({**grid.at(0), "seed": grid.seeds[0]})
    for number, axis in enumerate(grid.axes):
        stride = int(np.prod(grid.shape[number + 1 : -1], dtype=np.int64))
        troubles = list[str]()
        for place in {0, len(axis) // 2, len(axis) - 1}:
            try:
                base.params(grid.at(place * stride))
            except UserError as error:
                troubles.append(str(error))
        if troubles:
            raise ParameterError(troubles[0])
    return first


def _steps(base: Base, grid: Grid, points: int | None, record_at: ArrayLike | None) -> tuple[int, ...] | None:
    """The common steps to keep quantities at."""
    if points is not None and record_at is not None:
        raise ParameterError("points and record_at exclude each other; give one of them.")
    if record_at is not None:
        return tuple(given_steps(record_at, None).tolist())
    if points is None:
        return None
    count = whole_number(points)
    if not isinstance(count, int) or not 2 <= count <= 10**5:
        raise ParameterError(f"points is {quoted(points)}, but must be a whole number from 2 to 1e5.")
    end = grid.largest("steps") or base.values.get("steps") or _predicted_end(base, grid)
    steps = np.round(np.geomspace(1.0, float(end), count - 1)).astype(np.int64)
    return tuple(np.unique(np.concatenate([[0], steps, [int(end)]])).tolist())


def _predicted_end(base: Base, grid: Grid) -> int:
    """The latest end that the theory predicts at the corners of the grid, for the first seed.

    Raises
    ------
    ParameterError
        If it predicts none.
    """
    ends = [1]
    corners = product(*({0, length - 1} for length in grid.shape[:-1]))
    for _, corner in zip(range(CORNERS), corners, strict=False):
        with suppress(UserError):
            values = grid.at(int(np.ravel_multi_index(corner, grid.shape[:-1])))
            end = predicted_end(base.params({**values, "seed": grid.seeds[0]}))
            ends += [int(end)] if np.isfinite(end) else []
    if max(ends) == 1:
        raise ParameterError("points needs an end that all runs share, and the theory predicts none here; give steps.")
    return max(ends)


def _rule(until: StopRule | None) -> dict[str, Any] | None:
    if until is None:
        return None
    if not hasattr(until, "described"):
        raise ParameterError(f"until is {quoted(until)}, but must be a rule of cgrosim.run.stopping: memorised().")
    described = until.described()
    rule_from(described)
    return described


def _count(given: Any, most: int) -> int:
    count = whole_number(given)
    if not isinstance(count, int) or count < 0:
        raise ParameterError(f"predicted_seeds is {quoted(given)}, but must be a whole number of at least 0.")
    return min(count, most)


def stored_bytes(plan: Plan) -> int:
    """About what the results take, before they are compressed."""
    lengths = sizes(plan)
    row = sum(int(np.prod([lengths[d] for d in v.dimensions], dtype=np.float64)) for v in variables(plan.measured))
    return 8 * row * plan.rows
