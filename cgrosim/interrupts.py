"""Signals that end work: Ctrl-C, and in commands SIGTERM and SIGHUP, as a wish to stop at the next consistent moment.

Compiling takes many seconds and changes nothing that is recorded, so it is left at once. Where Python cannot pass an
exception on (in a destructor, or in a function that the compiler calls back) it is raised again a little later.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import FrameType
from typing import Any

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that Ctrl-C ended; other signals have their own number instead."""

COMPILERS = ("numba.", "llvmlite.")
_PATIENCE = 0.5  # seconds within which a program that is not within compiled code answers a signal
_AGAIN = 0.02  # seconds until an exception that was lost is raised again
_RAISES: ContextVar[bool] = ContextVar("raises", default=False)
_wanted: list[Callable[[], bool]] = []  # asked before a kernel is compiled


class StoppedCompiling(KeyboardInterrupt):
    """A kernel was not called, because the work is to stop and the kernel would have had to be compiled first."""


def stop_where_wanted() -> None:
    """Raise `StoppedCompiling` if the work is to stop.

    Called before every kernel that is loaded or compiled, and between the steps of an integrator, of which one advance
    may take many.
    """
    if _in_main_thread() and any(wanted() for wanted in _wanted):
        raise StoppedCompiling


def compiler_was_left() -> None:
    """Raise the Ctrl-C that was lost within the compiler, where it is known that nothing was compiled.

    The compiler calls functions back from C, which pass no exception on; a command raises it again a little later.
    """
    if _in_main_thread():  # signals come to no other
        time.sleep(10 * _AGAIN)
        raise KeyboardInterrupt


