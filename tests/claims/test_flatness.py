"""The claims about flatness: supported, refutable, and missed by mutated formulas."""

import pytest

from cgrosim.claims.catalogue import flatness, flatness_likely, flatness_order, flatness_rise
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.claims.flatness_runs import follow, order_by, slices
from cgrosim.studies.flatness import experiment
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize("claim", flatness.CLAIMS + flatness_rise.CLAIMS, ids=lambda claim: claim.name)
def test_supported_with_rejected_wrong_worlds(verdict_of, claim):
    verdict = verdict_of(claim)
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")
    assert not verdict.unkilled


def test_a_rise_that_is_promised_too_high_is_found(monkeypatch):
    true = flatness_rise.least_mean_rise
    monkeypatch.setattr(flatness_rise, "least_mean_rise", lambda *values: 1.1 * true(*values))
    assert combine(flatness_rise.CLAIMS[0].measure(Context("quick"), CLAIMED).checks) == "violated"


@pytest.mark.slow
def test_the_order_is_supported_and_those_of_training_points_and_of_no_ball_are_not(verdict_of):
    verdict = verdict_of(flatness_order.CLAIMS[0])
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")


def test_few_replicates_have_the_order_of_the_ball_alone(monkeypatch):
    monkeypatch.setattr(flatness_order, "REPLICATES", (4, 4))
    claim = flatness_order.CLAIMS[0]
    found = [claim.measure(Context(), world).checks[0].measured for world in (CLAIMED, *claim.worlds)]
    assert found[1] < 0.0 < found[2] < 0.5 < flatness_order.LEAST < found[0]


def test_every_check_of_the_likely_bound_is_violated_in_a_wrong_world():
    claim = flatness_likely.CLAIMS[0]
    twice, fewer = ([c.outcome for c in claim.measure(Context(), world).checks] for world in claim.worlds[:2])
    assert twice == ["violated"] * 4 + ["supported"]  # the last one is a guard
    assert fewer[0] == "violated"
    assert combine(claim.measure(Context(), CLAIMED).checks) == "supported"


@pytest.mark.parametrize("name", ["margin_change", "margin_slope", "global_flatness"])
def test_the_landscape_misses_a_slightly_wrong_formula(name, monkeypatch):
    true = getattr(flatness, name)
    monkeypatch.setattr(flatness, name, lambda *values, **named: true(*values, **named) * (1 + 1e-8))
    assert combine(flatness.CLAIMS[0].measure(Context("quick"), CLAIMED).checks) == "violated"


@pytest.mark.parametrize("name", ["lipschitz_gap_bound", "transport_gap_bound", "cell_gap_bound"])
def test_a_bound_that_is_too_small_is_broken(name, monkeypatch):
    """A tenth of each bound: random cases must come near the true one for the check to mean anything."""
    true = getattr(flatness, name)
    monkeypatch.setattr(flatness, name, lambda *values, **named: 0.1 * true(*values, **named))
    assert combine(flatness.CLAIMS[1].measure(Context("quick"), CLAIMED).checks) == "violated"


def test_rank_correlations_of_moments_and_their_slices():
    moments = [moment for width in (4, 8) for moment in follow(experiment(1, neurons=width), (10, 100), 50)]
    assert -1 <= order_by(moments) <= 1
    assert len(slices(moments, "step")) == 2
    assert all(abs(value) == pytest.approx(1.0) for value in slices(moments, "neurons"))
    assert order_by(moments[:1]) != order_by(moments[:1])  # one point has no order: nan
