"""What a run costs on one core, before it begins: its start, its steps, and what is measured at its records.

The constants were measured once (AMD EPYC, AVX-512) and do not change with the machine, because the choice of an engine
must not: the same parameters go through the same engine everywhere. A prediction is meant within a factor of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cgrosim.files.words import counted
from cgrosim.model.activations import derivative
from cgrosim.model.engine_kinds import ENGINES, search_flops
from cgrosim.model.params import Params

FLOPS = 2.5e10  # speed of one core in the step kernels
STEP_OVERHEAD = 3e-6  # seconds a step that no arithmetic explains
FLOW_OVERHEAD = 1.5e-5  # seconds an evaluation of the flow's force, with its share of searching for hitting times
FLOW_EVALUATIONS = 250.0  # a decade of steps, at a tolerance of 1e-8
FLOW_ORDER, FLOW_STAGES = 8.0, 12.0
RECORD_OVERHEAD = 5e-4  # seconds a record
NORMAL_SECONDS = 3e-8  # a normal draw
TEST_SECONDS = 1e-8  # an activation of one fresh sample, patch and neuron


@dataclass(frozen=True)
class Cost:
    """Predicted seconds on one core.

    Attributes
    ----------
    start, stepping, measuring : drawing, all gradient steps, everything at the records
    steps, records, tests : how many steps and records, and how many fresh samples a record measures
    """

    start: float
    stepping: float
    measuring: float
    steps: float
    records: int
    tests: int

    @property
    def total(self) -> float:
        """All of it."""
        return self.start + self.stepping + self.measuring

    def sentence(self) -> str:
        """The cost in words, with where it comes from, and what makes it less where measuring is most of it."""
        parts = {
            "drawing": self.start,
            f"{self.steps:.3g} steps": self.stepping,
            f"measuring {counted(self.records, 'record')}": self.measuring,
        }
        said = ", ".join(f"{in_time(seconds)} for {what}" for what, seconds in parts.items() if seconds >= 0.01)
        less = ""
        if self.tests and self.measuring > max(1.0, self.stepping):
            less = f" on {counted(self.tests, 'fresh sample')}: test_samples or records make it less"
        return f"about {in_time(self.total)} on an idle core" + (f" ({said}{less})" if said else "")


def in_time(seconds: float) -> str:
    """A span of time in the unit that people would take."""
    for unit, size, until in (("s", 1.0, 120.0), ("min", 60.0, 7200.0), ("hours", 3600.0, 172800.0)):
        if seconds < until:
            return f"{seconds / size:.2g} {unit}" if seconds / size < 10 else f"{seconds / size:.0f} {unit}"
    days = seconds / 86400.0
    return f"{days:.0f} days" if days < 1e6 else f"{days:.3g} days"


def step_seconds(params: Params, engine: str) -> float:
    """Estimated seconds of one discrete step on one core.

    Raises
    ------
    ValueError
        If the engine takes no gradient steps.
    """
    flops = ENGINES[engine].step_flops
    if flops is None:
        raise ValueError(f"engine {engine} takes no gradient steps, so no step of it has a cost")
    return STEP_OVERHEAD + flops(params) / FLOPS


def flow_seconds(params: Params, steps: float) -> float:
    """Estimated seconds of the gradient flow over the time of so many steps.

    The flow resolves the kinks of an activation without a continuous derivative one by one, and then takes about as
    many steps as gradient descent.
    """
    finer = (1e-8 / params.flow_tolerance) ** (1.0 / FLOW_ORDER)
    evaluations = FLOW_EVALUATIONS * max(math.log10(max(steps, 1.0)), 1.0) * finer
    sides = derivative(params.activation, np.array([-1e-300, 1e-300]), params.power)
    if abs(sides[1] - sides[0]) > 0.5:
        evaluations = max(evaluations, FLOW_STAGES * steps)
    return evaluations * (FLOW_OVERHEAD + 2.0 * params.neurons * params.noise_patches**2 / FLOPS)


def record_seconds(params: Params, engine: str, *, tested: bool = True) -> float:
    """Estimated seconds of one record: the state itself, and the fresh samples it is tested on."""
    neurons, rows = float(params.neurons), float(params.noise_patches)
    state = 2.0 * neurons * rows * rows if ENGINES[engine].closed else 4.0 * neurons * rows * params.dimension
    weighing = 2.0 * neurons * neurons * (rows if ENGINES[engine].closed else params.dimension)
    seconds = RECORD_OVERHEAD + (state + weighing + 20.0 * neurons**3) / FLOPS
    if not params.signal_only:
        seconds += search_flops(params, params.samples) / FLOPS
    if not tested:
        return seconds
    if not params.signal_only and params.evaluation.threat == params.threat:
        return seconds + search_flops(params, params.test_samples) / FLOPS
    projections = float(params.test_samples) * (params.patches - 1) * neurons
    return seconds + projections * (TEST_SECONDS + 2.0 * neurons / FLOPS)


def run_cost(params: Params, sampling: str, engine: str, steps: float, records: int, *, tested: bool = True) -> Cost:
    """Predict the cost of a run of so many steps and records; `tested` says whether fresh samples are measured."""
    rows, neurons = float(params.noise_patches), float(params.neurons)
    if sampling == "explicit":
        drawn = float(params.dimension) * (params.samples * params.patches + neurons)
        algebra = 2.0 * params.dimension * rows * (neurons + (rows if ENGINES[engine].closed else 0.0))
    else:
        drawn, algebra = rows * (rows + neurons) + neurons**2, rows**2 * (rows + neurons)
    if tested:
        wide = 1.0 if params.signal_only else params.dimension / neurons
        drawn += float(params.test_samples) * (params.patches - 1) * neurons * wide
    discrete = ENGINES[engine].discrete
    return Cost(
        start=drawn * NORMAL_SECONDS + algebra / FLOPS,
        stepping=steps * step_seconds(params, engine) if discrete else flow_seconds(params, steps),
        measuring=records * record_seconds(params, engine, tested=tested),
        steps=steps,
        records=records,
        tests=params.test_samples if tested else 0,
    )
