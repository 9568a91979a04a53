"""The closed dynamics' forces and margins, from the compiled kernels, for the engines that share them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Crossings
from cgrosim.model.linear_algebra import combination
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.thresholds import ESCAPED, MEMORISED, SIGNAL_GROWN

Array = NDArray[np.float64]


class Margins(NamedTuple):
    """Margins and memorised noise of every training sample, each (N,)."""

    clean: Array
    attacked: Array
    memorization: Array


def make_kernel_problem(params: Params, system: ClosedSystem) -> kernels.Problem:
    """The constants of a training problem in the kernels' form."""
    low, high = params.attacked_interval
    return kernels.make_problem(
        system.labels,
        system.second_layer,
        params.patches - 1,
        activation=params.activation,
        power=params.power,
        alpha=params.signal_strength,
        weakest=params.gap * params.signal_strength,
        attacked_low=low,
        attacked_high=high,
        adversarial_weight=params.adversarial_weight,
    )


def make_kernel_record(params: Params) -> kernels.Record:
    """An empty record of the kernels with the thresholds of this package."""
    return kernels.make_record(params.samples, grown_at=SIGNAL_GROWN, escaped_at=ESCAPED, memorised_at=MEMORISED)


def crossings_of(record: kernels.Record) -> Crossings:
    """The kernels' hitting steps, with nan for what has not happened."""
    grown, escaped, memorised = (
        np.where(steps < 0, np.nan, steps.astype(np.float64))
        for steps in (record.grown, record.escaped, record.memorised)
    )
    return Crossings(float(grown[0]), float(escaped[0]), memorised)


def record_state(record: kernels.Record) -> dict[str, NDArray[np.int64]]:
    """The hitting steps, to be saved."""
    return {
        "grown": record.grown.copy(),
        "escaped": record.escaped.copy(),
        "memorised": record.memorised.copy(),
    }


def restore_record(record: kernels.Record, state: dict[str, Any]) -> None:
    """Put saved hitting steps back."""
    record.grown[:], record.escaped[:], record.memorised[:] = state["grown"], state["escaped"], state["memorised"]


def rebuild_weights(params: Params, system: ClosedSystem, signal: Array, coefficients: Array) -> Array | None:
    """The weights (m, d) from their exact decomposition, if they were asked for and there are vectors.

    w_r = w_r(0) + (u_r - u_r(0)) w_star + sum_k B_kr X_k: training under a threat that moves only the true feature
    never leaves that span (derived here).
    """
    if "weights" not in params.record or system.data is None or system.weights is None:
        return None
    rows = system.data.noise.reshape(-1, params.dimension)
    learnt = (signal - system.signal)[:, None] * system.data.direction
    return system.weights + learnt + combination(coefficients.T, rows)


class ClosedForces:
    """Right-hand side and order parameters of the closed dynamics in the vector (u, B), B row by row."""

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        self.system = system
        self._problem = make_kernel_problem(params, system)
        self._work = kernels.make_reduced_workspace(self._problem)
        self._gram = None if system.gram is None else kernels.pack_gram(system.gram)
        self._shape = system.noise.shape
        self._product, self._on_signal = np.empty(self._shape), np.empty(len(system.signal))
        self._on_noise = np.empty(self._shape)
        self._noise_patches = params.patches - 1

    def split(self, vector: Array) -> tuple[Array, Array]:
        """The true correlations u (m,) and the noise coefficients B (M, m) of a vector."""
        neurons = self._shape[1]
        return vector[:neurons], vector[neurons:].reshape(self._shape)

    def projections(self, coefficients: Array) -> Array:
        """C = C(0) + K B, a new (M, m) array."""
        assert self._gram is not None
        kernels.multiply(self._problem, self._gram, np.ascontiguousarray(coefficients), self._work, self._product)
        return self.system.noise + self._product

    def rates(self, vector: Array) -> Array:
        """Time derivative of (u, B) under the gradient flow."""
        signal, coefficients = self.split(vector)
        noise = self.projections(coefficients)
        kernels.reduced_forces(self._problem, signal, noise, self._work, self._on_signal, self._on_noise)
        return np.concatenate([self._on_signal, self._on_noise.ravel()])

    def margins(self, signal: Array, noise: Array) -> Margins:
        """Margins of a state u (m,), C (M, m)."""
        work = self._work
        kernels.reduced_forces(
            self._problem,
            np.ascontiguousarray(signal),
            np.ascontiguousarray(noise),
            work,
            self._on_signal,
            self._on_noise,
        )
        return Margins(work.clean_margin.copy(), work.attacked_margin.copy(), work.memorization.copy())

    def levels(self, vector: Array) -> tuple[float, float, Array]:
        """alpha^q U, its value left by the attack at the lower end of its range, and every V_i."""
        signal, coefficients = self.split(vector)
        margins = self.margins(signal, self.projections(coefficients))
        return (*self._signal_levels(), margins.memorization)

    def _signal_levels(self) -> tuple[float, float]:
        # row 1: clean signal margin, row 3: margin at alpha - delta; the columns are the two labels
        return float(self._work.signal[1].min()), float(self._work.signal[3].min())

    def note(self, record: kernels.Record, margins: Margins, step: int) -> None:
        """Note the thresholds met by the state `margins` was just computed from.

        A kernel notes a state when it steps on from it, so the last state of a run is noted here.
        """
        signal = self._work.signal
        if record.grown[0] < 0 and min(signal[1].tolist()) >= SIGNAL_GROWN:
            record.grown[0] = step
        if record.escaped[0] < 0 and min(signal[3].tolist()) >= ESCAPED:
            record.escaped[0] = step
        record.memorised[(record.memorised < 0) & (margins.memorization >= MEMORISED)] = step
