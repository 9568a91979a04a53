"""What a reader must know of a run: what it cannot learn, and a learning rate that was tried after a divergence."""

from __future__ import annotations

import time

import numpy as np

from cgrosim.engines import make_engine
from cgrosim.model.activations import activation
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.params import Params
from cgrosim.model.sampling import Array, ClosedSystem
from cgrosim.progress import Progress

TRIAL_SECONDS = 5.0  # for smaller learning rates, after a divergence


def notes_on(params: Params, system: ClosedSystem, engine: str) -> list[str]:
    """Sentences on a run that is about to begin."""
    return [*notes_on_start(params, system.signal), *notes_on_rate(params, engine)]


def notes_on_start(params: Params, signal: Array) -> list[str]:
    """What a start cannot learn."""
    dead = params.activation == "power" and np.all(signal <= 0.0)
    return [_dead_note(params, signal)] if dead else []


def notes_on_rate(params: Params, engine: str) -> list[str]:
    """What a learning rate is too large for."""
    if not ENGINES[engine].discrete or params.learning_rate <= 2.0 * stable_rate(params):
        return []
    return [
        f"learning_rate {params.learning_rate:g} is above the stability limit {2.0 * stable_rate(params):.2g}, so "
        "this run is not in the small-step regime that the theory speaks of."
    ]


def _dead_note(params: Params, signal: Array) -> str:
    """What to say of a run whose neurons all start on the wrong side of the true feature.

    Derived here: u < 0 grows by at most ``eta q ((1 - lam) alpha^q + lam (alpha + delta)^q) |u|^(q-1)`` a step, so it
    creeps up to 0 and never crosses unless one step overshoots.
    """
    q, lam, alpha = params.power, params.adversarial_weight, params.signal_strength
    with np.errstate(over="ignore", invalid="ignore"):
        rate = q * ((1.0 - lam) * np.power(alpha, q) + lam * np.power(alpha + params.perturbation_radius, q))
        overshoot = params.learning_rate * rate * np.power(np.max(np.abs(signal)), q - 2.0)
    chance = f"(probability 2^-{params.neurons}); take another seed or more neurons."
    who = "The one neuron starts" if params.neurons == 1 else f"All {params.neurons} neurons start"
    start = f"{who} with a non-positive true correlation"
    if overshoot < 1.0:
        return f"{start}, so the true feature cannot be learnt from this seed {chance}"
    return f"{start}, so the true feature can be learnt only by a step that overshoots {chance}"


def smaller_rate(
    params: Params,
    engine_name: str,
    system: ClosedSystem,
    reached: float,
    progress: Progress | None,
    seconds: float = TRIAL_SECONDS,
) -> str:
    """A smaller learning rate that has been tried: the same start went through twice the training time with it."""
    rate, reached = params.learning_rate, max(reached, 1.0)
    smaller = min(0.5 * rate, stable_rate(params))
    if not ENGINES[engine_name].discrete or not seconds:
        return f"try {smaller:.2g} or less"
    tested, until = params.model_copy(update={"test_samples": 0}), time.perf_counter() + seconds
    tried = 0.0
    while time.perf_counter() < until and smaller >= rate * 1e-12:
        smaller = float(f"{smaller:.2g}")  # as it is said
        engine, _ = make_engine(tested.model_copy(update={"learning_rate": smaller}), engine_name, system)
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


def stable_rate(params: Params) -> float:
    """Half the step size at which gradient descent is no longer stable along the steepest feature.

    Derived here for q >= 2: along one neuron and one feature of squared norm k (alpha^2, or a noise patch's divided by
    N) the curvature of the loss is at most max_z z^(2-2/q) s(z)(1 - s(z)) q^2 k <= 0.45 q^2 k, and gradient descent
    on it is stable below 2 / curvature.
    """
    degree_of = activation(params.activation).degree
    degree = 2.0 if degree_of is None else max(degree_of(params.power), 2.0)
    # products, because Python's own powers raise an error instead of becoming infinite
    noise = params.noise_std * params.noise_std * params.dimension / params.samples
    steepest = 0.45 * degree**2 * max(params.signal_strength * params.signal_strength, noise)
    return 1.0 / steepest if steepest > 0 else np.inf
