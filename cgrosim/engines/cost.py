"""What a step of each discrete engine costs."""

from __future__ import annotations

from cgrosim.model.params import Params

FLOPS = 2e10  # speed of one core in the step kernels
STEP_OVERHEAD = 3e-6  # seconds a step that no arithmetic explains


def step_seconds(params: Params, engine: str) -> float:
    """Estimated seconds of one discrete step on one core."""
    rows, m = params.noise_patches, params.neurons
    if engine == "reduced":
        return STEP_OVERHEAD + 2.0 * m * rows**2 / FLOPS
    passes = 1 if params.signal_only else 2 + 2 * params.attack_steps * params.attack_restarts
    return STEP_OVERHEAD + passes * 4.0 * m * params.samples * params.patches * params.dimension / FLOPS
