"""What is recorded of a run and when: grids of steps, and the kept quantities at each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.engines.base import Snapshot, Trail
from cgrosim.engines.cost import record_seconds
from cgrosim.errors import ParameterError
from cgrosim.model.params import MAX_STEPS, Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.observation import Observation, TestNoise
from cgrosim.run.quantities import Quantity, record_sizes, recorded

Array = NDArray[np.float64]

BUFFER_BYTES = 2**23  # of states that wait to be measured together
UNMEASURED = ("attacked", "adversarial", "robust")  # what is nan throughout where nothing is attacked
BUFFER_SECONDS = 0.5  # that measuring them may take: nothing is said meanwhile, and Ctrl-C has to wait for it


def record_steps(params: Params, steps: int) -> NDArray[np.int64]:
    """The steps to record: 0, the last one, and a linear or logarithmic grid between, without repeats."""
    if params.record_grid == "linear":
        grid = np.linspace(0.0, steps, params.records + 1)
    else:
        count = max(2, int(np.ceil(params.records * np.log10(max(steps, 2)))) + 1)
        grid = np.concatenate([[0.0], np.geomspace(1.0, steps, count)])
    whole = np.minimum(np.round(grid), float(steps)).astype(np.int64)
    return np.unique(np.concatenate([whole, [0, steps]]))


def given_steps(record_at: ArrayLike, steps: int | None, name: str = "record_at") -> NDArray[np.int64]:
    """The steps to record, as the user gave them.

    Raises
    ------
    ParameterError
        If they are not increasing whole numbers from 0 on, up to the end of the run.
    """
    given = np.asarray(record_at)
    if given.ndim != 1 or given.size == 0 or given.dtype.kind not in "iuf":
        raise ParameterError(f"{name} must be a list of whole steps, such as [0, 10, 100].")
    odd = ~np.isfinite(given) | (given != np.round(given)) if given.dtype.kind == "f" else np.zeros(len(given), bool)
    odd |= (given < 0) | (given > MAX_STEPS)
    if np.any(odd):
        raise ParameterError(f"{name} holds {given[odd][0]}, but must hold whole steps between 0 and 1e18.")
    whole = given.astype(np.int64)
    fallen = np.flatnonzero(np.diff(whole) <= 0)
    if len(fallen):
        before, after = whole[fallen[0] : fallen[0] + 2]
        raise ParameterError(f"{name} holds {after} after {before}, but its steps must increase.")
    if steps is not None and whole[-1] > steps:
        raise ParameterError(f"{name} ends at {whole[-1]}, after steps {steps}; leave steps out, or raise it.")
    return whole


def beyond_numbers(quantities: Sequence[Quantity], records: Mapping[str, NDArray[Any]]) -> str:
    """What of some records is not finite although it was measured, in a sentence; empty if nothing is."""
    odd = []
    for q in quantities:
        good = np.isfinite(records[q.name])
        if not good.all():
            unmeasured = any(word in q.name for word in UNMEASURED) and np.isnan(records[q.name]).all()
            odd += [] if unmeasured else [q.name]
    if not odd:
        return ""
    steps = records["step"]
    rows = [np.isfinite(records[name]).reshape(len(steps), -1).all(axis=1) for name in odd]
    first = steps[int(np.argmin(np.all(rows, axis=0)))]
    return f"From step {first} on the records of {', '.join(odd)} lie beyond the numbers of floating point."


class Recorder:
    """Turns states into records; with `evaluate_attacked`, fresh samples are attacked explicitly.

    States wait, up to `BUFFER_BYTES`, and are measured together: that is what makes a short run cheap.
    """

    def __init__(
        self,
        params: Params,
        system: ClosedSystem,
        *,
        evaluate_attacked: Callable[[Array], tuple[Array, Array, Array]] | None = None,
        quantities: Sequence[Quantity] | None = None,
    ) -> None:
        self.params, self._start = params, system
        self.quantities = recorded(params) if quantities is None else list(quantities)
        self.steps: list[int] = []
        self._waiting: list[Trail] = []
        self._blocks: dict[str, list[Array]] = {q.name: [] for q in self.quantities}
        self._evaluate_attacked = evaluate_attacked
        # of a state: correlations and coefficients, three values a sample, the weights and their projection; twice,
        # because they are copied into one array
        vectors = 0 if system.weights is None else 2 * params.dimension
        held = 16 * (params.neurons * (1 + 2 * params.noise_patches + vectors) + 3 * params.samples)
        tested = params.test_samples > 0 and any(q.tested for q in self.quantities)
        each = record_seconds(params, "reduced" if system.weights is None else "direct", tested=tested)
        self._room = max(1, min(BUFFER_BYTES // held, int(BUFFER_SECONDS / each)))

    @property
    def room(self) -> int:
        """How many states may come together, at least one."""
        return max(1, self._room - sum(map(len, self._waiting)))

    def take(self, trail: Trail) -> None:
        """Record some states."""
        self.steps += [round(step) for step in trail.step.tolist()]
        self._waiting.append(trail)
        if sum(map(len, self._waiting)) >= self._room:
            self._measure()

    def records(self) -> dict[str, NDArray[Any]]:
        """Everything recorded so far, by name, over the recorded steps (``step``)."""
        self._measure()
        sizes = record_sizes(self.params)
        found: dict[str, NDArray[Any]] = {"step": np.asarray(self.steps, dtype=np.int64)}
        for q in self.quantities:
            blocks = self._blocks[q.name]
            empty = np.empty((0, *(sizes[dimension] for dimension in q.dimensions)))
            self._blocks[q.name] = [np.concatenate(blocks) if blocks else empty]
            found[q.name] = self._blocks[q.name][0]
        return found

    def beyond_numbers(self) -> str:
        """What of the records is not finite although it was measured, in a sentence; empty if nothing is."""
        return beyond_numbers(self.quantities, self.records())

    def restore(self, records: Mapping[str, ArrayLike]) -> None:
        """Go on after records that were saved."""
        self.steps = [int(step) for step in np.asarray(records["step"])]
        self._waiting, self._blocks = [], {q.name: [np.asarray(records[q.name])] for q in self.quantities}

    def _measure(self) -> None:
        if not self._waiting:
            return
        seen = Observation(self.params, self._start, Trail.joined(self._waiting), self._tested, self._blocks)
        # the last records before a divergence may square to infinity
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            measured = {q.name: np.asarray(q.measure(seen), dtype=np.float64) for q in self.quantities}
        for name, values in measured.items():  # all or none, where measuring is interrupted
            self._blocks[name].append(values)
        self._waiting = []

    @cached_property
    def _test_noise(self) -> TestNoise:
        return TestNoise(self.params)

    def _tested(self, snapshot: Snapshot) -> tuple[Array, Array, Array]:
        if self._evaluate_attacked is None or self.params.evaluation.threat != self.params.threat:
            return self._test_noise.margins(snapshot, self._start.second_layer)
        assert snapshot.weights is not None
        return self._evaluate_attacked(snapshot.weights)
