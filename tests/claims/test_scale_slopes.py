"""A slope over sizes is the predicted one plus that of the residual, and rows without a logarithm do not count."""

import numpy as np
import pytest

from cgrosim.claims.scale_slopes import slopes, usable


def test_the_spread_of_starts_cancels_and_the_residual_is_found():
    starts = {1: 0.2, 2: 5.0, 3: 1.0}  # what a seed's start multiplies both by
    rows = [(d, start * 3.0 * d**0.7, start * d**0.5, seed) for seed, start in starts.items() for d in (1e3, 1e6, 1e12)]
    odd = [(1e3, 0.0, 1.0, 1), (1e6, np.nan, 1.0, 2), (1e6, 1.0, np.inf, 3)]
    table = usable([*rows, *odd])
    assert len(table) == len(rows)
    found = slopes(table, 0.25)
    # straight lines in logarithms: only round-off is left, 1e-15 of logarithms of up to 30
    assert found["slope"] == pytest.approx(0.7, abs=1e-12)
    assert found["slope_95_percent"] == pytest.approx([0.7, 0.7], abs=1e-12)
    assert found["slope_predicted_with_logarithms"] == pytest.approx(0.5, abs=1e-12)
    assert found["slope_without_logarithms"] == 0.25
    assert found["mean_by_dimension"]["1e+03"] == pytest.approx(3.0 * 1e3**0.7, rel=1e-12)  # the starts multiply to 1


def test_no_row_is_no_error():
    assert usable([]).shape == (0, 4)
