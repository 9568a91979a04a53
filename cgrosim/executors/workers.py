"""What a worker process does about signals, and about the end of its parent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, parent_process, resource_tracker

from cgrosim.interrupts import ENDING

_ORPHANED = 1  # exit status of a worker without a parent


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals wait until the end of the block; processes begun in it wait with theirs until `begin_worker`."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where Ctrl-C reaches whom it will
        yield
        return
    resource_tracker.ensure_running()  # it would else be begun in the block, and let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker() -> None:
    """Leave signals to the parent, which ends its workers itself, and end with it, however it ends.

    Ctrl-C reaches the whole process group, and so does what a scheduler sends.
    """
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(_ORPHANED)
