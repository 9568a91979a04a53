"""Folders of results: looked at before the work, held by one program at a time, and never overwritten in silence."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cgrosim.errors import FileError
from cgrosim.files.lock import Held, only_here_in
from cgrosim.files.words import shown

FIGURE_BYTES = 8 * 2**20  # more than the figures and the report of any run take
MOST_FOLDERS = 10**6


def check_directory(out: Path) -> None:
    """Refuse a place that cannot be written to before the work, not after it.

    Raises
    ------
    FileError
        If it cannot be made a directory, or no file can be made in it, in one sentence.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{shown(out)} cannot be made a directory ({reason}); choose another --out.") from None
    try:
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{shown(out)} cannot be written to ({reason}); choose another --out.") from None


def check_space(out: Path, size: int) -> None:
    """Refuse a disk without room for `size` bytes of records and the figures.

    Raises
    ------
    FileError
        In one sentence with what is needed and what is there.
    """
    needed, free = size + FIGURE_BYTES, shutil.disk_usage(out).free
    if free < needed:
        raise FileError(
            f"{shown(out)} has {free / 2**20:.3g} MiB left, but the results may take {needed / 2**20:.3g} MiB; make "
            "room, or choose another --out."
        )


@contextmanager
def held(out: Path, *, spare: bool = False) -> Iterator[Held]:
    """Hold a folder against every other program for the duration of a block; stores in it are told, and ask no more.

    Parameters
    ----------
    out : made if it is not there
    spare : remove it at the end if nothing is in it

    Raises
    ------
    FileError
        If the folder cannot be written to, or another program holds it.
    """
    check_directory(out)
    try:
        with only_here_in(out) as lock:
            yield lock
    finally:
        if spare and not any(out.iterdir()):
            out.rmdir()


def next_folder(parent: Path, name: str = "run") -> Path:
    """Make the next free folder ``parent/run-1``, ``parent/run-2`` and so on.

    Raises
    ------
    FileError
        If `parent` cannot be written to.
    """
    check_directory(parent)
    taken = [entry.name.removeprefix(f"{name}-") for entry in parent.iterdir() if entry.name.startswith(f"{name}-")]
    first = 1 + max((int(rest) for rest in taken if rest.isdecimal() and rest.isascii()), default=0)
    for number in range(first, first + MOST_FOLDERS):
        folder = parent / f"{name}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:  # another program was quicker
            continue
        except OSError as error:
            raise FileError(f"{shown(folder)} cannot be made ({error.strerror}); choose an --out.") from None
        return folder
    raise FileError(f"{shown(parent)} holds too many runs; choose an --out.")


def first_free(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of ``folder``, ``folder-2``, ``folder-3`` and so on in which none of these files stands."""
    for number in range(1, MOST_FOLDERS):
        each = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        if not any(os.path.lexists(each / name) for name in names):
            return each
    raise FileError(f"{shown(folder)} has too many others beside it; choose an --out.")


def refuse_results(out: Path, names: tuple[str, ...], overwrite: bool) -> None:
    """Refuse a folder in which results stand already, unless they are to be overwritten.

    Raises
    ------
    FileError
        Naming the first of them.
    """
    standing = [name for name in names if os.path.lexists(out / name)]
    if standing and not overwrite:
        raise FileError(
            f"{shown(out / standing[0])} exists already; choose another --out, or give --overwrite to replace it."
        )
