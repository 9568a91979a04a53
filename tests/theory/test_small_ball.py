"""The density at zero of a sum of powers, where the tail of its integral carries much of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cgrosim.theory.small_ball import _log_grid, density_at_zero, power_characteristic_function
from cgrosim.theory.small_ball import power_characteristic_series as series

FAR = 40.0  # log of the t up to which the slow way integrates


def slow_density(scales, power):
    """The same integral without table or series, up to t = e^40, where one power law is left."""
    amplitude = (scales / scales.max()) ** power
    total = 0.0
    frequency, weight = _log_grid(-35.0, FAR)
    for first in range(0, frequency.size, 200):
        part = slice(first, first + 200)
        factors = [power_characteristic_function(frequency[part] * a, power) for a in amplitude]
        total += float(weight[part] @ np.prod(factors, axis=0))
    last = np.prod([power_characteristic_function(np.exp(FAR) * a, power) for a in amplitude])
    tail = float(last) * np.exp(FAR) / (scales.size / power - 1.0)
    return (total + tail) / np.pi / scales.max() ** power


@pytest.mark.parametrize(
    ("filters", "power"), [(3, 2.9), (4, 3.0), (6, 5.0), pytest.param(12, 10.0, marks=pytest.mark.slow)]
)
def test_the_tail_counts_however_few_filters(filters, power):
    """Once the tail was closed by its leading power too early: off by 1.8e-4, 7.5e-5, 7.6e-4 and worse.

    The next power in the slow way's tail is e^(-80/q) of the first, below 4e-4, and its share of the whole below 7e-4
    for q = 10; both smaller by decades for the others. The quadratures are good to about 1e-7.
    """
    scales = np.linspace(1.0, 0.8, filters)
    assert density_at_zero(scales, power) == pytest.approx(slow_density(scales, power), rel=1e-6)


@settings(max_examples=30)
@given(st.floats(2.05, 30.0), st.floats(np.log(1e4), 40.0))
def test_the_series_is_the_characteristic_function(power, log_frequency):
    """Panels of one width for every power once missed the integral by 5e-5 at the power 20."""
    frequency = np.exp(log_frequency)
    terms = series(power) * frequency ** (-(2.0 * np.arange(series(power).size) + 1.0) / power)
    assert abs(terms[-1]) < 1e-16 * terms[0]
    # 1e-8 of the panels; where 1/cos(pi/q) is large, q near 2, the leading terms cancel that much in the quadrature
    assert power_characteristic_function(frequency, power) == pytest.approx(
        terms.sum(), rel=1e-7 / np.cos(np.pi / power)
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.3, 1.0), min_size=5, max_size=9), st.floats(0.1, 10.0))
def test_density_is_that_of_scaled_and_shuffled_filters(scales, factor):
    scales = np.array(scales)
    found = density_at_zero(scales, 4.5)
    assert density_at_zero(scales[::-1], 4.5) == pytest.approx(found, rel=1e-12)
    assert density_at_zero(factor * scales, 4.5) == pytest.approx(found / factor**4.5, rel=1e-9)
