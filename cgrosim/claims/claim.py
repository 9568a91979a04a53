"""What a claim and a verdict are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, Outcome, combine
from cgrosim.files.words import counted
from cgrosim.model.params import Params
from cgrosim.predictions.regime import Slack
from cgrosim.studies.context import Context, Effort
from cgrosim.studies.tables import Study, table
from cgrosim.studies.world import CLAIMED, World

Kind = Literal["exact identity", "bound", "order", "asymptotic", "law", "derived here", "observation"]
VerdictName = Literal["supported", "violated", "not applicable", "underpowered", "not measured"]


@dataclass(frozen=True)
class Series:
    """One set of marks in a panel; what `values` mean depends on the kind.

    ``points`` (with low/high error bars where given), ``line``, ``band`` (low to high), ``steps`` (an empirical
    distribution) or ``map`` (values on the grid x by y, named by `categories`).
    """

    kind: Literal["points", "line", "band", "steps", "map"]
    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    values: NDArray[np.float64] | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A figure of the report as data: plotting draws it and computes nothing."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Evidence:
    """What one world gave: the checks, what they were measured on, and figures.

    Attributes
    ----------
    checks : the decided comparisons
    hypotheses : slack of every hypothesis at the parameters used (the worst, where there were several)
    params : one representative experiment; with `seeds` it repeats the measurement
    seeds : the seeds of the replicates
    tested_range : the range of parameters the verdict speaks for
    panels : figures, as data
    finding : where prediction and simulation disagree and what it turned out to be; empty if they agree
    """

    checks: tuple[Check, ...]
    hypotheses: tuple[Slack, ...] = ()
    params: Params | None = None
    seeds: tuple[int, ...] = ()
    tested_range: str = ""
    panels: tuple[Panel, ...] = ()
    finding: str = ""


def _undeclared(context: Context, world: World) -> Evidence:
    raise NotImplementedError


def _judged(study: Study, rules: Callable[[Context, World, Any], Evidence], context: Context, world: World) -> Evidence:
    return rules(context, world, table(study, context, world))


@dataclass(frozen=True)
class Claim:
    """One statement, how it is measured, and the wrong worlds in which it must not pass.

    Attributes
    ----------
    name : short name, with hyphens
    title : a few words for the table
    statement : what is claimed, in one or two sentences with the formula
    source : paper version and number, or "derived here" with the argument
    kind : what sort of statement it is
    study : ``study(context, world)`` simulates that world and returns a table; claims with the same study share it
    rules : ``rules(context, world, table)`` decides on that table and returns the evidence: the same checks in the same
        order in every world
    measure : both in one, ``measure(context, world)``; made from the two where they are given
    worlds : the wrong worlds, in each of which the rules must fail
    proved_for : activations for which the claim is proved
    cost : rough seconds of the quick measurement (of the full one where there is no quick one), to order the work
        (longest first)
    formula : the statement to be typeset, in the notation of `cgrosim.claims.report.mathml`; for claims of the
        catalogue it stands in `cgrosim.claims.formulas`
    """

    name: str
    title: str
    statement: str
    source: str
    kind: Kind
    measure: Callable[[Context, World], Evidence] = field(repr=False, default=_undeclared)
    worlds: tuple[World, ...] = ()
    proved_for: str = "power, real q > 2"
    cost: float = 1.0
    formula: str = ""
    study: Study | None = field(repr=False, default=None)
    rules: Callable[[Context, World, Any], Evidence] | None = field(repr=False, default=None)

    def __post_init__(self) -> None:
        if (self.study is None) != (self.rules is None) or (self.study is None) == (self.measure is _undeclared):
            raise ValueError(f"{self.name}: a claim has either a study and rules, or a function `measure` of both")
        if self.study is not None and self.rules is not None:
            object.__setattr__(self, "measure", partial(_judged, self.study, self.rules))


@dataclass(frozen=True)
class Trial:
    """What the rules of a claim said in one wrong world.

    Attributes
    ----------
    world : what was wrong
    evidence : the same checks as in the claimed world, in the same order
    outcome : of all of them together; the world is rejected where it is ``violated``
    """

    world: World
    evidence: Evidence
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """A claim with its evidence and what follows from it.

    Attributes
    ----------
    verdict : ``supported`` or ``violated`` by all rules together; ``underpowered`` where an interval is too wide or a
        wrong world passes, ``not applicable`` where a hypothesis fails, ``not measured`` where there were no checks
    note : why, where that is not plain, and what was found
    seconds, processor_seconds : by the clock, and of work
    carried : taken over from an earlier report, because nothing it depends on has changed
    fingerprint : what it depends on, as it was before the measurement; empty where nobody looked
    """

    claim: Claim
    verdict: VerdictName
    evidence: Evidence
    trials: tuple[Trial, ...]
    note: str
    effort: Effort
    seed: int
    seconds: float
    processor_seconds: float = 0.0
    carried: bool = False
    fingerprint: str = ""

    @property
    def rejection(self) -> Outcome | None:
        """What became of the wrong worlds: ``violated`` if each was rejected, ``supported`` if one passes.

        None where none was simulated.
        """
        outcomes = {trial.outcome for trial in self.trials}
        return next((name for name in BEST_LAST if name in outcomes), None)

    def killers(self, row: int) -> tuple[str, ...]:
        """The worlds in which one check is violated: a row of the kill matrix."""
        return tuple(t.world.name for t in self.trials if t.evidence.checks[row].outcome == "violated")

    @property
    def unkilled(self) -> tuple[Check, ...]:
        """Checks that no wrong world violates and that do not say why none can: they are no evidence here."""
        rows = enumerate(self.evidence.checks)
        return tuple(check for row, check in rows if not check.cannot_fail and not self.killers(row))


BEST_LAST: tuple[Outcome, ...] = ("supported", "underpowered", "violated")


def evaluate(claim: Claim, context: Context) -> Verdict:
    """Measure a claim in the claimed world and in its wrong ones, and decide.

    Hypotheses that fail make it ``not applicable``; a wrong world that passes the same rules makes it
    ``underpowered``, and so does a check that no wrong world violates and that does not say why none can, because
    rules that cannot fail decide nothing. Without checks it is ``not measured``, and no wrong world is looked at.
    """
    began, worked = time.perf_counter(), time.process_time()
    evidence = claim.measure(context, CLAIMED)
    trials = []
    for world in claim.worlds if evidence.checks else ():
        other = claim.measure(context, world)
        if len(other.checks) != len(evidence.checks):
            raise ValueError(f"{claim.name}: {len(other.checks)} checks in the world {world.name!r}, not as claimed")
        trials.append(Trial(world, other, combine(other.checks)))
    seconds, work = time.perf_counter() - began, time.process_time() - worked
    found = Verdict(claim, "supported", evidence, tuple(trials), "", context.effort, context.seed, seconds, work)
    verdict, note = decided(found)
    return replace(found, verdict=verdict, note=note)


def decided(found: Verdict) -> tuple[VerdictName, str]:
    """What the checks, the hypotheses and the wrong worlds of a measured claim make of it, and why."""
    evidence, finding = found.evidence, found.evidence.finding
    outcome = combine(evidence.checks)
    failed = [slack for slack in evidence.hypotheses if not slack.slack > 0.0]
    passing = [trial.world.name for trial in found.trials if trial.outcome == "supported"]
    if failed:
        why = f"hypothesis {failed[0].name} fails with slack {failed[0].slack:.3g}."
        return "not applicable", f"{why} {finding}".strip()
    if not evidence.checks:
        return "not measured", finding
    if outcome == "supported" and passing:
        why = f"a wrong world passes the same rules, so they cannot tell: {passing[0]}."
        return "underpowered", f"{why} {finding}".strip()
    if outcome == "supported" and found.unkilled:
        others = f", nor {counted(len(found.unkilled) - 1, 'other check')}" if len(found.unkilled) > 1 else ""
        why = f"no wrong world violates the check {found.unkilled[0].name!r}{others}: it is no evidence."
        return "underpowered", f"{why} {finding}".strip()
    return outcome, finding
