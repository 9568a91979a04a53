"""The phase diagram: memorise or escape, and memorised yet robust or overfitting: where both edges are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.phase_edges import PLACES, SCALES, Edge, edge_study, phase_params
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.world import Change, World, times

Array = NDArray[np.float64]

HYPOTHESES = ("gram-nearly-orthogonal", "signal-grows-first", "adversarial-weight-inside", "some-live-filter")
ROOM = {"escape": 0.01, "overfitting": 0.021}
REASONS = {
    "escape": "left out, of the gap: kicks, chi^2 / (2 q) = 0.001 at chi = 0.07; what samples push while they are "
    "memorised and after, (v(0) / 0.9)^(q-2) / (2 q) = 0.002; and that a signal about to escape and a sample about to "
    "be memorised hold each other up in the last gap a^(1/q) = 0.03 of the time, half of which over q is 0.004",
    "overfitting": "a winner of one sample more or less moves squared norms of single filters, and their mean over "
    "starts by a fraction of chi^2 / 2, the level by the q/2-th power of that and the gap by its root: chi^2 / 4 = "
    "0.02 at chi = 0.28",
}
SPAN = 1.4
"""The edges span a factor of e^1.4 in the gap and more: one that is off by the room at both ends, one way at one end
and the other way at the other, has an exponent that is off by 2 / 1.4 of it."""


def edges(context: Context, world: World, found: tuple[Edge, ...]) -> Evidence:
    """Location and exponent of both edges, over starts, none left out."""
    params = phase_params(0, gap=0.001, samples=24, scales=SCALES["escape"])
    chi = max(setting_of(phase_params(0, gap=0.001, samples=2, scales=scales)).coupling for scales in SCALES.values())
    return Evidence(
        checks=tuple(rule(kind, found) for kind in PLACES for rule in (_location, _exponent)),
        hypotheses=slacks(params, *HYPOTHESES),
        params=params,
        seeds=tuple(edge.seed for edge in found),
        tested_range="P = 2, m = 10, q = 3, lam = 1/2; escape at d = 1e8, init_std = d^-0.35, N = 4 and 24, "
        "overfitting at d = 1e6, init_std = d^-0.4, N = 2 and 4; noise_std 1 and 4 times d^-0.509, "
        f"chi up to {chi:.2g}: edges at gaps of {min(edge.foreseen for edge in found):.2g} to "
        f"{max(edge.foreseen for edge in found):.2g}",
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
        f"1 to {100 * ROOM[kind]:.0f} %",
        mean,
        (1.0 - ROOM[kind], 1.0 + ROOM[kind]),
        f"{REASONS[kind]}; Student interval of the geometric mean over independent starts",
        (low, high),
    )


def _exponent(kind: str, found: tuple[Edge, ...]) -> Check:
    foreseen, off = _pairs(kind, found)
    slope, low, high = checks.slope_interval(foreseen, off)
    room = 2.0 * ROOM[kind] / SPAN
    return checks.inside(
        f"edge of {kind}: exponent of the gap over the one foreseen, {len(off)} starts",
        f"1 to {100 * room:.1f} %: gap^q with q = 3, not {3 - 4.5 * room:.2g} or {3 + 4.5 * room:.2g}",
        1.0 + slope,
        (1.0 - room, 1.0 + room),
        "slope of log gap found on log gap foreseen as N and noise_std vary; twice the room of the location over the "
        f"{SPAN:g} that log gap spans at least; Student interval over independent starts",
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
            World("the attack leaves gap^2.8 of the signal, as much at 0.004", gap=Change(0.004**0.0667, 0.0, 0.9333)),
            World("noise 5 % stronger", noise_std=times(1.05)),
        ),
        cost=8.0,
    ),
)
