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

from cgrosim.engines import Engine, make_engine
from cgrosim.errors import ParameterError
from cgrosim.files.archive import check_replaceable
from cgrosim.files.lock import only_here
from cgrosim.interrupts import Interrupts
from cgrosim.model.activations import activation
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.model.sampling import Array, ClosedSystem
from cgrosim.progress import Progress, silent
from cgrosim.run.checkpoint import CHECKPOINT, Checkpoint, load_checkpoint, save_checkpoint
from cgrosim.run.dataset import Recorded, header
from cgrosim.run.horizon import find_horizon
from cgrosim.run.planning import Plan, plan, with_cost_left
from cgrosim.run.quantities import recorded
from cgrosim.run.recorder import Recorder, given_steps, record_steps
from cgrosim.run.results import Run
from cgrosim.run.start import arrays_of, checked_start, draw_system, sampling_of, system_of
from cgrosim.run.stopping import StopRule, rule_from

Announce = Callable[[str], None]

TRIAL_SECONDS = 5.0  # for smaller learning rates, after a divergence


@dataclass(frozen=True)
class _Asked:
    """What the caller of `simulate` asked for beside the parameters."""

    start: ClosedSystem | None = None
    record_at: NDArray[np.int64] | None = None
    until: StopRule | None = None
    keep: tuple[str, ...] | None = None


@dataclass
class _Started:
    """A planned run with its engine and recorder."""

    params: Params
    asked: _Asked
    plan: Plan
    steps: int
    grid: NDArray[np.int64]
    system: ClosedSystem
    engine: Engine
    recorder: Recorder
    notes: list[str]
    seconds: float = 0.0  # spent before a resume


