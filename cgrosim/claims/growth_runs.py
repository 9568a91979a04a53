"""Runs of stage I that several claims start from: the experiment, the step of growth, and its predicted window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.studies.recording import record
from cgrosim.theory.growth_window import joint_growth_window
from cgrosim.theory.plateau import Threat
from cgrosim.theory.tensor_power import Window

Array = NDArray[np.float64]

SMALL_NOISE = 1e-4  # bound on every |V_i| during stage I that the windows are computed with; checked in every run
SMALL_START = "a hypothesis, looked at: the noise starts a thousand times smaller in every world"
GROWTH = ("signal-beats-noise", "signal-wins-race", "small-initialisation", "signal-grows-smoothly", "power-above-two")


def long_growth(**changes: float | str | int) -> Params:
    """An experiment whose stage I is long and whose noise stays small: alpha = 4, starts a thousand times smaller."""
    values: dict[str, float | str | int] = {
        "dimension": 10**6,
        "samples": 5,
        "patches": 3,
        "neurons": 10,
        "signal_strength": 4.0,
        "noise_std": 1e-3,
        "init_std": 2e-3,
        "gap": 1e-2,
        "adversarial_weight": 0.5,
        "learning_rate": 0.01,
        "sampling": "gram",
        "engine": "reduced",
    }
    return Params(**{**values, **changes})


def growth_step(params: Params, system: ClosedSystem, horizon: float) -> tuple[float, float]:
    """Run gradient descent until alpha^q U >= 1 or `horizon`: the step (nan: never) and the last largest |V_i|."""
    run = record(params, [int(np.ceil(horizon))], "memorization", start=system)
    return float(run.values("signal_growth_time")), float(np.max(np.abs(run.final("memorization"))))


def window_of(params: Params, signal: Array, noise_margin: float = SMALL_NOISE) -> Window:
    """The predicted window of the growth time from the starts of a run, while every |V_i| <= `noise_margin`."""
    threat: Threat = "fixed_direction" if params.threat == "fixed_direction" else "signal_span"
    return joint_growth_window(
        signal,
        power=params.power,
        signal_strength=params.signal_strength,
        gap=params.gap,
        adversarial_weight=params.adversarial_weight,
        learning_rate=params.learning_rate,
        threat=threat,
        noise_margin=noise_margin,
    )


def law_experiment(**changes: float | str | int) -> Params:
    """A single sample, so that many starts can be run; the transfer attack, for which the law holds from both sides."""
    values: dict[str, float | str | int] = {
        "samples": 1,
        "patches": 2,
        "noise_std": 1e-4,
        "init_std": 5e-4,
        "learning_rate": 0.04,
        "threat": "fixed_direction",
        "gap": 1e-3,
    }
    return long_growth(**{**values, **changes})
