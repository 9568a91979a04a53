"""Evaluate claims side by side in worker processes, each with one thread, longest first.

Claims that share a study go to one process, where it is simulated once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import active_children, get_context
from typing import Any

from cgrosim.claims.claim import Claim, Context, Verdict, evaluate
from cgrosim.claims.power import PARAMETERS, Noticed, smallest_noticed
from cgrosim.claims.registry import all_claims, select
from cgrosim.errors import UserError
from cgrosim.executors.pool import single_threaded_children
from cgrosim.executors.workers import begin_worker, held_back
from cgrosim.interrupts import raising_interrupts

Progress = Callable[[Verdict, int, int], None]
"""Called with each verdict as it arrives, how many there are, and how many there will be."""
PowerProgress = Callable[[str, Noticed, int, int], None]
"""Called with a claim, what it notices in one parameter, how many of them there are, and how many there will be."""


def verify(
    names: Sequence[str] = (),
    context: Context | None = None,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Evaluate claims and return their verdicts in the order of the registry.

    Ctrl-C stops the work; the verdicts that had arrived by then are returned.

    Parameters
    ----------
    names
        Claims to evaluate; all of them if empty.
    context
        Effort and seed. The verdicts depend on nothing else: not on the number of workers, nor on their order.
    workers
        Processes (default: one a processor); 1 evaluates in this process.
    progress
        Called with each verdict as it arrives.

    Raises
    ------
    UserError
        If a claim does not exist, or a worker process was ended from outside.
    """
    context = context or Context()
    chosen = select(list(names))
    workers = min(workers or os.cpu_count() or 1, len(chosen))
    arrived: dict[str, Verdict] = {}

    def note(verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            arrived[verdict.claim.name] = verdict
            if progress is not None:
                progress(verdict, len(arrived), len(chosen))

    with suppress(KeyboardInterrupt):
        _spread(_evaluate_by_name, [(names, context) for names in _sharing(chosen)], workers, note)
    return [arrived[claim.name] for claim in chosen if claim.name in arrived]


def measure_power(
    names: Sequence[str],
    context: Context,
    *,
    workers: int | None = None,
    progress: PowerProgress | None = None,
) -> dict[str, dict[str, Noticed]]:
    """What every claim would have noticed, by claim and parameter, in the order of the registry.

    Ctrl-C stops the work; what had arrived by then is returned. Arguments and errors are those of `verify`.
    """
    chosen = select(list(names))
    tasks = [(names, parameter, context) for names in _sharing(chosen) for parameter in PARAMETERS]
    found: dict[tuple[str, str], Noticed] = {}

    def note(arrived: dict[str, Noticed]) -> None:
        for name, noticed in arrived.items():
            found[name, noticed.parameter] = noticed
            if progress is not None:
                progress(name, noticed, len(found), len(chosen) * len(PARAMETERS))

    with suppress(KeyboardInterrupt):
        _spread(_power_by_name, tasks, min(workers or os.cpu_count() or 1, len(tasks)), note)
    return {c.name: {p: found[c.name, p] for p in PARAMETERS if (c.name, p) in found} for c in chosen}


def _power_by_name(names: tuple[str, ...], parameter: str, context: Context) -> dict[str, Noticed]:
    with raising_interrupts():
        return {name: smallest_noticed(all_claims()[name], context, parameter) for name in names}


def _sharing(claims: Sequence[Claim]) -> list[tuple[str, ...]]:
    """Names of claims that share a study, and so belong into one process; the longest first."""
    groups: dict[Any, list[Claim]] = {}
    for claim in claims:
        groups.setdefault(claim.study or claim.name, []).append(claim)
    ordered = sorted(groups.values(), key=lambda group: -sum(claim.cost for claim in group))
    return [tuple(claim.name for claim in group) for group in ordered]


def _spread(
    function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], workers: int, note: Callable[[Any], None]
) -> None:
    """Call a function with the arguments of every task, here or in worker processes; note what arrives."""
    if workers == 1:
        for task in tasks:
            note(function(*task))
        return
    # spawn, not fork: a fork copies locks that compiled threads may hold
    before = set(active_children())
    with single_threaded_children():
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=begin_worker)
        try:
            with held_back():  # a worker that has not begun is not to hear of it
                pending: set[Future[Any]] = {pool.submit(function, *task) for task in tasks}
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    note(future.result())
        except BrokenProcessPool:
            raise UserError(
                "a worker process was ended from outside, perhaps because memory ran out; take fewer workers."
            ) from None
        finally:
            with held_back():
                if sys.exc_info()[0] is not None:  # nobody waits for what they are at
                    for child in set(active_children()) - before:
                        child.kill()
                pool.shutdown(wait=True, cancel_futures=True)


def _evaluate_by_name(names: tuple[str, ...], context: Context) -> list[Verdict]:
    with raising_interrupts():  # a claim must not judge half a run
        return [evaluate(all_claims()[name], context) for name in names]