def simulate(
    params: Params,
    *,
    start: ClosedSystem | None = None,
    record_at: ArrayLike | None = None,
    until: StopRule | None = None,
    keep: Iterable[str] | None = None,
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
    if start is not None and not isinstance(start, ClosedSystem):
        raise ParameterError(f"start is a {type(start).__name__}, but must be a ClosedSystem, such as run.start.")
    times = [entry.variable for entry in HITTING_TIMES.values()]
    asked = _Asked(
        start,
        None if record_at is None else given_steps(record_at, params.steps),
        until,
        None if keep is None else tuple(q.name for q in recorded(params, keep, times)),
    )
    _check_rule(params, until)
    if checkpoint is not None:
        check_replaceable(checkpoint, CHECKPOINT)
    with only_here(checkpoint):
        return _drive(_start(params, asked, progress, announce), progress, checkpoint, checkpoint_seconds)


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
        return _drive(_taken_up(path, announce), progress, path, checkpoint_seconds)


def _taken_up(path: str | Path, announce: Announce | None) -> _Started:
    saved = load_checkpoint(path)
    planned = saved.plan
    at, until, keep = (planned.get(name) for name in ("record_at", "until", "keep"))
    asked = _Asked(
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
    started = _prepare(saved.params, asked, chosen, steps, list(planned["notes"]))
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


def _start(params: Params, asked: _Asked, progress: Progress | None, announce: Announce | None) -> _Started:
    given = None if asked.start is None else sampling_of(params, asked.start)
    steps, notes = params.steps, []
    if steps is None and asked.record_at is not None:
        steps = int(asked.record_at[-1])
    count = None if asked.record_at is None else len(asked.record_at)
    chosen = plan(params, steps, given=given, records=count, keep=asked.keep)
    if steps is None and asked.until is not None:
        if params.record_grid == "linear":
            raise ParameterError("record_grid linear needs an end; give steps, or record_at, or take record_grid log.")
        steps = MAX_STEPS
    elif steps is None:
        if not params.signal_only:
            raise ParameterError(
                f"steps is not given, but threat {params.threat} needs a number; give for example 2000."
            )
        if progress is not None:
            progress("finding the horizon", 0.0)
        system = _system(params, asked.start, Plan(chosen.sampling, "flow", ""))
        steps, note = find_horizon(params, system, progress or silent)
        notes.append(note)
        chosen = plan(params, steps, given=given, keep=asked.keep)
    _announce(chosen, announce)
    return _prepare(params, asked, chosen, steps, notes)


def _system(params: Params, start: ClosedSystem | None, chosen: Plan) -> ClosedSystem:
    return draw_system(params, chosen) if start is None else checked_start(params, start, chosen)


def _prepare(params: Params, asked: _Asked, chosen: Plan, steps: int, notes: list[str]) -> _Started:
    system = _system(params, asked.start, chosen)
    quantities = recorded(params, asked.keep)
    # fresh samples that nothing asks for are not drawn
    tested = params if any(q.tested for q in quantities) else params.model_copy(update={"test_samples": 0})
    engine, evaluate = make_engine(tested, chosen.engine, system)
    recorder = Recorder(params, system, evaluate_attacked=evaluate, quantities=quantities)
    grid = record_steps(params, steps) if asked.record_at is None else asked.record_at
    if params.activation == "power" and np.all(system.signal <= 0.0):
        notes = [*notes, _dead_note(params, system.signal)]
    if ENGINES[chosen.engine].discrete and params.learning_rate > 2.0 * stable_rate(params):
        notes = [
            *notes,
            f"learning_rate {params.learning_rate:g} is above the stability limit {2.0 * stable_rate(params):.2g}, so "
            "this run is not in the small-step regime that the theory speaks of.",
        ]
    return _Started(params, asked, chosen, steps, grid, system, engine, recorder, notes)


def _dead_note(params: Params, signal: Array) -> str:
    """What to say of a run whose neurons all start on the wrong side of the true feature.

    Derived here: u < 0 grows by at most ``eta q ((1 - lam) alpha^q + lam (alpha + delta)^q) |u|^(q-1)`` a step, so it
    creeps up to 0 and never crosses unless one step overshoots.
    """
    q, lam, alpha = params.power, params.adversarial_weight, params.signal_strength
    rate = q * ((1.0 - lam) * alpha**q + lam * (alpha + params.perturbation_radius) ** q)
    overshoot = params.learning_rate * rate * float(np.max(np.abs(signal))) ** (q - 2.0)
    chance = f"(probability 2^-{params.neurons}); take another seed or more neurons."
    who = "The one neuron starts" if params.neurons == 1 else f"All {params.neurons} neurons start"
    start = f"{who} with a non-positive true correlation"
    if overshoot < 1.0:
        return f"{start}, so the true feature cannot be learnt from this seed {chance}"
    return f"{start}, so the true feature can be learnt only by a step that overshoots {chance}"


def _drive(run: _Started, progress: Progress | None, checkpoint: str | Path | None, checkpoint_seconds: float) -> Run:
    """Advance from record to record; a divergence or an interruption ends the loop, not the run's records."""
    began = saved_at = time.perf_counter()
    status, messages, grid = "finished", list(run.notes), run.grid
    already, open_end = len(run.recorder.steps), run.steps == MAX_STEPS and run.asked.until is not None
    if already and run.engine.step < grid[already - 1]:
        run.engine.advance(int(grid[already - 1]))  # the flow is restored at its last restart, before the last record
    ended = _held(run) if already else ""
    # what leaves the numbers is told of by the status or a message
    with Interrupts() as interrupts, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while status == "finished" and not ended and (already < len(grid) or run.engine.step < run.steps):
            target = int(grid[already]) if already < len(grid) else run.steps
            until = min(target, int(run.engine.step) + run.engine.chunk)
            trouble = run.engine.advance(until)
            if trouble is not None:
                status = "diverged"
                rate = run.params.learning_rate
                messages.append(trouble.sentence(rate, _advice(run, progress), run.params.patches))
                break
            if until == target:
                snapshot = run.engine.snapshot()  # also notes the hitting times of this very step
                if already < len(grid):
                    run.recorder.take(snapshot)
                    already += 1
                    ended = _held(run)
            if progress is not None:
                share = 0.0 if open_end else max(already / len(grid), until / max(run.steps, 1))
                progress(f"engine {run.plan.engine}, step {until:.3g}", share)
            if interrupts.asked:
                status = "interrupted"
                messages.append(f"Interrupted after step {until}; everything recorded until then is kept.")
            elif checkpoint is not None and time.perf_counter() - saved_at >= checkpoint_seconds:
                _save(run, checkpoint, began)
                saved_at = time.perf_counter()
    if interrupts.left:
        if not run.recorder.steps:
            raise KeyboardInterrupt
        status = "interrupted"
        messages.append(f"Interrupted in step {int(run.engine.step)}; everything recorded until then is kept.")
    if checkpoint is not None and status != "diverged" and not interrupts.left:  # a step may be half done
        _save(run, checkpoint, began)
    if status == "finished" and run.asked.until is not None:
        messages.append(ended or f"Went on to the end, step {run.steps}, without {run.asked.until}.")
    if status != "diverged" and (odd := run.recorder.beyond_numbers()):
        messages.append(odd)
    taken = int(run.engine.step)
    attributes = {
        **header(run.params),
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


def _advice(run: _Started, progress: Progress | None) -> str:
    """A smaller learning rate that has been tried: the same start went through twice the training time with it."""
    rate, reached = run.params.learning_rate, max(float(run.engine.step), 1.0)
    smaller = min(0.5 * rate, stable_rate(run.params))
    if not ENGINES[run.plan.engine].discrete:
        return f"try {smaller:.2g} or less"
    tested, until = run.params.model_copy(update={"test_samples": 0}), time.perf_counter() + TRIAL_SECONDS
    tried = 0.0
    while time.perf_counter() < until and smaller >= rate * 1e-12:
        smaller = float(f"{smaller:.2g}")  # as it is said
        engine, _ = make_engine(tested.model_copy(update={"learning_rate": smaller}), run.plan.engine, run.system)
        goal = int(min(max(2.0 * reached * rate / smaller, 100.0), 1e9))
        while engine.step < goal and time.perf_counter() < until:
            if progress is not None:
                progress(f"diverged; trying learning_rate {smaller:g}", 0.0)
            if engine.advance(min(goal, int(engine.step) + engine.chunk)) is not None:
                break
        else:
            return f"try {smaller:.2g} or less ({engine.step:.3g} steps with it, tried here, did not diverge)"
        tried, smaller = smaller, 0.1 * smaller
    found = f"even {tried:.2g}, tried here, diverges" if tried else "no smaller one is worth a trial"
    return f"{found}: lower init_std, the scales of the inputs, or the radius of the attack"


def _held(run: _Started) -> str:
    """What the stop rule says of the last record: empty as long as the run goes on."""
    step = run.recorder.steps[-1]
    happened = "" if run.asked.until is None else run.asked.until.reached(run.engine.crossings, step)
    return f"Stopped at step {step}: {happened}." if happened else ""


def _save(run: _Started, path: str | Path, began: float) -> None:
    if not run.recorder.steps:
        return
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
    save_checkpoint(path, Checkpoint(run.params, chosen, run.recorder.records(), state, seconds, start))


def stable_rate(params: Params) -> float:
    """Half the step size at which gradient descent is no longer stable along the steepest feature.

    Derived here for q >= 2: along one neuron and one feature of squared norm k (alpha^2, or a noise patch's divided by
    N) the curvature of the loss is at most max_z z^(2-2/q) s(z)(1 - s(z)) q^2 k <= 0.45 q^2 k, and gradient descent
    on it is stable below 2 / curvature.
    """
    degree_of = activation(params.activation).degree
    degree = 2.0 if degree_of is None else max(degree_of(params.power), 2.0)
    noise = params.noise_std**2 * params.dimension / params.samples
    steepest = 0.45 * degree**2 * max(params.signal_strength**2, noise)
    return 1.0 / steepest if steepest > 0 else np.inf
