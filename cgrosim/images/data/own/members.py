"""The arrays of an .npz file of NumPy, described before they are read; nothing is unpickled, nothing read unbounded."""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cgrosim.errors import FileError
from cgrosim.files.words import shown

DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
HEADERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class Member:
    """An array as its header describes it."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class NpzMembers:
    """The arrays of an .npz file by name.

    Parameters
    ----------
    names : what an array is called here, by what it may be called in the file

    Raises
    ------
    FileError
        If it is no .npz file, is damaged, or has an array of another name or one that needs unpickling.
    """

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self.path = path
        self._infos: dict[str, zipfile.ZipInfo] = {}
        with self._archive() as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if name not in names:
                    known = ", ".join({*names.values()} - {*self._infos})
                    raise self.wrong(f"has an array {shown(name)}, which is not read", f"rename it or leave it out "
                                     f"({known} would be read).")  # fmt: skip
                if names[name] in self._infos:
                    raise self.wrong(f"has the array {shown(name)} twice", "leave one of them out.")
                if info.flag_bits & 1:
                    raise self.wrong("is encrypted", "save it without a password.")
                self._infos[names[name]] = info
            self.described = {name: self._member(archive, name) for name in self._infos}

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def __getitem__(self, name: str) -> Member:
        return self.described[name]

    def array(self, name: str) -> NDArray[Any]:
        """Read one array; as many bytes as it was described to have, however much is packed."""
        member = self.described[name]
        with self._archive() as archive, archive.open(self._infos[name]) as stream:
            self._description(stream, name)
            content = stream.read(member.size)
            if len(content) < member.size or stream.read(1):
                raise self.wrong(f"has an array {name} that is cut short", "save it again.")
        flat = np.frombuffer(content, member.dtype)
        return flat.reshape(member.shape, order="F" if member.fortran else "C")

    def wrong(self, what: str, remedy: str) -> FileError:
        """The sentence about this file."""
        return FileError(f"{shown(self.path)} {what}; {remedy}")

    def _member(self, archive: zipfile.ZipFile, name: str) -> Member:
        info = self._infos[name]
        with archive.open(info) as stream:
            member = self._description(stream, name)
            if member.size != info.file_size - stream.tell():
                raise self.wrong(f"has an array {name} that is not as long as it says", "save it again.")
        return member

    def _description(self, stream: IO[bytes], name: str) -> Member:
        try:
            version = npy.read_magic(stream)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a header that Python 2 wrote
                shape, fortran, dtype = HEADERS[version](stream)
        except (ValueError, KeyError, TypeError):
            raise self.wrong(f"has {name}, which is not an array of NumPy", "save it with numpy.savez.") from None
        if dtype.hasobject or dtype.fields is not None:
            raise self.wrong(
                f"has {name} of Python objects, which are never unpickled", "save arrays of numbers or texts."
            )
        if min(shape, default=0) < 0:
            raise self.wrong(f"has {name} of shape {shape}", "save it again.")
        return Member(shape, fortran, dtype)

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except DAMAGED as error:
            raise self.wrong(f"is no .npz file, or a damaged one ({shown(error)})", "save it again.") from None
        except OSError as error:
            raise self.wrong(f"cannot be read ({error.strerror or error})", "give a readable file.") from None
