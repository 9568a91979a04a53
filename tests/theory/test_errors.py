"""Moments, laws and bounds of the test-time noise, against exact cubature, quadrature and closed forms."""

from itertools import pairwise, product

import mpmath
import numpy as np
import pytest
from dominated import dominated_error
from scipy.integrate import quad
from scipy.special import erf, ndtr

from cgrosim.theory.chaos import conditional_deviations, small_ball_bound, small_ball_one_neuron
from cgrosim.theory.errors import (
    attacked_signal_margin,
    chaos_error_bound,
    chebyshev_error_bound,
    fourth_moment_error_bound,
    gaussian_error,
    robust_error_lower_bound,
    signal_margin,
)
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.noise_moments import (
    correlated_activation_moment,
    gram_test_noise_std,
    hermite_activation_moment,
    log_absolute_moment,
    noise_kurtosis,
)


def random_gram(neurons: int, seed: int) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(neurons, neurons + 1))
    return factor @ factor.T


def polynomial_moments(gram: np.ndarray, power: int, signs: np.ndarray) -> tuple[float, float]:
    """E S^2 and E S^4 by Gauss-Hermite cubature, exact for polynomials of degree below twice the number of nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(2 * power + 1)
    weights = weights / weights.sum()
    factor = np.linalg.cholesky(gram)
    second = fourth = 0.0
    for index in product(range(nodes.size), repeat=gram.shape[0]):
        value = float(np.sum(signs * (factor @ nodes[list(index)]) ** power))
        mass = float(np.prod(weights[list(index)]))
        second, fourth = second + mass * value**2, fourth + mass * value**4
    return second, fourth


@pytest.mark.parametrize(("neurons", "power"), [(1, 3), (2, 3), (3, 3), (2, 5), (2, 1)])
def test_variance_and_kurtosis_are_exact(neurons: int, power: int) -> None:
    gram = random_gram(neurons, 10 * neurons + power)
    signs = np.array([1.0, -1.0, 1.0])[:neurons]
    second, fourth = polynomial_moments(gram, power, signs)
    deviation = gram_test_noise_std(gram, power=power, noise_std=1.0, patches=2, output_signs=signs)
    assert deviation**2 == pytest.approx(second, rel=1e-11)
    kurtosis = noise_kurtosis(gram, power=power, output_signs=signs)
    assert kurtosis == pytest.approx(fourth / second**2, rel=1e-10)
    more = noise_kurtosis(gram, power=power, patches=5, output_signs=signs)
    assert more - 3 == pytest.approx((kurtosis - 3) / 4, rel=1e-12)


def test_cubic_variance_is_isserlis() -> None:
    gram = random_gram(6, 1)
    diagonal = np.diag(gram)
    by_hand = 4 * 0.3**6 * np.sum(9 * np.outer(diagonal, diagonal) * gram + 6 * gram**3)
    assert gram_test_noise_std(gram, power=3, noise_std=0.3, patches=5) ** 2 == pytest.approx(by_hand, rel=1e-12)
    assert noise_kurtosis(np.eye(1)) == pytest.approx(10395 / 225, rel=1e-13)
    assert noise_kurtosis(np.ones((4, 4))) == pytest.approx(10395 / 225, rel=1e-13)
    assert noise_kurtosis(np.eye(9)) == pytest.approx(3 + (10395 / 225 - 3) / 9, rel=1e-13)


@pytest.mark.parametrize("power", [1, 3, 5, 9])
def test_hermite_and_hypergeometric_forms_agree(power: int) -> None:
    correlation = np.linspace(-1, 1, 41)
    exact = hermite_activation_moment(correlation, power)
    assert correlated_activation_moment(correlation, power) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("power", [2.0, 2.01, 2.5, 4.0, 6.3])
@pytest.mark.parametrize("correlation", [-0.99, 0.05, 0.6, 0.999])
def test_activation_moment_for_any_power(power: float, correlation: float) -> None:
    """E[phi(x) phi(y)] in polar coordinates: R^(2q) times an angular integral, in extended precision."""
    with mpmath.workdps(20):
        q, rho = mpmath.mpf(power), mpmath.mpf(correlation)
        root = mpmath.sqrt(1 - rho**2)

        def phi(z: mpmath.mpf) -> mpmath.mpf:
            return mpmath.sign(z) * abs(z) ** q

        kink = mpmath.atan(-rho / root) % mpmath.pi
        knots = sorted([0, kink, mpmath.pi / 2, mpmath.pi])
        angular = mpmath.quad(lambda t: phi(mpmath.cos(t)) * phi(rho * mpmath.cos(t) + root * mpmath.sin(t)), knots)
        exact = float(mpmath.gamma(q + 1) * 2**q * angular / mpmath.pi)
    assert float(correlated_activation_moment(correlation, power)) == pytest.approx(exact, rel=1e-9)


def test_deviation_survives_dimension_1e15() -> None:
    dimension = 1e15
    noise_std, energy = dimension**-0.509, np.log(dimension)
    deviation = gram_test_noise_std(energy * np.eye(8), power=20.0, noise_std=noise_std, patches=2)
    logarithm = 0.5 * (np.log(8) + log_absolute_moment(40.0)) + 20 * np.log(noise_std * np.sqrt(energy))
    assert deviation == pytest.approx(float(np.exp(logarithm)), rel=1e-12)
    assert gram_test_noise_std(np.zeros((2, 2)), power=3, noise_std=1.0, patches=2) == 0.0
    batch = np.stack([random_gram(3, 1), random_gram(3, 2)])
    both = gram_test_noise_std(batch, power=2.5, noise_std=0.1, patches=3)
    assert both[1] == gram_test_noise_std(batch[1], power=2.5, noise_std=0.1, patches=3)


@pytest.mark.parametrize("power", [2.0, 3.0, 4.5])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (1.0, 0.3), (2.0, 0.02)])
def test_law_of_two_terms(power: float, scales: tuple[float, float]) -> None:
    law = IndependentNoiseLaw(scales, power)
    first, second = scales
    for level in (0.0, 1e-3, 0.4, 3.0, 200.0):
        corner = level ** (1 / power) / second

        def integrand(g: float, level: float = level) -> float:
            rest = level - np.sign(g) * abs(second * g) ** power
            return np.exp(-0.5 * g * g) * ndtr(-np.sign(rest) * abs(rest) ** (1 / power) / first)

        knots = sorted({-9.0, -2.0, 0.0, min(corner, 38.0), min(corner, 38.0) + 1, 9.0 + min(corner, 38.0)})
        exact = sum(quad(integrand, a, b, limit=400, epsabs=0, epsrel=1e-9)[0] for a, b in pairwise(knots))
        exact /= np.sqrt(2 * np.pi)
        assert law.survival(level) == pytest.approx(exact, rel=2e-6)  # the stated accuracy
        assert law.survival(-level) == pytest.approx(1 - exact, rel=2e-6)


def test_law_of_many_terms_has_the_exact_variance_and_kurtosis() -> None:
    scales = np.array([1.0, 0.9, 0.7, 0.7, 0.2])
    law = IndependentNoiseLaw(scales, 3.0)
    gram = np.diag(scales**2)
    deviation = float(gram_test_noise_std(gram, power=3, noise_std=1.0, patches=2))
    # E S^2 = 4 int_0^inf x P(S > x) dx, with x = z^3; likewise the fourth moment.
    second = 4 * quad(lambda z: 3 * z**5 * law.survival(z**3), 0, 15, limit=200)[0]
    fourth = 8 * quad(lambda z: 3 * z**11 * law.survival(z**3), 0, 25, limit=200)[0]
    assert second == pytest.approx(deviation**2, rel=1e-6)
    assert fourth / second**2 == pytest.approx(noise_kurtosis(gram), rel=1e-5)
    assert law.survival([1e9, -1e9]).tolist() == [0.0, 1.0]
    assert law.survival(0.0) == pytest.approx(0.5, abs=1e-9)


def test_one_neuron_is_the_error_function() -> None:
    margins = np.array([-3.0, 0.0, 1e-3, 2.0, 100.0])
    law = IndependentNoiseLaw([0.4], 3.0)
    assert law.error_at(margins) == pytest.approx(dominated_error(margins, 0.4, 3.0), rel=1e-12)
    deviation = float(gram_test_noise_std([[0.16]], power=3, noise_std=1.0, patches=2))
    ball = small_ball_one_neuron(0.02, 3.0)
    assert 1 - 2 * dominated_error(0.02 * deviation, 0.4, 3.0) == pytest.approx(float(ball), rel=1e-10)
    assert ball == pytest.approx(erf((0.02 * np.sqrt(15)) ** (1 / 3) / np.sqrt(2)), rel=1e-13)


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 1.0), (1.0, 0.5, 0.5, 0.5, 0.5)])
def test_bounds_hold_and_keep_their_order(scales: tuple[float, ...]) -> None:
    law = IndependentNoiseLaw(scales, 3.0)
    gram = np.diag(np.square(scales))
    deviation = gram_test_noise_std(gram, power=3, noise_std=1.0, patches=2)
    margins = deviation * np.array([-1.0, 1e-6, 0.3, 1.0, 3.0, 10.0, 100.0, 3000.0])
    error = law.error_at(margins)
    chebyshev = chebyshev_error_bound(margins, deviation)
    fourth = fourth_moment_error_bound(margins, deviation, noise_kurtosis(gram))
    chaos = chaos_error_bound(margins, deviation, 3)
    for bound in (chebyshev, fourth, chaos):
        assert np.all(error <= bound)
    assert np.all(chaos <= chebyshev * (1 + 1e-12))
    positive = margins > 0
    assert np.all(chebyshev[positive] <= deviation**2 / (deviation**2 + margins[positive] ** 2) * (1 + 1e-12))
    lower = robust_error_lower_bound(margins, gram, power=3.0, noise_std=1.0)
    assert np.all(lower <= error + 1e-9)
    # The Gaussian figure is not a bound: the heavy tail passes it far out.
    assert gaussian_error(margins[-2], deviation) < error[-2]


def test_lower_bound_is_an_equality_for_one_neuron() -> None:
    margins = np.array([1e-12, 1e-3, 0.5])
    lower = robust_error_lower_bound(margins, [[0.25]], power=3.0, noise_std=2.0)
    assert lower == pytest.approx(dominated_error(margins, 1.0, 3.0), rel=1e-12)
    assert robust_error_lower_bound(-1.0, [[0.25]], power=3.0, noise_std=2.0) == 0.5


def test_conditional_deviations_are_schur_complements() -> None:
    gram = random_gram(4, 3)
    for r, value in enumerate(conditional_deviations(gram)):
        rest = np.delete(np.arange(4), r)
        cross = gram[r, rest]
        schur = gram[r, r] - cross @ np.linalg.solve(gram[np.ix_(rest, rest)], cross)
        assert value**2 == pytest.approx(schur, rel=1e-9)
    assert conditional_deviations(np.ones((2, 2))).tolist() == [0.0, 0.0]
    assert small_ball_bound(0.1, np.ones((2, 2)), power=3.0, noise_std=1.0) == 1.0
    assert small_ball_bound(0.0, np.ones((2, 2)), power=3.0, noise_std=1.0) == 0.0


def test_margins_of_both_signs_of_the_signal() -> None:
    total = np.array([0.02, -0.02])
    assert signal_margin(total, signal_strength=5.0, power=3.0) == pytest.approx([2.5, -2.5])
    hit = attacked_signal_margin(total, signal_strength=5.0, power=3.0, gap=0.1)
    assert hit == pytest.approx([2.5e-3, -2.5 * 1.9**3])
    moved = attacked_signal_margin(total, signal_strength=5.0, power=3.0, gap=0.1, threat="fixed_direction")
    assert moved == pytest.approx([2.5e-3, -2.5e-3])


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="square"):
        gram_test_noise_std(np.ones((2, 3)), power=3, noise_std=1.0, patches=2)
    with pytest.raises(ValueError, match="non-negative"):
        gram_test_noise_std(-np.eye(2), power=3, noise_std=1.0, patches=2)
    with pytest.raises(ValueError, match="odd integer"):
        noise_kurtosis(np.eye(2), power=4)
    with pytest.raises(ValueError, match="scales"):
        IndependentNoiseLaw([0.0], 3.0)
