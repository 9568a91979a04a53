"""Gradient descent on the closed system: the Gram matrix of the noise patches replaces the vectors, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Crossings, Divergence, Snapshot
from cgrosim.engines.closed import (
    ClosedForces,
    crossings_of,
    make_kernel_problem,
    make_kernel_record,
    rebuild_weights,
    record_state,
    restore_record,
)
from cgrosim.params import Params
from cgrosim.planning import step_seconds
from cgrosim.sampling import ClosedSystem, weight_gram

Array = NDArray[np.float64]


class ReducedEngine:
    """Advances ``u += eta force``, ``B += eta A``, ``C += eta K A``: 2 m M^2 flops a step, whatever the dimension."""

    name = "reduced"
    order = 1  # gradient descent is Euler's method for the gradient flow

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        assert system.gram is not None
        self._params, self._system = params, system
        self._problem = make_kernel_problem(params, system)
        self._gram = kernels.pack_gram(system.gram)
        self._state = kernels.pack_reduced_state(
            self._problem, system.signal, system.noise, np.zeros_like(system.noise)
        )
        self._work = kernels.make_reduced_workspace(self._problem)
        self._record = make_kernel_record(params)
        self._forces = ClosedForces(params, system)
        self._step = 0
        self.chunk = max(1, int(0.2 / step_seconds(params, self.name)))

    @property
    def step(self) -> float:
        """Gradient steps taken."""
        return float(self._step)

    @property
    def crossings(self) -> Crossings:
        """First steps at which the thresholds were met."""
        return crossings_of(self._record)

    def advance(self, until: int) -> Divergence | None:
        """Advance to step `until`."""
        done, status, neuron, row = kernels.advance_reduced(
            self._problem,
            self._gram,
            self._state,
            self._work,
            self._record,
            self._params.learning_rate,
            until - self._step,
            self._step,
        )
        self._step += done
        return Divergence(float(self._step), neuron, row) if status == kernels.DIVERGED else None

    def snapshot(self) -> Snapshot:
        """The present state."""
        signal, noise, coefficients = kernels.unpack_reduced_state(self._problem, self._state)
        margins = self._forces.margins(signal, noise)
        self._forces.note(self._record, margins, self._step)
        return Snapshot(
            step=float(self._step),
            signal=signal,
            noise=noise,
            clean_margin=margins.clean,
            attacked_margin=margins.attacked,
            memorization=margins.memorization,
            weight_gram=weight_gram(self._system, coefficients),
            coefficients=coefficients,
            weights=rebuild_weights(self._params, self._system, signal, coefficients),
        )

    def state(self) -> dict[str, Any]:
        """Arrays from which `restore` continues bit-identically."""
        signal, noise, coefficients = kernels.unpack_reduced_state(self._problem, self._state)
        return {
            "step": np.array(self._step),
            "signal": signal,
            "noise": noise,
            "coefficients": coefficients,
            **record_state(self._record),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self._step = int(state["step"])
        self._state = kernels.pack_reduced_state(self._problem, state["signal"], state["noise"], state["coefficients"])
        restore_record(self._record, state)
