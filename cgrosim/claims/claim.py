"""What a claim and a verdict are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, Outcome, combine
from cgrosim.model.params import Params
from cgrosim.predictions.regime import Slack
from cgrosim.studies.context import Context, Effort

Kind = Literal["exact identity", "bound", "order", "asymptotic", "law", "derived here", "observation"]
VerdictName = Literal["supported", "violated", "not applicable", "underpowered"]


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


@dataclass(frozen=True)
class Claim:
    """One statement, how it is measured, and the wrong world in which it must not pass.

    Attributes
    ----------
    name : short name, with hyphens
    title : a few words for the table
    statement : what is claimed, in one or two sentences with the formula
    source : paper version and number, or "derived here" with the argument
    kind : what sort of statement it is
    measure : ``measure(context, falsified)`` simulates, compares and returns the evidence; with ``falsified`` the same
        rules are applied in the wrong world of `falsifier`
    falsifier : what is wrong in that world
    proved_for : activations for which the claim is proved
    cost : rough seconds of the quick measurement (of the full one where there is no quick one), to order the work
        (longest first)
    """

    name: str
    title: str
    statement: str
    source: str
    kind: Kind
    measure: Callable[[Context, bool], Evidence] = field(repr=False)
    falsifier: str
    proved_for: str = "power, real q > 2"
    cost: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """A claim with its evidence and what follows from it."""

    claim: Claim
    verdict: VerdictName
    evidence: Evidence
    falsifier_evidence: Evidence
    falsifier_outcome: Outcome
    note: str
    effort: Effort
    seed: int
    seconds: float


def evaluate(claim: Claim, context: Context) -> Verdict:
    """Measure a claim in the true world and in the falsifier's, and decide.

    Hypotheses that fail make it ``not applicable``; a falsifier that passes the same rules makes it ``underpowered``,
    because rules that cannot fail decide nothing.
    """
    began = time.perf_counter()
    evidence, wrong = claim.measure(context, False), claim.measure(context, True)
    outcome, wrong_outcome = combine(evidence.checks), combine(wrong.checks)
    failed = [slack for slack in evidence.hypotheses if not slack.slack > 0.0]
    verdict: VerdictName = outcome
    note = evidence.finding
    if failed:
        verdict = "not applicable"
        note = f"hypothesis {failed[0].name} fails with slack {failed[0].slack:.3g}. {note}".strip()
    elif outcome == "supported" and wrong_outcome == "supported":
        verdict = "underpowered"
        note = f"the falsifier passes the same rules, so they cannot tell. {note}".strip()
    seconds = time.perf_counter() - began
    return Verdict(claim, verdict, evidence, wrong, wrong_outcome, note, context.effort, context.seed, seconds)
