"""What the two engines that take gradient steps in a compiled kernel have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from cgrosim import kernels
from cgrosim.engines.base import Crossings, Divergence
from cgrosim.engines.closed import crossings_of, make_kernel_problem, make_kernel_record
from cgrosim.engines.cost import step_seconds
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem


class SteppingEngine(ABC):
    """Counts steps and keeps the hitting times; a subclass takes the steps and holds the state."""

    name: str
    order = 1  # gradient descent is Euler's method for the gradient flow

    def __init__(self, params: Params, system: ClosedSystem) -> None:
        self._params, self._system = params, system
        self._problem = make_kernel_problem(params, system)
        self._record = make_kernel_record(params)
        self._step = 0
        self.chunk = max(1, int(0.2 / step_seconds(params, self.name)))

    @property
    def step(self) -> float:
        """Gradient steps taken."""
        return float(self._step)

    @property
    def evaluations(self) -> int:
        """Evaluations of the force."""
        return self._step

    @property
    def crossings(self) -> Crossings:
        """First steps at which the thresholds were met."""
        return crossings_of(self._record)

    def advance(self, until: int) -> Divergence | None:
        """Advance to step `until`."""
        return self._advanced(until - self._step)

    def _advanced(self, steps: int, *more: Any) -> Divergence | None:
        done, status, neuron, row = self._take(steps, *more)
        self._step += done
        return Divergence(float(self._step), neuron, row) if status == kernels.DIVERGED else None

    @abstractmethod
    def _take(self, steps: int) -> tuple[int, int, int, int]:
        """Take steps in place: how many were taken, the status, and where it diverged (neuron, row)."""
