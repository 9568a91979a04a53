"""Runs read on a grid of steps that is not their own, and several runs on one grid in one dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.run.quantities import QUANTITIES
from cgrosim.run.recorder import given_steps

if TYPE_CHECKING:
    import xarray

    from cgrosim.run.results import Run


def on_grid(data: xarray.Dataset, steps: ArrayLike) -> xarray.Dataset:
    """The records of a run at given steps.

    Where a step was recorded, its record is taken as it is. Between two records, what changes continuously is
    interpolated, linearly in ``log(1 + step)`` (``time`` linearly in the step, of which it is a multiple); errors jump,
    so they keep the value of the record before. Before the first record and after the last one (a run that ended or
    diverged) there is nan. Hitting times stay as they are.

    Raises
    ------
    ParameterError
        If the steps are not increasing whole numbers from 0 on.
    """
    import xarray

    wanted, known = given_steps(steps, None, name="steps"), data["step"].values
    inside = (wanted >= known[0]) & (wanted <= known[-1]) if len(known) else np.zeros(len(wanted), dtype=bool)
    left = np.searchsorted(known, wanted[inside], side="right") - 1
    right = np.minimum(left + 1, len(known) - 1)
    variables: dict[Any, Any] = {}
    for name, variable in data.data_vars.items():
        if variable.dims[:1] != ("step",):
            variables[name] = variable
            continue
        q = QUANTITIES.get(str(name))
        between = "log" if q is None else q.between
        read = np.full((len(wanted), *variable.shape[1:]), np.nan)
        read[inside] = _between(known, wanted[inside], left, right, variable.values, between)
        variables[name] = (variable.dims, read, variable.attrs)
    return xarray.Dataset(variables, coords={"step": ("step", wanted, data["step"].attrs)}, attrs=data.attrs)


def _between(
    known: NDArray[np.int64],
    wanted: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    values: NDArray[np.float64],
    between: str,
) -> NDArray[np.float64]:
    """Values at the wanted steps, from the records to their left and right."""
    before = values[left]
    if between == "held" or not len(wanted):
        return before
    places = [steps.astype(np.float64) for steps in (known[left], wanted, known[right])]
    first, middle, last = (np.log1p(place) for place in places) if between == "log" else places
    exact = known[left] == wanted
    share = np.where(exact, 0.0, middle - first) / np.where(exact, 1.0, last - first)
    share, exact = (part.reshape(-1, *[1] * (values.ndim - 1)) for part in (share, exact))
    with np.errstate(invalid="ignore", over="ignore"):  # the last records before a divergence may be infinite
        return np.where(exact, before, before + share * (values[right] - before))


@checked
def stack(runs: Iterable[Run], steps: ArrayLike | None = None) -> xarray.Dataset:
    """Several runs in one dataset, with a dimension ``run`` in front.

    Parameters
    ----------
    runs
        Runs of the same numbers of neurons and samples; other parameters may differ, and those that do become
        coordinates of ``run``, after its ``seed``.
    steps
        The common grid; by default the recorded steps of the run that goes on longest. See `Run.on_grid` for what is
        between two records.

    Returns
    -------
    xarray.Dataset
        The variables that all runs have; where a run has ended before a step, nan. The parameters that they share are
        the attribute ``params``.

    Raises
    ------
    ParameterError
        If there is no run, if sizes differ, or if the steps are no grid.
    """
    import xarray

    runs = list(runs)
    if not runs:
        raise ParameterError("stack needs at least one run; give a list of them.")
    if steps is None:
        steps = max((run.data["step"].values for run in runs), key=lambda s: int(s[-1]) if len(s) else -1)
    names = [name for name in runs[0].data.data_vars if all(name in run.data for run in runs)]
    for name in names:
        sizes = {run.data[name].shape[1 if "step" in run.data[name].dims else 0 :] for run in runs}
        if len(sizes) > 1:
            raise ParameterError(
                f"{name} has the sizes {', '.join(map(str, sorted(sizes)))} in these runs, which cannot be stacked; "
                "give runs of the same numbers of neurons and samples."
            )
    whole = xarray.concat([run.on_grid(steps)[names] for run in runs], dim="run", combine_attrs="drop", join="exact")
    for name in names:  # a coordinate of one run only has no place in all
        whole[name].attrs = runs[0].data[name].attrs
    values = [run.params.model_dump(mode="json") for run in runs]
    shared = {key: value for key, value in values[0].items() if all(other[key] == value for other in values)}
    differing = ["seed", *(key for key in values[0] if key not in shared and key != "seed")]
    coordinates = {key: ("run", _column([_plain(one[key]) for one in values])) for key in differing}
    whole = whole.assign_coords(coordinates)
    whole["step"].attrs = runs[0].data["step"].attrs
    return whole.assign_attrs(params=json.dumps(shared), status=" ".join(run.status for run in runs))


def _column(values: list[Any]) -> list[Any]:
    """Entries of a coordinate that a file can hold: where a seed is beyond 64 bits, all of them as text."""
    return [str(one) for one in values] if any(isinstance(one, int) and one >= 2**63 for one in values) else values


def _plain(value: Any) -> Any:
    """A parameter as one entry of a coordinate."""
    if value is None:
        return np.nan
    return " ".join(map(str, value)) if isinstance(value, list) else value
