"""The phase diagram: memorise or escape, and memorised yet robust or overfitting: where both edges are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.phase_edges import PLACES, Edge, edge_study, phase_params
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.world import World, raised_to

Array = NDArray[np.float64]

HYPOTHESES = ("gram-nearly-orthogonal", "signal-grows-first", "adversarial-weight-inside", "some-live-filter")
ROOM = 0.1
REASONS = {
    "escape": "at coupling chi = 0.5 a kick moves a time by chi either way in log, and by chi^2 / 2 in the mean, so a "
    "gap, its q-th root, by 0.04; as much again for weights of margins below 0.7, counted as those at 0",
    "overfitting": "a winner of one sample more or less moves squared norms of single filters up to twofold, and "
    "their mean over starts by a fraction of chi^2 / 2, the level by the q/2-th power of that and the gap by its root",
}


def edges(context: Context, world: World, found: tuple[Edge, ...]) -> Evidence:
    """Location and exponent of both edges, over starts, none left out."""
    params = phase_params(0, gap=0.01, samples=24)
    return Evidence(
        checks=tuple(rule(kind, found) for kind in PLACES for rule in (_location, _exponent)),
        hypotheses=slacks(params, *HYPOTHESES),
        params=params,
        seeds=tuple(edge.seed for edge in found),
        tested_range="d = 2000, P = 2, m = 10, q = 3, lam = 1/2, init_std = d^-0.4, "
        f"chi = {setting_of(params).coupling:.2g}; N = 2, 4, 24 and noise_std 0.5 to 3 times d^-0.509: edges at gaps "
        f"of {min(edge.foreseen for edge in found):.2g} to {max(edge.foreseen for edge in found):.2g}",
        panels=(_panel(found),),
    )


def _pairs(kind: str, found: tuple[Edge, ...]) -> tuple[Array, Array]:
    """Logarithms of the gaps foreseen, and of found over foreseen."""
    foreseen, gaps = np.log([(edge.foreseen, edge.found) for edge in found if edge.kind == kind]).T
    return foreseen, gaps - foreseen


def _location(kind: str, found: tuple[Edge, ...]) -> Check:
    foreseen, off = _pairs(kind, found)
    # what varies along the edge is the next check's: only the scatter about a line counts against the mean
    line = np.polyval(np.polyfit(foreseen, off, 1), foreseen)
    mean, low, high = np.exp(checks.mean_interval(off - line + off.mean()))
    return checks.inside(
        f"edge of {kind}: gap at which it is over the one foreseen, {len(off)} starts",
        f"1 to {100 * ROOM:.0f} %",
        mean,
        (1.0 - ROOM, 1.0 + ROOM),
        f"{REASONS[kind]}; Student interval of the geometric mean over independent starts",
        (low, high),
    )


def _exponent(kind: str, found: tuple[Edge, ...]) -> Check:
    foreseen, off = _pairs(kind, found)
    slope, low, high = checks.slope_interval(foreseen, off)
    return checks.inside(
        f"edge of {kind}: exponent of the gap over the one foreseen, {len(off)} starts",
        f"1 to {100 * ROOM:.0f} %: gap^q with q = 3, not 2.7 or 3.3",
        1.0 + slope,
        (1.0 - ROOM, 1.0 + ROOM),
        "slope of log gap found on log gap foreseen as N and noise_std vary; the room is that of the location at one "
        "end of a factor e; Student interval over independent starts",
        (1.0 + low, 1.0 + high),
    )


def _panel(found: tuple[Edge, ...]) -> Panel:
    reach = np.array([min(edge.foreseen for edge in found), max(edge.foreseen for edge in found)])
    points = []
    for kind, label in (("escape", "robust by signal above it"), ("overfitting", "overfitting below it")):
        chosen = [edge for edge in found if edge.kind == kind]
        gaps = np.array([(edge.foreseen, edge.found) for edge in chosen])
        points.append(Series("points", f"edge of {kind}: {label}", gaps[:, 0], gaps[:, 1]))
    return Panel(
        "Edges of the phase diagram, start by start",
        "gap = 1 - radius / signal strength at which the edge is foreseen",
        "gap at which it is",
        (Series("line", "equal", reach, reach), *points),
        "log",
        "log",
    )


CLAIMS = (
    Claim(
        name="phase-edges",
        title="three phases and their two edges",
        statement="Robust overfitting, memorised yet robust, robust by signal: memorised iff T_mem < T_esc, i.e. "
        "(gap alpha)^q u_p^(q-2) N < kappa v_max^(q-2); overfitting iff gap^q a is below the quartile of S.",
        source="derived here; not in arXiv 2306.01271",
        kind="derived here",
        study=edge_study,
        rules=edges,
        worlds=(
            World("the attack leaves gap^2.7 of the signal, not gap^3", gap=raised_to(0.9)),
            World("the attack leaves gap^2.4", gap=raised_to(0.8)),
        ),
        cost=12.0,
    ),
)
