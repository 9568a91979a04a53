"""What is recorded of a run and when: grids of steps, and the kept quantities at each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.engines.base import Snapshot
from cgrosim.errors import ParameterError
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.observation import Observation, TestNoise
from cgrosim.run.quantities import Quantity, recorded

Array = NDArray[np.float64]


def record_steps(params: Params, steps: int) -> NDArray[np.int64]:
    """The steps to record: 0, the last one, and a linear or logarithmic grid between, without repeats."""
    if params.record_grid == "linear":
        grid = np.linspace(0.0, steps, params.records + 1)
    else:
        count = max(2, int(np.ceil(params.records * np.log10(max(steps, 2)))) + 1)
        grid = np.concatenate([[0.0], np.geomspace(1.0, steps, count)])
    whole = np.minimum(np.round(grid), float(steps)).astype(np.int64)
    return np.unique(np.concatenate([whole, [0, steps]]))


def given_steps(record_at: ArrayLike, steps: int | None) -> NDArray[np.int64]:
    """The steps to record, as the user gave them.

    Raises
    ------
    ParameterError
        If they are not increasing whole numbers from 0 on, up to the end of the run.
    """
    given = np.asarray(record_at)
    if given.ndim != 1 or given.size == 0 or given.dtype.kind not in "iuf":
        raise ParameterError("record_at must be a list of whole steps, such as [0, 10, 100].")
    odd = ~np.isfinite(given) | (given != np.round(given)) if given.dtype.kind == "f" else np.zeros(len(given), bool)
    odd |= (given < 0) | (given > MAX_STEPS)
    if np.any(odd):
        raise ParameterError(f"record_at holds {given[odd][0]}, but must hold whole steps between 0 and 1e18.")
    whole = given.astype(np.int64)
    fallen = np.flatnonzero(np.diff(whole) <= 0)
    if len(fallen):
        before, after = whole[fallen[0] : fallen[0] + 2]
        raise ParameterError(f"record_at holds {after} after {before}, but its steps must increase.")
    if steps is not None and whole[-1] > steps:
        raise ParameterError(f"record_at ends at {whole[-1]}, after steps {steps}; leave steps out, or raise it.")
    return whole


class Recorder:
    """Turns snapshots into records; with `evaluate_attacked`, fresh samples are attacked explicitly."""

    def __init__(
        self,
        params: Params,
        system: ClosedSystem,
        evaluate_attacked: Callable[[Array], tuple[Array, Array, Array]] | None = None,
        quantities: Sequence[Quantity] | None = None,
    ) -> None:
        self.params, self._start = params, system
        self.quantities = recorded(params) if quantities is None else list(quantities)
        self.records: dict[str, list[Any]] = {"step": []}
        self._evaluate_attacked = evaluate_attacked

    def take(self, snapshot: Snapshot) -> None:
        """Record one snapshot."""
        seen = Observation(self.params, self._start, snapshot, self._tested)
        with np.errstate(over="ignore"):  # the last records before a divergence may square to infinity
            values = [(q.name, q.measure(seen)) for q in self.quantities]
        self.records["step"].append(round(snapshot.step))
        for name, value in values:
            self.records.setdefault(name, []).append(np.asarray(value, dtype=np.float64))

    @cached_property
    def _test_noise(self) -> TestNoise:
        return TestNoise(self.params)

    def _tested(self, snapshot: Snapshot) -> tuple[Array, Array, Array]:
        if self._evaluate_attacked is None:
            return self._test_noise.margins(snapshot, self._start.second_layer)
        assert snapshot.weights is not None
        return self._evaluate_attacked(snapshot.weights)
