"""The archive of arrays: a NumPy .npz file with a header in JSON, a checksum over everything, and nothing pickled.

It is read here rather than by NumPy, which takes memory for whatever a damaged file claims to hold: every member of our
archives is stored as it is, so that nothing in them can be larger than the file.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cgrosim.errors import FileError
from cgrosim.files.atomic import check_place, write_atomically
from cgrosim.files.digest import content_digest
from cgrosim.files.kinds import Kind
from cgrosim.files.versions import versions
from cgrosim.files.words import shown

HEADER = "header"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content is the same file, whenever it was written
KINDS = "biufU"  # of types: truth values, whole and real numbers, text
NPY_HEADER = re.compile(
    rb"\{'descr': '([<>|][a-zA-Z]\d{1,9})', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n"
)


@dataclass(frozen=True)
class Archive:
    """What an archive holds.

    Attributes
    ----------
    format
        One of those of its kind.
    header
        Plain values: ``versions``, and what the writer gave.
    arrays
        By name; writable.
    """

    format: str
    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def group(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays whose names begin with the prefix, named without it."""
        return {name.removeprefix(prefix): a for name, a in self.arrays.items() if name.startswith(prefix)}


def write_archive(path: str | Path, kind: Kind, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write an archive atomically.

    Parameters
    ----------
    path
        Usually ends in ``.npz``.
    kind
        Names the format.
    header
        Values that JSON can hold; ``versions`` of the libraries are added where it does not name them.
    arrays
        Of truth values, numbers or text.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    content = {"format": kind.format, "versions": versions(), **header}
    content = json.loads(json.dumps(content, allow_nan=False))  # as it will be read
    content["checksum"] = content_digest(content, arrays)
    members = {HEADER: np.array(json.dumps(content)), **{name: np.asarray(a) for name, a in arrays.items()}}

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in members.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", EPOCH), "w", force_zip64=True) as member:
                    npy.write_array(member, array, allow_pickle=False)

    return write_atomically(path, write)


def read_archive(path: str | Path, kind: Kind) -> Archive:
    """Read an archive that `write_archive` wrote, or one of an older format of its kind.

    Raises
    ------
    FileError
        If the file is missing, cut, changed or of another kind.
    """
    content = kind.read_bytes(path)
    with kind.judging(path):
        members = _members(content)
        header = json.loads(str(members.pop(HEADER)[()]))
        found = header.pop("format", None) if isinstance(header, dict) else None
    if found not in kind.formats:
        raise kind.foreign(path)
    if found == kind.format:
        checksum = header.pop("checksum", None)
        if checksum != content_digest({"format": found, **header}, members):
            raise kind.damaged(path, "its checksum does not fit its content: it was changed")
    return Archive(found, header, members)


def check_replaceable(path: str | Path, kind: Kind) -> None:
    """Refuse a place where anything but an archive of this kind stands: a slip must not cost somebody's work.

    So are places that could not be written to, before the work rather than after it.

    Raises
    ------
    FileError
        Saying so.
    """
    try:
        if os.path.lexists(path) and os.path.getsize(path):
            read_archive(path, kind)
    except (FileError, OSError):
        raise FileError(
            f"{shown(path)} is there, is not a whole {kind.noun}, and is not overwritten; choose another place."
        ) from None
    check_place(path)


def _members(content: bytes) -> dict[str, NDArray[Any]]:
    """Every array by its name.

    Raises
    ------
    ValueError
        If the file is no archive of stored arrays.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos):
            raise ValueError("it is compressed or encrypted, which cgrosim never does")
        if sum(info.file_size for info in infos) > len(content):
            raise ValueError("its members claim to be larger than the file")
        if len({info.filename for info in infos}) < len(infos):
            raise ValueError("it holds a name twice")
        return {info.filename.removesuffix(".npy"): _array(info.filename, archive.read(info)) for info in infos}


def _array(name: str, member: bytes) -> NDArray[Any]:
    """The array of an .npy file, whose description must be one that NumPy writes."""
    length = int.from_bytes(member[8:10], "little")
    described = NPY_HEADER.fullmatch(member[10 : 10 + length])
    if member[:8] != npy.magic(1, 0) or described is None:
        raise ValueError(f"{name} is not an array")
    dtype = np.dtype(described[1].decode())
    shape = tuple(int(size) for size in described[3].replace(b",", b" ").split())
    if dtype.kind not in KINDS or math.prod(shape) * dtype.itemsize != len(member) - 10 - length:
        raise ValueError(f"{name} is not the array it claims to be")
    flat = np.frombuffer(member, dtype, offset=10 + length)
    return flat.reshape(shape, order="F" if described[2] == b"True" else "C").copy()
