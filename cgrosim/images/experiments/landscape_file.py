"""The file of a loss landscape over training time: netCDF, written atomically, continued only by the same study."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.errors import FileError
from cgrosim.files.atomic import write_atomically
from cgrosim.files.versions import versions

if TYPE_CHECKING:
    import xarray

FORMAT = "cgrosim landscape 1"
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

    dual = {"linf": "l_1", "l2": "l_2"}[norm]
    return xarray.Dataset(
        {
            "gradient_norm": unknown(
                DIMS, f"largest {dual} norm of the loss gradient in the ball", "nat / pixel range"
            ),
            "value_change": unknown(DIMS, "largest rise of the loss in the ball", "nat"),
            "accuracy": unknown(("training", "epoch", "accuracy_of"), "accuracy", "1"),
        },
        {
            "training": list(coordinates["training"]),
            "epoch": list(coordinates["epoch"]),
            "radius": ("radius", list(coordinates["radius"]), {"long_name": f"{norm} radius", "units": "pixel range"}),
            "points_of": list(SETS),
            "accuracy_of": list(ACCURACIES),
        },
        {"format": FORMAT, "versions": json.dumps(versions()), **description},
    )


def save(data: xarray.Dataset, path: str | Path) -> Path:
    """Write the file atomically.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    return write_atomically(path, lambda partial: data.to_netcdf(partial, engine="h5netcdf"))


def load(path: str | Path) -> xarray.Dataset:
    """Read a file that a study wrote.

    Raises
    ------
    FileError
        If it is missing, damaged or of another kind.
    """
    import xarray

    if not Path(path).is_file():
        raise FileError(f"{path} does not exist; give the landscape.nc that cgrosim wrote.")
    try:
        with xarray.open_dataset(path, engine="h5netcdf") as opened:
            data = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise FileError(f"{path} cannot be read as a landscape ({error}); remove it and measure again.") from None
    if data.attrs.get("format") != FORMAT:
        raise FileError(f"{path} is not a landscape of cgrosim; give the landscape.nc that cgrosim wrote.")
    return data


def continued(path: str | Path, description: Mapping[str, Any]) -> xarray.Dataset:
    """The landscape in the file, if it is the one described.

    Raises
    ------
    FileError
        If it cannot be read, is of other settings, or is unfinished and of other library versions (which may round
        differently).
    """
    data = load(path)
    if data.attrs["study"] != description["study"]:
        raise FileError(f"{path} holds a landscape of other settings; choose another place, or remove the file.")
    begun = json.loads(data.attrs["versions"])
    changed = ", ".join(name for name, version in versions().items() if begun.get(name) != version)
    if changed and not np.all(np.isfinite(data["value_change"])):
        raise FileError(
            f"{path} was begun with other versions of {changed}, which may round differently; choose another place, or "
            "install those versions."
        )
    return data
