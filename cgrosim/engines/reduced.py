"""Gradient descent on the closed system: the Gram matrix of the noise patches replaces the vectors, exactly."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Snapshot
from cgrosim.engines.closed import (
    rebuild_weights,
    record_state,
    restore_record,
)
from cgrosim.engines.stepping import SteppingEngine
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, weight_gram

Array = NDArray[np.float64]


class ReducedEngine(SteppingEngine):
    """Advances ``u += eta force``, ``B += eta A``, ``C += eta K A``: 2 m M^2 flops a step, whatever the dimension."""

    name = "reduced"

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        assert system.gram is not None
        super().__init__(params, system)
        self._gram = kernels.pack_gram(system.gram)
        self._state = kernels.pack_reduced_state(
            self._problem, system.signal, system.noise, np.zeros_like(system.noise)
        )
        self._work = kernels.make_reduced_workspace(self._problem)

    def _take(self, steps: int) -> tuple[int, int, int, int]:
        return kernels.advance_reduced(
            self._problem,
            self._gram,
            self._state,
            self._work,
            self._record,
            self._params.learning_rate,
            steps,
            self._step,
        )

    def snapshot(self) -> Snapshot:
        """The present state."""
        signal, noise, coefficients = kernels.unpack_reduced_state(self._problem, self._state)
        margins = self._forces.margins(signal, noise)
        self._forces.note(self._record, self._step)
        return Snapshot(
            step=float(self._step),
            signal=signal,
            noise=noise,
            clean_margin=margins.clean,
            attacked_margin=margins.attacked,
            memorization=margins.memorization,
            weigh=partial(weight_gram, self._system, coefficients),
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


ENGINE = ReducedEngine
