"""Run an experiment: plan it, advance it from record to record, keep what was recorded whatever happens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.arguments import checked
from cgrosim.engines import Engine, make_engine
from cgrosim.engines.base import can_trace, follow
from cgrosim.errors import FileError, ParameterError
from cgrosim.files.archive import check_replaceable
from cgrosim.files.lock import only_here
from cgrosim.interrupts import Interrupts
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.progress import Progress, silent
from cgrosim.run.advice import TRIAL_SECONDS, notes_on, smaller_rate
from cgrosim.run.checkpoint import CHECKPOINT, Checkpoint, load_checkpoint, save_checkpoint
from cgrosim.run.dataset import Recorded
from cgrosim.run.horizon import find_horizon
from cgrosim.run.planning import Plan, check_horizon, plan, with_cost_left
from cgrosim.run.quantities import recorded
from cgrosim.run.recorder import Recorder, given_steps, record_steps
from cgrosim.run.results import Run
from cgrosim.run.start import arrays_of, checked_start, draw_system, sampling_of, system_of
from cgrosim.run.stopping import StopRule, rule_from

Announce = Callable[[str], None]

NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Asked:
    """What the caller of `simulate` asked for beside the parameters; make it with `asked_for`."""

    start: ClosedSystem | None = None
    record_at: NDArray[np.int64] | None = None
    until: StopRule | None = None
    keep: tuple[str, ...] | None = None


@dataclass
class Started:
    """A planned run with its engine and recorder."""

    params: Params
    asked: Asked
    plan: Plan
    steps: int
    grid: NDArray[np.int64]
    system: ClosedSystem
    engine: Engine
    recorder: Recorder
    notes: list[str]
    seconds: float = 0.0  # spent before a resume


@checked
def simulate(
    params: Params,
    *,
    start: ClosedSystem | None = None,
    record_at: ArrayLike | None = None,
    until: StopRule | None = None,
    keep: str | Iterable[str] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 20.0,
) -> Run:
    """Simulate an experiment and return its records.

    Parameters
    ----------
    params
        The experiment. ``steps=None`` runs until every sample is memorised (or the attacked signal has escaped, or,
        without adversarial training, a thousand times the signal growth time), and then three times as long.
    start
        What to begin from, instead of a draw: for example ``run.start`` of another run.
    record_at
        Increasing whole steps to record at, instead of the grid of the parameters; with ``steps=None`` the last of
        them is the end.
    until
        A rule of `cgrosim.run.stopping` that ends the run, looked at whenever something is recorded; with
        ``steps=None`` the run goes on until it holds.
    keep
        Names of the variables to record, instead of all; what is not kept is not computed.
    progress
        Called now and then with a word and the share done (0 where the end is not known).
    announce
        Called once, before the first step, with what the run is predicted to cost, in words; not where the end is not
        known.
    checkpoint
        File to save the state to, every `checkpoint_seconds`, atomically; `resume` continues from it bit-identically.
        Where it cannot be written any more, the run goes on, and ``run.message`` says so.
    checkpoint_seconds
        Seconds between two checkpoints (0: after every record).

    Returns
    -------
    Run
        Also when the run diverged or was interrupted: ``run.status`` and ``run.message`` say so, and everything
        recorded until then is there.

    Raises
    ------
    ParameterError
        If the experiment does not fit into memory or contradicts itself.
    FileError
        If something else than a checkpoint stands at the place of the checkpoint, or another run is writing there.
    """
    asked = asked_for(params, start, record_at, until, keep)
    if checkpoint is not None:
        check_replaceable(checkpoint, CHECKPOINT)
    with only_here(checkpoint):
        return drive(_start(params, asked, progress, announce), progress, checkpoint, checkpoint_seconds)


def asked_for(
    params: Params,
    start: ClosedSystem | None,
    record_at: ArrayLike | None,
    until: StopRule | None,
    keep: str | Iterable[str] | None,
) -> Asked:
    """What was asked for, checked."""
    times = [entry.variable for entry in HITTING_TIMES.values()]
    _check_rule(params, until)
    return Asked(
        start,
        None if record_at is None else given_steps(record_at, params.steps),
        until,
        None if keep is None else tuple(q.name for q in recorded(params, keep, times)),
    )


@checked
def resume(
    path: str | Path,
    *,
    progress: Progress | None = None,
    announce: Announce | None = None,
    checkpoint_seconds: float = 20.0,
) -> Run:
    """Continue the run of a checkpoint to its end, bit for bit as if it had never stopped.

    The arguments are those of `simulate`.

    Raises
    ------
    FileError
        If the checkpoint is missing, truncated, foreign, of other library versions or of another type of processor, or
        if another run is writing it.
    """
    if not Path(path).is_file():
        load_checkpoint(path)  # says so, before a lock is made beside it
    with only_here(path):
        return drive(_taken_up(path, announce), progress, path, checkpoint_seconds)


def _taken_up(path: str | Path, announce: Announce | None) -> Started:
    saved = load_checkpoint(path)
    planned = saved.plan
    at, until, keep = (planned.get(name) for name in ("record_at", "until", "keep"))
    asked = Asked(
        system_of(saved.start) if saved.start else None,
        None if at is None else given_steps(at, None),
        None if until is None else rule_from(until),
        None if keep is None else tuple(keep),
    )
    steps = int(planned["steps"])
    chosen = Plan(planned["sampling"], planned["engine"], planned["reason"])
    if until is None:
        chosen = with_cost_left(chosen, saved.params, steps, saved.records["step"], asked.record_at, asked.keep)
    _announce(chosen, announce)
    started = prepare(saved.params, asked, chosen, steps, list(planned["notes"]))
    started.engine.restore(saved.state)
    started.recorder.restore(saved.records)
    started.seconds = saved.seconds
    return started


def _check_rule(params: Params, until: StopRule | None) -> None:
    if until is None:
        return
    if not hasattr(until, "reached"):
        raise ParameterError(f"until is {str(until)[:80]!r}, but must be a rule of cgrosim.run.stopping: memorised().")
    for event in sorted(until.events()):
        if reason := HITTING_TIMES[event].missing_for(params):
            what = HITTING_TIMES[event].happened.format(which="samples")
            raise ParameterError(f"until waits for {what}, but {reason}; drop it, or take another threat.")
    if not params.signal_only:
        from cgrosim.engines.searching import LEVELS

        for event in sorted(until.events()):
            if HITTING_TIMES[event].level not in LEVELS:
                what = HITTING_TIMES[event].happened.format(which="samples")
                raise ParameterError(f"until waits for {what}, which threat {params.threat} does not have; drop it.")


def _announce(chosen: Plan, announce: Announce | None) -> None:
    if announce is not None and chosen.cost is not None:
        announce(chosen.cost.sentence())


def _start(params: Params, asked: Asked, progress: Progress | None, announce: Announce | None) -> Started:
    chosen, steps, notes = planned_for(params, asked, progress)
    _announce(chosen, announce)
    return prepare(params, asked, chosen, steps, notes)


def planned_for(params: Params, asked: Asked, progress: Progress | None) -> tuple[Plan, int, list[str]]:
    """The plan of a run, its number of steps, and what there is to say of the horizon."""
    given = None if asked.start is None else sampling_of(params, asked.start)
    steps = params.steps
    if steps is None and asked.record_at is not None:
        steps = int(asked.record_at[-1])
    count = None if asked.record_at is None else len(asked.record_at)
    chosen = plan(params, steps, given=given, records=count, keep=asked.keep)
    if steps is not None:
        return chosen, steps, []
    if asked.until is not None:
        if params.record_grid == "linear":
            raise ParameterError("record_grid linear needs an end; give steps, or record_at, or take record_grid log.")
        return chosen, MAX_STEPS, []
    if not params.signal_only:
        raise ParameterError(f"steps is not given, but threat {params.threat} needs a number; give for example 2000.")
    if progress is not None:
        progress("finding the horizon", 0.0)
    system = _system(params, asked.start, Plan(chosen.sampling, "flow", ""))
    steps, note = find_horizon(params, system, progress or silent)
    chosen = plan(params, steps, given=given, keep=asked.keep)
    check_horizon(params, steps, chosen)
    return chosen, steps, [note]


def _system(params: Params, start: ClosedSystem | None, chosen: Plan) -> ClosedSystem:
    return draw_system(params, chosen) if start is None else checked_start(params, start, chosen)


def prepare(params: Params, asked: Asked, chosen: Plan, steps: int, notes: list[str]) -> Started:
    """Draw the start of a planned run and make its engine and recorder."""
    system = _system(params, asked.start, chosen)
    quantities = recorded(params, asked.keep)
    # fresh samples that nothing asks for are not drawn
    tested = params if any(q.tested for q in quantities) else params.model_copy(update={"test_samples": 0})
    engine, evaluate = make_engine(tested, chosen.engine, system)
    recorder = Recorder(params, system, evaluate_attacked=evaluate, quantities=quantities)
    grid = record_steps(params, steps) if asked.record_at is None else asked.record_at
    notes = [*notes, *notes_on(params, system, chosen.engine)]
    return Started(params, asked, chosen, steps, grid, system, engine, recorder, notes)


def drive(
    run: Started,
    progress: Progress | None,
    checkpoint: str | Path | None,
    checkpoint_seconds: float,
    trial_seconds: float = TRIAL_SECONDS,
) -> Run:
    """Advance from record to record; a divergence or an interruption ends the loop, not the run's records."""
    began = saved_at = time.perf_counter()
    status, messages, unsaved, grid = "finished", list(run.notes), "", run.grid
    already, open_end = len(run.recorder.steps), run.steps == MAX_STEPS and run.asked.until is not None
    if already and run.engine.step < grid[already - 1]:
        run.engine.advance(int(grid[already - 1]))  # the flow is restored at its last restart, before the last record
    ended = _held(run) if already else ""
    # what leaves the numbers is told of by the status or a message
    with Interrupts() as interrupts, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while status == "finished" and not ended and (already < len(grid) or run.engine.step < run.steps):
            until, together = _ahead(run, already, every_record=checkpoint is not None and not checkpoint_seconds)
            if len(together):
                trail, trouble = follow(run.engine, together)
                if trail is not None and len(trail):
                    run.recorder.take(trail)
                    already += len(trail)
                    ended = _held(run)
            else:
                trouble = run.engine.advance(until)
                if trouble is None and until == run.steps:
                    run.engine.snapshot()  # notes the hitting times of this very step
            if trouble is not None:
                status = "diverged"
                rate = run.params.learning_rate
                advice = smaller_rate(
                    run.params, run.plan.engine, run.system, float(run.engine.step), progress, trial_seconds
                )
                messages.append(trouble.sentence(rate, advice, run.params.patches))
                break
            if progress is not None:
                share = 0.0 if open_end else max(already / len(grid), until / max(run.steps, 1))
                progress(f"engine {run.plan.engine}, step {until:.3g}", share)
            if interrupts.asked:
                status = "interrupted"
                messages.append(f"Interrupted after step {until}; everything recorded until then is kept.")
            elif checkpoint is not None and time.perf_counter() - saved_at >= checkpoint_seconds:
                unsaved = _save(run, checkpoint, began)
                saved_at = time.perf_counter()
    if interrupts.left:
        if not run.recorder.steps:
            raise KeyboardInterrupt
        status = "interrupted"
        messages.append(f"Interrupted in step {int(run.engine.step)}; everything recorded until then is kept.")
    if checkpoint is not None and status != "diverged" and not interrupts.left:  # a step may be half done
        unsaved = _save(run, checkpoint, began)
    if unsaved:
        messages.append(unsaved)
    if status == "finished" and run.asked.until is not None:
        messages.append(ended or f"Went on to the end, step {run.steps}, without {run.asked.until}.")
    if status != "diverged" and (odd := run.recorder.beyond_numbers()):
        messages.append(odd)
    taken = int(run.engine.step)
    attributes = {
        "status": status,
        "message": " ".join(messages),
        "sampling": run.plan.sampling,
        "engine": run.plan.engine,
        "plan": run.plan.reason,
        "steps": taken if ended else run.steps,
        "steps_taken": taken,
        "evaluations": run.engine.evaluations,
        "start": "drawn" if run.asked.start is None else "given",
        "seconds": run.seconds + time.perf_counter() - began,
    }
    if run.asked.until is not None:
        attributes["until"] = json.dumps(run.asked.until.described())
    found = Recorded(run.recorder.records(), run.engine.crossings, attributes)
    return Run(found, run.params, start=None if run.asked.start is None else run.system)


