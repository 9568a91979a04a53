"""What the two engines that take gradient steps in a compiled kernel have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Crossings, Divergence
from cgrosim.engines.closed import crossings_of, make_kernel_problem, make_kernel_record
from cgrosim.engines.cost import step_seconds
from cgrosim.model.algorithms import draw_batches
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem

BLOCK = 4096  # steps whose batches are held at once
Taken = tuple[int, int, int, int]


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

    def _taken(self, steps: int, take: Callable[[int, int, NDArray[np.int64] | None], Taken]) -> Taken:
        """Take steps by calls of the kernel: one for all of them, or where batches are drawn one for every `BLOCK`.

        ``take(steps, first step, batches)`` calls the kernel.
        """
        if self._params.batch_size is None:
            return take(steps, self._step, None)
        done, found = 0, (0, kernels.RUNNING, -1, -1)
        while True:
            count = min(BLOCK, steps - done)
            first = self._step + done
            found = take(count, first, draw_batches(self._params, first, count) if count else None)
            done += found[0]
            if found[1] != kernels.RUNNING or done >= steps:
                return done, *found[1:]

    @abstractmethod
    def _take(self, steps: int) -> tuple[int, int, int, int]:
        """Take steps in place: how many were taken, the status, and where it diverged (neuron, row)."""
