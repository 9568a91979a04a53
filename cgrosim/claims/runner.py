"""Evaluate claims side by side in worker processes, each with one thread, longest first.

Claims that share a study go to one process, where it is simulated once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any, NoReturn

from cgrosim.arguments import checked
from cgrosim.claims.claim import Claim, Context, Verdict, evaluate
from cgrosim.claims.fingerprint import fingerprint
from cgrosim.claims.homes import Home, home_of
from cgrosim.claims.power import PARAMETERS, Noticed, smallest_noticed
from cgrosim.claims.registry import select
from cgrosim.claims.report.reading import still_valid
from cgrosim.claims.verdicts import Verdicts
from cgrosim.errors import UserError
from cgrosim.executors.pool import process_pool, single_threaded_children
from cgrosim.executors.workers import held_back
from cgrosim.interrupts import raising_interrupts

Progress = Callable[[Verdict, int, int], None]
"""Called with each verdict as it arrives, how many there are, and how many there will be."""
PowerProgress = Callable[[str, Noticed, int, int], None]
"""Called with a claim, what it notices in one parameter, how many of them there are, and how many there will be."""


@checked
def verify(
    claims: Sequence[str | Claim] = (),
    context: Context | None = None,
    *,
    files: Sequence[str | Path] = (),
    since: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Verdicts:
    """Evaluate claims and return their verdicts in the order of the registry.

    Ctrl-C stops the work; the verdicts that had arrived by then are returned.

    Parameters
    ----------
    claims
        Claims to evaluate, by name or themselves; all of them if empty, or those of the files if any are given.
    context
        Effort and seed. The verdicts depend on nothing else: not on the number of workers, nor on their order.
    files
        Files of Python that list further claims in CLAIMS.
    since
        Folder of an earlier report: verdicts of it that depend on nothing that has changed are taken over.
    workers
        Processes (default: one a processor); 1 evaluates in this process, and so does a claim that no module holds,
        because no other process would find it.
    progress
        Called with each verdict as it arrives.

    Raises
    ------
    UserError
        If a claim does not exist or cannot be measured, the earlier report is none, or a worker process was ended from
        outside.
    """
    context = context or Context()
    chosen = {claim.name: claim for claim in select(claims, files)}
    arrived: dict[str, Verdict] = {}
    # before anything is measured: a source that is edited meanwhile must not vouch for what its elder measured
    before = {name: fingerprint(claim, context) for name, claim in chosen.items()}

    def note(verdict: Verdict) -> None:
        verdict = replace(verdict, claim=chosen[verdict.claim.name], fingerprint=before[verdict.claim.name])
        arrived[verdict.claim.name] = verdict
        if progress is not None:
            progress(verdict, len(arrived), len(chosen))

    def note_all(verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            note(verdict)

    if since is not None:
        for verdict in still_valid(Path(since), [*chosen.values()], context).values():
            note(verdict)
    groups = _sharing([claim for name, claim in chosen.items() if name not in arrived])
    homes = [tuple(home_of(claim) for claim in group) for group in groups]
    with suppress(KeyboardInterrupt), raising_interrupts():  # a claim must not judge half a run
        if any(None in group for group in homes) or _processes(workers, len(homes)) == 1:
            for claim in (claim for group in groups for claim in group):
                note(_evaluated(claim, context))
        else:
            tasks = [(group, context) for group in homes]
            _spread(_evaluate_at, tasks, _processes(workers, len(homes)), note_all)
    return Verdicts(arrived[name] for name in chosen if name in arrived)


@checked
def measure_power(
    claims: Sequence[str | Claim] = (),
    context: Context | None = None,
    *,
    files: Sequence[str | Path] = (),
    parameters: Sequence[str] = PARAMETERS,
    known: Mapping[str, Mapping[str, Noticed]] | None = None,
    guesses: Mapping[str, Mapping[str, Noticed]] | None = None,
    workers: int | None = None,
    progress: PowerProgress | None = None,
) -> dict[str, dict[str, Noticed]]:
    """What every claim would have noticed, by claim and parameter, in the order of the registry.

    Ctrl-C stops the work; what had arrived by then is returned. Arguments and errors are those of `verify`;
    `parameters` are those to change, one at a time, and what is `known` already is not measured again; `guesses`, such
    as what another effort noticed, say where a search begins.
    """
    context = context or Context()
    chosen = select(claims, files)
    earlier = known or {}
    found: dict[tuple[str, str], Noticed] = {
        (claim.name, name): one for claim in chosen for name, one in earlier.get(claim.name, {}).items()
        if name in parameters
    }  # fmt: skip
    total = len(chosen) * len(parameters)

    def note(arrived: dict[str, Noticed]) -> None:
        for name, noticed in arrived.items():
            found[name, noticed.parameter] = noticed
            if progress is not None:
                progress(name, noticed, len(found), total)

    groups = [  # one parameter of claims that share their runs
        (group, parameter)
        for claims in _sharing(chosen)
        for parameter in parameters
        if (group := [claim for claim in claims if (claim.name, parameter) not in found])
    ]
    begun = {(name, p): one for name, each in (guesses or {}).items() for p, one in each.items()}
    tasks = [
        (tuple(home_of(claim) for claim in group), parameter, context, [begun.get((c.name, parameter)) for c in group])
        for group, parameter in groups
    ]
    with suppress(KeyboardInterrupt), raising_interrupts():  # a claim must not judge half a run
        if any(None in homes for homes, *_ in tasks) or _processes(workers, len(tasks)) == 1:
            for group, parameter in groups:
                for claim in group:
                    guess = begun.get((claim.name, parameter))
                    note({claim.name: smallest_noticed(claim, context, parameter, guess)})
        else:
            _spread(_power_at, tasks, _processes(workers, len(tasks)), note)
    return {c.name: {p: found[c.name, p] for p in parameters if (c.name, p) in found} for c in chosen}


def _sharing(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Claims that share a study, and so belong into one process, the longest first."""
    groups: dict[Any, list[Claim]] = {}
    for claim in claims:
        groups.setdefault(claim.study or claim.name, []).append(claim)
    return sorted(groups.values(), key=lambda group: -sum(claim.cost for claim in group))


