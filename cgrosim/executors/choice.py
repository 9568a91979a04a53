"""Which executor is meant: this process, a number of processes, or a scheduler's workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cgrosim.errors import ParameterError
from cgrosim.executors.cluster import Cluster
from cgrosim.executors.executor import Executor, Here
from cgrosim.executors.pool import Pool
from cgrosim.files.words import quoted

MOST_WORKERS = 10_000
"""More processes no machine has a use for."""


@contextmanager
def executor_for(workers: int | None, scheduler: str | None, executor: Executor | None = None) -> Iterator[Executor]:
    """The executor asked for, at most one of the three; by default this process.

    Raises
    ------
    UserError
        If several are asked for, if there can be no such number of workers, or if no scheduler answers.
    """
    if sum(given is not None for given in (workers, scheduler, executor)) > 1:
        raise ParameterError("workers, scheduler and executor exclude each other; give one of them.")
    if executor is not None:
        yield executor
    elif scheduler is not None:
        cluster = Cluster(scheduler)
        try:
            yield cluster
        finally:
            cluster.close()
    elif workers is None:
        yield Here()
    elif not 1 <= workers <= MOST_WORKERS:
        raise ParameterError(f"workers is {quoted(workers)}, but must be a whole number from 1 to {MOST_WORKERS}.")
    else:
        yield Pool(workers)
