"""What an HDF5 file may hold to be read: plain variables in the file itself, and nothing larger than the file.

HDF5 can point into other files, compress without bound and declare any size; a file from elsewhere could so make a
reader take in a private file of its user, or all memory. Nothing is read here but descriptions.
"""

from __future__ import annotations

import io
import math
from typing import Any

MOST_VARIABLES = 1000
MOST_TEXTS = 100_000  # of one variable
MOST_ENTRIES = 100_000  # of one attribute
REFERENCE = 16  # bytes of the place of a text of any length: its length, a file address of eight bytes, an index
BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"  # begins the NAME of one without values


def inspect(content: bytes) -> None:
    """Refuse what no file of ours holds.

    Raises
    ------
    ValueError
        In one sentence without its full stop; the HDF5 library raises errors of its own kinds.
    """
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        if len(file) > MOST_VARIABLES:
            raise ValueError(f"it holds {len(file)} variables")
        _check_attributes(file, "the file", len(content))
        texts = 0
        for name in file:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link to another place")
            variable = file[name]
            if not isinstance(variable, h5py.Dataset):
                raise ValueError(f"{name} is not a variable")
            _check_storage(name, variable)
            _check_attributes(variable, name, len(content))
            if h5py.check_string_dtype(variable.dtype) is not None:
                texts += _text_bytes(name, variable, len(content))
            elif variable.dtype.kind not in "iuf":
                raise ValueError(f"{name} holds neither numbers nor text")
            if texts > len(content):
                raise ValueError(f"{name} holds more text than the file")


def _check_storage(name: str, variable: Any) -> None:
    import h5py

    properties = variable.id.get_create_plist()
    if properties.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        raise ValueError(f"{name} is stored in pieces or elsewhere, which cgrosim never does")
    if properties.get_external_count():
        raise ValueError(f"{name} lies in another file, which cgrosim does not follow")
    if properties.get_nfilters():
        raise ValueError(f"{name} is compressed, which cgrosim never does")
    text = h5py.check_string_dtype(variable.dtype)
    entry = REFERENCE if text is not None and text.length is None else variable.dtype.itemsize
    declared = math.prod(variable.shape or ()) * entry
    kept = variable.id.get_storage_size()
    bare = kept == 0 and bytes(variable.attrs.get("NAME", b"")).startswith(BARE_DIMENSION)
    if variable.shape is None or (kept != declared and not bare):
        raise ValueError(f"{name} claims {declared} bytes but holds {kept}")


def _text_bytes(name: str, variable: Any, limit: int) -> int:
    """Bytes of the texts of a variable, read one by one: many may share one place in the file."""
    if variable.size > MOST_TEXTS:
        raise ValueError(f"{name} holds {variable.size} texts")
    total = 0
    for index in range(variable.size):
        value = variable[index] if variable.ndim == 1 else variable[()] if variable.ndim == 0 else None
        if value is None:
            raise ValueError(f"{name} is a table of texts")
        total += len(value)
        if total > limit:
            raise ValueError(f"{name} holds more text than the file")
    return total


def _check_attributes(owner: Any, name: str, limit: int) -> None:
    import h5py

    for key in owner.attrs:
        attribute = h5py.h5a.open(owner.id, key.encode("utf-8", "surrogateescape"))
        entries = math.prod(attribute.shape)
        many = h5py.check_string_dtype(attribute.dtype) is not None and entries > 1
        if entries > MOST_ENTRIES or many or attribute.get_storage_size() > limit:
            raise ValueError(f"the attribute {key} of {name} is larger than any of cgrosim")
