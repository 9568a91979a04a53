"""Labelled arrays in netCDF files, written whole, checked before and after the HDF5 library reads them.

The HDF5 library neither survives a full disk nor every damaged file, so that it never sees one of ours: a file is made
in memory and written at once, and the digest of all its bytes stands behind its last one, where HDF5 and netCDF do not
look. A second digest, the attribute ``checksum``, covers what the file says: every variable, coordinate and attribute.
It also holds where another program wrote the file anew.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.files.atomic import write_atomically
from cgrosim.files.digest import content_digest
from cgrosim.files.hdf5 import inspect, inspect_apart
from cgrosim.files.kinds import Kind

if TYPE_CHECKING:
    import xarray

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SEAL = b"\ncgrosim sha256 "
SEAL_LENGTH = len(SEAL) + 64 + 1


def write_netcdf(path: str | Path, kind: Kind, data: xarray.Dataset) -> Path:
    """Write a dataset atomically, with its format and checksum as attributes.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    stamped = data.assign_attrs(format=kind.format)
    stamped.attrs = {name: _storable(value) for name, value in stamped.attrs.items()}
    content = _encoded(stamped.assign_attrs(checksum=dataset_digest(stamped)))
    seal = SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"
    return write_atomically(path, lambda file: (file.write(content), file.write(seal)))


def read_netcdf(path: str | Path, kind: Kind) -> xarray.Dataset:
    """Read a dataset that `write_netcdf` wrote, or one of an older format of its kind; all of it is in memory.

    Raises
    ------
    FileError
        If the file is missing, cut, changed, of another kind, or holds what our files never do: links, data in other
        files, compressed or virtual variables.
    """
    content = kind.read_bytes(path)
    if not content.startswith(SIGNATURE):
        raise kind.damaged(path, "it does not begin as one")
    sealed = content[-SEAL_LENGTH:].startswith(SEAL)
    if sealed:
        content, seal = content[:-SEAL_LENGTH], content[-65:-1]
        if hashlib.sha256(content).hexdigest().encode() != seal:
            raise kind.damaged(path, "its checksum does not fit its content: it was changed")
    try:
        if not sealed:  # of a first format, rewritten by another program, or cut
            inspect_apart(content)
        inspect(content)
        data = _decoded(content)
    except Exception as error:  # of three libraries, over bytes that may be anything
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise kind.damaged(path, reason) from None
    found = data.attrs.get("format")
    if not isinstance(found, str) or found not in kind.formats:
        raise kind.foreign(path)
    checksum = data.attrs.pop("checksum", None)
    if found == kind.format and checksum != dataset_digest(data):
        raise kind.damaged(path, "its checksum does not fit its content: it was changed")
    return data


def dataset_digest(data: xarray.Dataset) -> str:
    """Checksum of what a dataset says, the same before writing and after reading."""
    texts: dict[str, Any] = {}
    arrays, described = {}, {}
    for name, variable in data.variables.items():
        values = variable.values
        if values.dtype.kind in "OSUT":
            texts[str(name)] = [str(value) for value in values.reshape(-1)]
        else:
            arrays[str(name)] = values
        described[str(name)] = [list(variable.dims), list(values.shape), _plain(variable.attrs)]
    coordinates = sorted(str(name) for name in data.coords)
    return content_digest([_plain(data.attrs), coordinates, described, texts], arrays)


def _storable(value: Any) -> Any:
    """An attribute as netCDF knows it: a whole number beyond 64 bits, such as a long seed, is written as text."""
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


def _plain(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values; netCDF does not tell a number from a list of one."""
    found = {}
    for name, value in attributes.items():
        listed = np.asarray(value).reshape(-1).tolist()
        found[str(name)] = listed[0] if len(listed) == 1 else listed
    return found


def _encoded(data: xarray.Dataset) -> bytes:
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        data.dump_to_store(H5NetCDFStore(file))
    return buffer.getvalue()


def _decoded(content: bytes) -> xarray.Dataset:
    import xarray

    with xarray.open_dataset(io.BytesIO(content), engine="h5netcdf", decode_times=False) as opened:
        return opened.load().drop_encoding()
