"""The kinds of file cgrosim reads: their formats, and the sentences for what can be wrong with one."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cgrosim.errors import FileError
from cgrosim.files.memory import memory_bytes
from cgrosim.files.words import shown

TROUBLES = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, RuntimeError, MemoryError,
            zipfile.BadZipFile, struct.error)  # fmt: skip
"""What reading arbitrary bytes raises; an error of pydantic is a ValueError, one of recursion a RuntimeError."""


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes
    ----------
    format
        Its name and version, as written into every new file, such as ``cgrosim run 2``.
    noun
        What such a file is, such as ``run of cgrosim``.
    source
        Where one comes from, to follow "give".
    cure
        What to do about a damaged one.
    older
        Formats that are still read; their files carry no checksum.
    whole
        What a damaged file is not, where that is not a whole `noun`.
    """

    format: str
    noun: str
    source: str
    cure: str
    older: tuple[str, ...] = ()
    whole: str = ""

    @property
    def formats(self) -> tuple[str, ...]:
        """Every format that is read."""
        return (self.format, *self.older)

    def damaged(self, path: str | Path, reason: str) -> FileError:
        """The error of a file that is cut, changed or contradicts itself."""
        whole = self.whole or f"whole {self.noun}"
        return FileError(f"{shown(path)} is not a {whole} ({shown(reason)}); {self.cure}.")

    def foreign(self, path: str | Path) -> FileError:
        """The error of a file of another kind."""
        return FileError(f"{shown(path)} is not a {self.noun}; give {self.source}.")

    def read_bytes(self, path: str | Path) -> bytes:
        """The content of the file.

        Raises
        ------
        FileError
            If there is none, if it cannot be read, or if it would take more than a third of the machine's memory.
        """
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(handle, "rb") as file:  # not blocking: opening a named pipe would wait for its writer
                found = os.fstat(handle)
                if not stat.S_ISREG(found.st_mode):
                    raise FileError(f"{shown(path)} is not a plain file; give {self.source}.")
                if found.st_size > memory_bytes() // 3:
                    raise FileError(
                        f"{shown(path)} has {found.st_size / 2**30:.3g} GiB, more than a third of this machine's "
                        f"memory; give {self.source}, or take a larger machine."
                    )
                return file.read()
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{shown(path)} does not exist; give {self.source}.") from None
        except IsADirectoryError:
            raise FileError(f"{shown(path)} is a directory; give {self.source}.") from None
        except OSError as error:
            raise FileError(f"{shown(path)} cannot be read ({error.strerror or error}); give {self.source}.") from None

    @contextmanager
    def judging(self, path: str | Path) -> Iterator[None]:
        """A block that turns the content of the file into what it stands for: what fails in it is a damaged file."""
        try:
            yield
        except FileError:
            raise
        except TROUBLES as error:
            raise self.damaged(path, _reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, KeyError):
        return f"{error.args[0] if error.args else 'an entry'} is missing"
    errors = getattr(error, "errors", None)  # of pydantic
    if callable(errors):
        first = errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place or 'its content'}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
