"""Closed forms at their limits and extremes, against independent formulas, quadrature and brute-force iteration."""

import math

import numpy as np
import pytest
from saturation_forms import logistic_saturation_bounds, logistic_saturation_log_time, power_saturation_late
from scipy import integrate, special, stats

from cgrosim.theory.initial_laws import GrowthTimeLaw, MaximumLaw, expected_maximum, noise_start_cdf, patch_energy_law
from cgrosim.theory.power_growth import grow, growth_integral, growth_start
from cgrosim.theory.saturation import logistic_saturation, power_saturation, power_saturation_log_time
from cgrosim.theory.tensor_power import (
    comparison_bound,
    comparison_log_margin,
    cumulative_rate_window,
    discretisation_factor,
    doubling_time_bound,
    growth_time_bound,
    rate_sandwich_time_bound,
    time_window,
)


def descend(start: float, target: float, rate: float, power: float) -> int:
    """Steps of x += rate x^{q-1} to the target, by iteration."""
    steps = 0
    while start < target:
        start += rate * start ** (power - 1)
        steps += 1
    return steps


class TestGrowthIntegral:
    @pytest.mark.parametrize("power", [2.0, 2.01, 2.5, 3.0, 7.3])
    def test_is_the_integral(self, power: float) -> None:
        exact, error = integrate.quad(lambda z: z ** (1 - power), 0.3, 5.0, epsabs=0, epsrel=1e-13)
        assert growth_integral(0.3, 5.0, power) == pytest.approx(exact, abs=4 * error, rel=1e-13)

    def test_is_smooth_through_power_two(self) -> None:
        """I = L (1 + e L/2 + ...) at q = 2 + e with v = 1, L = log(1/x): the first order is there."""
        logarithm = math.log(1e6)
        for excess in (1e-6, 1e-9, 1e-12):
            value = float(growth_integral(1e-6, 1.0, 2 + excess))
            relative = (value / logarithm - 1) / excess
            # I = (e^{eL} - 1)/e; next order e L^2/6, and 2 + e itself is rounded to 2.2e-16
            assert relative == pytest.approx(logarithm / 2, rel=excess * logarithm + 1e-3 * (1e-12 / excess) + 1e-9)

    def test_survives_extremes(self) -> None:
        assert growth_integral(1e-300, 1e300, 2.0) == pytest.approx(600 * math.log(10))
        assert growth_integral(1.0, np.inf, 2.5) == pytest.approx(2.0)
        assert growth_integral(1.0, 1 + 1e-15, 3.0) == pytest.approx(1.1102230246251565e-15, rel=1e-12)
        assert growth_integral(1e-100, 1.0, 6.0) == np.inf  # x^{-4} is beyond the largest float

    def test_refuses_what_is_not_growth(self) -> None:
        with pytest.raises(ValueError, match="power must be a finite number of at least 2"):
            growth_integral(1.0, 2.0, 1.5)
        with pytest.raises(ValueError, match="positive"):
            growth_integral(1.0, -2.0, 3.0)

    @pytest.mark.parametrize("power", [2.0, 2.0001, 3.0, 5.5])
    def test_value_and_start_invert_it(self, power: float) -> None:
        time = growth_integral(0.2, 3.0, power)
        # dx/dt = x^{q-1} at v = 3 multiplies a relative error of t by t v^{q-2} <= 3^3.5 (3/0.2)^3.5 / 3.5
        assert grow(0.2, time, power) == pytest.approx(3.0, rel=1e-11)
        assert growth_start(3.0, time, power) == pytest.approx(0.2, rel=1e-13)

    def test_value_blows_up(self) -> None:
        assert np.isinf(grow(2.0, [0.5, 1.0, 7.0], 3.0)).all()
        assert growth_start(np.inf, 4.0, 3.0) == pytest.approx(0.25)


