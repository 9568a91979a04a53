"""When a kernel uses threads: where they are free and pay. The result has the same bits either way.

A step of a kernel wakes and waits for its threads several times. Left alone, GNU OpenMP spins for milliseconds in each
wait; on a busy machine the thread waited for is then off the processor because others spin. So the threads are started
with short waits, one Python thread at a time uses them, and long runs time both forms in turns and keep to the quicker.
"""

from __future__ import annotations

import functools
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numba
from numba.np.ufunc import parallel as _pool

from cgrosim.errors import UserError
from cgrosim.kernels.commit import RUNNING

_WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "500"}  # some 20 microseconds, then sleep
_TURN = 0.01  # seconds in which a form shows its speed
_BETWEEN = 20  # how many times longer the quicker form runs before the other is timed again

_taken = threading.Lock()  # Numba's simplest pool ends the process when two Python threads use it at once
_forked = False  # GNU OpenMP ends a forked child that uses the threads its parent had started


def _note_fork() -> None:
    global _forked
    _forked = _forked or bool(_pool._is_initialized)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def start() -> bool:
    """Start the threads, if this process may have any; whether there are at least two.

    Raises
    ------
    UserError
        If NUMBA_THREADING_LAYER names a layer that is not there.
    """
    if _forked or numba.config.NUMBA_NUM_THREADS == 1:
        return False
    try:
        with _first_start() if not _pool._is_initialized else nullcontext():
            return bool(numba.get_num_threads() > 1)
    except ValueError as error:
        raise UserError(
            f"NUMBA_THREADING_LAYER is {numba.config.THREADING_LAYER!r}, which cannot be loaded here; unset it, or"
            " set it to 'workqueue', which is always there"
        ) from error


@contextmanager
def _first_start() -> Iterator[None]:
    """Short waits, and no page of warning where there are no semaphores: only forks of this moment would need one."""
    with _short_waits(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Could not obtain multiprocessing lock")
        yield


@contextmanager
def _short_waits() -> Iterator[None]:
    """The settings of OpenMP that are read while it is loaded, unless the user has set one herself."""
    if any(name in os.environ for name in _WAITING):
        yield
        return
    os.environ.update(_WAITING)
    try:
        yield
    finally:
        for name in _WAITING:
            os.environ.pop(name, None)


def worth_threads(multiplications: int, enough: int) -> bool:
    """Whether a call with this many multiplications should take its threaded form.

    Programs that run several problems side by side give each its own process, with ``NUMBA_NUM_THREADS=1``.
    """
    return multiplications >= enough and start()  # the first test is free; the second starts the threads


def run(threaded: bool, forms: tuple[Callable[..., Any], Callable[..., Any]], *arguments: Any) -> Any:
    """Call the second of two forms of a kernel if threads are wanted and free, else the first, the serial one."""
    if threaded and start() and _taken.acquire(blocking=False):
        try:
            return forms[1](*arguments)
        finally:
            _taken.release()
    return forms[0](*arguments)


class Pace:
    """Which of two forms of a step is quicker now, found out by timing: the other gets a short turn now and then.

    Parameters
    ----------
    clock : tells the time in seconds
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[bool, float] = {}  # what a step of each form took, when it was last timed
        self._called: set[bool] = set()
        self._calls = 0
        self._spent, self._trial = 0.0, 0.0  # seconds in the quicker form since the slower one's turn, and of that turn
        self._loaded = False

    def take(
        self, forms: tuple[Callable[..., Any], Callable[..., Any]], arguments: tuple[Any, ...], steps: int, first: int
    ) -> tuple[int, int, int, int]:
        """Take steps as ``form(*arguments, steps, first step)`` does, in turns, with the result of one such call."""
        if not self._loaded:  # compiling is not a step's time
            self._loaded = True
            for threaded in (False, True):
                run(threaded, forms, *arguments, 0, first)
        done = 0
        while True:
            threaded, count = self._next(steps - done)
            begun = self._clock()
            taken, status, neuron, row = run(threaded, forms, *arguments, count, first + done)
            if taken > 0:
                self._note(threaded, self._clock() - begun, taken)
            done += taken
            if status != RUNNING or done >= steps:
                return done, status, neuron, row

    def call(self, forms: tuple[Callable[..., Any], Callable[..., Any]], arguments: tuple[Any, ...]) -> Any:
        """One call of a form, as a step of `take`; the serial form has its first turn after a number of calls.

        A call may be long, so that to begin with both forms would cost a short study much of its time. The first call
        of a form, which may compile it, is not timed.
        """
        self._calls += 1
        form = self._next(1)[0] if len(self._seconds) == 2 else self._calls <= _BETWEEN
        begun = self._clock()
        result = run(form, forms, *arguments)
        if form in self._called:
            self._note(form, self._clock() - begun, 1)
        self._called.add(form)
        return result

    def _next(self, steps: int) -> tuple[bool, int]:
        """The form of the next turn, and how many of the steps it takes."""
        if len(self._seconds) < 2:
            return bool(self._seconds), min(steps, 1)
        quicker = self._seconds[True] < self._seconds[False]
        form = quicker if self._spent < _BETWEEN * self._trial else not quicker
        return form, min(steps, max(1, int(_TURN / max(self._seconds[form], 1e-9))))

    def _note(self, form: bool, spent: float, taken: int) -> None:
        self._seconds[form] = spent / taken
        if spent / taken > self._seconds.get(not form, 0.0):
            self._spent, self._trial = 0.0, spent
        else:
            self._spent += spent


@functools.lru_cache(maxsize=64)
def pace(*problem: Any) -> Pace:
    """The pace of one kernel on problems of one size."""
    return Pace()


def run_quicker(problem: tuple[Any, ...], forms: tuple[Callable[..., Any], Callable[..., Any]], *arguments: Any) -> Any:
    """Call the form that is quicker now for calls of the same `problem`; the serial one if there is one thread."""
    return pace(*problem).call(forms, arguments) if start() else forms[0](*arguments)
