"""How long a run has to be to tell the whole story: found by a quick integration of the gradient flow."""

from __future__ import annotations

import numpy as np

from cgrosim.engines.flow import FlowEngine
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.model.sampling import ClosedSystem

AFTERMATH = 3.0  # the run goes on three times as long as the last event
CONTROL_HORIZON = 1e3  # without adversarial training, in units of the signal growth time
PILOT_TOLERANCE = 1e-4  # a horizon needs a few per cent, not eight digits


def find_horizon(params: Params, system: ClosedSystem) -> tuple[int, str]:
    """Return the number of steps after which nothing new happens, and why in words.

    The story is over when every sample is memorised, or when the attacked signal has escaped (the network is then
    truly robust). Standard training ends a thousand signal growth times in, whatever the noise does.
    """
    pilot = FlowEngine(params.replace(flow_tolerance=max(PILOT_TOLERANCE, params.flow_tolerance)), system)
    standard = params.adversarial_weight == 0.0 or params.threat == "none"
    step = 1
    while step < MAX_STEPS:
        step = min(int(np.ceil(step * 10**0.25)), MAX_STEPS)
        pilot.advance(step)
        crossings = pilot.crossings
        memorised = float(np.max(crossings.memorised))  # nan as long as one sample is not memorised
        if standard and np.isfinite(crossings.grown):
            steps = CONTROL_HORIZON * max(crossings.grown, 1.0)
            return _whole(steps), "Horizon: a thousand signal growth times (standard training)."
        if np.isfinite(memorised):
            return _whole(AFTERMATH * max(memorised, 1.0)), "Horizon: three times the last memorisation time."
        if np.isfinite(crossings.escaped):
            return _whole(AFTERMATH * max(crossings.escaped, 1.0)), "Horizon: three times the escape time."
    return MAX_STEPS, "Horizon: 1e18 steps, because neither memorisation nor escape was reached before."


def _whole(steps: float) -> int:
    return int(min(max(np.ceil(steps), 100.0), float(MAX_STEPS)))
