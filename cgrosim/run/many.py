"""Many experiments in a row: what they share is checked once, and small ones take their steps in one compiled call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim import kernels
from cgrosim.engines.base import Snapshot
from cgrosim.engines.many import Taken, room_for, shape_of, take_together
from cgrosim.model.algorithms import kept_after
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.streams import RunStream, stream
from cgrosim.run.advice import notes_on_rate, notes_on_start, smaller_rate
from cgrosim.run.dataset import Recorded
from cgrosim.run.observation import Fresh, Observation, Tested, margins_of_noise
from cgrosim.run.planning import Plan
from cgrosim.run.quantities import Quantity, record_sizes, recorded
from cgrosim.run.recorder import beyond_numbers, record_steps
from cgrosim.run.results import Run
from cgrosim.run.session import Asked, asked_for, drive, planned_for, prepare
from cgrosim.run.stopping import StopRule

Array = NDArray[np.float64]
Records = dict[str, NDArray[Any]]


def simulate_many(
    cells: Iterable[Params],
    *,
    record_at: ArrayLike | None = None,
    until: StopRule | None = None,
    keep: Iterable[str] | None = None,
) -> Iterator[Run]:
    """Simulate one experiment after the other, each bit for bit as `simulate`; what they share is checked once.

    Runs that are small and alike (see `room_for`) take their steps together, and are yielded when all have: Ctrl-C
    meanwhile is a KeyboardInterrupt. Where one diverges, smaller learning rates are not tried before one is advised.

    Raises
    ------
    ParameterError
        At the cell whose experiment does not fit into memory or contradicts itself.
    """
    known: dict[Any, Asked] = {}
    keep = None if keep is None else tuple(keep)
    waiting, before, cell = list[_Cell](), None, None
    for params in cells:
        apart_from_seed = {**params.__dict__, "seed": None}
        if cell is not None and params.steps is not None and apart_from_seed == before:
            cell = replace(cell, params=params)
        else:
            asking = (params.steps, params.record, params.test_samples > 0, params.threat, params.evaluation_threat)
            try:
                if asking not in known:
                    known[asking] = asked_for(params, None, record_at, until, keep)
                cell = _cell(params, known[asking])
            except Exception:
                yield from _together(waiting)
                raise
        before = apart_from_seed
        if waiting and (cell.shape != waiting[0].shape or len(waiting) >= cell.room):
            yield from _together(waiting)
            waiting = []
        if cell.room > 1:
            waiting.append(cell)
        else:
            started = prepare(params, cell.asked, cell.plan, cell.steps, cell.notes)
            yield drive(started, None, None, 0.0, trial_seconds=0.0)
    yield from _together(waiting)


@dataclass(frozen=True)
class _Cell:
    """A planned run.

    Attributes
    ----------
    notes, rate_notes : what there is to say of its horizon and of its learning rate
    shape : what runs agree in that take their steps together
    room : how many of them there may be, at most 1 where it has to be run alone
    """

    params: Params
    asked: Asked
    plan: Plan
    steps: int
    notes: list[str]
    rate_notes: list[str]
    shape: tuple[Any, ...]
    room: int


def _cell(params: Params, asked: Asked) -> _Cell:
    chosen, steps, notes = planned_for(params, asked, None)
    grid = record_steps(params, steps) if asked.record_at is None else asked.record_at
    # one that cannot be drawn is tried alone, and says so there
    drawable = params.dimension > params.noise_patches + params.neurons
    fits = asked.until is None and drawable and (chosen.sampling, chosen.engine) == ("gram", "reduced")
    room = room_for(params, steps, len(grid)) if fits else 1
    shape = (id(asked), params.test_samples, steps, tuple(grid.tolist()), *shape_of(params))
    rate_notes = notes_on_rate(params, chosen.engine)
    return _Cell(params, asked, chosen, steps, notes, rate_notes, shape if room > 1 else (), room)


def _together(cells: Sequence[_Cell]) -> list[Run]:
    """The runs of cells of one shape."""
    if not cells:
        return []
    began, first = time.perf_counter(), cells[0]
    grid = record_steps(first.params, first.steps) if first.asked.record_at is None else first.asked.record_at
    quantities = recorded(first.params, first.asked.keep)
    fresh = FreshSamples(first.params) if any(q.tested for q in quantities) else None
    found, runs = take_together([cell.params for cell in cells], first.steps, grid), []
    each = (time.perf_counter() - began) / len(cells)
    # what leaves the numbers is told of by the status or a message
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for cell, taken in zip(cells, found, strict=True):
            began = time.perf_counter()
            records = _measured(cell.params, taken, quantities, fresh)
            ending = _ending(cell.params, taken, records, quantities)
            messages = [*cell.notes, *notes_on_start(cell.params, taken.system.signal), *cell.rate_notes, *ending]
            attributes = {
                "status": "finished" if taken.trouble is None else "diverged",
                "message": " ".join(messages),
                "sampling": cell.plan.sampling,
                "engine": cell.plan.engine,
                "plan": cell.plan.reason,
                "steps": cell.steps,
                "steps_taken": taken.step,
                "evaluations": taken.step,
                "start": "drawn",
                "seconds": each + time.perf_counter() - began,
            }
            runs.append(Run(Recorded(records, taken.crossings, attributes), cell.params))
    return runs


def _ending(params: Params, taken: Taken, records: Records, quantities: Sequence[Quantity]) -> list[str]:
    """What there is to say of how the run ended."""
    if taken.trouble is None:
        odd = beyond_numbers(quantities, records)
        return [odd] if odd else []
    advice = smaller_rate(params, "reduced", taken.system, float(taken.step), None, 0.0)
    return [taken.trouble.sentence(params.learning_rate, advice, params.patches)]


def _measured(params: Params, taken: Taken, quantities: Sequence[Quantity], fresh: FreshSamples | None) -> Records:
    """The records of a run, as a `Recorder` makes them."""
    steps = np.asarray(taken.trail.step, dtype=np.int64)
    if not len(steps):
        sizes = record_sizes(params)
        return {"step": steps} | {q.name: np.empty((0, *(sizes[d] for d in q.dimensions))) for q in quantities}
    tested = None if fresh is None else fresh.of(params, taken.system)
    seen = Observation(params, taken.system, taken.trail, tested, {q.name for q in quantities})
    return {"step": steps} | {q.name: np.asarray(q.measure(seen), dtype=np.float64) for q in quantities}


class FreshSamples:
    """Fresh samples of one run after the other, in the same memory; their margins are those of `TestNoise`."""

    def __init__(self, params: Params) -> None:
        size = (params.test_samples, params.patches - 1, params.neurons)
        self._draws, self._projections = np.empty(size), np.empty(size)

    def of(self, params: Params, system: ClosedSystem) -> Tested:
        """Draw those of a run; what measures its states."""
        stream(params.seed, RunStream.TEST).standard_normal(out=self._draws)
        rows = (-1, params.neurons)

        def margins(snapshot: Snapshot) -> Fresh:
            assert system.gram is not None
            assert snapshot.coefficients is not None
            kernels.fresh_projections(
                system.noise, system.gram, system.weight_gram, snapshot.coefficients,
                kept_after(params, int(snapshot.step)), params.noise_std, self._draws.reshape(rows),
                self._projections.reshape(rows),
            )  # fmt: skip
            return margins_of_noise(params, self._projections, snapshot.signal, system.second_layer)

        return margins
