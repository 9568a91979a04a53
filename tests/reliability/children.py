"""Children to be killed, signalled and limited: forked from this process, so that their kernels are loaded already."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LONGEST = 300.0
"""Seconds after which a child counts as hanging: they take about one on an idle machine, and share a busy one."""

ODD = ("Traceback", "Exception ignored", "Segmentation", "Fatal", "Warning:")
"""What no command says, whatever happens to it."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def leave_a_mark(folder: str) -> None:
    """What a process does that is to be found out by its number; here, because one that is begun afresh imports it."""
    (Path(folder) / str(os.getpid())).touch()


def forked(work: Callable[[], Any], log: Path) -> int:
    """Begin `work` in a child that leads a session of its own and writes to `log`; its process id.

    Its exit status is what `work` returns (nothing is 0), or 70 with a traceback in the log.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a test runner has threads; the child needs none of them
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # until the child can die of it: it is no command yet
        child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        return child
    status = 70
    try:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        os.setsid()
        warnings.resetwarnings()  # as for a user, to whom a warning of a library would be shown
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = (os.fdopen(os.dup(handle), "w", buffering=1) for _ in range(2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = int(work() or 0)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 70
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
    raise AssertionError


def ended(child: int, seconds: float = LONGEST) -> int | None:
    """The exit status of a child, negative for a signal; None if it had to be ended because it hung."""
    status = ended_before(child, seconds)
    if status is not None:
        return status
    kill(child)
    os.waitpid(child, 0)
    return None


def ended_before(child: int, seconds: float) -> int | None:
    """The exit status of a child that ended within some seconds; None if it still runs."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.002)


def kill(child: int, number: int = signal.SIGKILL) -> None:
    """Send a signal; a child that has ended meanwhile does not mind."""
    with suppress(ProcessLookupError):
        os.kill(child, number)


class Fuse:
    """Kills this process in the middle of the write with a given number, after a share of its bytes."""

    def __init__(self, writes: int, share: float) -> None:
        self.left, self.share = writes, share

    def write(self, file: Any, content: Any) -> int:
        """Write, or die of it."""
        self.left -= 1
        if self.left >= 0:
            return int(file.write(content))
        whole = bytes(content)
        file.write(whole[: int(self.share * len(whole))])
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class Counting:
    """A fuse that only counts."""

    count = 0

    def write(self, file: Any, content: Any) -> int:
        """Write and count."""
        self.count += 1
        return int(file.write(content))


class _Watched:
    def __init__(self, file: Any, fuse: Any) -> None:
        self._file, self._fuse = file, fuse

    def write(self, content: Any) -> int:
        return int(self._fuse.write(self._file, content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def writing_through(fuse: Any) -> Iterator[None]:
    """Let everything that is written atomically go through a fuse."""
    from cgrosim.files import atomic

    usual = atomic._unfinished

    @contextmanager
    def watched(target: Path) -> Iterator[Any]:
        with usual(target) as (file, partial):
            yield _Watched(file, fuse), partial

    atomic._unfinished = watched  # type: ignore[assignment]
    try:
        yield
    finally:
        atomic._unfinished = usual
