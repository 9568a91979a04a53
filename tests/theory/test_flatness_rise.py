"""Proposition 6.4 with constants: the loss rises at least as far as its slope and its bend promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from largest_rises import largest_rise

from cgrosim.theory.flatness import loss_slope
from cgrosim.theory.flatness_rise import bend_along_feature, dual_norm, least_mean_rise, least_rise

ROUND = 1e-12  # relative to the loss: a difference of two logarithms, each within some ten roundings

worlds = st.fixed_dictionaries(
    {
        "radius": st.floats(0.0, 3.0),
        "signal_sum": st.floats(-5.0, 5.0),
        "noise_margin": st.floats(-10.0, 10.0),
        "signal_strength": st.floats(0.1, 3.0),
        "power": st.floats(2.0, 5.0),
    }
)


def promised(world, share=1.0):
    steep = loss_slope(world["signal_strength"], world["signal_sum"], world["noise_margin"], power=world["power"])
    return float(least_rise(world["radius"], steep, share * bend_along_feature(**world)))


@given(worlds)
def test_along_the_feature_the_rise_is_never_smaller(world):
    rise, loss = float(largest_rise(**world)), np.logaddexp(0.0, abs(world["noise_margin"]) + 1e3)
    assert promised(world) <= rise + ROUND * loss


def test_a_smaller_bend_promises_too_much():
    """Falsifier: where s = 1 and q = 2 the loss is the parabola of the bound itself; nine tenths of H break it."""
    world = {"radius": 0.9, "signal_sum": 0.5, "noise_margin": -20.0, "signal_strength": 1.0, "power": 2.0}
    rise = float(largest_rise(**world))
    assert promised(world) == pytest.approx(rise, rel=1e-7)
    assert promised(world, share=0.9) > 1.05 * rise


@given(st.floats(0.0, 2.0), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.0, np.inf]), st.integers(1, 12))
def test_a_linear_network_needs_no_bend(radius, seed, norm, dimension):
    """Its worst point is known: the margin falls by radius times the dual norm of the weights."""
    generator = np.random.default_rng(seed)
    weights, bias = generator.standard_normal(dimension), generator.standard_normal(20)
    margins = bias + generator.standard_normal((20, dimension)) @ weights
    rise = np.logaddexp(0.0, -(margins - radius * dual_norm(weights, norm))) - np.logaddexp(0.0, -margins)
    gradients = -np.exp(-np.logaddexp(0.0, margins))[:, None] * weights
    steep = dual_norm(gradients, norm)
    assert np.all(least_rise(radius, steep, 0.0) <= rise + ROUND * (1.0 + np.abs(margins) + radius * 20))
    mean = least_mean_rise(radius, steep, np.zeros(20))
    assert mean == pytest.approx(radius * steep.mean())
    assert mean <= rise.mean() + ROUND * (1.0 + np.abs(margins).max() + radius * 20)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2.0, np.inf]), st.floats(0.01, 1.0))
def test_networks_of_smooth_units_rise_as_promised(seed, norm, radius):
    """f(x) = sum a sin(<w, x>): the rise found along the dual direction alone already keeps the promise.

    Along a unit direction xi the loss bends down by at most |f''| <= sum |a| <w, xi>^2 <= sum |a| |w|_q^2.
    """
    generator = np.random.default_rng(seed)
    weights, layer, point = (
        generator.standard_normal((6, 4)),
        generator.standard_normal(6),
        generator.standard_normal(4),
    )
    inner = weights @ point
    margin = layer @ np.sin(inner)
    gradient = -np.exp(-np.logaddexp(0.0, margin)) * ((layer * np.cos(inner)) @ weights)
    steep = dual_norm(gradient, norm)
    way = gradient / steep if norm == 2.0 else np.sign(gradient)
    bend = np.sum(np.abs(layer) * dual_norm(weights, norm) ** 2)
    step = min(radius, steep / bend)
    moved = layer @ np.sin(weights @ (point + step * way))
    rise = np.logaddexp(0.0, -moved) - np.logaddexp(0.0, -margin)
    assert least_rise(radius, steep, bend) <= rise + ROUND


@pytest.mark.parametrize("total", [2.0, -2.0])
def test_the_bend_along_the_feature_is_met_at_a_point_and_not_far_off_within_a_radius(total):
    """At radius 0 it is the term -s h'' of the second derivative itself; h = phi(c) U + V at c = 1.5, power 3."""
    known = {"signal_strength": 1.5, "power": 3.0}
    margin = 1.5**3 * total + 0.7
    alone = 6.0 * 1.5 * 2.0 / (1.0 + np.exp(margin))
    assert bend_along_feature(0.0, total, 0.7, **known) == pytest.approx(alone, rel=1e-14)
    c = np.linspace(1.3, 1.7, 401)
    h, slope = c**3 * total + 0.7, 3.0 * c**2 * total
    weight = 1.0 / (1.0 + np.exp(h))
    second = weight * (1.0 - weight) * slope**2 - weight * 6.0 * c * total
    found = float(bend_along_feature(0.2, total, 0.7, **known))
    least_margin = min(h)
    assert found == pytest.approx(6.0 * 1.7 * 2.0 / (1.0 + np.exp(least_margin)), rel=1e-14)
    assert found >= max(-second)


def test_half_of_the_slope_where_the_radius_is_small():
    steep, bend = np.array([1.0, 2.0, 0.5]), np.array([1.0, 1.0, 1.0])
    assert least_mean_rise(0.5, steep, bend) >= 0.5 * 0.5 * steep.mean()
    weighted = least_mean_rise(0.5, steep, bend, masses=[0.5, 0.5, 0.0])
    assert weighted == pytest.approx(0.5 * (0.5 - 0.125) + 0.5 * (1.0 - 0.125))


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="norm is 3"):
        dual_norm([1.0], 3.0)
    with pytest.raises(ValueError, match="at least 2"):
        bend_along_feature(0.1, 1.0, 0.0, signal_strength=1.0, power=1.5)
