"""The one rank correlation of claims: its value, and its interval where there is one."""

import numpy as np
import pytest

from cgrosim.claims.checks import rank_correlation


def test_orders_of_a_few_points():
    up, down = [1.0, 2.0, 5.0, 9.0, 10.0], [4.0, 3.0, 2.0, 1.0, 0.0]
    assert rank_correlation(up, up)[0] == pytest.approx(1.0)
    value, low, high = rank_correlation(up, down)
    assert value == pytest.approx(-1.0)
    assert -1.0 <= low <= high < -0.999  # without clipping the transform of -1 is infinite
    # ranks 1 2 3 4 5 against 2 1 4 3 5: 1 - 6 * 4 / (5 * 24)
    assert rank_correlation(up, [2.0, 1.0, 4.0, 3.0, 5.0])[0] == pytest.approx(0.8)


def test_three_points_have_no_limits_and_a_constant_has_no_order():
    assert rank_correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0])[1:] == (-1.0, 1.0)
    assert np.all(np.isnan(rank_correlation([1.0, 2.0, 3.0, 4.0], np.ones(4))))
