"""Gradient flow: the same closed dynamics in continuous time, integrated adaptively over many decades of time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.engines.base import Crossings, Divergence, Snapshot, Stuck
from cgrosim.engines.closed import ClosedForces, Tableau, rebuild_weights
from cgrosim.interrupts import stop_where_wanted
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.model.sampling import ClosedSystem, weight_gram

Array = NDArray[np.float64]

SEGMENTS_PER_DECADE = 1
MOST_EVALUATIONS = 100_000
"""From one restart to the next; a decade of steps usually takes some dozens. So many take seconds."""
CROSSING_DIGITS = 1e-10  # relative precision of a crossing time, well below the tolerance of the trajectory
MOST_HALVINGS = 10_000  # to find one between two steps of any two sizes: a float has 2,000 halvings of its exponent


class _Stuck(Exception):
    """The integrator was given as many evaluations as a decade may take, or cannot take a first step."""


class FlowEngine:
    """Integrates ``u' = force - rho u``, ``B' = A - rho B`` with ``C = s C(0) + K B`` in time = learning_rate * step.

    s = exp(-rho time). Momentum makes all of it 1/(1 - beta) times faster, which is exact as the learning rate tends to
    0. Batches are not drawn: their mean is the flow.

    Method: Dormand-Prince of order 8 (scipy's DOP853, its steps compiled), explicit. The growth after memorisation is
    logarithmic in time, so the eigenvalues decay like 1/time, the step can grow with time, and no Jacobian is needed at
    any size (derived here; the number of evaluations is a few dozen a decade). Smoothed labels end that: their margins
    rest, with rates that do not fall. An implicit method then takes tens of times fewer evaluations and still more
    time, for its dense systems (docs/explanation/cures-in-detail.md), so plain steps are advised there. The integrator
    is restarted from its state once a decade of time, so that a run resumed from the last restart repeats the same
    bits.
    """

    name = "flow"
    order = None
    chunk = MAX_STEPS

    def __init__(self, params: Params, system: ClosedSystem, watch: Callable[[float, int], None] | None = None) -> None:
        assert system.gram is not None
        self._params, self._system = params, system
        self._watch = watch  # called after every step of the integrator: gradient steps so far, evaluations so far
        self._forces = ClosedForces(params, system)
        self._neurons, self._rows = len(system.signal), len(system.noise)
        self.crossings = Crossings.none(len(system.labels))
        self._time = 0.0  # time of the last restart
        self._vector = np.concatenate([system.signal, np.zeros(self._rows * self._neurons)])
        self._present = (0.0, self._vector)
        self._solver: Any = None
        self._interpolant: Any = None
        self.step = 0.0
        self.crossings.note(self._forces.levels(self._vector), 0.0)
        self._restart_crossings = self.crossings.copy()
        self.evaluations = self._restart_evaluations = 0

    def _absolute_tolerance(self) -> Array:
        """The tolerance in the scale of the start: u against init_std, B against what moves C by its own start."""
        assert self._system.gram is not None
        energy = np.diag(self._system.gram).mean() if self._rows else 1.0
        scale = np.sqrt(np.mean(self._system.noise**2)) / energy if energy > 0 else 1.0
        scale = scale if scale > 0 else 1.0
        sizes = np.full(self._vector.size, scale)
        sizes[: self._neurons] = self._params.init_std
        return self._params.flow_tolerance * sizes

    def _rates(self, time: float, vector: Array) -> Array:
        self.evaluations += 1
        if self.evaluations > self._restart_evaluations + MOST_EVALUATIONS:
            raise _Stuck
        return self._forces.rates(vector, time)

    def _segment_end(self) -> float:
        """The next restart: a decade later, counted in whole powers of ten of the number of steps."""
        eta = self._params.learning_rate
        step = self._time / eta
        power = np.floor(SEGMENTS_PER_DECADE * np.log10(max(step, 1.0)) + 1e-9) + 1.0
        return float(eta * 10.0 ** (power / SEGMENTS_PER_DECADE))

    def _trial(self, tableau: Tableau, time: float, vector: Array, step: float, slopes: Array, ahead: Array) -> None:
        self.evaluations += len(tableau.nodes) - 1
        if self.evaluations > self._restart_evaluations + MOST_EVALUATIONS:
            raise _Stuck
        self._forces.take_trial(tableau, time, vector, step, slopes, ahead)

    def _start_segment(self) -> None:
        from cgrosim.engines.integrator import CompiledDOP853  # and with it scipy's integrators

        self._solver = CompiledDOP853(
            self._rates,
            self._trial,
            self._time,
            self._vector,
            self._segment_end(),
            rtol=self._params.flow_tolerance,
            atol=self._absolute_tolerance(),
        )

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a start of 1e-200 is no scale to measure forces in
    def advance(self, until: int) -> Divergence | None:
        """Integrate up to time ``learning_rate * until``."""
        target = self._params.learning_rate * until
        while True:
            if self._solver is None:
                self._start_segment()
            if self._solver.t >= target:
                self._present = (target, self._at(target))
                self.step = float(until)
                return None
            if self._solver.t >= self._solver.t_bound:
                self._time, self._vector = float(self._solver.t), self._solver.y.copy()
                self._restart_crossings, self._restart_evaluations = self.crossings.copy(), self.evaluations
                self._solver = self._interpolant = None
                continue
            stop_where_wanted()
            try:
                if not np.isfinite(self._solver.h_abs):  # scipy would make nan smaller until it is small enough
                    raise _Stuck
                message = self._solver.step()
            except _Stuck:
                return Stuck(self._solver.t / self._params.learning_rate, 0, -1)
            if message is not None or not np.all(np.isfinite(self._solver.y)):
                return self._located()
            self._interpolant = None
            self._find_crossings()
            if self._watch is not None:
                self._watch(self._solver.t / self._params.learning_rate, self.evaluations)

    def _at(self, time: float) -> Array:
        """The trajectory at a time inside the last step; the interpolant costs evaluations, so it is made on demand."""
        if self._solver.t_old is None:
            return np.asarray(self._solver.y)
        if self._interpolant is None:
            counted = self.evaluations  # of the integration alone: the same however often it is looked at or resumed
            self.evaluations = self._restart_evaluations
            self._interpolant = self._solver.dense_output()
            self.evaluations = counted
        return np.asarray(self._interpolant(time))

    def _located(self) -> Divergence:
        worst = int(np.argmax(np.abs(np.nan_to_num(self._solver.y, nan=np.inf))))
        row, neuron = divmod(worst - self._neurons, self._neurons) if worst >= self._neurons else (-1, worst)
        return Divergence(self._solver.t / self._params.learning_rate, neuron, row)

    def _find_crossings(self) -> None:
        """Locate every threshold met during the last step, on the interpolant."""
        levels = self._forces.levels_held()  # the last stage of an accepted step is the state at its end
        for event, entry in HITTING_TIMES.items():
            times = self.crossings.times[event]
            for i in np.flatnonzero(np.isnan(times) & (levels[entry.level] >= entry.threshold)):
                times[i] = self._crossing(lambda t, i=i, e=entry: self._levels(t)[e.level][i] - e.threshold)

    def _levels(self, time: float) -> dict[str, Array]:
        return self._forces.levels(self._at(time), time)

    def _crossing(self, level: Any) -> float:
        from scipy.optimize import brentq

        left, right = self._solver.t_old, self._solver.t
        if level(left) >= 0.0:
            root = left
        elif level(right) < 0.0:
            root = right  # the interpolant meets the end of the step only to round-off
        else:
            root = brentq(level, left, right, rtol=CROSSING_DIGITS, xtol=1e-300, maxiter=MOST_HALVINGS)
        return float(root / self._params.learning_rate)

    def snapshot(self) -> Snapshot:
        """The present state."""
        time, vector = self._present
        kept = self._forces.kept(time)
        signal, coefficients = (part.copy() for part in self._forces.split(vector))
        noise = self._forces.projections(coefficients, kept)
        margins = self._forces.margins(signal, noise)
        return Snapshot(
            step=self.step,
            signal=signal,
            noise=noise,
            clean_margin=margins.clean,
            attacked_margin=margins.attacked,
            memorization=margins.memorization,
            weigh=partial(weight_gram, self._system, coefficients, kept),
            coefficients=coefficients,
            weights=rebuild_weights(self._params, self._system, signal, coefficients, kept),
        )

    def state(self) -> dict[str, Any]:
        """The state at the last restart; `advance` then repeats what followed it."""
        return {
            "time": np.array(self._time),
            "vector": self._vector.copy(),
            "evaluations": np.array(self._restart_evaluations),
            **self._restart_crossings.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self._time, self._vector = float(state["time"]), state["vector"].copy()
        self.crossings.restore(state)
        self._restart_crossings = self.crossings.copy()
        self.evaluations = self._restart_evaluations = int(state.get("evaluations", 0))
        self._solver = self._interpolant = None


ENGINE = FlowEngine
