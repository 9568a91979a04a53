"""How long a run has to be to tell the whole story: found by a quick integration of the gradient flow."""

from __future__ import annotations

import numpy as np

from cgrosim.engines.flow import FlowEngine
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.progress import Progress, silent

AFTERMATH = 3.0  # the run goes on three times as long as the last event
CONTROL_HORIZON = 1e3  # without adversarial training, in units of the signal growth time
PILOT_TOLERANCE = 1e-4  # a horizon needs a few per cent, not eight digits
DECAYED = 20.0  # decay times, after which what does not grow against weight decay has fallen by e^-20
MOST_EVALUATIONS = 50_000  # of the force: a horizon usually takes a few dozen a decade, so some thousand in all


class _Enough(Exception):
    """The pilot has taken more evaluations than a horizon is worth."""


def find_horizon(params: Params, system: ClosedSystem, progress: Progress = silent) -> tuple[int, str]:
    """Return the number of steps after which nothing new happens, and why in words.

    The story is over when every sample is memorised, when the attacked signal has escaped (the network is then truly
    robust), or, with weight decay, twenty decay times in. Standard training ends a thousand signal growth times in,
    whatever the noise does. Where the integration fails or takes too long, the run goes as far as it came.
    """
    reached = 0.0

    def watch(at: float, evaluations: int) -> None:
        nonlocal reached
        reached = at
        progress(f"finding the horizon, step {at:.3g}", 0.0)
        if evaluations > MOST_EVALUATIONS:
            raise _Enough

    pilot = FlowEngine(params.replace(flow_tolerance=max(PILOT_TOLERANCE, params.flow_tolerance)), system, watch)
    standard = params.adversarial_weight == 0.0 or params.threat == "none"
    step = 1
    while step < MAX_STEPS:
        step = min(int(np.ceil(step * 10**0.25)), MAX_STEPS)
        try:
            trouble = pilot.advance(step)
        except _Enough:
            return _whole(reached), f"The search for the horizon came to step {reached:.3g} only: give steps to go on."
        if trouble is not None:
            return _whole(trouble.step), (
                f"The search for the horizon failed at step {trouble.step:.3g} (the gradient flow leaves the numbers "
                "that floating point can tell apart): give steps to go on."
            )
        crossings = pilot.crossings
        memorised = float(np.max(crossings.memorised))  # nan as long as one sample is not memorised
        if standard and np.isfinite(crossings.grown):
            steps = CONTROL_HORIZON * max(crossings.grown, 1.0)
            return _whole(steps), "Horizon: a thousand signal growth times (standard training)."
        if np.isfinite(memorised):
            return _whole(AFTERMATH * max(memorised, 1.0)), "Horizon: three times the last memorisation time."
        if np.isfinite(crossings.escaped):
            return _whole(AFTERMATH * max(crossings.escaped, 1.0)), "Horizon: three times the escape time."
        if step * params.flow_rate * params.weight_decay > DECAYED:
            return _whole(step), "Horizon: twenty decay times, after which weight decay has ended what it can end."
    return MAX_STEPS, "Horizon: 1e18 steps, because neither memorisation nor escape was reached before."


def _whole(steps: float) -> int:
    return int(min(max(np.ceil(steps), 100.0), float(MAX_STEPS)))
