"""The labelled dataset of what a store holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.model.params import Params
from cgrosim.sweeps.cells import STATUSES
from cgrosim.sweeps.layout import STATUS, variables

if TYPE_CHECKING:
    import xarray

    from cgrosim.files.cells import Store


def dataset_of(store: Store) -> xarray.Dataset:
    """Everything the store holds of the grid that was asked for last, over what is varied and the seed."""
    import xarray

    plan = store.plan
    grid, rows = plan.asked, plan.rows_of(plan.asked)
    dims = [*(axis.dim for axis in grid.axes), "seed"]
    found: dict[str, Any] = {}
    for variable in variables(plan.measured):
        values = store.read(variable.name, rows)
        about = {"long_name": variable.long_name, "units": variable.units}
        if variable.name == STATUS:
            values = np.array(STATUSES)[values]
            about = {"long_name": "how the run ended", "units": "1"}
        found[variable.name] = ([*dims, *variable.dimensions], values.reshape(*grid.shape, *values.shape[1:]), about)
    texts = np.full(grid.size, "", dtype=object)
    cell_of_row = np.full(plan.rows, -1, dtype=np.int64)
    cell_of_row[rows] = np.arange(len(rows))
    for row, text in store.messages().items():
        if cell_of_row[row] >= 0:
            texts[cell_of_row[row]] = text
    found["message"] = (dims, texts.reshape(grid.shape), {"long_name": "what a reader must know of the run"})
    coords: dict[str, Any] = {"seed": ("seed", np.array(grid.seeds, dtype=np.int64), {"long_name": "seed of the run"})}
    for axis in grid.axes:
        for name in axis.names:
            coords[name] = (axis.dim, np.array(axis.column(name)), _about(name))
    for name, column in grid.ruled.items():
        coords[name] = (dims[:-1], np.array(column).reshape(grid.shape[:-1]), _about(name))
    if plan.measured.record_at is not None:
        coords["step"] = ("step", np.array(plan.measured.record_at), {"long_name": "gradient steps", "units": "step"})
    attributes = {
        "base": json.dumps(plan.base.values),
        "from_paper": int(plan.base.paper),
        "varied": json.dumps(dims[:-1]),
        "names": json.dumps([name for axis in grid.axes for name in axis.names] + list(grid.ruled)),
        "kept": json.dumps(plan.measured.keep),
        "versions": json.dumps(dict(plan.identity)),
    }
    return xarray.Dataset(found, coords=coords, attrs=attributes)


def _about(name: str) -> dict[str, str]:
    field = Params.model_fields.get(name)
    return {"long_name": name.replace("_", " ") if field is None else str(field.description)}
