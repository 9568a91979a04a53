"""The judge itself: every statistic against SciPy or a closed form, coverage, size and power, and what is no number.

Coverage and size are computed exactly where the law is discrete. Where samples are drawn, the bounds of the counts are
those that a true rate leaves with probability 1e-6, so that all of them together fail for no reason once in 1e5 times.
"""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from cgrosim.claims import checks
from cgrosim.claims.checks import Check, combine, decide

RNG = np.random.default_rng(20)
CHANCE = 1e-6


def supported(outcome):
    return Check("", "", 0, 0, 0, 0, 0, "", 0, outcome)


@pytest.mark.parametrize(
    ("interval", "outcome"),
    [
        ((0.2, 0.8), "supported"),
        ((0.0, 1.0), "supported"),  # the region is closed
        ((-0.1, 0.5), "underpowered"),
        ((0.5, 1.1), "underpowered"),
        ((-1.0, 2.0), "underpowered"),
        ((-0.5, 0.0), "underpowered"),  # it touches
        ((1.0, 1.5), "underpowered"),
        ((-0.5, -1e-300), "violated"),
        ((1.0 + 1e-15, 1.5), "violated"),
        ((math.nan, 0.5), "violated"),
        ((0.5, math.nan), "violated"),
        ((-math.inf, math.inf), "underpowered"),
        ((math.inf, math.inf), "violated"),
    ],
)
def test_an_interval_is_inside_outside_or_neither(interval, outcome):
    assert decide(*interval, 0.0, 1.0) == outcome


def test_one_violation_violates_and_nothing_supports_nothing():
    by_name = {name: supported(name) for name in ("supported", "violated", "underpowered")}
    assert combine([by_name["supported"]] * 2) == "supported"
    assert combine([by_name["supported"], by_name["underpowered"]]) == "underpowered"
    assert combine([by_name["underpowered"], by_name["violated"]]) == "violated"
    assert combine([]) == "underpowered"


def test_an_identity_is_judged_by_its_largest_error():
    for error, outcome in ((0.0, "supported"), (1e-12, "supported"), (1.001e-12, "violated"), (math.nan, "violated")):
        check = checks.exact("a", "b", error, 1e-12, "c")
        assert (check.outcome, check.error_rate, check.allowed_low, check.allowed_high) == (outcome, 0.0, 0.0, 1e-12)
    assert (check.name, check.prediction, check.reason) == ("a", "b", "c")


