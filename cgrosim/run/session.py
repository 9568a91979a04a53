"""Run an experiment: plan it, advance it from record to record, keep what was recorded whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cgrosim.engines import Engine, make_engine
from cgrosim.errors import ParameterError
from cgrosim.model.params import Params
from cgrosim.model.sampling import Array, ClosedSystem, draw_explicit, draw_gram
from cgrosim.run.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cgrosim.run.horizon import find_horizon
from cgrosim.run.interrupts import Interrupts
from cgrosim.run.planning import Plan, plan
from cgrosim.run.recorder import Recorder, record_steps
from cgrosim.run.results import Run, assemble

Progress = Callable[[str, float], None]
"""Called with what is going on and the share of the run that is done, between 0 and 1."""


@dataclass
class _Started:
    """A planned run with its engine and recorder."""

    params: Params
    plan: Plan
    steps: int
    system: ClosedSystem
    engine: Engine
    recorder: Recorder
    notes: list[str]
    seconds: float = 0.0  # spent before a resume


def simulate(
    params: Params,
    *,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 20.0,
) -> Run:
    """Simulate an experiment and return its records.

    Parameters
    ----------
    params
        The experiment. ``steps=None`` runs until every sample is memorised (or the attacked signal has escaped, or,
        without adversarial training, a thousand times the signal growth time), and then three times as long.
    progress
        Called now and then with a word and the share done.
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
    """
    return _drive(_start(params, progress), progress, checkpoint, checkpoint_seconds)


def resume(
    path: str | Path,
    *,
    progress: Progress | None = None,
    checkpoint_seconds: float = 20.0,
) -> Run:
    """Continue the run of a checkpoint to its end, bit for bit as if it had never stopped.

    Raises
    ------
    FileError
        If the checkpoint is missing, truncated, foreign or of other library versions.
    """
    saved = load_checkpoint(path)
    chosen = Plan(saved.plan["sampling"], saved.plan["engine"], saved.plan["reason"])
    started = _prepare(saved.params, chosen, int(saved.plan["steps"]), list(saved.plan["notes"]))
    started.engine.restore(saved.state)
    started.recorder.records = saved.records
    started.seconds = saved.seconds
    return _drive(started, progress, path, checkpoint_seconds)


def draw_system(params: Params, chosen: Plan) -> ClosedSystem:
    """Draw what a planned run starts from."""
    if chosen.sampling == "gram":
        return draw_gram(params)
    return draw_explicit(params, with_gram=chosen.engine != "direct" or "coefficients" in params.record)


def _start(params: Params, progress: Progress | None) -> _Started:
    chosen, steps, notes = plan(params, params.steps), params.steps, []
    if steps is None:
        if not params.signal_only:
            raise ParameterError(
                f"steps is not given, but threat {params.threat} needs a number; give for example 2000."
            )
        if progress is not None:
            progress("finding the horizon", 0.0)
        pilot = Plan(chosen.sampling, "flow", "")
        steps, note = find_horizon(params, draw_system(params, pilot))
        notes.append(note)
        chosen = plan(params, steps)
    return _prepare(params, chosen, steps, notes)


def _prepare(params: Params, chosen: Plan, steps: int, notes: list[str]) -> _Started:
    system = draw_system(params, chosen)
    engine, evaluate_attacked = make_engine(params, chosen.engine, system)
    recorder = Recorder(params, system, evaluate_attacked)
    if params.activation == "power" and np.all(system.signal <= 0.0):
        notes = [*notes, _dead_note(params, system.signal)]
    if chosen.engine != "flow" and params.learning_rate > 2.0 * _stable_rate(params):
        notes = [
            *notes,
            f"learning_rate {params.learning_rate:g} is above the stability limit {2.0 * _stable_rate(params):.2g}, so "
            "this run is not in the small-step regime that the theory speaks of.",
        ]
    return _Started(params, chosen, steps, system, engine, recorder, notes)


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
    status, messages = "finished", list(run.notes)
    grid = record_steps(run.params, run.steps)
    already = len(run.recorder.records["step"])
    with Interrupts() as interrupts:
        while already < len(grid) and status == "finished":
            target = int(grid[already])
            until = min(target, int(run.engine.step) + run.engine.chunk)
            trouble = run.engine.advance(until)
            if trouble is not None:
                status = "diverged"
                messages.append(
                    trouble.sentence(
                        run.params.learning_rate,
                        min(0.5 * run.params.learning_rate, _stable_rate(run.params)),
                        run.params.patches,
                    )
                )
                break
            if until == target:
                run.recorder.take(run.engine.snapshot())
                already += 1
            if progress is not None:
                progress(f"engine {run.plan.engine}, step {until:.3g}", max(already / len(grid), until / run.steps))
            if interrupts.asked:
                status = "interrupted"
                messages.append(f"Interrupted after step {until}; everything recorded until then is kept.")
            elif checkpoint is not None and time.perf_counter() - saved_at >= checkpoint_seconds:
                _save(run, checkpoint, began)
                saved_at = time.perf_counter()
    if checkpoint is not None and status != "diverged":
        _save(run, checkpoint, began)
    seconds = run.seconds + time.perf_counter() - began
    return assemble(run.params, run.recorder.records, run.engine.crossings, _attributes(run, status, messages, seconds))


def _attributes(run: _Started, status: str, messages: list[str], seconds: float) -> dict[str, Any]:
    return {
        "status": status,
        "message": " ".join(messages),
        "sampling": run.plan.sampling,
        "engine": run.plan.engine,
        "plan": run.plan.reason,
        "steps": run.steps,
        "seconds": seconds,
    }


def _save(run: _Started, path: str | Path, began: float) -> None:
    if not run.recorder.records["step"]:
        return
    chosen = {
        "sampling": run.plan.sampling,
        "engine": run.plan.engine,
        "reason": run.plan.reason,
        "steps": run.steps,
        "notes": run.notes,
    }
    seconds = run.seconds + time.perf_counter() - began
    save_checkpoint(path, Checkpoint(run.params, chosen, run.recorder.records, run.engine.state(), seconds))


def _stable_rate(params: Params) -> float:
    """Half the step size at which gradient descent is no longer stable along the steepest feature.

    Derived here for q >= 2: along one neuron and one feature of squared norm k (alpha^2, or a noise patch's divided by
    N) the curvature of the loss is at most max_z z^(2-2/q) s(z)(1 - s(z)) q^2 k <= 0.45 q^2 k, and gradient descent
    on it is stable below 2 / curvature.
    """
    degree = params.power if params.activation in ("power", "relu_power") else 2.0
    noise = params.noise_std**2 * params.dimension / params.samples
    steepest = 0.45 * degree**2 * max(params.signal_strength**2, noise)
    return 1.0 / steepest if steepest > 0 else np.inf
