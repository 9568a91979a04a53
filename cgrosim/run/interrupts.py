"""Ctrl-C as a wish to stop at the next consistent moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_RAISES: ContextVar[bool] = ContextVar("raises", default=False)


@contextmanager
def raising_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt at once, for callers to whom half a run is worth nothing."""
    token = _RAISES.set(True)
    try:
        yield
    finally:
        _RAISES.reset(token)


class Interrupts:
    """Takes Ctrl-C as a wish to stop at the next consistent moment; a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._previous: Any = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread() and not _RAISES.get():
            self._previous = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *exception: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
