"""The claim about the two edges of the phase diagram."""

import math
from functools import partial

import numpy as np
import pytest

from cgrosim.claims import phase_edges
from cgrosim.claims.catalogue.phase import CLAIMS, edges
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context, Verdict
from cgrosim.claims.phase_edges import Edge, foresee, phase_params
from cgrosim.predictions.clock import signal_flow
from cgrosim.run.session import simulate
from cgrosim.studies.world import CLAIMED


@pytest.mark.slow
def test_both_edges_are_where_they_are_foreseen_and_every_check_is_killed(verdict_of) -> None:
    verdict: Verdict = verdict_of(CLAIMS[0])
    assert verdict.verdict == "supported", verdict.evidence.checks
    assert not verdict.unkilled


def made_up(found_of, scatter=0.02) -> tuple[Edge, ...]:
    generator = np.random.default_rng(0)
    gaps = np.geomspace(0.01, 0.2, 12)
    noise = {kind: np.exp(scatter * generator.standard_normal(12)) for kind in phase_edges.PLACES}
    return tuple(
        Edge(kind, 4, 1.0, k, float(gap), float(found_of(gap) * noise[kind][k]))
        for kind in phase_edges.PLACES
        for k, gap in enumerate(gaps)
    )


@pytest.mark.parametrize(
    ("found_of", "outcome"),
    [
        (lambda gap: gap, "supported"),
        (lambda gap: 1.15 * gap, "violated"),
        (lambda gap: 0.85 * gap, "violated"),
        (lambda gap: gap * (gap / 0.0447) ** 0.15, "violated"),  # right in the middle, a wrong exponent
    ],
)
def test_location_and_exponent_are_told_from_others(found_of, outcome) -> None:
    assert combine(edges(Context(), CLAIMED, made_up(found_of)).checks) == outcome


def test_a_start_is_escaped_above_its_edge_and_memorised_below() -> None:
    params = phase_params(3, gap=0.05, samples=4)
    told = foresee(params)
    assert told.overfitting < told.escape
    for gap, first in ((1.1 * told.escape, False), (told.escape / 1.1, True)):
        run = simulate(params.replace(gap=gap, steps=math.ceil(10.0 * told.median_time)))
        times = np.nan_to_num(run.data["memorization_time"].values, nan=np.inf)
        escape = np.nan_to_num(float(run.data["escape_time"]), nan=np.inf)
        assert bool(np.median(times) < escape) is first


def test_the_foreseen_edge_of_escape_solves_its_equation() -> None:
    told = foresee(phase_params(4, gap=0.2, samples=6))
    starts = phase_edges._start(phase_params(4, gap=0.2, samples=6))[0]
    flow = partial(signal_flow, signal=starts.signal)
    at = phase_params(4, gap=told.escape, samples=6)
    assert flow(at).escape_time() == pytest.approx(told.pushed, rel=5e-3)  # gap to 1e-3, its third power
