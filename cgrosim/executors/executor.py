"""What an executor is, and the one that works in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Job = TypeVar("Job")


@dataclass(frozen=True)
class Lost:
    """Stands for the result of a job whose worker ended each time it was tried; the reason is a sentence."""

    reason: str


class Executor(Protocol):
    """Does jobs, one function for all of them.

    Attributes
    ----------
    name : where the work is done, in words
    """

    name: str

    def map(self, function: Callable[[Job], Any], jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Every job with its result, or `Lost`, as they are done, in any order.

        Jobs are taken from the iterable as they are needed, so that what is already known can decide what comes next.
        An exception of the function ends the work and is raised. Whatever ends it, nothing goes on behind it.

        Parameters
        ----------
        function : of a module, so that other processes find it; pure, because a job may be done twice
        jobs : can be sent to other processes
        """


class Here:
    """Does the jobs in this process, one after the other."""

    name = "this process"

    def map(self, function: Callable[[Job], Any], jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Every job with its result, in their order."""
        for job in jobs:
            yield job, function(job)


@dataclass
class Tried:
    """A job and how often its worker has ended over it."""

    job: Any
    times: int = 0


def running(source: Iterator[Any], again: list[Tried], room: int, busy: int) -> Iterator[Tried]:
    """What to hand out next, with `busy` jobs at work and room for `room`; those to be tried again come first.

    A job that was at work when a worker ended is tried alone: if a worker ends again, it was over that job.
    """
    while busy < room:
        if again:
            alone = again[0].times > 0
            if alone and busy:
                return
            yield again.pop(0)
            busy = room if alone else busy + 1
            continue
        try:
            job = next(source)
        except StopIteration:
            return
        yield Tried(job)
        busy += 1
