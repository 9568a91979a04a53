"""Lemma L7, Gaussian chaos: variance, symmetry, tail and small ball searched for violations, with exact probabilities.

Neurons in two dimensions, S = sum_r a_r phi(w_r . g): S = R^q Y(angle) with R^2 exponential, so every probability is a
periodic integral and no Monte Carlo error enters.
"""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from scipy.special import erfc, log_ndtr, logsumexp
from searching import breaks, check
from tail_forms import asymptotic_tail_constant, log_tail_bound_shifted, log_tail_bound_simple

from cgrosim.theory.chaos import log_tail_bound, small_ball_bound
from cgrosim.theory.errors import chaos_error_bound, chebyshev_error_bound
from cgrosim.theory.noise_moments import gram_test_noise_std, noise_kurtosis

ANGLES = 2 * np.pi * (np.arange(4096) + 0.5) / 4096
Case = tuple[np.ndarray, np.ndarray, int, float]


@st.composite
def chaoses(draw: st.DrawFn) -> Case:
    """Weights (m, 2) of comparable and of very different lengths, signs, odd power, log-ratio t of |S| to sd."""
    count = draw(st.integers(1, 4))
    lengths = 10.0 ** np.array(draw(st.lists(st.floats(-2.0, 0.0), min_size=count, max_size=count)))
    angles = np.array(draw(st.lists(st.floats(0.0, np.pi), min_size=count, max_size=count)))
    signs = np.array(draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=count, max_size=count)))
    weights = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return weights / lengths.max(), signs, draw(st.sampled_from([1, 3, 5])), draw(st.floats(-6.0, 7.0))


def angular(case: Case) -> tuple[np.ndarray, float]:
    """Y at the angles, and the exact standard deviation of S from its closed form."""
    weights, signs, power, _ = case
    projections = weights @ np.stack([np.cos(ANGLES), np.sin(ANGLES)])
    deviation = gram_test_noise_std(weights @ weights.T, power=power, noise_std=1.0, patches=2, output_signs=signs)
    return signs @ projections**power, float(deviation)


def degenerate(case: Case, least: float = 1e-5) -> bool:
    """Cancelling weights leave a variance made of rounding: nothing to test."""
    weights, _, power, _ = case
    return angular(case)[1] < least * np.sum(np.linalg.norm(weights, axis=1) ** power)


def log_tail(case: Case) -> float:
    """log P(|S| >= e^t sd), exactly: P(R^q |Y| >= x) = mean of exp(-(x/|Y|)^(2/q)/2)."""
    heights, deviation = angular(case)
    with np.errstate(divide="ignore", over="ignore"):
        exponent = -0.5 * (np.exp(case[3]) * deviation / np.abs(heights)) ** (2.0 / case[2])
    return float(logsumexp(exponent) - np.log(ANGLES.size))


def tail_violation(bound: Callable[[float, int], np.ndarray]) -> Callable[[Case], float]:
    def violation(case: Case) -> float:
        return -1.0 if degenerate(case) else log_tail(case) - float(bound(float(np.exp(case[3])), case[2]))

    return violation


def variance_violation(case: Case) -> float:
    """Relative distance of the closed-form variance from the angular one, E S^2 = 2^q q! mean Y^2."""
    if degenerate(case):
        return 0.0
    heights, deviation = angular(case)
    factor = 2.0 ** case[2] * np.prod(np.arange(1, case[2] + 1))
    return abs(float(factor * np.mean(heights**2)) / deviation**2 - 1.0)


def kurtosis_violation(case: Case) -> float:
    # The fourth moment cancels to the fourth power: sd below 1e-2 of the sum of norms leaves under 1e-8 of its terms.
    if degenerate(case, 1e-2):
        return 0.0
    heights, deviation = angular(case)
    weights, signs, power, _ = case
    factor = 4.0**power * np.prod(np.arange(1.0, 2 * power + 1))
    exact = factor * np.mean(heights**4) / deviation**4
    return abs(noise_kurtosis(weights @ weights.T, power=power, output_signs=signs) / exact - 1.0)


def test_variance_identity() -> None:
    # The trapezoidal rule is exact for these trigonometric polynomials; cancellation up to 1e10 in the variance.
    check(chaoses(), variance_violation, tolerance=1e-5, examples=100)


def test_kurtosis_identity() -> None:
    # Rounding 2e-16 through a cancellation of 1e8 times the kurtosis of one neuron (733 at q = 5): 2e-5.
    check(chaoses(), kurtosis_violation, tolerance=1e-4, examples=20)


def test_quadrature_is_exact_for_one_neuron() -> None:
    for power in (1, 3, 5):
        for log_ratio in (-3.0, 0.0, 3.0, 6.0):
            case = (np.array([[1.0, 0.0]]), np.ones(1), power, log_ratio)
            size = np.exp(log_ratio) * angular(case)[1]
            exact = np.log(2.0) + log_ndtr(-(size ** (1.0 / power)))
            # 4096 points resolve the kinks of |Y|^(-2/q) at small t to 1e-3 in the probability, the tail to rounding.
            assert abs(log_tail(case) - exact) < (1e-9 if log_ratio >= 0 else 1e-3)


