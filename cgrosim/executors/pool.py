"""Worker processes of this machine, each with one thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any

from cgrosim.errors import UserError, printable
from cgrosim.executors.executor import Job, Lost, Tried, running
from cgrosim.executors.workers import begin_worker, held_back

MOST_TRIES = 3
ENDED = "the worker process was ended from outside three times over it, perhaps because memory ran out"


class Pool:
    """Does jobs in processes that end with this one, however it ends; one that is killed is replaced.

    Parameters
    ----------
    workers
        Processes; by default one a processor.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self.name = f"{self.workers} processes" if self.workers > 1 else "1 process"

    def map(self, function: Callable[[Job], Any], jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Every job with its result as it is done; see `Executor.map`."""
        source, again = iter(jobs), list[Tried]()
        while True:
            with self._processes() as pool:
                pending: dict[Future[Any], Tried] = {}
                broken = False
                while not broken:
                    for tried in running(source, again, self.workers + 1, len(pending)):
                        try:
                            # a worker that has not begun is not to hear of signals; this process keeps its threads
                            with held_back(), single_threaded_children():
                                pending[pool.submit(function, tried.job)] = tried
                        except BrokenProcessPool:
                            again.append(tried)
                            broken = True
                            break
                    if not pending and not broken:
                        return
                    done = wait(pending, return_when=FIRST_COMPLETED).done if pending else set()
                    for future in done:
                        tried = pending.pop(future)
                        try:
                            found = future.result()
                        except BrokenProcessPool:
                            broken = True
                            pending[future] = tried
                            break
                        yield tried.job, found
            for tried in pending.values():  # one of them ended its worker; which one nobody knows
                tried.times += 1
                if tried.times >= MOST_TRIES:
                    yield tried.job, Lost(ENDED)
                else:
                    again.append(tried)

    @contextmanager
    def meanwhile(self, function: Callable[..., object], *arguments: Any) -> Iterator[None]:
        """Call a function in another process while the block runs; what it is still at then is given up.

        What it returns is lost. Where its process is ended, whoever needs its work does it again.
        """
        before = set(active_children())
        with self._processes() as pool:
            with held_back(), single_threaded_children():
                pool.submit(function, *arguments)
            begun = set(active_children()) - before
            yield
            with held_back():
                for child in begun:
                    child.kill()

    @contextmanager
    def _processes(self) -> Iterator[ProcessPoolExecutor]:
        """A pool whose processes are gone at the end; at once where the block was left by an exception."""
        before = set(active_children())
        pool = process_pool(self.workers)
        try:
            yield pool
        finally:
            with held_back():
                if sys.exc_info()[0] is not None:  # nobody waits for what they are at
                    for child in set(active_children()) - before:
                        child.kill()
                pool.shutdown(wait=True, cancel_futures=True)


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that begin anew: a fork copies locks that compiled threads may hold.

    Raises
    ------
    UserError
        Where there can be none: a machine without semaphores, or without room for them in /dev/shm.
    """
    try:
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=begin_worker)
    except (NotImplementedError, ImportError, OSError) as error:
        raise UserError(
            f"no worker processes can be made here ({printable(str(error), 80)}); work in one process: --workers 0 of "
            "a sweep, 1 of verify, none of images."
        ) from None


@contextmanager
def single_threaded_children() -> Iterator[None]:
    """Children inherit an environment of one thread each: the processes already share the processors."""
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
