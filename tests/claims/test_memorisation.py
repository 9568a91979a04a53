"""Claims about the memorisation time of each sample, the kicks between samples and the law of the times."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from cgrosim.claims.catalogue import memorisation, memorisation_kicks
from cgrosim.claims.checks import rank_correlation
from cgrosim.claims.claim import Claim, Verdict
from cgrosim.claims.memorisation_runs import decoupled_race, kick_deviation, kicked_race, measure_times
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.memorisation import overlaps_of, small_coupling
from cgrosim.studies.world import World

CLAIMS = (*memorisation.CLAIMS, *memorisation_kicks.CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_quick_decides_and_the_wrong_world_fails(verdict_of: Callable[[Claim], Verdict], claim: Claim) -> None:
    found = verdict_of(claim)
    assert found.verdict == "supported", found.evidence.checks
    assert found.rejection == "violated", found.trials[0].evidence.checks
    assert found.evidence.panels
    assert found.evidence.seeds


@pytest.mark.parametrize("claim", memorisation_kicks.CLAIMS, ids=lambda claim: claim.name)
def test_coupling_one_is_reported_as_a_finding(verdict_of: Callable[[Claim], Verdict], claim: Claim) -> None:
    assert "right only within a factor" in verdict_of(claim).evidence.finding


def test_without_overlaps_the_decoupled_times_are_exact() -> None:
    run = measure_times(small_coupling(1e4, 7, samples=12, init_exponent=-0.5), World("no overlaps", overlaps=False))
    both = np.isfinite(run.times) & np.isfinite(run.predicted)
    # the residual clean weight is bracketed by s(V) and e^-V: its share of the exposure after T_I is below 1e-3 here
    np.testing.assert_allclose(run.times[both], run.predicted[both], rtol=2e-3)


def test_the_race_without_kicks_is_the_decoupled_prediction() -> None:
    run = measure_times(small_coupling(1e6, 7, samples=12))
    race = kicked_race(run, np.zeros((12, 12)))
    # the race keeps the fastest feature alone and rounds event by event
    np.testing.assert_allclose(race.times, run.predicted, rtol=1e-9)
    assert race.winners.tolist() == decoupled_race(run).winners.tolist()


def test_kicks_with_the_wrong_sign_predict_worse_than_none() -> None:
    params = small_coupling(1e4, 3, samples=60, init_exponent=-0.5)
    run, overlaps = measure_times(params), overlaps_of(draw_gram(params))
    np.fill_diagonal(overlaps, 0.0)
    error = {}
    for name, scale in (("right", 1.0), ("none", 0.0), ("wrong", -1.0)):
        race = kicked_race(run, overlaps, scale).times
        both = np.isfinite(race) & np.isfinite(run.times)
        error[name] = float(np.median(np.abs(np.log(race[both] / run.times[both]))))
    assert error["right"] < error["none"] / 3 < error["wrong"]


def test_the_first_kick_moves_nobody_before_it_and_fades_with_dimension() -> None:
    small, large = (measure_times(small_coupling(d, 3, samples=30)) for d in (1e6, 1e10))
    first = int(np.argmin(small.exposure))
    assert kick_deviation(small)[first] == 0.0
    assert np.median(kick_deviation(large)) < np.median(kick_deviation(small)) / 2


def test_rank_correlation_interval_covers_at_its_rate() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        x = generator.standard_normal(60)
        y = 0.8 * x + 0.6 * generator.standard_normal(60)
        _, low, high = rank_correlation(x, y, 0.05)
        covered += low <= 6 / np.pi * np.arcsin(0.4) <= high  # Spearman's rho of a normal pair with correlation 0.8
    # 300 trials at 0.95: a binomial count below 270 has probability 2e-4; Fieller's variance is approximate
    assert covered >= 270


@pytest.mark.parametrize(("order", "outcome"), [(1.0, "supported"), (0.0, "violated"), (2.0, "violated")])
def test_the_order_of_the_error_in_chi_is_that_of_a_kick(order, outcome):
    """Errors of chi^order, beside kicks of chi that scatter from start to start as the errors do."""
    generator, runs, error, kick = np.random.default_rng(3), [], [], []
    for dimension in np.repeat([1e5, 1e6, 1e8, 1e10, 1e12], 4):
        params = small_coupling(float(dimension), 1)
        chi, start = setting_of(params).coupling, np.exp(0.5 * generator.standard_normal())
        runs.append(SimpleNamespace(params=params))
        kick.append(np.append(start * chi * np.ones(100), 0.0))  # the last one is kicked by nobody
        error.append(start * chi**order * generator.standard_normal(101))
    assert memorisation._order_check(runs, error, kick).outcome == outcome
