"""A file, or a folder, that belongs to one program at a time, for as long as that program works on it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cgrosim.errors import FileError
from cgrosim.files.words import shown

if sys.platform != "win32":
    import fcntl

FOLDER_LOCK = ".cgrosim.lock"
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


@contextmanager
def only_here(path: str | Path | None) -> Iterator[None]:
    """Keep every other program, and every other call in this one, from working on a file while the block runs.

    The lock is the system's, on ``.NAME.lock`` beside the file: it ends with the program, however that ends, and what a
    killed one leaves hinders nobody. Where there are no locks (Windows, some network file systems) nothing is kept.

    Raises
    ------
    FileError
        If somebody else is at it, or the place cannot be written to.
    """
    if path is None or sys.platform == "win32":
        yield
        return
    try:
        target = Path(os.path.realpath(path))
    except ValueError as error:  # a zero byte in the name
        raise FileError(f"{shown(path)} cannot be written ({error}); choose another place.") from None
    with _locked(target.with_name(f".{target.name[:200]}.lock"), path):
        yield


@dataclass(frozen=True)
class Held:
    """A folder that is ours as long as the block of `only_here_in` runs."""

    folder: Path


@contextmanager
def only_here_in(folder: str | Path) -> Iterator[Held]:
    """Keep every other program, and every other call in this one, from working in a folder while the block runs.

    The lock is as that of `only_here`, on ``.cgrosim.lock`` in the folder, which is made if it is not there.

    Raises
    ------
    FileError
        If somebody else is at it, or the place cannot be written to.
    """
    if sys.platform == "win32":
        yield Held(Path(folder))
        return
    with _locked(Path(folder) / FOLDER_LOCK, folder):
        yield Held(Path(folder))


@contextmanager
def _locked(lock: Path, path: str | Path) -> Iterator[None]:
    handle = _taken(lock, path)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        os.close(handle)


def _taken(lock: Path, path: str | Path) -> int:
    """The descriptor of the lock's file, once it is locked and still the one that has the name."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | os.O_NOFOLLOW, 0o666)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FileError(f"{shown(path)} cannot be written ({reason}); choose another place.") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                os.close(handle)
                raise FileError(
                    f"{shown(path)} is being written by another run; wait for it, or choose another place."
                ) from None
            return handle  # a file system without locks
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(lock)):
                return handle
        os.close(handle)  # its owner ended just now and removed it
