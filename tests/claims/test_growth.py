"""The claims about signal growth: supported, refutable, and computed from bounds that mean something."""

import dataclasses

import numpy as np
import pytest

from cgrosim.claims.catalogue import growth, growth_law, growth_slopes
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize(
    "claim", growth.CLAIMS + growth_law.CLAIMS + growth_slopes.CLAIMS, ids=lambda claim: claim.name
)
def test_the_claims_are_supported_and_their_wrong_worlds_are_rejected(verdict_of, claim):
    verdict = verdict_of(claim)
    assert (verdict.verdict, verdict.rejection) == ("supported", "violated")


def test_the_window_misses_a_mutated_gap(monkeypatch):
    """A prediction that lets the attacked loss pull as hard as the clean one (gap 1) must be violated."""
    true_window = growth.window_of
    monkeypatch.setattr(growth, "window_of", lambda params, signal: true_window(params.replace(gap=1.0), signal))
    (window,) = growth.CLAIMS
    assert combine(window.measure(Context("quick"), CLAIMED).checks) == "violated"


def test_the_law_misses_a_mutated_rate(monkeypatch):
    true_law = growth_law.law_of
    monkeypatch.setattr(growth_law, "law_of", lambda p: dataclasses.replace(true_law(p), rate=2.0 * true_law(p).rate))
    (law,) = growth_law.CLAIMS
    assert combine(law.measure(Context("quick"), CLAIMED).checks) == "violated"


def test_the_distance_of_the_law_vanishes_with_the_start():
    distances = [growth_law.law_distance(growth_law.law_experiment(init_std=std)) for std in (1e-3, 5e-4, 5e-5)]
    assert np.all(np.diff(distances) < 0.0)
    assert distances[-1] < 0.01  # of which 1/400 is the grid


def test_a_slope_range_holds_every_line_between_its_bounds():
    weights = growth_slopes._weights(growth_slopes.SWEEPS[0])
    generator = np.random.default_rng(0)
    low, high = np.zeros((1, 5)), np.linspace(0.1, 0.5, 5)[None, :]
    least, most = growth_slopes._range(weights, low, high)
    slopes = generator.uniform(low, high, (500, 5)) @ weights
    assert np.all((least <= slopes) & (slopes <= most))
    assert growth_slopes.SWEEPS[1].exponent == -growth_slopes.POWER