def test_tails_hold() -> None:
    for bound in (log_tail_bound_simple, log_tail_bound_shifted, log_tail_bound):
        check(chaoses(), tail_violation(bound), tolerance=1e-9, examples=80)


def test_the_best_bound_is_the_smallest() -> None:
    ratios = np.exp(np.linspace(-2.0, 20.0, 400))
    for power in (1, 3, 5, 9):
        best = log_tail_bound(ratios, power)
        brute = np.min(
            [p * (0.5 * power * np.log(p - 1.0) - np.log(ratios)) for p in 1.0 + np.exp(np.linspace(0, 45, 9001))],
            axis=0,
        )
        # A grid of ratio e^(1/200) is off by at most (q p/4)(1/400)^2 at its minimum.
        brute = np.where(ratios > 1, brute, 0.0)
        assert np.all(best <= brute + 1e-9 * np.abs(brute))
        assert np.all(best >= brute * (1 + 1e-5) - 1e-9)
        shifted = log_tail_bound_shifted(ratios, power)
        assert np.all(best <= shifted + 1e-12 * (1 + np.abs(shifted)))  # rounding
        assert np.all(shifted <= log_tail_bound_simple(ratios, power))


def test_sharper_tails_are_refuted() -> None:
    """Constants above the true exponent, a lighter power of t, and the bound below its range all fall."""
    # One neuron at q = 3 has exponent 15^(1/3)/2 = 1.233.
    assert breaks(chaoses(), tail_violation(lambda t, q: -1.3 / 0.552 * 0.5 * q / np.e * np.float64(t) ** (2 / q)))
    assert breaks(chaoses(), tail_violation(lambda t, q: -0.5 * np.float64(t) ** 2 / q))
    assert breaks(chaoses(), tail_violation(lambda t, q: -0.5 * q * (1 + np.float64(t) ** (2 / q) / np.e)))


def test_the_asymptotic_constant_is_approached_by_a_traceless_cubic() -> None:
    """x^3 - (3/n) x |y|^2 has sd^2 = 6 (1 + 3/n) and operator norm 1: its exponent tends to 6^(1/3)/2 = 0.909."""
    exponents = []
    for n in (2, 20, 400):
        neurons = np.concatenate([[1.0], np.zeros(n)])[None, :]
        # x y^2 = ((x + y)^3 + (x - y)^3 - 2 x^3)/6: two neurons for each y and a correction of the first.
        axes = np.eye(n + 1)[1:]
        scale = (1.0 / (2.0 * n)) ** (1 / 3)
        weights = np.concatenate([neurons * 2.0 ** (1 / 3), scale * (neurons + axes), scale * (neurons - axes)])
        signs = np.concatenate([[1.0], -np.ones(2 * n)])
        deviation = float(
            gram_test_noise_std(weights @ weights.T, power=3, noise_std=1.0, patches=2, output_signs=signs)
        )
        assert abs(deviation / np.sqrt(6.0 * (1 + 3.0 / n)) - 1.0) < 1e-9
        exponents.append(0.5 * deviation ** (2 / 3))
    limit = asymptotic_tail_constant(3)
    assert exponents[0] > exponents[1] > exponents[2] > limit
    assert exponents[2] - limit < 0.003
    assert limit > 1.5 / np.e


def small_ball_violation(case: Case, marginal: bool = False) -> float:
    weights, signs, power, log_ratio = case
    if len(signs) > 2 or degenerate(case):
        return -1.0
    gram = weights @ weights.T
    if np.linalg.cond(gram) > 1e8:
        return -1.0
    deviation = angular(case)[1]
    level = float(np.exp(log_ratio) * deviation)
    inside = -np.expm1(log_tail(case))
    widths = np.sqrt(np.diag(gram)) if marginal else None
    return inside - float(small_ball_bound(level, gram, power=power, noise_std=1.0, conditional=widths))


def test_small_balls_hold_for_any_weights() -> None:
    # The angular rule is accurate to 1e-3 where |Y| has zeros and t is small (checked above for one neuron).
    check(chaoses(), small_ball_violation, tolerance=1e-3, examples=100)


def test_small_ball_needs_the_conditional_width() -> None:
    assert breaks(chaoses(), lambda case: small_ball_violation(case, marginal=True), tolerance=1e-2)


def test_error_bounds_hold_for_any_weights() -> None:
    def violation(case: Case) -> float:
        if degenerate(case):
            return -1.0
        margin = np.exp(case[3]) * angular(case)[1]
        error = 0.5 * np.exp(log_tail(case))
        deviation = angular(case)[1]
        bounds = chaos_error_bound(margin, deviation, case[2]), chebyshev_error_bound(margin, deviation)
        return float(error - min(float(b) for b in bounds))

    check(chaoses(), violation, tolerance=1e-9, examples=80)


def test_gaussian_figure_is_exact_for_the_linear_activation() -> None:
    case = (np.array([[1.0, 0.0], [0.3, 0.4]]), np.ones(2), 1, 0.7)
    assert abs(np.exp(log_tail(case)) - erfc(np.exp(0.7) / np.sqrt(2))) < 1e-9
