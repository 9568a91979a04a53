"""Checkpoints: everything a run needs to go on bit-identically, judged before a kernel sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cgrosim.errors import FileError
from cgrosim.files.archive import read_archive, write_archive
from cgrosim.files.kinds import Kind
from cgrosim.files.schema import Expected, check_arrays
from cgrosim.files.versions import versions
from cgrosim.files.words import shown
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.run.dataset import params_of
from cgrosim.run.planning import Plan
from cgrosim.run.processor import other_processor, processor
from cgrosim.run.quantities import RENAMED, record_sizes, recorded
from cgrosim.run.recorder import given_steps, record_steps
from cgrosim.run.start import checked_start, system_of
from cgrosim.run.stopping import rule_from

CHECKPOINT = Kind(
    "cgrosim checkpoint 2",
    "checkpoint of cgrosim",
    "the file that --checkpoint wrote",
    "start the run again",
    older=("cgrosim checkpoint 1",),
)
MOST_RECORDS = 10**6  # a decade: 18 decades of them are 144 MB of steps, and some 20 times that of records


@dataclass(frozen=True)
class Checkpoint:
    """A saved moment of a run: its plan, the records so far and the state of the engine."""

    params: Params
    plan: dict[str, Any]  # sampling, engine, reason, steps, notes; record_at, until and keep where they were given
    records: dict[str, NDArray[Any]]
    state: dict[str, NDArray[Any]]
    seconds: float
    start: dict[str, NDArray[Any]] = field(default_factory=dict)  # arrays of the start, where it was given


class SavedPlan(BaseModel):
    """The plan of a run as a checkpoint holds it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sampling: Literal["explicit", "gram"]
    engine: Literal["direct", "reduced", "flow"]
    reason: str
    steps: Annotated[int, Field(ge=0, le=MAX_STEPS)]
    notes: list[str]
    record_at: list[int] | None = None
    until: dict[str, Any] | None = None
    keep: list[str] | None = None

    def grid(self, params: Params) -> NDArray[np.int64]:
        """The steps to record; a grid that no run could have filled is refused before it takes the memory."""
        if params.records > MOST_RECORDS:
            raise ValueError(f"it has {params.records} records a decade")
        return record_steps(params, self.steps) if self.record_at is None else given_steps(self.record_at, self.steps)


class Header(BaseModel):
    """What a checkpoint says beside its arrays."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    params: str
    plan: SavedPlan
    versions: dict[str, str]
    processor: str | None = None  # the first format does not say
    seconds: Annotated[float, Field(ge=0.0)]


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically: after a crash the file is the last whole one."""
    header = {
        "params": checkpoint.params.model_dump_json(),
        "plan": checkpoint.plan,
        "seconds": checkpoint.seconds,
        "processor": processor(blas=checkpoint.plan["engine"] == "flow"),
    }
    arrays = {f"record {name}": values for name, values in checkpoint.records.items()}
    arrays |= {f"state {name}": value for name, value in checkpoint.state.items()}
    arrays |= {f"start {name}": value for name, value in checkpoint.start.items()}
    write_archive(path, CHECKPOINT, header, arrays)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    FileError
        If the file is missing, cut, changed, foreign, contradicts itself, or was written by other library versions or
        on another type of processor (the same bits could then not be promised).
    """
    archive = read_archive(path, CHECKPOINT)
    with CHECKPOINT.judging(path):
        header = Header(**archive.header)
    changed = [name for name, version in versions().items() if header.versions.get(name) != version]
    if changed:
        raise FileError(
            f"{shown(path)} was written with other versions of {', '.join(changed)}, which may round differently; "
            "start the run again, or install those versions."
        )
    other = other_processor(header.processor, processor(blas=header.plan.engine == "flow"))
    if other:
        raise FileError(f"{shown(path)} {other}")
    with CHECKPOINT.judging(path):
        params = params_of(header.params)
        records = {RENAMED.get(name, name): array for name, array in archive.group("record ").items()}
        state, start = archive.group("state "), archive.group("start ")
        if header.plan.engine == "flow" and archive.format != CHECKPOINT.format:
            state.setdefault("evaluations", np.array(0))  # the first format did not count them
        _check_records(records, params, header.plan)
        check_arrays(state, state_schema(params, header.plan.engine))
        _check_moment(records["step"], state, params, header.plan)
        if header.plan.until is not None:
            rule_from(header.plan.until)
        if start:
            checked_start(params, system_of(start), Plan(header.plan.sampling, header.plan.engine, ""))
    return Checkpoint(params, header.plan.model_dump(), records, state, header.seconds, start)


def _check_records(records: dict[str, NDArray[Any]], params: Params, plan: SavedPlan) -> None:
    """The recorded steps are the first of the grid, and every record has one row for each of them."""
    grid, sizes, steps = plan.grid(params), record_sizes(params), records["step"]
    if steps.dtype != np.int64 or steps.ndim != 1 or not len(steps) or not np.array_equal(steps, grid[: len(steps)]):
        raise ValueError("its recorded steps are not those of its parameters")
    expected = {
        q.name: Expected("float64", (len(steps), *(sizes[dimension] for dimension in q.dimensions)))
        for q in recorded(params, plan.keep)
    }
    check_arrays(records, {"step": Expected("int64", (len(steps),)), **expected})


def _check_moment(steps: NDArray[np.int64], state: dict[str, NDArray[Any]], params: Params, plan: SavedPlan) -> None:
    """The state is one between the last record and the next one; that of the flow may be from before the last."""
    grid = plan.grid(params)
    following = int(grid[len(steps)]) if len(steps) < len(grid) else plan.steps
    if plan.engine == "flow":  # it is the state of the last restart
        possible = 0.0 <= float(state["time"]) <= params.learning_rate * following
    else:
        possible = int(steps[-1]) <= int(state["step"]) <= following
    if not possible:
        raise ValueError("its state does not belong to its recorded steps")


def state_schema(params: Params, engine: str) -> dict[str, Expected]:
    """The arrays of an engine's state: types, shapes, and which must be finite."""
    neurons, rows, samples = params.neurons, params.noise_patches, params.samples
    if engine == "flow":
        return {
            "time": Expected("float64", (), "finite"),
            "vector": Expected("float64", (neurons + rows * neurons,), "finite"),
            "evaluations": Expected("int64", (), optional=True),  # the first format has none
            **{event: Expected("float64", (samples,) if h.per_sample else ()) for event, h in HITTING_TIMES.items()},
        }
    step = {"step": Expected("int64", ())}

    def moving(expected: dict[str, Expected], velocity: str) -> dict[str, Expected]:
        """What training moves; with momentum its velocity as well."""
        speeds = {velocity.format(name): each for name, each in expected.items()} if params.momentum else {}
        return {**expected, **speeds}

    weights = moving({"weights": Expected("float64", (neurons, params.dimension), "finite")}, "velocity")
    if not params.signal_only:
        from cgrosim.engines.searching import LEVELS

        watched = {event: entry for event, entry in HITTING_TIMES.items() if entry.level in LEVELS}
        times = {event: Expected("float64", (samples,) if entry.per_sample else ()) for event, entry in watched.items()}
        return {**step, **weights, **times}
    record = {event: Expected("int64", (samples if h.per_sample else 1,)) for event, h in HITTING_TIMES.items()}
    if engine == "direct":
        return {**step, **weights, **record}
    table = Expected("float64", (rows, neurons), "finite")
    moved = {"signal": Expected("float64", (neurons,), "finite"), "noise": table, "coefficients": table}
    return {**step, **moving(moved, "{}_velocity"), **record}
