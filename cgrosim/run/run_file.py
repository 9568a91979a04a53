"""The netCDF file of a run: written whole, and judged against its own parameters when it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cgrosim.files.kinds import Kind
from cgrosim.files.netcdf import read_netcdf, write_netcdf
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import MAX_STEPS, ChosenEngine, Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.dataset import add_start, params_of, renamed, without_start
from cgrosim.run.planning import Plan
from cgrosim.run.quantities import QUANTITIES, record_sizes
from cgrosim.run.start import checked_start

if TYPE_CHECKING:
    import xarray

RUN = Kind(
    "cgrosim run 2",
    "run of cgrosim",
    "the path of a run that 'cgrosim simulate' saved",
    "run the simulation again",
    older=("cgrosim run 1",),
    whole="complete netCDF file",
)


class Attributes(BaseModel):
    """What stands beside the arrays of a run; more may."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    params: str
    seed: int
    status: Literal["finished", "diverged", "interrupted"]
    message: str
    sampling: Literal["explicit", "gram"]
    engine: ChosenEngine
    plan: str
    steps: Annotated[int, Field(ge=0, le=MAX_STEPS)]
    steps_taken: Annotated[int, Field(ge=0, le=MAX_STEPS)] = 0  # files of the first version lack the last two
    evaluations: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=0.0)]
    versions: str


def write_run(path: str | Path, data: xarray.Dataset, start: ClosedSystem | None = None) -> Path:
    """Write the records of a run atomically, and what it began from if that is given.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    return write_netcdf(path, RUN, data if start is None else add_start(data, start))


def read_run(path: str | Path) -> tuple[xarray.Dataset, Params, ClosedSystem | None]:
    """Records and parameters of a run that `write_run` wrote, and what it began from, if the file holds that.

    Raises
    ------
    FileError
        If the file is missing, cut, changed, of another kind, or contradicts itself.
    """
    data = read_netcdf(path, RUN)
    with RUN.judging(path):
        attributes = Attributes(**{name: _plain(value) for name, value in data.attrs.items()})
        params = params_of(attributes.params)
        if attributes.seed != params.seed:
            raise ValueError(f"its seed is {attributes.seed}, but that of its parameters {params.seed}")
        if not isinstance(json.loads(attributes.versions), dict):
            raise ValueError("its versions are no table")
        data.attrs["seed"] = params.seed  # beyond 64 bits the file holds it as text
        data, start = without_start(renamed(data))
        _check_variables(data, params)
        if start is not None:
            checked_start(params, start, Plan(attributes.sampling, attributes.engine, ""))
    return data, params, start


def _plain(value: object) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _check_variables(data: xarray.Dataset, params: Params) -> None:
    """Every known variable has its dimensions, sizes and type; variables of a user's own may stand beside them."""
    if "step" not in data.coords:
        raise ValueError("its steps are missing")
    steps = data["step"].values
    if steps.dtype != np.int64 or steps.ndim != 1 or np.any(steps < 0) or np.any(np.diff(steps) <= 0):
        raise ValueError("its steps are not increasing whole numbers from 0 on")
    sizes = {"step": len(steps), **record_sizes(params)}
    known = {q.name: ("step", *q.dimensions) for q in QUANTITIES.values()}
    known |= {entry.variable: entry.dimensions for entry in HITTING_TIMES.values()}
    for name, dims in known.items():
        if name not in data:
            continue
        found = data[name]
        if found.dims != dims or found.shape != tuple(sizes[dim] for dim in dims) or found.dtype != np.float64:
            wanted = ", ".join(f"{dim} {sizes[dim]}" for dim in dims)
            raise ValueError(
                f"{name} holds {found.dtype} over {dict(found.sizes)}, but must hold float64 over ({wanted})"
            )