class TestWindows:
    @pytest.mark.parametrize("power", [2.0, 2.01, 3.0, 4.5])
    def test_brackets_long_iterations_within_about_one_step(self, power: float) -> None:
        """T = 1e4 ... 1e5 steps over a factor of 10 to 100 in x: the window pins T, the flow time alone misses it."""
        start, target, rate = 0.1, 4.0, 2e-4
        steps = descend(start, target, rate, power)
        window = time_window(start, target, rate, power=power)
        assert window.lower <= steps <= window.upper
        # one step, plus q kappa with kappa = c v^{q-2} <= 0.0064
        assert window.upper - window.lower <= 1 + power * rate * target ** (power - 2)
        assert steps - float(growth_integral(start, target, power)) / rate > 0.4 * (power - 1) * math.log(40)

    def test_discretisation_factor_at_known_points(self) -> None:
        growth = np.array([0.0, 1e-12, 0.3, 50.0])
        assert discretisation_factor(growth, 3.0) == pytest.approx(1 + growth, rel=1e-15)
        assert discretisation_factor(1.0, 2.0) == pytest.approx(1 / math.log(2))
        assert discretisation_factor(0.7, 2 + 1e-9) == pytest.approx(discretisation_factor(0.7, 2.0), rel=1e-8)

    def test_corrections_are_continuous_where_series_and_formula_meet(self) -> None:
        """Both branches at g = 1e-5 differ by O(g^2) and by rounding eps / g = 2e-11."""
        for power in (2.0, 2.01, 3.0, 6.0):
            ends = [time_window(1.0, 1.001, 1e-5 * side, power=power).upper for side in (1 - 1e-9, 1 + 1e-9)]
            assert ends[0] == pytest.approx(ends[1], rel=3e-9)

    def test_reached_targets_take_no_time(self) -> None:
        assert time_window(2.0, 1.0, 0.1, power=3.0) == (0.0, 0.0)
        assert cumulative_rate_window(2.0, 1.0, 3.0, relative_growth=0.1) == (0.0, 0.0)
        assert doubling_time_bound(2.0, 1.0, 0.1) == 0.0
        assert rate_sandwich_time_bound(2.0, 1.0, 0.1, upper_rate=0.2) == 0.0

    def test_closed_form_for_the_cubic(self) -> None:
        expected = 1 + (1 / 0.01 - 1 / 5.0) / 0.3 + math.log(500)
        assert growth_time_bound(0.01, 5.0, 0.3, power=3.0) == pytest.approx(expected, rel=1e-13)

    def test_order_of_the_bounds(self) -> None:
        """The lemmas as published are implied by the sharp form."""
        sharp = growth_time_bound(1e-3, 1.0, 0.1, power=3.0)
        assert sharp < doubling_time_bound(1e-3, 1.0, 0.1) < rate_sandwich_time_bound(1e-3, 1.0, 0.1, upper_rate=0.1)
        assert doubling_time_bound(1e-3, 1.0, 0.1) == pytest.approx(2e4 * (1 - 2**-10) + 10)

    def test_bad_input_is_named(self) -> None:
        for start, target, rate, power in ((0.0, 1, 1, 3), (1, -1, 1, 3), (1, 2, 0, 3), (1, 2, 1, 1.9)):
            with pytest.raises(ValueError, match="must be"):
                time_window(start, target, rate, power=power)


class TestComparison:
    def test_cubic_closed_form(self) -> None:
        """With margin 1 + eps the bound is y_0 (1 + eps)/eps for q = 3."""
        margin = math.exp(comparison_log_margin(3.0, 0.5, 2.0, relative_growth=0.25, power=3.0))
        assert margin == pytest.approx(3.0 / (2.0 * 1.25 * 0.5))
        assert comparison_bound(3.0, 0.5, 2.0, relative_growth=0.25, power=3.0) == pytest.approx(
            0.5 * margin / (margin - 1), rel=1e-12
        )

    def test_no_margin_no_bound(self) -> None:
        assert comparison_bound(1.0, 1.0, 1.0, relative_growth=0.0, power=3.0, fast_value=np.inf) == np.inf
        assert comparison_bound(1.0, 1.0, 1.0, relative_growth=0.0, power=3.0, fast_value=2.0) == pytest.approx(2.0)

    def test_plain_factor_is_looser(self) -> None:
        assert comparison_bound(3.0, 0.5, 1.0, relative_growth=0.2, power=3.0) < comparison_bound(
            3.0, 0.5, 1.0, relative_growth=0.2, power=3.0, sharp=False
        )


