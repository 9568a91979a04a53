"""Roots of many brackets at once, against SciPy's of one."""

import numpy as np
import pytest
from scipy.optimize import brentq

from cgrosim.theory._roots import bracketed_roots


@pytest.mark.parametrize(
    ("function", "high"),
    [
        (lambda x, c: np.exp(x) - c, 40.0),
        (lambda x, c: x - 0.1 * c, 10.0),
        (lambda x, c: (x - 0.3 * c) ** 9, 10.0),  # flat at its root
        (lambda x, c: np.tanh(1e6 * (x - 0.01 * c)), 10.0),  # a step, where interpolation is of no use
        (lambda x, c: np.cos(x) - 0.01 * c, 3.0),  # falling
    ],
)
def test_every_root_is_found_to_rounding(function, high: float) -> None:
    levels = np.linspace(1.5, 20.0, 37)
    found = bracketed_roots(lambda x: function(x, levels), np.zeros(37), np.full(37, high))
    for level, root in zip(levels, found, strict=True):
        exact = brentq(lambda x, level=level: function(x, level), 0.0, high, xtol=1e-300, rtol=1e-15, maxiter=500)
        # a ninth power is 0 to rounding within 1e-324^(1/9) of its root: 1e-36
        assert root == pytest.approx(exact, rel=2e-15)


def test_a_straight_line_takes_a_few_values_and_a_step_as_many_as_halving() -> None:
    calls = []

    def counted(function):
        def called(x: np.ndarray) -> np.ndarray:
            calls.append(x.size)
            return function(x)

        return called

    bracketed_roots(counted(lambda x: np.exp(x) - 2.0), np.zeros(3), np.ones(3))
    assert len(calls) <= 12
    calls.clear()
    bracketed_roots(counted(lambda x: np.where(x < 1 / 3, -1.0, 1.0)), np.zeros(3), np.ones(3))
    assert len(calls) <= 70


def test_ends_that_are_roots_and_no_entries_at_all() -> None:
    ends = bracketed_roots(lambda x: x * (x - 1.0), np.array([0.0, 0.5]), np.array([0.5, 1.0]))
    assert ends.tolist() == [0.0, 1.0]
    assert bracketed_roots(lambda x: x, np.zeros(0), np.ones(0)).shape == (0,)


def test_a_bracket_without_a_crossing_is_refused() -> None:
    with pytest.raises(ValueError, match="choose ends between which the function crosses"):
        bracketed_roots(lambda x: x + 1.0, np.zeros(2), np.ones(2))