def _processes(workers: int | None, tasks: int) -> int:
    return min(workers or os.cpu_count() or 1, max(tasks, 1))


def _evaluate_at(homes: Sequence[Home], context: Context) -> list[Verdict]:
    with raising_interrupts():
        verdicts = [_evaluated(home.find(), context) for home in homes]
    return [replace(one, claim=_stand_in(one.claim.name)) for one in verdicts]  # not every process has its module


def _evaluated(claim: Claim, context: Context) -> Verdict:
    """The verdict of a claim; what its study or rules raise ends the verification, and says whose it was."""
    try:
        return evaluate(claim, context)
    except Exception as error:
        said = f"{error}" if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        raise UserError(
            f"The claim {claim.name} cannot be measured with seed {context.seed} and effort {context.effort}: {said}"
        ) from error


def _stand_in(name: str) -> Claim:
    """What is sent back for a claim; the process that asked puts its own in the place."""
    return Claim(name, "", "", "", "bound", _elsewhere, ())


def _elsewhere(context: Context, world: object) -> NoReturn:
    raise NotImplementedError


def _power_at(
    homes: Sequence[Home], parameter: str, context: Context, guesses: Sequence[Noticed | None]
) -> dict[str, Noticed]:
    each = zip(homes, guesses, strict=True)
    with raising_interrupts():
        return {home.name: smallest_noticed(home.find(), context, parameter, guess) for home, guess in each}


def _spread(
    function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], workers: int, note: Callable[[Any], None]
) -> None:
    """Call a function with the arguments of every task in worker processes; note what arrives."""
    before = set(active_children())
    with single_threaded_children():
        pool = process_pool(workers)
        try:
            with held_back():  # a worker that has not begun is not to hear of it
                pending: set[Future[Any]] = {pool.submit(function, *task) for task in tasks}
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    note(future.result())
        except BrokenProcessPool:
            raise UserError(
                "a worker process was ended from outside, perhaps because memory ran out; take fewer workers, and call "
                "verify in a script below if __name__ == '__main__'."
            ) from None
        finally:
            with held_back():
                if sys.exc_info()[0] is not None:  # nobody waits for what they are at
                    for child in set(active_children()) - before:
                        child.kill()
                pool.shutdown(wait=True, cancel_futures=True)