class TestSaturation:
    def test_against_an_integrator(self) -> None:
        times = np.array([0.5, 3.0, 40.0])
        for start in (-4.0, 0.0, 3.0):
            solution = integrate.solve_ivp(
                lambda _, m: special.expit(-m), (0, 40), [start], t_eval=times, rtol=1e-12, atol=1e-12
            )
            # global error of the integrator: a few hundred steps at 1e-12
            assert logistic_saturation(times, 1.0, start) == pytest.approx(solution.y[0], abs=1e-9)

    def test_large_arguments(self) -> None:
        assert logistic_saturation_log_time(1e3) == pytest.approx(1e3, rel=1e-15)
        assert logistic_saturation([0.0, 1e12, 1e300], 1.0, 1e3) == pytest.approx([1e3, 1e3, 1e3], rel=1e-15)
        assert logistic_saturation(1e308, 1.0, 705.0) == pytest.approx(
            np.logaddexp(705.0, 308 * math.log(10)), rel=1e-13
        )
        assert logistic_saturation(10.0, 1.0, -1e3) == -990.0
        lower, upper = logistic_saturation_bounds(1e4)
        assert lower < logistic_saturation(1e4) < upper
        assert upper - lower < 1e-3  # log A / A

    def test_arrays_broadcast(self) -> None:
        assert logistic_saturation(np.ones((3, 1)), 2.0, np.zeros(4)).shape == (3, 4)

    @pytest.mark.parametrize("power", [2.0, 2.01, 3.0, 4.0, 9.0])
    def test_power_against_quadrature(self, power: float) -> None:
        exponent = 2 - 2 / power
        exact, _ = integrate.quad(lambda x: (1 + math.exp(x)) * x**-exponent, 0.05, 12.0, epsrel=1e-12, limit=500)
        assert math.exp(power_saturation_log_time(0.05, 12.0, power)) == pytest.approx(exact, rel=1e-11)

    def test_power_two_is_an_exponential_integral(self) -> None:
        exact = math.log(4.0 / 0.1) + special.expi(4.0) - special.expi(0.1)
        assert math.exp(power_saturation_log_time(0.1, 4.0, 2.0)) == pytest.approx(exact, rel=1e-13)

    def test_power_over_all_times(self) -> None:
        """From 1e-3 to 1e300: increasing, inverted by its time, and late expansions that improve with the order."""
        times = np.logspace(-3, 300, 40)
        margins = [power_saturation(t, 0.5, 1e-9, power=3.0) for t in times]
        assert np.all(np.diff(margins) > 0)
        errors = [
            abs(float(power_saturation_late(1e12, 0.5, 3.0, k)) - power_saturation(1e12, 0.5, 1e-9, power=3.0))
            for k in range(3)
        ]
        assert errors[2] < errors[1] < errors[0]

    def test_margin_of_a_thousand(self) -> None:
        log_time = power_saturation_log_time(1e-3, 1e3, 3.0)
        assert log_time == pytest.approx(1e3 - 4 / 3 * math.log(1e3) + math.log1p(4 / 3e3), abs=1e-5)  # next: 3e-6

    def test_bad_input_is_named(self) -> None:
        for call in (
            lambda: logistic_saturation(-1.0),
            lambda: logistic_saturation(1.0, rate=0.0),
            lambda: logistic_saturation_log_time(0.0, 1.0),
            lambda: power_saturation(1.0, 1.0, -1.0, power=3.0),
            lambda: power_saturation(1.0, 1.0, 1.0, power=1.0),
            lambda: power_saturation_late(1.0, 1.0, 3.0),
            lambda: power_saturation_late(100.0, 1.0, 3.0, order=3),
        ):
            with pytest.raises(ValueError, match=r"must|need"):
                call()


