"""Gradient descent on the closed system: the Gram matrix of the noise patches replaces the vectors, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Divergence, Snapshot, Trail
from cgrosim.engines.closed import (
    rebuild_weights,
    record_state,
    restore_record,
)
from cgrosim.engines.stepping import SteppingEngine
from cgrosim.model.algorithms import kept_after
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

    def _take(self, steps: int, trail: kernels.Trail | None = None) -> tuple[int, int, int, int]:
        def take(count: int, first: int, batches: NDArray[np.int64] | None) -> tuple[int, int, int, int]:
            eta = self._params.learning_rate
            return kernels.advance_reduced(
                self._problem,
                self._gram,
                self._state,
                self._work,
                self._record,
                eta,
                count,
                first,
                trail=trail,
                batches=batches,
            )

        return self._taken(steps, take)

    def trace(self, steps: NDArray[np.int64]) -> tuple[Trail, Divergence | None]:
        """Advance to the last of these increasing steps; the states at them, up to a divergence."""
        seen = kernels.make_trail(self._problem, steps)
        trouble = self._advanced(int(steps[-1]) - self._step, seen)
        met = len(steps) if trouble is None else int(np.searchsorted(steps, self._step, side="right"))
        coefficients = seen.coefficients[:met]
        kept = np.array([kept_after(self._params, int(step)) for step in steps[:met]])
        return Trail(
            step=seen.steps[:met].astype(np.float64),
            signal=seen.signal[:met],
            noise=seen.noise[:met],
            clean_margin=seen.clean_margin[:met],
            attacked_margin=seen.attacked_margin[:met],
            memorization=seen.memorization[:met],
            weigh=lambda place: weight_gram(self._system, coefficients[place], float(kept[place])),
            coefficients=coefficients,
            weights=rebuild_weights(self._params, self._system, seen.signal[:met], coefficients, kept),
        ), trouble

    def snapshot(self) -> Snapshot:
        """The present state."""
        return self.trace(np.array([self._step]))[0].at(0)

    def state(self) -> dict[str, Any]:
        """Arrays from which `restore` continues bit-identically."""
        names, present = ("signal", "noise", "coefficients"), kernels.unpack_reduced_state(self._problem, self._state)
        found = dict(zip(names, present, strict=True))
        if self._params.momentum:
            moving = kernels.unpack_velocity(self._problem, self._state)
            found |= dict(zip((f"{name}_velocity" for name in names), moving, strict=True))
        return {"step": np.array(self._step), **found, **record_state(self._record)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self._step = int(state["step"])
        names = ("signal", "noise", "coefficients")
        signal, noise, coefficients = (state[name] for name in names)
        moving = tuple(state[f"{name}_velocity"] for name in names) if self._params.momentum else None
        self._state = kernels.pack_reduced_state(self._problem, signal, noise, coefficients, moving)
        restore_record(self._record, state)


ENGINE = ReducedEngine