def test_a_measurement_without_an_interval_has_no_error_rate():
    plain = checks.inside("a", "b", 0.5, (0.0, 1.0), "c")
    assert dataclasses.astuple(plain) == ("a", "b", 0.5, 0.5, 0.5, 0.0, 1.0, "c", 0.0, "supported", "")
    random = checks.inside("a", "b", 0.5, (0.0, 1.0), "c", (0.4, 1.2), 1e-3)
    assert (random.low, random.high, random.error_rate, random.outcome) == (0.4, 1.2, 1e-3, "underpowered")
    assert checks.inside("a", "b", 0.5, (0.0, 1.0), "c", (0.4, 0.6)).error_rate == checks.ERROR_RATE
    assert checks.guard(plain, "why") == dataclasses.replace(plain, cannot_fail="why")


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 10), (5, 10), (10, 10), (0, 1), (1, 1), (37, 1000)])
@pytest.mark.parametrize("rate", [0.05, 5e-6])
def test_the_interval_of_a_proportion_is_that_of_scipy(successes, trials, rate):
    expected = stats.binomtest(successes, trials).proportion_ci(1.0 - rate, method="exact")
    # 1 - rate loses 2e-16 of rate: 4e-11 of it, and as much of the ends
    np.testing.assert_allclose(checks.clopper_pearson(successes, trials, rate), expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("trials", [1, 2, 7, 30])
def test_the_interval_of_a_proportion_covers_every_proportion(trials):
    """Exactly: the probability of the counts whose interval misses p, over a grid of p."""
    ends = np.array([checks.clopper_pearson(k, trials, 0.05) for k in range(trials + 1)])
    for p in np.linspace(0.0, 1.0, 101):
        missed = (ends[:, 0] > p) | (p > ends[:, 1])
        assert stats.binom.pmf(np.arange(trials + 1), trials, p)[missed].sum() <= 0.05
    assert checks.clopper_pearson(0, 0) == (0.0, 1.0)


def test_rates_and_proportions_name_their_counts_and_use_their_interval():
    check = checks.success_rate("runs", 99, 100, 0.9, "why", 1e-3)
    assert check.name == "runs (99 of 100)"
    assert check.prediction == "succeeds on at least 0.9 of the seeds"
    assert (check.measured, check.low, check.high) == (0.99, *checks.clopper_pearson(99, 100, 1e-3))
    assert (check.allowed_low, check.allowed_high, check.error_rate, check.reason) == (0.9, 1.0, 1e-3, "why")
    assert checks.success_rate("", 5, 100, 0.9, "").outcome == "violated"
    share = checks.proportion("hits", 20, 100, (0.0625, 0.4), "why", 1e-3)
    assert (share.name, share.prediction) == ("hits (20 of 100)", "between 0.0625 and 0.4")
    assert (share.measured, share.low, share.high) == (0.2, *checks.clopper_pearson(20, 100, 1e-3))
    assert (share.outcome, share.allowed_low, share.allowed_high, share.error_rate) == ("supported", 0.0625, 0.4, 1e-3)
    assert checks.success_rate("", 1, 2, 0.1, "").error_rate == checks.ERROR_RATE
    assert checks.proportion("", 1, 2, (0.0, 1.0), "").error_rate == checks.ERROR_RATE


@pytest.mark.parametrize("sample", [RNG.standard_normal(50), np.repeat([0.0, 0.3], 20), np.array([0.7])])
def test_the_distance_of_a_law_is_that_of_scipy(sample):
    check = checks.law("a", sample, stats.norm.cdf, 0.5, "c", error_rate=1e-3)
    assert check.measured == pytest.approx(stats.kstest(sample, "norm").statistic, abs=1e-15)
    critical = stats.kstwo.isf(1e-3, len(sample))
    assert check.low == pytest.approx(max(0.0, check.measured - critical), abs=1e-15)
    assert check.high == pytest.approx(min(1.0, check.measured + critical), abs=1e-15)
    assert f"n = {len(sample)}, sees {2 * critical:.3g} and more" in check.prediction
    assert (check.allowed_low, check.allowed_high) == (0.0, 0.5)


def test_a_law_is_supported_only_where_the_test_would_have_seen_the_resolution():
    sample = stats.norm.ppf((np.arange(100) + 0.5) / 100)  # as even as can be: its distance is 1/200
    critical = stats.kstwo.isf(checks.ERROR_RATE, 100)
    for resolution, outcome in ((2.001 * critical, "supported"), (1.999 * critical, "underpowered")):
        check = checks.law("", sample, stats.norm.cdf, resolution, "")
        assert (check.outcome, check.measured) == (outcome, pytest.approx(0.005))
    shifted = checks.law("", sample + 1.0, stats.norm.cdf, 1.0, "")  # distance 2 Phi(1/2) - 1 = 0.38
    assert shifted.outcome == "violated"
    assert checks.law("", sample + 1.0, stats.norm.cdf, 1.0, "", systematic=0.4).outcome == "supported"
    allowed = checks.law("", sample, stats.norm.cdf, 0.3, "", systematic=0.1)
    assert (allowed.allowed_high, "at most 0.1" in allowed.prediction) == (pytest.approx(0.4), True)


@pytest.mark.parametrize("sample", [np.array([0.1, math.nan, 0.3] * 100), np.full(300, math.nan)])
def test_what_is_no_number_has_no_law(sample):
    good = np.linspace(0.001, 0.999, 300)
    assert checks.law("", sample, lambda x: x, 1.0, "").outcome == "violated"
    assert checks.law("", good, lambda x: np.where(x > 0.5, np.nan, x), 1.0, "").outcome == "violated"
    assert checks.same_law("", sample, good, 1.0, "").outcome == "violated"
    assert checks.same_law("", good, sample, 1.0, "").outcome == "violated"
    assert math.isnan(checks.same_law("", good, sample, 1.0, "").measured)


def counts_within(count, trials, rate):
    return stats.binom.cdf(count, trials, rate) > CHANCE and stats.binom.sf(count - 1, trials, rate) > CHANCE


def test_laws_have_their_size():
    """At an error rate of 5 % one sample in twenty of the law itself is called violated; two samples at most."""
    trials = 300
    one = sum(checks.law("", RNG.random(20), lambda x: x, 1.0, "", error_rate=0.05).outcome == "violated"
              for _ in range(trials))  # fmt: skip
    assert counts_within(one, trials, 0.05)
    two = sum(checks.same_law("", RNG.random(25), RNG.random(20), 1.0, "", 0.05).outcome == "violated"
              for _ in range(trials))  # fmt: skip
    assert stats.binom.sf(two - 1, trials, 0.05) > CHANCE  # the limiting law is conservative


@pytest.mark.parametrize(("first", "second"), [(RNG.random(30), RNG.random(47)), (np.repeat([0, 1.0], 9), np.ones(5))])
def test_the_distance_of_two_samples_is_that_of_scipy(first, second):
    check = checks.same_law("a", first, second, 0.5, "c", 1e-3)
    assert check.measured == pytest.approx(stats.ks_2samp(first, second).statistic, abs=1e-15)
    n, m = len(first), len(second)
    critical = stats.kstwobign.isf(1e-3) * math.sqrt(1 / n + 1 / m)
    assert (check.low, check.high) == (max(0.0, check.measured - critical), min(1.0, check.measured + critical))
    assert check.prediction == f"the same law (n = {n} and {m}, sees a distance of {2 * critical:.3g} and more)"
    assert (check.allowed_high, check.error_rate, check.reason) == (0.5, 1e-3, "c")


def test_two_samples_are_told_apart_or_not_large_enough():
    even = np.linspace(0.0, 1.0, 2000)
    critical = stats.kstwobign.isf(checks.ERROR_RATE) * math.sqrt(2 / 2000)
    assert checks.same_law("", even, even, 2.001 * critical, "").outcome == "supported"
    assert checks.same_law("", even, even, 1.999 * critical, "").outcome == "underpowered"
    assert checks.same_law("", even, even + 0.2, 1.0, "").outcome == "violated"


@pytest.mark.parametrize("rate", [0.05, 5e-6])
def test_means_and_slopes_are_those_of_scipy(rate):
    x, y = RNG.standard_normal((2, 12))
    low, high = stats.t.interval(1 - rate, 11, x.mean(), stats.sem(x))
    np.testing.assert_allclose(checks.mean_interval(x, rate), (x.mean(), low, high), rtol=1e-9)
    fit = stats.linregress(x, y)
    half = stats.t.isf(rate / 2, 10) * fit.stderr
    np.testing.assert_allclose(checks.slope_interval(x, y, rate), (fit.slope, fit.slope - half, fit.slope + half))


def test_intervals_of_means_slopes_and_medians_cover():
    trials, rate, missed = 400, 0.05, dict.fromkeys(("mean", "slope", "median", "over seeds"), 0)
    x = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    seeds, sizes = np.repeat(np.arange(4), 5), np.tile(x, 4)
    for _ in range(trials):
        noise = RNG.standard_normal(20)
        found = {
            "mean": checks.mean_interval(noise[:5], rate),
            "slope": checks.slope_interval(x, noise[:5], rate),
            "median": checks.median_interval(noise, rate),
            "over seeds": checks.slope_over_seeds(sizes, noise, seeds, rate),
        }
        for name, (_, low, high) in found.items():
            missed[name] += not low <= 0.0 <= high
    for name in ("mean", "slope", "over seeds"):
        assert counts_within(missed[name], trials, rate), missed
    # the order statistics of rank 6 and 15 of 20: P(B < 6) = 0.0207 on either side
    assert counts_within(missed["median"], trials, 2 * stats.binom.cdf(5, 20, 0.5)), missed


@pytest.mark.parametrize("n", [1, 5, 6, 20, 101])
def test_the_interval_of_a_median_is_the_widest_that_is_needed(n):
    values = RNG.permutation(np.arange(n, dtype=float))
    median, low, high = checks.median_interval(values, 0.05)
    assert median == (n - 1) / 2
    if n < 6:  # 2 / 2^n is above 5 %
        assert (low, high) == (-math.inf, math.inf)
        return
    rank = int(low) + 1  # P(B < rank) <= rate / 2, and one more would be too many
    assert low == rank - 1
    assert high == n - rank
    assert stats.binom.cdf(rank - 1, n, 0.5) <= 0.025 < stats.binom.cdf(rank, n, 0.5)


def test_slopes_over_seeds_take_each_seed_by_itself():
    x = np.tile([1.0, 2.0, 3.0], 3)
    seeds = np.repeat([7, 3, 5], 3)
    y = np.repeat([10.0, -5.0, 0.0], 3) + np.repeat([2.0, 2.5, 3.0], 3) * x  # another offset and slope for every seed
    found = checks.slope_over_seeds(x, y, seeds)
    np.testing.assert_allclose(found, checks.mean_interval([2.0, 2.5, 3.0]), rtol=1e-12)
    assert checks.slope_over_seeds(x[:6], y[:6], seeds[:6])[1:] == (-math.inf, math.inf)
    assert checks.slope_over_seeds(x[:6], y[:6], seeds[:6])[0] == pytest.approx(2.25)
    alone = checks.slope_over_seeds(np.ones(4), np.arange(4.0), np.arange(4))  # one size each: no slope
    assert math.isnan(alone[0])
    assert alone[1:] == (-math.inf, math.inf)


def test_rank_correlations_are_those_of_scipy_with_ties_and_without():
    for x, y in ((RNG.random(30), RNG.random(30)), (np.repeat([1.0, 2.0, 3.0], 5), RNG.random(15))):
        value, low, high = checks.rank_correlation(x, y, 0.01)
        assert value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-14)
        half = stats.norm.isf(0.005) * math.sqrt(1.06 / (len(x) - 3))
        assert (low, high) == pytest.approx((math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)))
    perfect = checks.rank_correlation(np.arange(10.0), np.arange(10.0))
    assert perfect[0] == pytest.approx(1.0)
    assert perfect[0] - 1e-9 <= perfect[2] <= 1.0
    assert perfect[1] < 1.0 - 1e-11  # ten points do not prove a perfect order
    reverse = checks.rank_correlation(np.arange(10.0), -np.arange(10.0))
    assert -1.0 <= reverse[1] <= reverse[0] + 1e-9
    assert reverse[2] > -1.0 + 1e-11


def test_what_is_too_little_or_no_number_decides_nothing_in_favour():
    with pytest.warns(RuntimeWarning):
        mean = checks.mean_interval([1.0])
    assert math.isnan(mean[1])
    assert checks.inside("", "", mean[0], (0.0, 2.0), "", mean[1:]).outcome == "violated"
    for values in ([1.0, math.nan, 2.0], [math.nan] * 30):
        _, low, high = checks.mean_interval(values)
        assert checks.inside("", "", 0.0, (-9.0, 9.0), "", (low, high)).outcome == "violated"
    assert checks.rank_correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])[1:] == pytest.approx((math.nan,) * 2, nan_ok=True)
    assert checks.rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])[1:] == (-1.0, 1.0)
    assert checks.mean_interval([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)


def test_the_budget_holds_the_checks_that_the_comment_says():
    assert pytest.approx(checks.STATISTICAL_BUDGET) == checks.ERROR_RATE * 200
    assert pytest.approx(checks.STATISTICAL_BUDGET / 1000) == checks.EXACT_BUDGET