def _compiles(frame: FrameType | None) -> bool:
    """Whether a frame belongs to the compiler, or to what it calls; a kernel that runs has no frame."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(COMPILERS):
            return True
        frame = frame.f_back
    return False


@contextmanager
def raising_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt at once, for callers to whom half a run is worth nothing."""
    token = _RAISES.set(True)
    try:
        yield
    finally:
        _RAISES.reset(token)


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Let signals that end work wait for the end of the block, which would leave something behind if it were left.

    The function that is given lets those that have come be answered in the midst of it, where nothing is open.
    """
    if not _in_main_thread():
        yield lambda: None
        return
    came: list[int] = []
    before: dict[int, Any] = {}

    def answer() -> None:
        while came:
            before[came[0]](came.pop(0), None)

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        owner = getattr(before[number], "__self__", None)
        if isinstance(owner, Endings | Interrupts):
            owner.answered()

    try:
        for number in ENDING:
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, note)
        yield answer
    finally:
        for number, handler in reversed(before.items()):
            signal.signal(number, handler)
        answer()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class Endings:
    """For a whole command: SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, and none is lost.

    A signal that the caller has set to be ignored stays so: SIGHUP below ``nohup``, Ctrl-C in the background of a
    script.

    Attributes
    ----------
    number : of the last signal, 0 if there was none
    """

    def __init__(self) -> None:
        self.number = 0
        self._previous: dict[int, Any] = {}
        self._active = False
        self._hook: Any = None
        self._lock = threading.Lock()
        self._watch: _Watch | None = None

    def __enter__(self) -> Endings:
        if _in_main_thread():
            self._active = True
            self._hook = sys.unraisablehook
            sys.unraisablehook = self._lost
            for number in ENDING:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._previous[number] = signal.signal(number, self._end)
            self._watch = _Watch({*self._previous})
        return self

    def status(self, status: int) -> int:
        """The exit status: that of a command which was interrupted becomes that of the signal."""
        return 128 + self.number if status == INTERRUPTED and self.number else status

    def done(self) -> None:
        """Let further signals do nothing: the work has ended."""
        with self._lock:
            self._active = False

    def answered(self) -> None:
        """Note that a signal has come to the program, which compiled code keeps from it."""
        if self._watch is not None:
            self._watch.answered = time.monotonic()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.answered()
        if self._active:
            self.number = number
            raise KeyboardInterrupt

    def _lost(self, what: Any) -> None:
        """Raise again what a destructor or a callback could not pass on; other errors are told as before.

        An interrupted compiler leaves objects that are half made, whose destructors fail: that is no news.
        """
        if not issubclass(what.exc_type, KeyboardInterrupt):
            if not (self.number and str(getattr(what.object, "__module__", "")).startswith(COMPILERS)):
                self._hook(what)
        elif not issubclass(what.exc_type, StoppedCompiling):  # of that its `Interrupts` knows
            _thread.start_new_thread(self._raise_again, ())

    def _raise_again(self) -> None:
        time.sleep(_AGAIN)
        with self._lock:
            if self._active:
                number = signal.Signals(self.number or signal.SIGINT)
                if hasattr(signal, "pthread_kill"):  # wakes a main thread that waits, which interrupt_main does not
                    signal.pthread_kill(threading.main_thread().ident or 0, number)
                else:
                    _thread.interrupt_main(number)

    def __exit__(self, *exception: object) -> None:
        self.done()
        if self._watch is not None:
            self._watch.close()
        if self._hook is not None:
            sys.unraisablehook = self._hook
        for number, handler in self._previous.items():
            signal.signal(number, handler)


class _Watch:
    """Sees signals that the program cannot answer, because its main thread is within compiled code.

    After the first of them that goes unanswered it says what is waited for, after the second it ends the process: what
    is in files is whole, as after a kill.

    Attributes
    ----------
    answered : when Python's handler was last called, by the clock of `time.monotonic`
    """

    def __init__(self, numbers: set[int]) -> None:
        self.answered = 0.0
        self._numbers, self._waiting = numbers, 0
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        _thread.start_new_thread(self._look, (self._read,))

    def _look(self, pipe: int) -> None:
        while True:
            try:
                came = os.read(pipe, 1)
            except OSError:
                return
            if not came:
                os.close(pipe)
                return
            if came[0] in self._numbers:
                self._wait(came[0])

    def _wait(self, number: int) -> None:
        began = time.monotonic()
        time.sleep(_PATIENCE)
        if self.answered >= began - _PATIENCE:
            self._waiting = 0
            return
        self._waiting += 1
        if self._waiting > 1:
            _tell("ended within a step; what is in the files stays, and the same command goes on from there.")
            os._exit(128 + number)
        _tell("stopping after the step at work; once more ends at once.")

    def close(self) -> None:
        """Look no more."""
        with suppress(ValueError, OSError):
            signal.set_wakeup_fd(self._before)
        os.close(self._write)  # the thread reads the end of it, and closes the other side


def _tell(sentence: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # the terminal may be gone
        sys.stderr.write(f"\ncgrosim: {sentence}\n")
        sys.stderr.flush()


class Interrupts:
    """Takes Ctrl-C as a wish to stop at the next consistent moment; a second Ctrl-C stops at once.

    In a command also the other signals that end one. The compiler is left at once, by `StoppedCompiling`, which ends
    the block: the kernel had not begun, so everything is as it was before its call.

    Attributes
    ----------
    asked : whether the work is to stop
    left : whether the block was left from within the compiler
    """

    def __init__(self) -> None:
        self.asked = self.left = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if _in_main_thread() and not _RAISES.get():
            for number in ENDING:
                handler = signal.getsignal(number)
                if callable(handler) and (number == signal.SIGINT or _of_command(handler) is not None):
                    self._previous[number] = signal.signal(number, self._ask)
            _wanted.append(self._wanted)
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        command = _of_command(self._previous[number])
        if command is not None:
            command.number = number
            command.answered()
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if _compiles(frame):
            raise StoppedCompiling

    def answered(self) -> None:
        """Note that a signal has come to the program, in a command."""
        for handler in self._previous.values():
            command = _of_command(handler)
            if command is not None:
                command.answered()

    def _wanted(self) -> bool:
        return self.asked

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._wanted in _wanted:
            _wanted.remove(self._wanted)
        self.left = kind is StoppedCompiling and self.asked
        return self.left


def _of_command(handler: Any) -> Endings | None:
    owner = getattr(handler, "__self__", None)
    return owner if isinstance(owner, Endings) else None


def end_within(seconds: float, status: int) -> None:
    """End this process after some seconds, whatever still waits for threads or workers."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(status)

    _thread.start_new_thread(end, ())
