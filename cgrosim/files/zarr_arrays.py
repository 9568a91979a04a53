"""Arrays in a Zarr group, made as a plan describes them, also where their own description is damaged."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cgrosim.files.cells import Variable

CHUNK_ROWS, CHUNK_BYTES = 1024, 2**22


def installed() -> bool:
    """Whether Zarr is there, without importing it."""
    return find_spec("zarr") is not None


def zarr_library() -> Any:
    """Zarr, which takes a while to import."""
    import zarr

    return zarr


def opened_group(place: Path) -> Any:
    """The group of the arrays, described anew where its description is damaged."""
    if (place / "zarr.json").is_dir():
        forget(place)
    try:
        return zarr_library().open_group(str(place), mode="a", zarr_format=3)
    except OSError:
        raise
    except Exception:  # of Zarr, over a description that may be anything
        forget(place)
        return zarr_library().open_group(str(place), mode="a", zarr_format=3)


def array_of(group: Any, variable: Variable) -> Any:
    """The array of a variable; None where there is none, or its description is damaged."""
    try:
        found = group[variable.name]
        fits = len(found.shape) == 1 + len(variable.dimensions) and found.dtype == np.dtype(variable.dtype)
        return found if fits and min(found.chunks) > 0 and found.shards is None else None
    except OSError:
        raise
    except Exception:  # of Zarr, over a description that may be anything
        return None


def forget(place: Path) -> None:
    """Remove the description of an array or a group."""
    description = place / "zarr.json"
    if description.is_dir():
        shutil.rmtree(description)
    else:
        description.unlink(missing_ok=True)


def create(group: Any, variable: Variable, shape: tuple[int, ...]) -> None:
    """Describe a new array, cut into chunks of rows."""
    row = 8 * int(np.prod(shape[1:], dtype=np.int64))
    rows = int(np.clip(CHUNK_BYTES // max(row, 1), 1, CHUNK_ROWS))
    group.create_array(
        variable.name,
        shape=shape,
        chunks=(rows, *(max(length, 1) for length in shape[1:])),
        dtype=variable.dtype,
        fill_value=variable.missing,
        dimension_names=("cell", *variable.dimensions),
        attributes={"long_name": variable.long_name, "units": variable.units},
    )
