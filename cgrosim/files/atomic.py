"""Files that are either the old one or the whole new one, even if the machine stops in the middle."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from cgrosim.errors import FileError
from cgrosim.files.words import shown
from cgrosim.interrupts import deferred

if sys.platform != "win32":
    import fcntl

PATIENCE_SECONDS = 60.0  # how long to wait for another writer of the same file
LONGEST_NAME = 200  # bytes; the name of the unfinished file must stay below the usual limit of 255
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


def write_atomically(path: str | Path, write: Callable[[IO[bytes]], Any]) -> Path:
    """Call ``write(file)`` on a new binary file beside `path`, then move it into place; return `path`.

    A link is written through, an existing file keeps its mode, and a new one gets what the umask leaves. The content is
    on the disk before it takes the name. While it is written it is called ``.NAME.partial`` and locked: a second writer
    of the same file waits for its turn, and what a killed writer left behind is recognised by its lock being free.

    Raises
    ------
    FileError
        If the place cannot be written to, or not all of it; the old file is then untouched.
    """
    try:
        target = Path(os.path.realpath(path))
    except ValueError as error:  # a zero byte in the name
        raise _not_written(path, str(error)) from None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        before = _existing(target)
        with _unfinished(target) as (file, partial):
            write(file)
            file.flush()
            if before is not None:
                _keep_owner_and_mode(file.fileno(), before)
            os.fsync(file.fileno())
            if sys.platform == "win32":  # an open file cannot be moved there
                file.close()
            os.replace(partial, target)
        _settle(target.parent)
    except OSError as error:
        raise _not_written(path, error.strerror or str(error)) from None
    return Path(path)


def check_place(path: str | Path) -> None:
    """Refuse, before the work, a place where `write_atomically` would replace nothing: a folder, a device, read-only.

    Raises
    ------
    FileError
        In the sentence that writing would end in.
    """
    try:
        _existing(Path(os.path.realpath(path)))
    except ValueError as error:  # a zero byte in the name
        raise _not_written(path, str(error)) from None
    except OSError as error:
        raise _not_written(path, error.strerror or str(error)) from None


def _not_written(path: str | Path, reason: str) -> FileError:
    return FileError(f"{shown(path)} cannot be written ({reason}); choose another place.")


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file atomically."""
    return write_atomically(path, lambda file: file.write(content))


def write_text(path: str | Path, text: str) -> Path:
    """Write text as UTF-8, atomically."""
    return write_bytes(path, text.encode("utf-8"))


def _existing(target: Path) -> os.stat_result | None:
    """What stands at the place already: nothing, or a plain file that may be replaced."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "it is a directory")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file")
    if not os.access(target, os.W_OK):
        raise OSError(errno.EACCES, "the file there is write-protected")
    return found


def _keep_owner_and_mode(handle: int, before: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (before.st_uid, before.st_gid):
        with suppress(OSError):  # only a privileged user may give a file away
            os.fchown(handle, before.st_uid, before.st_gid)
    os.fchmod(handle, stat.S_IMODE(before.st_mode))


@contextmanager
def _unfinished(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A new, locked file beside the target, which is gone at the end unless it was moved into place."""
    name = target.name
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    partial = target.with_name(f".{name}.partial")
    # a signal between making the file and the block that removes it would leave it, and so would one within that block
    with deferred() as answer, os.fdopen(_locked(partial, answer), "w+b") as file:
        try:
            yield file, partial
        except BaseException:
            if _is_open_at(file.fileno(), partial):  # not yet moved into place
                partial.unlink(missing_ok=True)
            with suppress(OSError):  # a full disk stays full; the trouble itself is on its way already
                file.close()
            raise


def _locked(partial: Path, waiting: Callable[[], None]) -> int:
    """Make the file, take its lock, and return its descriptor; remove the file of a writer that is no more."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            handle = os.open(partial, flags, 0o666)
        except FileExistsError:
            if not _remove_abandoned(partial):
                if time.monotonic() > until:
                    raise OSError(errno.EBUSY, "another program is writing it") from None
                waiting()
                time.sleep(0.01)
            continue
        if _lock(handle) and _is_open_at(handle, partial):
            return handle
        os.close(handle)  # another writer took the file for abandoned before it was locked


def _lock(handle: int) -> bool:
    """Try to take the lock of an open file; True also where the file system has no locks."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in NO_LOCKS
    return True


def _is_open_at(handle: int, partial: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(partial))
    except OSError:
        return False


def _remove_abandoned(partial: Path) -> bool:
    """Remove an unfinished file that nobody holds; whether it is gone."""
    try:
        handle = os.open(partial, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return True
    try:
        if not _lock(handle):
            return False
        if _is_open_at(handle, partial):
            partial.unlink(missing_ok=True)
        return True
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left unfinished below a folder, for files whose names are not written again.

    The caller holds the folder's lock; what another program is writing all the same stays.
    """
    for partial in folder.rglob("*.partial"):
        with suppress(OSError):  # nothing depends on it
            _remove_abandoned(partial)


def _settle(folder: Path) -> None:
    """Make the new name survive a power cut, where a directory can be synchronised."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