class TestInitialLaws:
    def test_expected_maxima_in_closed_form(self) -> None:
        root = math.sqrt(math.pi)
        exact = {1: 0.0, 2: 1 / root, 3: 1.5 / root, 4: 6 / math.pi**1.5 * math.atan(math.sqrt(2))}
        exact[5] = 5 / (4 * root) * (1 + 6 / math.pi * math.asin(1 / 3))
        for count, value in exact.items():
            assert expected_maximum(count) == pytest.approx(value, abs=1e-14)
        assert expected_maximum(1, moment=2) == pytest.approx(1.0)
        assert expected_maximum(2, moment=2) == pytest.approx(1.0)

    def test_maximum_law_against_draws(self) -> None:
        """One K-S test, seed fixed; at level 1e-6 with a correct law."""
        draws = 0.3 * np.random.default_rng(5).standard_normal((20_000, 8)).max(axis=1)
        assert stats.kstest(draws, MaximumLaw(8, 0.3).cdf).pvalue > 1e-6
        assert stats.kstest(draws, MaximumLaw(9, 0.3).cdf).pvalue < 1e-6

    def test_density_is_the_derivative(self) -> None:
        law, step = MaximumLaw(20, 0.5), 1e-5
        x = np.linspace(-0.5, 2.0, 11)
        slope = (law.cdf(x + step) - law.cdf(x - step)) / (2 * step)
        assert law.pdf(x) == pytest.approx(slope, abs=1e-7)  # step^2 times third derivatives of order 100

    def test_far_tails(self) -> None:
        law = MaximumLaw(50.0)
        assert law.sf(12.0) == pytest.approx(50 * stats.norm.sf(12.0), rel=1e-12)
        assert law.isf(law.sf(30.0)) == pytest.approx(30.0, rel=1e-12)
        assert law.log_cdf(-10.0) == pytest.approx(50 * stats.norm.logcdf(-10.0))

    def test_energy_law(self) -> None:
        law = patch_energy_law(101, 0.2)
        assert law.mean() == pytest.approx(0.04 * 100)
        assert law.var() == pytest.approx(0.0016 * 200)
        assert law.cdf(3.9) == pytest.approx(stats.chi2.cdf(3.9 / 0.04, 100))

    @pytest.mark.parametrize("dimension", [3, 10, 200])
    def test_noise_starts_average_the_norm_out(self, dimension: int) -> None:
        """Against the mixture integrated by scipy."""
        chi = stats.chi(dimension - 1)
        for value in (-0.5, 0.2, 2.0):
            scaled = value * math.sqrt(dimension)
            exact, _ = integrate.quad(
                lambda s, v=scaled: chi.pdf(s) * stats.norm.cdf(v / (0.5 * 0.1 * s)) ** 6,
                chi.ppf(1e-14),
                chi.isf(1e-14),
            )
            assert noise_start_cdf(scaled, 6, dimension, init_std=0.5, noise_std=0.1) == pytest.approx(exact, abs=1e-8)

    def test_noise_starts_at_any_dimension(self) -> None:
        quantiles = np.array([0.05, 0.5, 0.95])
        for dimension in (1e6, 1e9, 1e15):
            x = MaximumLaw(10, 2e-3 * math.sqrt(dimension - 1)).ppf(quantiles)
            # (F'' - F')/(d-1) with F'' of order x^2/4 <= 2, and rounding
            assert noise_start_cdf(x, 10, dimension, init_std=2.0, noise_std=1e-3) == pytest.approx(
                quantiles, abs=3 / dimension + 1e-14
            )

    def test_growth_time_law(self) -> None:
        law = GrowthTimeLaw(MaximumLaw(3, 0.01), 0.2, 3.0, 1.0)
        assert law.never == 1 / 8
        assert law.cdf([-1.0, 1e12, np.inf])[[0, 2]] == pytest.approx([0.0, 7 / 8])
        assert law.ppf([0.5, 0.87, 0.88]) == pytest.approx([*law.time_from(law.starts.isf([0.5, 0.87])), np.inf])
        assert law.cdf(law.ppf(0.3)) == pytest.approx(0.3, rel=1e-12)
        assert law.all_cdf(law.ppf(0.8), 5) == pytest.approx(0.8**5)
        assert law.all_ppf(0.8**5, 5) == pytest.approx(law.ppf(0.8))
        assert law.time_from([-1.0, 0.0, 0.5, 2.0]) == pytest.approx([np.inf, np.inf, 5.0, 0.0])

    def test_growth_time_law_against_draws(self) -> None:
        law = GrowthTimeLaw(MaximumLaw(6, 0.01), 0.2, 3.0, 1.0)
        starts = 0.01 * np.random.default_rng(11).standard_normal((20_000, 6)).max(axis=1)
        times = law.time_from(starts)
        finite = times[np.isfinite(times)]
        # binomial share of runs that never grow, 6 standard deviations; then K-S of the rest at level 1e-6
        assert abs(np.mean(np.isinf(times)) - law.never) < 6 * math.sqrt(law.never / 20_000)
        assert stats.kstest(finite, lambda t: law.cdf(t) / (1 - law.never)).pvalue > 1e-6

    def test_bad_input_is_named(self) -> None:
        for call in (
            lambda: MaximumLaw(0),
            lambda: MaximumLaw(1, -1.0),
            lambda: expected_maximum(0),
            lambda: patch_energy_law(1, 1.0),
            lambda: noise_start_cdf(0.0, 1, 1, init_std=1.0, noise_std=1.0),
            lambda: noise_start_cdf(0.0, 0, 9, init_std=1.0, noise_std=1.0),
            lambda: noise_start_cdf(0.0, 1, 9, init_std=0.0, noise_std=1.0),
            lambda: noise_start_cdf(0.0, 1, 9, init_std=1.0, noise_std=0.0),
            lambda: patch_energy_law(9, 0.0),
            lambda: GrowthTimeLaw(MaximumLaw(2), 0.0, 3.0, 1.0),
            lambda: GrowthTimeLaw(MaximumLaw(2), 1.0, 2.0, np.inf),
        ):
            with pytest.raises(ValueError, match=r"must|need|never"):
                call()
