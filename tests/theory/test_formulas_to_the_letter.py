"""Closed forms and bounds recomputed another way to the last digits: a constant that is off by one shows here."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaincinv, ndtr
from stage_windows import signal_growth_time_window

from cgrosim.theory.flatness import global_flatness, loss_slope, steepest_position
from cgrosim.theory.growth_window import joint_growth_window, state_rate
from cgrosim.theory.memorisation_laws import memorisation_cdf_random_energy, start_of_clock


@given(
    radius=st.floats(0.0, 6.0),
    total=st.floats(0.05, 5.0),
    side=st.sampled_from([-1.0, 1.0]),
    noise=st.floats(-6.0, 6.0),
    power=st.floats(1.5, 4.0),
)
def test_the_steepest_point_may_lie_on_either_side_of_zero(radius, total, side, noise, power):
    """At the peak itself, wherever the ball holds it, and at 4,001 points of the ball; alpha = 1, so r > 1 passes 0."""
    found = float(global_flatness(radius, side * total, noise, signal_strength=1.0, power=power))
    grid = np.linspace(1.0 - radius, 1.0 + radius, 4001)
    peak = side * float(steepest_position(total, noise, power))
    inside = [peak] if 1.0 - radius <= peak <= 1.0 + radius else []
    slopes = loss_slope(np.concatenate([grid, inside]), side * total, noise, power=power)
    assert slopes.max() <= found * (1 + 1e-12)
    assert found <= slopes.max() * (1 + 1e-4)  # 4,001 points of a slope whose logarithm bends by less than 1e3 / r^2


@functools.cache
def missed_by_a_patch(dimension, exposure):
    """E over the energy of a patch of the probability that three filters need more exposure than this."""

    def missed(share):
        energy = 0.8**2 * 2.0 * gammaincinv(0.5 * (dimension - 1), share)
        start = start_of_clock(exposure * 0.1 * 3.0 * energy / 4.0, 3.0)
        return float(ndtr(start / (0.5 * np.sqrt(energy))) ** 3)

    return quad(missed, 0.0, 1.0, limit=200)[0]


@pytest.mark.parametrize("dimension", [2, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("patches", [2, 3])
def test_the_energy_of_a_patch_has_one_degree_of_freedom_less_than_its_dimension(dimension, patches):
    """E over chi^2_{d-1} by adaptive quadrature in the probability; the 48 nodes are good to 1e-4 of the correction."""
    world = {"power": 3.0, "samples": 4.0, "learning_rate": 0.1, "init_std": 0.5, "noise_std": 0.8}
    sizes, wider = {"dimension": dimension, "neurons": 3.0, "patches": patches}, []
    for exposure in (50.0, 300.0):
        mean = missed_by_a_patch(dimension, exposure)
        found = memorisation_cdf_random_energy(exposure, **world, **sizes)
        assert float(found) == pytest.approx(1.0 - mean ** (patches - 1), abs=2e-3)
        wider.append(float(memorisation_cdf_random_energy(exposure, **world, **sizes | {"dimension": dimension + 1})))
        wider[-1] -= float(found)
    assert dimension > 6 or max(wider) > 4e-3  # a degree of freedom more would be seen


@pytest.mark.parametrize("power", [2.0, 2.5, 3.0, 4.0])
def test_the_growth_window_of_one_neuron_is_the_integral_it_says(power):
    """The two integrals of the docstring by adaptive quadrature: a looser exponent is a bound too, but not this one."""
    world = {
        "power": power, "signal_strength": 2.0, "gap": 0.1, "adversarial_weight": 0.4, "learning_rate": 0.05,
    }  # fmt: skip
    start, end = 0.1, 0.45
    c1 = float(state_rate(0.0, **world))

    def slowness(u):
        return 1.0 / (float(state_rate((2.0 * u) ** power, **world)) * u ** (power - 1.0))

    def growth(u):
        return 1.0 + c1 * u ** (power - 2.0)

    def shorter(u):
        return slowness(u) * np.exp(-((2.0 * u) ** power) * (growth(u) ** power - 1.0))

    lower, upper = signal_growth_time_window(start, end, **world)
    assert lower == pytest.approx(quad(shorter, start, end, epsrel=1e-11)[0], rel=1e-8)
    longer = quad(lambda u: slowness(u) * growth(u) ** (power - 1.0), start, end, epsrel=1e-11)[0]
    assert upper == pytest.approx(1.0 + longer, rel=1e-8)


def test_one_large_step_is_inside_the_joint_window():
    """A step that leaps from a steep state past the goal: rates of the states it leapt over do not count."""
    world = {"power": 3.0, "signal_strength": 1.0, "gap": 0.0, "adversarial_weight": 0.0}
    for rate in (2.0, 5.0, 20.0):
        start, goal = 1.0, 8.0
        step = float(state_rate(start**3, **world, learning_rate=rate)) * start**2
        u, arrived = start, 0
        while u**3 < goal:
            u, arrived = u + float(state_rate(u**3, **world, learning_rate=rate)) * u**2, arrived + 1
        window = joint_growth_window([start], **world, learning_rate=rate, margin=goal)
        assert step > 0.5
        assert window.lower <= arrived <= window.upper