def _ahead(run: Started, already: int, every_record: bool) -> tuple[int, NDArray[np.int64]]:
    """How far to go until the next look at the keyboard, and the steps to record on the way.

    A stop rule is asked, and a checkpoint may be written, after every record.
    """
    left = run.grid[already:]
    until = min(int(left[-1]) if len(left) else run.steps, int(run.engine.step) + run.engine.chunk)
    if not len(left) or left[0] > until:
        return until, NONE
    alone = every_record or run.asked.until is not None or not can_trace(run.engine)
    together = left[: 1 if alone else run.recorder.room]
    together = together[: np.searchsorted(together, until, side="right")]
    return int(together[-1]), together


def _held(run: Started) -> str:
    """What the stop rule says of the last record: empty as long as the run goes on."""
    step = run.recorder.steps[-1]
    happened = "" if run.asked.until is None else run.asked.until.reached(run.engine.crossings, step)
    return f"Stopped at step {step}: {happened}." if happened else ""


def _save(run: Started, path: str | Path, began: float) -> str:
    """Write the checkpoint; where that fails the run goes on, and this is what to say of it at its end."""
    if not run.recorder.steps:
        return ""
    asked = run.asked
    chosen: dict[str, Any] = {
        "sampling": run.plan.sampling,
        "engine": run.plan.engine,
        "reason": run.plan.reason,
        "steps": run.steps,
        "notes": run.notes,
        "record_at": None if asked.record_at is None else asked.record_at.tolist(),
        "until": None if asked.until is None else asked.until.described(),
        "keep": asked.keep,
    }
    start = {} if asked.start is None else arrays_of(asked.start)
    seconds = run.seconds + time.perf_counter() - began
    state = run.engine.state()
    try:
        save_checkpoint(path, Checkpoint(run.params, chosen, run.recorder.records(), state, seconds, start))
    except FileError as error:  # a full disk must not cost the run itself
        return f"No checkpoint of step {int(run.engine.step)}: {error}"
    return ""
