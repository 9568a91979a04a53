"""Draws and conditional probabilities of the noise of fresh samples, and its density at zero."""

import numpy as np
import pytest
from scipy.integrate import quad

from cgrosim.studies import fresh_noise
from cgrosim.studies.fresh_noise import NORMAL, draw_fresh_noise, signed_power, small_ball, spherical_second_moments
from cgrosim.theory.chaos import small_ball_one_neuron
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.noise_moments import gram_test_noise_std
from cgrosim.theory.small_ball import density_at_zero, power_characteristic_function

GRAM = np.outer(np.linspace(1.0, 0.4, 8), np.linspace(1.0, 0.4, 8)) * (0.3 + 0.7 * np.eye(8))


@pytest.mark.parametrize(("level", "patches"), [(1e-3, 2), (0.1, 2), (0.1, 3)])
def test_conditional_small_ball_agrees_with_direct_draws(level, patches):
    generator = np.random.default_rng(1)
    measured, error = small_ball(generator, 20_000, GRAM, level, power=3.0, noise_std=0.5, patches=patches)
    noise = draw_fresh_noise(generator, 400_000, GRAM, power=3.0, noise_std=0.5, patches=patches)
    share = np.mean(np.abs(noise) <= level) / 2
    direct = 0.5 * np.sqrt(2 * share * (1 - 2 * share) / len(noise))
    assert abs(measured - share) < NORMAL * np.hypot(error, direct)


def test_conditional_small_ball_is_exact_for_two_neurons_of_which_one_vanishes():
    gram = np.diag([1.0, 1e-16])
    measured, error = small_ball(np.random.default_rng(2), 4000, gram, 0.1, power=3.0, noise_std=1.0, patches=2)
    exact = 0.5 * float(small_ball_one_neuron(0.1 / np.sqrt(15.0), 3.0))
    # the other neuron, of norm 1e-8, is the larger one with probability 2 arctan(1e-8) / pi, which no draw shows
    assert abs(measured - exact) < NORMAL * error + 1.01 * np.arctan(1e-8) / np.pi


@pytest.mark.parametrize("power", [2.5, 3.0, 5.0])
def test_characteristic_function_against_direct_quadrature(power):
    for t in (0.1, 1.0, 5.0):
        direct, _ = quad(
            lambda z, t=t: np.sqrt(2 / np.pi) * np.exp(-0.5 * z * z) * np.cos(t * z**power), 0.0, 7.0, limit=20_000
        )
        assert abs(power_characteristic_function(t, power) - direct) < 1e-6  # the direct one oscillates: 1e-8 to 1e-7


@pytest.mark.parametrize("power", [2.5, 3.0])
def test_density_at_zero_is_the_slope_of_the_exact_law(power):
    scales = np.linspace(1.0, 0.4, 8)
    law = IndependentNoiseLaw(scales, power)
    level = 1e-2
    slope = (0.5 - float(law.survival(level))) / level
    # the table's relative error 1e-6 over the level, and a density that falls by less than 1e-3 over it
    assert abs(density_at_zero(scales, power) / slope - 1.0) < 2e-3


def test_density_at_zero_scales_and_diverges_for_few_filters():
    scales = np.linspace(1.0, 0.4, 8)
    assert np.isclose(density_at_zero(2.0 * scales, 3.0), density_at_zero(scales, 3.0) / 8.0, rtol=1e-12)
    assert density_at_zero([1.0, 1.0, 1.0], 3.0) == np.inf
    with pytest.raises(ValueError, match="positive"):
        density_at_zero([1.0, 0.0], 3.0)
    with pytest.raises(ValueError, match="exceed 2"):
        power_characteristic_function(1.0, 2.0)


@pytest.mark.parametrize("power", [2.5, 3.0, 5.0])
def test_spherical_second_moments_have_the_exact_mean(power):
    values = spherical_second_moments(np.random.default_rng(3), 20_000, GRAM, power=power, noise_std=0.7, patches=3)
    exact = float(gram_test_noise_std(GRAM, power=power, noise_std=0.7, patches=3)) ** 2
    assert abs(values.mean() - exact) < NORMAL * values.std() / np.sqrt(len(values))


def test_signed_power_inverts():
    z = np.array([-2.0, -1e-5, 0.0, 0.3, 4.0])
    assert np.allclose(signed_power(signed_power(z, 3.0), 1.0 / 3.0), z, rtol=1e-14, atol=0.0)


@pytest.mark.parametrize("integrated", [None, 1])
def test_probabilities_do_not_depend_on_how_many_draws_are_taken_at_a_time(monkeypatch, integrated):
    root = np.random.default_rng(3).standard_normal((4, 9))
    how = {"power": 3.0, "noise_std": 0.3, "patches": 2, "integrated": integrated}
    found = []
    for chunk in (7, 5000):
        monkeypatch.setattr(fresh_noise, "CHUNK", chunk)
        generator = np.random.default_rng(1)
        found.append(
            fresh_noise.noise_probabilities(generator, 1000, root @ root.T, [(-0.1, 0.2), (1.0, np.inf)], **how)
        )
    assert np.array_equal(*found)
