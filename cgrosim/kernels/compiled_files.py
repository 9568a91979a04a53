"""Compiled kernels on disk: never a traceback, never another kernel's code.

Numba's own cache numbers its files through an index. Processes that compile side by side can get one number for two
kernels, and a damaged file ends in whatever error reading it gives. Here the name of a file holds the hash of what was
compiled and the hash of the content: there is no index, a damaged file is dropped and its kernel compiled again, and
what cannot be written is compiled again by the next process.
"""

from __future__ import annotations

import atexit
import functools
import glob
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, NullCache

from cgrosim.interrupts import compiler_was_left, stop_where_wanted

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None  # type: ignore[assignment]

FOLDER_VARIABLE = "NUMBA_CACHE_DIR"
LEFT = "no compiled object yet"  # what Numba says if its callback for a compiled object did not come to its end
_PATIENCE = 120.0  # seconds; no kernel compiles that long, so beyond it the other process is stuck


def make_cache(function: Callable[..., Any]) -> Any:
    """The place on disk for what is compiled of a function; one that keeps nothing where there is no place at all."""
    try:
        return _Cache(function)
    except RuntimeError:  # Numba's "no locator available"
        return NullCache()


def folder_of(kernel: Any) -> str:
    """Folder of a kernel's compiled code, or what happens where there is none."""
    return str(kernel._cache.cache_path or "none: compiled anew by every process")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


class _Files(IndexDataCacheFile):
    """Files ``kernel.stamp.key.content.nbc``: hashes of the source, of what was compiled, and of the content."""

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
        super().__init__(cache_path, filename_base, source_stamp)
        self._base = filename_base
        self._stamp = _hash(repr((source_stamp, numba.__version__)).encode())[:8]

    def _found(self, pattern: str) -> list[Path]:
        return [Path(name) for name in glob.glob(glob.escape(f"{self._cache_path}/{self._base}") + pattern)]

    def load(self, key: Any) -> Any:
        """What was compiled for a key, or None."""
        for path in self._found(f".{self._stamp}.{_hash(repr(key).encode())}.*.nbc"):
            with suppress(OSError):  # another process may have removed it
                if _hash(path.read_bytes()) == path.name.split(".")[-2]:
                    return self._load_data(path.name)
                path.unlink()
        return None

    def save(self, key: Any, data: Any) -> None:
        """Keep what was compiled for a key; what an older source gave is removed."""
        content = self._dump(data)
        own = f".{self._stamp}.{_hash(repr(key).encode())}."
        with self._open_for_write(f"{self._cache_path}/{self._base}{own}{_hash(content)}.nbc") as file:
            file.write(content)
        current = set(self._found(f".{self._stamp}.*"))
        for path in self._found(".*nb[ci]"):
            if path not in current:
                path.unlink(missing_ok=True)

    def flush(self) -> None:
        """Remove everything kept of the function."""
        for path in self._found(".*.nbc"):
            path.unlink(missing_ok=True)


class _Places(CompileResultCacheImpl):
    """Where code is kept: Numba's places (NUMBA_CACHE_DIR, beside the source, the user's cache), else a folder of ours.

    Read-only installations without a usable home have none of Numba's.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        try:
            super().__init__(function)
        except RuntimeError:
            if _temporary_folder() is None:
                raise
            super().__init__(function)


class _Cache(FunctionCache):
    """Kept code of one function; processes that need the same code at the same time compile it once."""

    _impl_class = _Places

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _Files(locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp())
        self._turns: dict[str, IO[bytes]] = {}

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load what was kept; where nothing was, wait for a process that is compiling it, else take the turn to.

        Raises
        ------
        StoppedCompiling
            If the work is to stop.
        """
        self._end_turn(sig)  # of an interrupted attempt of this process, which would else wait for itself
        stop_where_wanted()
        found = self._kept(sig, target_context)
        if found is None and (turn := _take_turn(self._turn_path(sig))) is not None:
            self._turns[repr(sig)] = turn
            found = self._kept(sig, target_context)
            if found is not None:
                self._end_turn(sig)
        return found

    def _kept(self, sig: Any, target_context: Any) -> Any:
        """What was kept, or None; code that names a module which is no longer there cannot be loaded, either."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code if there is room: the next process compiles what was not kept.

        Raises
        ------
        KeyboardInterrupt
            If the compiler was left, and swallowed why.
        """
        try:
            with suppress(OSError):
                super().save_overload(sig, data)
        except RuntimeError as error:
            stop_where_wanted()
            if str(error).startswith(LEFT):
                compiler_was_left()
            raise
        finally:
            self._end_turn(sig)

    def _turn_path(self, sig: Any) -> Path:
        lanes = [cell.cell_contents for cell in self._py_func.__closure__ or ()]
        name = _hash(repr((self._impl.filename_base, sig, [text for text in lanes if isinstance(text, str)])).encode())
        return Path(self._cache_path) / f"{name}.turn"

    def _end_turn(self, sig: Any) -> None:
        turn = self._turns.pop(repr(sig), None)
        if turn is not None:
            with suppress(OSError):
                Path(turn.name).unlink()
            turn.close()


def _take_turn(path: Path) -> IO[bytes] | None:
    """An open, locked file, as soon as no other process has it; None where that cannot be, or takes too long."""
    if fcntl is None:
        return None
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            file = path.open("wb")
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        except (BlockingIOError, FileNotFoundError):  # another has it, or ended just now and removed it
            pass
        except OSError:  # a file system without locks
            file.close()
            return None
        file.close()
        time.sleep(0.02)
    return None


@functools.cache
def _temporary_folder() -> str | None:
    """A new folder that goes with this process, as the place of this process and those it starts; None if it fails."""
    try:
        folder = tempfile.mkdtemp(prefix="cgrosim-kernels-")
    except OSError:
        return None
    creator = os.getpid()

    def remove() -> None:
        if os.getpid() == creator:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    numba.config.CACHE_DIR = os.environ[FOLDER_VARIABLE] = folder
    return folder
