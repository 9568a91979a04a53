"""What a step of each discrete engine costs."""

from __future__ import annotations

from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.params import Params

FLOPS = 2e10  # speed of one core in the step kernels
STEP_OVERHEAD = 3e-6  # seconds a step that no arithmetic explains


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
