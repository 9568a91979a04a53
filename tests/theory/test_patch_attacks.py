"""Radii of attacks on all patches: what is proved safe, what falls, and that both meet where filters are orthogonal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cgrosim.theory.patch_attacks import falling_radius, furthest_reach, safe_radius


def margins(weights, patches, power):
    seen = patches @ weights.T
    return np.sum(np.sign(seen) * np.abs(seen) ** power, axis=(-2, -1))


def attacked(weights, patches, power, radius, generator):
    """The smallest margin that gradient steps from many starts on and in the sphere find."""
    moves = generator.standard_normal((200, *patches.shape))
    moves[:100] = np.einsum("nj,r,rd->njd", moves[:100, :, 0], np.ones(len(weights)), weights)  # along the filters
    best = np.inf
    for step in np.geomspace(1.0, 0.01, 60):
        size = np.linalg.norm(moves, axis=(1, 2))
        moves *= (radius / np.maximum(size, 1e-300))[:, None, None]
        best = min(best, float(np.min(margins(weights, patches + moves, power))))
        seen = (patches + moves) @ weights.T
        slope = np.einsum("njr,rd->njd", power * np.abs(seen) ** (power - 1.0), weights)
        moves -= step * radius * slope / np.maximum(np.linalg.norm(slope, axis=(1, 2)), 1e-300)[:, None, None]
    return best


@settings(max_examples=60)
@given(
    st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 3), st.sampled_from((2.0, 2.5, 3.0, 5.0)),
    st.floats(0.1, 10.0),
)  # fmt: skip
def test_no_attack_within_the_safe_radius_succeeds(seed, neurons, patches, power, strength):
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal((neurons, 6))
    sample = 0.1 * generator.standard_normal((patches, 6))
    sample[0] += strength * weights[0]
    safe = float(safe_radius(sample @ weights.T, weights @ weights.T, power))
    if safe > 0.0:
        assert attacked(weights, sample, power, safe * (1.0 - 1e-9), generator) > 0.0


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.floats(0.1, 3.0), st.floats(0.05, 4.0), st.sampled_from((2.0, 3.0, 4.5)))
def test_orthogonal_filters_fall_exactly_where_it_is_no_longer_safe(seed, strength, size, power):
    """Three orthogonal filters, the feature in one patch: the attack that is named succeeds, and nothing below does."""
    generator = np.random.default_rng(seed)
    axes = np.linalg.qr(generator.standard_normal((5, 5)))[0]
    weights = np.array([1.3, size, 0.04])[:, None] * axes[:3]
    sample = np.stack([strength * axes[0], np.zeros(5)])
    seeing, furthest = 1.3, max(1.3, size)
    falls = float(falling_radius(1.3 * strength, seeing, furthest))
    assert falls == pytest.approx(float(safe_radius(sample @ weights.T, weights @ weights.T, power)), rel=1e-12)
    move = -falls * np.stack([seeing * axes[0], furthest * axes[1 if size > 1.3 else 0]]) / np.hypot(seeing, furthest)
    scale = (1.3 * strength) ** power
    assert margins(weights, sample + 1.001 * move, power) < 0.0
    assert margins(weights, sample + 0.999 * move, power) > 0.0
    assert abs(margins(weights, sample + move, power)) < 1e-12 * scale
    assert attacked(weights, sample, power, 0.999 * falls, generator) > 0.0


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 5), st.sampled_from((2.0, 3.0, 4.5)))
def test_the_furthest_reach_is_stationary_and_as_far_as_any_filter(seed, neurons, power):
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal((neurons, 6))
    reach = furthest_reach(weights @ weights.T, power)
    direction = reach.weights @ weights
    assert np.linalg.norm(direction) == pytest.approx(1.0)
    seen = np.maximum(weights @ direction, 0.0)
    assert np.sum(seen**power) ** (1.0 / power) == pytest.approx(reach.size, rel=1e-12)
    assert reach.size >= np.linalg.norm(weights, axis=1).max() * (1.0 - 1e-14)
    gradient = seen ** (power - 1.0) @ weights
    # a value within 1e-15 a turn of its end has an angle of the root of that, times what q = 2 takes to converge
    assert gradient / np.linalg.norm(gradient) == pytest.approx(direction, abs=1e-5)


def test_filters_that_have_learnt_the_same_reach_as_far_as_their_powers_together():
    assert furthest_reach(np.full((3, 3), 4.0), 3.0).size == pytest.approx(2.0 * 3.0 ** (1.0 / 3.0))
    assert furthest_reach(np.diag([1.0, 9.0, 4.0]), 3.0).size == 3.0
    assert furthest_reach([[1.0, -1.0], [-1.0, 1.0]], 3.0).size == 1.0  # what one gains the other does not undo here
    with pytest.raises(ValueError, match="norm above 0"):
        furthest_reach(np.zeros((2, 2)), 3.0)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="one of the filters"):
        falling_radius(1.0, 2.0, 1.0)
    with pytest.raises(ValueError, match="one entry a filter"):
        safe_radius(np.ones((2, 3)), np.eye(2), 3.0)
    with pytest.raises(ValueError, match="above 0"):
        safe_radius(np.ones((2, 2)), np.diag([1.0, 0.0]), 3.0)
    assert falling_radius(-1.0, 1.0, 2.0) == 0.0
    assert safe_radius([[-1.0, 0.5]], np.eye(2), 3.0) == 0.0
