"""Points of balls and the nearest ones, in closed form; distances that are certain."""

import numpy as np
import pytest

from cgrosim.theory.ball_attacks import extreme_offsets, project, random_offsets
from cgrosim.theory.balls import certain_distance

UNIT = 2.0**-53


@pytest.mark.parametrize("length", [1e-3, 0.2, 0.7, 3.0])
def test_the_nearest_point_of_a_ball(length):
    centre, way = np.array([[0.3, -0.2, 0.5]]), np.array([[2.0, -1.0, 2.0]]) / 3.0
    for radius in (0.1, 0.5, 2.0):
        expected = centre + min(length, radius) * way
        assert project(centre + length * way, centre, radius, norm="l2") == pytest.approx(
            expected, abs=4 * UNIT * (1 + length)
        )
        expected = centre + np.clip(length * way, -radius, radius)
        assert project(centre + length * way, centre, radius, norm="linf") == pytest.approx(
            expected, abs=4 * UNIT * (1 + length)
        )
    assert np.array_equal(project(centre, centre, 0.1, norm="l2"), centre)


def test_points_uniform_in_a_ball_and_on_its_sphere():
    """The D-th power of the length over the radius is uniform: mean 1/2, within five standard errors of .29/sqrt(n)."""
    offsets = random_offsets((4000, 3), 0.2, "l2", generator=np.random.default_rng(0))
    shares = (np.sqrt((offsets**2).sum(axis=1)) / 0.2) ** 3
    assert abs(shares.mean() - 0.5) < 5 * 0.29 / np.sqrt(4000)
    assert shares.max() <= 1.0 + 1e-12
    assert np.abs(offsets.mean(axis=0)).max() < 5 * 0.2 / np.sqrt(4000)
    corners = extreme_offsets((400, 3), 0.2, "l2", generator=np.random.default_rng(1))
    assert np.sqrt((corners**2).sum(axis=1)) == pytest.approx(np.full(400, 0.2), rel=1e-14)
    along = (corners != 0).sum(axis=1) == 1
    assert 140 < along.sum() < 260  # half of them, six standard errors
    assert set(np.flatnonzero(corners[along].any(axis=0))) == {0, 1, 2}


def test_a_distance_is_certain_after_two_roundings_a_dimension_and_eight_more():
    assert certain_distance(1.0, 784) == 1.0 - 792 * 2 * UNIT
    assert certain_distance(3.0, 2) == 3.0 * (1.0 - 10 * 2 * UNIT)
