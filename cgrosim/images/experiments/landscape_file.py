"""The labelled arrays of a loss landscape over training time, and how their file is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.files.kinds import Kind
from cgrosim.files.netcdf import read_netcdf
from cgrosim.files.versions import versions

if TYPE_CHECKING:
    import xarray

LANDSCAPE = Kind(
    "cgrosim landscape 2",
    "landscape of cgrosim",
    "the landscape.nc that cgrosim wrote",
    "remove it and measure again",
    older=("cgrosim landscape 1",),
)
SETS = ("train", "test")
DIMS = ("training", "epoch", "points_of", "point", "radius")
ACCURACIES = ("clean_train", "robust_train", "clean_test", "robust_test")


def empty(description: Mapping[str, Any], coordinates: Mapping[str, Sequence[Any]], points: int) -> xarray.Dataset:
    """The file before any measurement: nan everywhere.

    Parameters
    ----------
    description : attributes of the file, with `norm` and `study` among them
    coordinates : names of the trainings, epochs and radii
    points : number of training points and of test points
    """
    import xarray

    norm = description["norm"]
    sizes = {name: len(values) for name, values in coordinates.items()} | {"points_of": len(SETS), "point": points}
    sizes["accuracy_of"] = len(ACCURACIES)

    def unknown(dims: tuple[str, ...], long_name: str, units: str) -> Any:
        return dims, np.full([sizes[dim] for dim in dims], np.nan), {"long_name": long_name, "units": units}

    units = units_of(norm)
    return xarray.Dataset(
        {
            **{name: unknown(DIMS, *about) for name, about in units.items()},
            "accuracy": unknown(("training", "epoch", "accuracy_of"), "accuracy", "1"),
        },
        {
            "training": list(coordinates["training"]),
            "epoch": list(coordinates["epoch"]),
            "radius": ("radius", list(coordinates["radius"]), {"long_name": f"{norm} radius", "units": "pixel range"}),
            "points_of": list(SETS),
            "accuracy_of": list(ACCURACIES),
        },
        {"format": LANDSCAPE.format, "versions": json.dumps(versions()), **description},
    )


def units_of(norm: str) -> dict[str, tuple[str, str]]:
    """Long name and units of both quantities, for attacks in a norm."""
    dual = {"linf": "l_1", "l2": "l_2"}[norm]
    return {
        "gradient_norm": (f"largest {dual} norm of the loss gradient in the ball", "nat / pixel range"),
        "value_change": ("largest rise of the loss in the ball", "nat"),
    }


def load(path: str | Path) -> xarray.Dataset:
    """Read the file of a landscape.

    Raises
    ------
    FileError
        If it is missing, damaged or of another kind.
    """
    data = read_netcdf(path, LANDSCAPE)
    with LANDSCAPE.judging(path):
        check(data)
    return data


def check(data: xarray.Dataset) -> None:
    """Refuse a landscape whose arrays do not fit one another.

    Raises
    ------
    ValueError
        In one sentence without its full stop.
    """
    for name in ("norm", "study", "versions"):
        if not isinstance(data.attrs[name], str):
            raise ValueError(f"{name} is no text")
    if not isinstance(json.loads(data.attrs["versions"]), dict):
        raise ValueError("its versions are no table")
    if tuple(data["points_of"].values) != SETS or tuple(data["accuracy_of"].values) != ACCURACIES:
        raise ValueError("it is not about training and test points")
    wanted = {"gradient_norm": DIMS, "value_change": DIMS, "accuracy": ("training", "epoch", "accuracy_of")}
    for name, dims in wanted.items():
        if data[name].dims != dims or data[name].dtype != np.float64:
            raise ValueError(
                f"{name} holds {data[name].dtype} over {data[name].dims}, but must hold float64 over {dims}"
            )
    for name, kinds in (("training", "OU"), ("epoch", "iu"), ("radius", "f")):
        if name not in data.coords or data[name].dims != (name,) or data[name].dtype.kind not in kinds:
            raise ValueError(f"{name} is no axis of a landscape")
