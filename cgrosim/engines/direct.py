"""Gradient descent on the weights themselves, under any threat."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Snapshot
from cgrosim.engines.closed import (
    ClosedForces,
    record_state,
    restore_record,
)
from cgrosim.engines.stepping import SteppingEngine
from cgrosim.errors import ParameterError
from cgrosim.model.algorithms import kept_after
from cgrosim.model.linear_algebra import gram, product
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem

Array = NDArray[np.float64]


class DirectEngine(SteppingEngine):
    """Advances the (m, d) weights under a threat that moves only the true feature: 4 m N P d flops a step."""

    name = "direct"

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        assert system.data is not None
        assert system.weights is not None
        super().__init__(params, system)
        self._forces = ClosedForces(params, system)
        if "coefficients" in params.record:
            check_independent(system)
        data = system.data
        self._rows = data.noise.reshape(-1, params.dimension)
        self._data = kernels.pack_direct_data(self._rows, data.direction)
        self._weights = kernels.pack_weights(system.weights)
        self._velocity = kernels.pack_weights(np.zeros_like(system.weights)) if params.momentum else None
        self._work = kernels.make_direct_workspace(self._problem, self._data)

    def _take(self, steps: int) -> tuple[int, int, int, int]:
        def take(count: int, first: int, batches: NDArray[np.int64] | None) -> tuple[int, int, int, int]:
            eta = self._params.learning_rate
            return kernels.advance_direct(
                self._problem,
                self._data,
                self._weights,
                self._work,
                self._record,
                eta,
                count,
                first,
                velocity=self._velocity,
                batches=batches,
            )

        return self._taken(steps, take)

    def snapshot(self) -> Snapshot:
        """The present state; the noise coefficients solve K B = C - C(0), where they are asked for."""
        assert self._system.data is not None
        weights = kernels.unpack_weights(self._weights, self._problem, self._data)
        signal, noise, off = projections_of(weights, self._rows, self._system.data.direction)
        margins = self._forces.margins(signal, noise)
        self._forces.note(self._record, self._step)
        return Snapshot(
            step=float(self._step),
            signal=signal,
            noise=noise,
            clean_margin=margins.clean,
            attacked_margin=margins.attacked,
            memorization=margins.memorization,
            weigh=partial(gram, off),
            coefficients=solve_coefficients(self._params, self._system, noise, self._step),
            weights=weights,
        )

    def state(self) -> dict[str, Any]:
        """Arrays from which `restore` continues bit-identically."""
        present = {"weights": self._weights} | ({} if self._velocity is None else {"velocity": self._velocity})
        found = {name: kernels.unpack_weights(each, self._problem, self._data) for name, each in present.items()}
        return {"step": np.array(self._step), **found, **record_state(self._record)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self._step = int(state["step"])
        self._weights = kernels.pack_weights(state["weights"])
        if self._velocity is not None:
            self._velocity = kernels.pack_weights(state["velocity"])
        restore_record(self._record, state)


ENGINE = DirectEngine


def projections_of(weights: Array, rows: Array, direction: Array) -> tuple[Array, Array, Array]:
    """True correlations (m,), noise projections (M, m) and the weights projected off the direction (m, d)."""
    signal = product(weights, direction[None, :])[:, 0]
    return signal, product(rows, weights), weights - signal[:, None] * direction


def solve_coefficients(params: Params, system: ClosedSystem, noise: Array, step: int) -> Array | None:
    """The noise coefficients B of the weights from their projections, if they were asked for: K B = C - s C(0)."""
    if "coefficients" not in params.record:
        return None
    assert system.gram is not None
    return np.asarray(np.linalg.solve(system.gram, noise - kept_after(params, step) * system.noise))


def check_independent(system: ClosedSystem) -> None:
    """Refuse to solve for coefficients that the weights do not determine.

    Round-off moves the eigenvalues of the Gram matrix K by up to M eps times the largest one, so that a smallest one
    below that may as well be 0 (Weyl's inequality).

    Raises
    ------
    ParameterError
        If the noise patches are linearly dependent: always where there are at least as many of them as dimensions,
        because they are orthogonal to the true feature.
    """
    assert system.gram is not None
    eigenvalues = np.linalg.eigvalsh(system.gram)
    if len(eigenvalues) and eigenvalues[0] <= len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1]:
        raise ParameterError(
            f"record coefficients asks engine direct for the coefficients of {len(eigenvalues)} noise patches that are "
            "linearly dependent, so that many would do; take engine reduced, which counts them up, or fewer samples."
        )
