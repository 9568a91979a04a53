"""Whole numbers that a rounded logarithm would miss by one, and a maximum that a grid would miss."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cgrosim.theory.balls import power_of_two_above
from cgrosim.theory.regime import largest_saturation_curvature
from cgrosim.theory.tensor_power import _doublings, doubling_time_bound, rate_sandwich_time_bound

positive = st.floats(1e-150, 1e150)
near_powers = st.builds(
    lambda k, steps: float(np.nextafter(2.0**k, math.inf if steps > 0 else 0.0)) if steps else 2.0**k,
    st.integers(-400, 400), st.integers(-1, 1),
)  # fmt: skip


@given(positive | near_powers)
def test_the_power_of_two_above_is_above(value):
    """2 ** ceil(log2(1 + 2^-52)) is 1."""
    found = power_of_two_above(value)
    assert found / 2 < value <= found
    assert math.frexp(found)[0] == 0.5


@given(positive | near_powers, positive | near_powers)
def test_doublings_are_as_many_as_it_takes(start, target):
    if target <= start:
        start, target = target, start
    if target == start:
        return
    found = int(_doublings(start, target))
    assert Fraction(start) * Fraction(2) ** (found - 1) < Fraction(target) <= Fraction(start) * Fraction(2) ** found


def test_bounds_by_doublings_count_the_last_one():
    start, target = 1.0, float(np.nextafter(8.0, 9.0))
    assert doubling_time_bound(start, target, 1.0) > doubling_time_bound(start, 8.0, 1.0) + 1.0
    assert rate_sandwich_time_bound(start, target, 1.0, upper_rate=1.0) == 3.0 + 8.0 * 4.0


@given(st.floats(2.0, 50.0), st.floats(1e-3, 40.0))
def test_no_margin_curves_the_loss_more(power, margin):
    """A sum of a dozen roundings of 1e-16; a grid of margins stayed up to 1e-6 below."""
    bent = margin ** (2 - 2 / power) / (4 * math.cosh(margin / 2) ** 2)
    assert bent <= largest_saturation_curvature(power) * (1 + 1e-14)


@given(st.floats(2.0, 50.0))
def test_the_largest_curvature_is_attained(power):
    margin = np.linspace(1e-6, 20.0, 4001)
    grid = np.max(margin ** (2 - 2 / power) / (4 * np.cosh(margin / 2) ** 2))
    # half a cell of 0.005 from a maximum whose second logarithmic derivative is below 2 in size: 0.0025^2
    assert grid <= largest_saturation_curvature(power) * (1 + 1e-14)
    assert largest_saturation_curvature(power) <= grid * (1 + 1e-5)
