"""The table of what is kept of a cell: names, dimensions, sizes, units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.files.cells import Variable
from cgrosim.files.words import quoted, suggested
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import Params
from cgrosim.predictions.numbers import NUMBERS
from cgrosim.run.quantities import QUANTITIES, recorded
from cgrosim.sweeps.cells import STATUSES, CellResult
from cgrosim.sweeps.plan import Measured, Plan

PREDICTED = "predicted_"
STATUS, STEPS = "status", "steps_taken"
PER_SAMPLE = {entry.variable: entry for entry in HITTING_TIMES.values() if entry.per_sample}
SINGLE = {entry.variable: entry for entry in HITTING_TIMES.values() if not entry.per_sample}
SUMMARIES = {"median": "half of the samples", "last": "every sample"}


def variables(measured: Measured) -> tuple[Variable, ...]:
    """Every array of a sweep."""
    found = [
        Variable(STATUS, (), "int8", f"how the run ended: {', '.join(map(' '.join, _numbered()))}", "1"),
        Variable(STEPS, (), "float64", "gradient steps taken", "step"),
    ]
    over = () if measured.record_at is None else ("step",)
    for name in measured.keep:
        if name in QUANTITIES:
            q = QUANTITIES[name]
            found.append(Variable(name, (*over, *q.dimensions), "float64", q.long_name, q.units))
        elif name in PER_SAMPLE:
            found.append(Variable(name, ("sample",), "float64", PER_SAMPLE[name].long_name, "step"))
    found += [Variable(name, (), "float64", entry.long_name, "step") for name, entry in SINGLE.items()]
    for name, entry in PER_SAMPLE.items():
        found += [
            Variable(f"{kind}_{name}", (), "float64", f"{entry.long_name}, for {which}", "step")
            for kind, which in SUMMARIES.items()
        ]
    if measured.predicted_seeds:
        found += [Variable(PREDICTED + name, (), "float64", n.meaning, n.unit) for name, n in NUMBERS.items()]
    return tuple(found)


def sizes(plan: Plan) -> dict[str, int]:
    """Lengths of the dimensions, over all cells; a cell with fewer samples or neurons leaves nan."""
    neurons = plan.largest("neurons")
    found = {
        "neuron": neurons,
        "neuron_column": neurons,
        "sample": plan.largest("samples"),
        "patch": plan.largest("patches") - 1,
        "coordinate": plan.largest("dimension"),
    }
    return found | ({} if plan.measured.record_at is None else {"step": len(plan.measured.record_at)})


def kept_names(params: Params, keep: tuple[str, ...] | None) -> tuple[str, ...]:
    """The names to keep: those that are named, or every quantity that is one number.

    Raises
    ------
    ParameterError
        If a name is unknown, or these parameters do not record it.
    """
    if keep is None:
        return tuple(q.name for q in recorded(params) if not q.dimensions)
    for name in keep:
        if name not in (*QUANTITIES, *PER_SAMPLE, *SINGLE):
            known = [*QUANTITIES, *PER_SAMPLE, *SINGLE]
            raise ParameterError(
                f"keep names {quoted(name)}, which no run records; {suggested(name, known, 'take some of')}"
            )
    recorded(params, [name for name in keep if name in QUANTITIES])
    return tuple(dict.fromkeys(keep))


def arrays_of(
    results: list[CellResult],
    predicted: list[Mapping[str, float] | None],
    wanted: tuple[Variable, ...],
    lengths: Mapping[str, int],
) -> dict[str, NDArray[np.generic]]:
    """What is stored of some cells, one array a variable, the cell as the first axis."""
    found: dict[str, NDArray[np.generic]] = {}
    for variable in wanted:
        shape = (len(results), *(lengths[dimension] for dimension in variable.dimensions))
        array = np.full(shape, variable.missing, dtype=variable.dtype)
        for place, value in enumerate(_values(variable.name, results, predicted)):
            if value is None:
                continue
            if len(shape) == 1:
                array[place] = value
            else:
                inside: tuple[Any, ...] = tuple(slice(0, length) for length in np.shape(value))
                array[(place, *inside)] = value
        found[variable.name] = array
    return found


def _values(name: str, results: list[CellResult], predicted: list[Mapping[str, float] | None]) -> list[Any]:
    """One variable of every cell; None where it has none."""
    if name == STATUS:
        return [STATUSES.index(result.status) for result in results]
    if name == STEPS:
        return [result.steps for result in results]
    if name.startswith(PREDICTED):
        number = name.removeprefix(PREDICTED)
        return [None if told is None else told[number] for told in predicted]
    kind, _, of = name.partition("_")
    if kind in SUMMARIES and of in PER_SAMPLE:
        return [None if of not in result.times else _summary(kind, result.times[of]) for result in results]
    return [result.values[name] if name in result.values else result.times.get(name) for result in results]


def _summary(kind: str, times: NDArray[np.float64]) -> float:
    """The middle or the last of the times; nan where it has not come."""
    ordered = sorted(math.inf if math.isnan(time) else time for time in times.tolist())
    middle = (len(ordered) - 1) // 2, len(ordered) // 2
    value = ordered[-1] if kind == "last" else 0.5 * (ordered[middle[0]] + ordered[middle[1]])
    return value if math.isfinite(value) else math.nan


def _numbered() -> list[tuple[str, str]]:
    return [(str(number), word) for number, word in enumerate(STATUSES)]
