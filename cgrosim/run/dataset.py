"""From what a session recorded to labelled arrays, and a start to and from variables of the same dataset."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.engines.base import Crossings
from cgrosim.files.versions import versions
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.quantities import QUANTITIES, RENAMED
from cgrosim.run.start import DIMENSIONS, arrays_of, system_of

if TYPE_CHECKING:
    import xarray

START = "start_"  # prefix of the variables that hold a start


@dataclass(frozen=True)
class Recorded:
    """What a session hands over: records by name (``step`` among them), hitting times, attributes."""

    records: dict[str, NDArray[Any]]
    crossings: Crossings
    attributes: dict[str, Any]


def dataset_of(recorded: Recorded, params: Params) -> xarray.Dataset:
    """The labelled arrays of a run."""
    import xarray

    variables: dict[str, Any] = {}
    for name, values in recorded.records.items():
        if name != "step":
            q = QUANTITIES[name]
            about = {"long_name": q.long_name, "units": q.units}
            variables[name] = (("step", *q.dimensions), values, about)
    for event, entry in HITTING_TIMES.items():
        about = {"long_name": entry.long_name, "units": "step"}
        times = np.asarray(getattr(recorded.crossings, event))
        if reason := entry.missing_for(params):
            times, about["comment"] = np.full_like(times, np.nan), reason
        variables[entry.variable] = (entry.dimensions, times, about)
    steps = recorded.records["step"]
    return xarray.Dataset(
        variables,
        coords={"step": ("step", steps, {"long_name": "gradient steps", "units": "step"})},
        attrs={**header(params), **recorded.attributes},
    )


def header(params: Params) -> dict[str, Any]:
    """Attributes of every run, however it went."""
    return {
        "params": params.model_dump_json(),
        "seed": params.seed,
        "attack": params.attack_description,
        "versions": json.dumps(versions()),
    }


def params_of(text: str) -> Params:
    """The parameters of a file; before there was an evaluation threat, training without attack was measured without.

    Raises
    ------
    ParameterError
        If no experiment can have them.
    """
    values = json.loads(text)
    if values.get("threat") == "none":
        values.setdefault("evaluation_threat", "none")
    return Params(**values)


def add_start(data: xarray.Dataset, start: ClosedSystem) -> xarray.Dataset:
    """The dataset with the start as variables of their own."""
    return data.assign({f"{START}{name}": ([*DIMENSIONS[name]], array) for name, array in arrays_of(start).items()})


def without_start(data: xarray.Dataset) -> tuple[xarray.Dataset, ClosedSystem | None]:
    """A dataset of `add_start` in its two parts; None where it holds no start.

    Raises
    ------
    KeyError
        If only a part of a start is there.
    """
    found = {f"{START}{name}": data[f"{START}{name}"] for name in DIMENSIONS if f"{START}{name}" in data}
    arrays: dict[str, NDArray[Any]] = {name.removeprefix(START): array.values for name, array in found.items()}
    return data.drop_vars(list(found)), system_of(arrays) if found else None


def renamed(data: xarray.Dataset) -> xarray.Dataset:
    """A dataset of the first format under the present names."""
    return data.rename({old: new for old, new in RENAMED.items() if old in data})
