"""The claims about the theorem: their quick verdicts, their wrong worlds, and mutations they must notice."""

import numpy as np
import pytest

from cgrosim.claims.catalogue import (
    error_laws,
    fresh_noise,
    fresh_noise_variance,
    generalization,
    robust_distance,
    success,
    theorem,
    threat_gap,
)
from cgrosim.claims.checks import combine, slope_over_seeds
from cgrosim.claims.claim import Context
from cgrosim.studies.world import CLAIMED

QUICK = Context("quick", 0)
CLAIMS = {
    claim.name: claim
    for module in (
        error_laws,
        fresh_noise,
        fresh_noise_variance,
        generalization,
        robust_distance,
        success,
        theorem,
        threat_gap,
    )
    for claim in module.CLAIMS
}
FAST = ("fresh-noise-law", "fresh-noise-variance", "threat-gap")
SLOW = (
    "error-laws",
    "theorem-orders",
    "theorem-scaling",
    "clean-generalization-robust-overfitting",
    "robust-distance",
    "success-rate",
)


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_quick_verdict_is_supported_and_every_check_is_killed(verdict_of, name):
    verdict = verdict_of(CLAIMS[name])
    assert verdict.verdict == "supported", [c for c in verdict.evidence.checks if c.outcome != "supported"]
    assert verdict.rejection == "violated"
    assert not verdict.unkilled
    assert verdict.evidence.panels
    assert all(check.reason for check in verdict.evidence.checks)


def test_slope_over_seeds_takes_each_seed_as_one_replicate():
    generator = np.random.default_rng(0)
    x, seed = np.tile(np.arange(3.0), 2000), np.repeat(np.arange(2000), 3)
    slopes = generator.standard_normal(2000)  # a slope of its own for every seed, and no scatter about it
    value, low, high = slope_over_seeds(x, slopes[seed] * x + seed, seed, 0.0027)
    assert abs(value - slopes.mean()) < 1e-10
    # three standard errors 1/sqrt(2000) to either side, the standard deviation itself known to 1/sqrt(4000)
    assert 0.5 * (high - low) == pytest.approx(3.0 / np.sqrt(2000.0), rel=0.1)


def test_two_seeds_give_no_limits_of_a_slope():
    value, low, high = slope_over_seeds(np.tile([0.0, 1.0], 2), np.arange(4.0), np.array([0, 0, 1, 1]))
    assert value == pytest.approx(1.0)
    assert (low, high) == (-np.inf, np.inf)


@pytest.mark.slow
def test_the_windows_of_the_theorem_are_those_of_the_claimed_world(verdict_of):
    checks = verdict_of(CLAIMS["theorem-orders"]).trials[0].evidence.checks
    assert [check.outcome for check in checks[:3]] == ["violated"] * 3


def test_a_mutated_variance_formula_is_noticed(monkeypatch):
    true = fresh_noise_variance.gram_test_noise_std
    monkeypatch.setattr(fresh_noise_variance, "gram_test_noise_std", lambda *a, **k: 1.2 * true(*a, **k))
    outcomes = [check.outcome for check in fresh_noise_variance.measure_variance(QUICK, CLAIMED).checks]
    assert "violated" in outcomes


@pytest.mark.slow
def test_a_mutated_error_law_is_noticed(monkeypatch):
    true = error_laws.independent_law

    class Shifted:
        def __init__(self, run):
            self.law = true(run)

        def error_at(self, margin):
            return self.law.error_at(0.5 * np.asarray(margin))

    monkeypatch.setattr(error_laws, "independent_law", Shifted)
    assert combine(error_laws.measure_laws(QUICK, CLAIMED).checks) == "violated"
