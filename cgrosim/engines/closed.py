"""The closed dynamics' forces and margins, from the compiled kernels, for the engines that share them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Crossings
from cgrosim.model.algorithms import smoothing_of
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.linear_algebra import combination
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem

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
        features=system.features,
        smoothing=smoothing_of(params, system.features, len(system.labels)),
        decay=params.weight_decay,
        momentum=params.momentum,
    )


def make_kernel_record(params: Params) -> kernels.Record:
    """An empty record of the kernels with the thresholds of this package."""
    return kernels.make_record(params.samples, [(entry.level, entry.threshold) for entry in HITTING_TIMES.values()])


def _rows(record: kernels.Record) -> dict[str, NDArray[np.int64]]:
    """The part of a record that belongs to each event, as views."""
    return {
        event: steps if entry.per_sample else steps[:1]
        for (event, entry), steps in zip(HITTING_TIMES.items(), record.first, strict=True)
    }


def crossings_of(record: kernels.Record) -> Crossings:
    """The kernels' hitting steps, with nan for what has not happened."""
    return Crossings({e: np.where(steps < 0, np.nan, steps.astype(np.float64)) for e, steps in _rows(record).items()})


def record_state(record: kernels.Record) -> dict[str, NDArray[np.int64]]:
    """The hitting steps, to be saved."""
    return {event: steps.copy() for event, steps in _rows(record).items()}


def restore_record(record: kernels.Record, state: dict[str, Any]) -> None:
    """Put saved hitting steps back."""
    for event, steps in _rows(record).items():
        steps[:] = state[event]


def rebuild_weights(
    params: Params, system: ClosedSystem, signal: Array, coefficients: Array, kept: Array | float = 1.0
) -> Array | None:
    """The weights (..., m, d) of states u (..., m), B (..., M, m), if they were asked for and there are vectors.

    w_r = s w_r(0) + (u_r - s u_r(0)) w_star + sum_k B_kr X_k, s = `kept` (...): training under a threat that moves only
    the true feature never leaves that span (derived here).
    """
    if "weights" not in params.record or system.data is None or system.weights is None:
        return None
    rows = system.data.noise.reshape(-1, params.dimension)
    weights = np.empty((*signal.shape, params.dimension))
    for place in np.ndindex(signal.shape[:-1]):
        left = np.broadcast_to(kept, signal.shape[:-1])[place]
        learnt = (signal[place] - left * system.signal)[:, None] * system.data.direction
        weights[place] = left * system.weights + learnt + combination(coefficients[place].T, rows)
    return weights


class Tableau(NamedTuple):
    """An explicit Runge-Kutta method: times of the stages, and weights of the earlier slopes; the last is the step."""

    nodes: Array  # (stages,)
    table: Array  # (stages, stages - 1)


class ClosedForces:
    """Right-hand side and order parameters of the closed dynamics in the vector (u, B), B row by row.

    Times are learning_rate * step. Momentum is the flow on a clock 1/(1 - beta) times faster; weight decay acts on u
    and B, and leaves ``kept(time)`` of w(0) and with it of C(0).
    """

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        self.system = system
        self._problem = make_kernel_problem(params, system)
        self._work = kernels.make_reduced_workspace(self._problem)
        self._gram = None if system.gram is None else kernels.pack_gram(system.gram)
        self._shape = system.noise.shape
        self._product, self._on_signal = np.empty(self._shape), np.empty(len(system.signal))
        self._on_noise = np.empty(self._shape)
        self._decay, self._pace = params.weight_decay, 1.0 / (1.0 - params.momentum)

    def kept(self, time: float) -> float:
        """What weight decay has left of the start at a time: ``exp(-rho t / (1 - beta))``."""
        return math.exp(-self._decay * self._pace * time)

    def split(self, vector: Array) -> tuple[Array, Array]:
        """The true correlations u (m,) and the noise coefficients B (M, m) of a vector."""
        neurons = self._shape[1]
        return vector[:neurons], vector[neurons:].reshape(self._shape)

    def projections(self, coefficients: Array, kept: float = 1.0) -> Array:
        """C = s C(0) + K B, a new (M, m) array."""
        assert self._gram is not None
        kernels.multiply(self._problem, self._gram, np.ascontiguousarray(coefficients), self._work, self._product)
        return (self.system.noise if kept == 1.0 else kept * self.system.noise) + self._product

    def rates(self, vector: Array, time: float = 0.0) -> Array:
        """Time derivative of (u, B) under the gradient flow; it depends on the time only through weight decay."""
        rates = self._forces_at(vector, time)
        if self._decay:
            rates -= self._decay * vector
        return rates if self._pace == 1.0 else self._pace * rates

    def take_trial(
        self, tableau: Tableau, time: float, vector: Array, step: float, slopes: Array, ahead: Array
    ) -> None:
        """The slopes of a step from `vector` but the first, and the state ahead, whose margins the workspace holds."""
        assert self._gram is not None
        kept = np.exp(-self._decay * self._pace * (time + step * tableau.nodes))  # of nothing 1, exactly
        start, work = self.system.noise, self._work
        if not kernels.wants_threads(start):
            kernels.take_trial(
                self._problem, self._gram, start, kept, self._decay, self._pace, vector, step,
                tableau.table, slopes, work, ahead,
            )  # fmt: skip
            return
        for stage in range(1, len(slopes)):  # the same sums to the same bits
            kernels.combine(vector, slopes, tableau.table, stage, step, ahead)
            slopes[stage] = self._forces_from(ahead, float(kept[stage]))
            kernels.set_pace(slopes, stage, ahead, self._decay, self._pace)

    def _forces_at(self, vector: Array, time: float) -> Array:
        """Forces on (u, B) without decay; leaves the margins of the state in the workspace."""
        return self._forces_from(vector, self.kept(time) if self._decay else 1.0)

    def _forces_from(self, vector: Array, kept: float) -> Array:
        assert self._gram is not None
        rates = np.empty(len(vector))
        if kernels.flow_rates(self._problem, self._gram, self.system.noise, kept, vector, self._work, rates):
            return rates
        signal, coefficients = self.split(vector)
        noise = self.projections(coefficients, kept)
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

    def levels(self, vector: Array, time: float = 0.0) -> dict[str, Array]:
        """What the hitting times watch, of a vector: by name, new arrays of one value or one a sample."""
        self._forces_at(vector, time)
        return self.levels_held()

    def levels_held(self) -> dict[str, Array]:
        """The same of the state that margins were last computed of: after a trial step, the one at its end."""
        watched = {entry.level for entry in HITTING_TIMES.values()}
        return {name: self._level(code).copy() for code, name in enumerate(kernels.LEVELS) if name in watched}

    def _level(self, code: int) -> Array:
        # the kernels' function as plain Python: calling it compiled would cost more than what it does
        return np.asarray(kernels.level_values.py_func(code, self._work))

    def note(self, record: kernels.Record, step: int) -> None:
        """Note the thresholds met by the state that margins were last computed of.

        A kernel notes a state when it steps on from it, so the last state of a run is noted here.
        """
        for code, threshold, steps in zip(record.level, record.threshold, record.first, strict=True):
            if steps.min() < 0:
                values = self._level(code)
                mine = steps[: len(values)]
                mine[(mine < 0) & (values >= threshold)] = step
