"""Sawtooth squares: the error is attained and never exceeded, the network is the formula, and so is its size."""

from fractions import Fraction

import numpy as np
import pytest
from approximate_squares import approximate_square
from hypothesis import given, target
from hypothesis import strategies as st

from cgrosim.theory.relu_composition import deepen
from cgrosim.theory.yarotsky import (
    levels_for,
    sawtooth,
    square_error,
    squared_norm_error,
    squared_norm_network,
    squared_norm_parameters,
)

LEVELS = st.integers(1, 12)


def exact_square(position: Fraction, levels: int) -> Fraction:
    """f_m in rational arithmetic, from the definition of the tent map."""
    total = teeth = position
    for level in range(1, levels + 1):
        teeth = 2 * teeth if teeth < Fraction(1, 2) else 2 - 2 * teeth
        total -= teeth / 4**level
    return total


@given(st.fractions(0, 1, max_denominator=10**6), LEVELS)
def test_error_is_never_exceeded(position: Fraction, levels: int) -> None:
    error = exact_square(position, levels) - position**2
    target(float(error * 4 ** (levels + 1)))
    assert 0 <= error <= Fraction(1, 4 ** (levels + 1))
    assert float(Fraction(1, 4 ** (levels + 1))) == square_error(levels)


@given(LEVELS, st.data())
def test_error_is_attained_at_every_midpoint_and_zero_at_every_node(levels: int, data: st.DataObject) -> None:
    node = data.draw(st.integers(0, 2**levels - 1))
    middle = Fraction(2 * node + 1, 2 ** (levels + 1))
    assert exact_square(middle, levels) - middle**2 == Fraction(1, 4 ** (levels + 1))
    left = Fraction(node, 2**levels)
    assert exact_square(left, levels) == left**2
    # Dyadic numbers of 2m + 2 < 53 bits: float64 makes no rounding error at all here.
    assert approximate_square(float(middle), levels) - float(middle) ** 2 == square_error(levels)


@given(st.floats(0, 1), st.integers(0, 12))
def test_teeth_are_exact_in_float64(position: float, level: int) -> None:
    exact = Fraction(position)
    for _ in range(level):
        exact = 2 * exact if exact < Fraction(1, 2) else 2 - 2 * exact
    assert Fraction(float(sawtooth(position, level))) == exact


@given(st.integers(1, 5), LEVELS, st.integers(-3, 5), st.integers(0, 2**32 - 1))
def test_network_is_the_formula(dimension: int, levels: int, exponent: int, seed: int) -> None:
    half_range = 2.0**exponent
    network = squared_norm_network(dimension, levels, half_range)
    assert network.parameter_count == squared_norm_parameters(dimension, levels)
    assert len(network.hidden_widths) == levels
    points = np.random.default_rng(seed).uniform(-half_range, half_range, (20, dimension))
    points[0], points[1] = half_range, 0.0
    formula = half_range**2 * approximate_square(np.abs(points) / half_range, levels).sum(axis=1)
    # At most (6 + 2m) D + m additions of numbers that add up to less than 2 D R^2.
    rounding = ((6 + 2 * levels) * dimension + levels) * 2.0**-53 * 2 * dimension * half_range**2
    assert network(points)[:, 0] == pytest.approx(formula, abs=rounding)
    excess = network(points)[:, 0] - np.sum(points**2, axis=1)
    assert np.all(excess >= -rounding)
    assert np.all(excess <= squared_norm_error(dimension, half_range, levels) + rounding)
    worst = np.full(dimension, half_range * (1 - 2.0 ** -(levels + 1)))
    attained = network(worst)[0] - np.sum(worst**2)
    assert attained == pytest.approx(squared_norm_error(dimension, half_range, levels), abs=rounding)


@given(st.integers(1, 4), st.integers(1, 8), st.integers(-2, 4), st.floats(-20, 20), st.floats(-1, 1))
def test_beyond_the_range_squares_go_on_as_tangents(
    dimension: int, levels: int, exponent: int, position: float, centre: float
) -> None:
    """And a coordinate outside is at least as far from any centre as the nearest face."""
    half_range = 2.0**exponent
    point = np.zeros(dimension)
    point[0] = half_range * position
    value = squared_norm_network(dimension, levels, half_range)(point)[0]
    rounding = 100 * (levels + 1) * dimension * 2.0**-53 * half_range**2 * 400
    if abs(position) > 1:
        assert value == pytest.approx(half_range**2 * (2 * abs(position) - 1), abs=rounding)
    c = half_range * centre
    distance = value - 2 * c * point[0] + c**2
    if abs(position) >= 1:
        assert distance >= (half_range - abs(c)) ** 2 - 4 * rounding
    deeper = deepen(squared_norm_network(dimension, levels, half_range), levels + 2, nonnegative=True)
    assert deeper(point)[0] == value


@given(st.floats(1e-9, 10.0), st.integers(1, 1000), st.sampled_from([0.5, 1.0, 8.0]))
def test_fewest_levels_for_an_error(error: float, dimension: int, half_range: float) -> None:
    levels = levels_for(error, dimension, half_range)
    assert squared_norm_error(dimension, half_range, levels) <= error
    assert levels == 1 or squared_norm_error(dimension, half_range, levels - 1) > error


def test_size_grows_by_a_constant_when_the_error_is_quartered() -> None:
    sizes = [squared_norm_network(7, levels_for(4.0**-k, 7)).parameter_count for k in range(4, 12)]
    assert set(np.diff(sizes)) == {8 * 7 + 2}


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="power of two, got 3"):
        squared_norm_network(2, 3, 3.0)
    with pytest.raises(ValueError, match="at least 1, got 0 and 3"):
        squared_norm_network(0, 3)
    with pytest.raises(ValueError, match="error is 0"):
        levels_for(0.0)
