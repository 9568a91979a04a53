"""Wasserstein distances: three ways to the same number, and bounds of the mean against exact means."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st
from scipy.stats import binom, wasserstein_distance
from transport_programme import cheapest_plan, joint_cost, mean_wasserstein_line_bound, wasserstein_infinity_line

from cgrosim.theory.transport import mean_wasserstein_cube_bound, monotone_plan, wasserstein_line

SEEDS = st.integers(0, 10**6)


def random_law(rng: np.random.Generator, lattice: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points, with ties if they lie on a lattice, and weights, some of them zero."""
    count = int(rng.integers(1, 9))
    points = rng.integers(-3, 4, count).astype(float) if lattice else rng.normal(size=count)
    weights = rng.exponential(size=count) * (rng.random(count) < 0.8)
    return points, weights / weights.sum() if weights.sum() else np.full(count, 1 / count)


def mean_absolute_deviation(share: float, samples: int) -> float:
    """E|B/N - p| for a binomial B, summed term by term."""
    counts = np.arange(samples + 1)
    return float(np.sum(binom.pmf(counts, samples, share) * np.abs(counts / samples - share)))


@given(SEEDS, st.booleans())
def test_line_linear_programme_and_scipy_agree(seed: int, lattice: bool) -> None:
    rng = np.random.default_rng(seed)
    (x, a), (y, b) = random_law(rng, lattice), random_law(rng, lattice)
    distance = wasserstein_line(x, y, a, second_weights=b)
    programme = cheapest_plan(np.abs(x[:, None] - y), a, b)
    # HiGHS accepts constraints violated by 1e-7; the points are within 10 of each other.
    assert distance == pytest.approx(programme.cost, abs=2e-6)
    assert distance == pytest.approx(wasserstein_distance(x, y, a, b), abs=1e-13)
    assert programme.plan.sum(axis=1) == pytest.approx(a, abs=1e-7)
    assert programme.plan.sum(axis=0) == pytest.approx(b, abs=1e-7)
    assert wasserstein_infinity_line(x, y, a, b) >= distance - 1e-14


@given(SEEDS, st.booleans())
def test_monotone_coupling_has_the_right_margins(seed: int, lattice: bool) -> None:
    rng = np.random.default_rng(seed)
    (x, a), (y, b) = random_law(rng, lattice), random_law(rng, lattice)
    left, right, masses = monotone_plan(x, y, a, second_weights=b)
    for point in x:
        assert masses[left == point].sum() == pytest.approx(a[x == point].sum(), abs=1e-14)
    for point in y:
        assert masses[right == point].sum() == pytest.approx(b[y == point].sum(), abs=1e-14)
    assert np.all(np.diff(left) >= 0)
    assert np.all(np.diff(right) >= 0)


@given(SEEDS)
def test_farthest_move_is_the_smallest_possible(seed: int) -> None:
    """W_infinity: with equal weights no assignment has a smaller largest distance than the sorted one."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=5), rng.normal(size=5)
    distance = wasserstein_infinity_line(x, y)
    for _ in range(100):
        assert np.max(np.abs(x - rng.permutation(y))) >= distance - 1e-15
    assert distance == pytest.approx(np.max(np.abs(np.sort(x) - np.sort(y))), abs=1e-15)


@given(SEEDS, st.booleans(), st.integers(1, 60))
def test_mean_on_the_line_is_below_its_bound(seed: int, lattice: bool, samples: int) -> None:
    """E W_1 = integral E|F_N - F|, exactly, term by term."""
    rng = np.random.default_rng(seed)
    points, weights = random_law(rng, lattice)
    order = np.argsort(points)
    below = np.minimum(np.cumsum(weights[order]), 1.0)[:-1]
    exact = sum(
        gap * mean_absolute_deviation(share, samples)
        for gap, share in zip(np.diff(points[order]), below, strict=True)
    )  # fmt: skip
    bound = mean_wasserstein_line_bound(points, weights, samples)
    target(exact - bound)
    assert exact <= bound * (1 + 1e-10) + 1e-15
    # For one binomial share 1/2 of N = 1 the deviation is the standard deviation: the constant is sharp.
    assert mean_wasserstein_line_bound([0, 1], [0.5, 0.5], 1) == pytest.approx(mean_absolute_deviation(0.5, 1))


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 3), st.integers(1, 4))
def test_moving_mass_within_dyadic_cubes_is_enough(seed: int, dimension: int, levels: int) -> None:
    """The inequality behind the bound of the mean, for one pair of distributions."""
    rng = np.random.default_rng(seed)
    x, y = (rng.random((int(rng.integers(1, 9)), dimension)) ** rng.integers(1, 4) for _ in range(2))
    a, b = (rng.dirichlet(np.ones(len(z))) for z in (x, y))
    distance = cheapest_plan(np.abs(x[:, None] - y).max(axis=2), a, b).cost
    bound = 2.0**-levels
    for level in range(1, levels + 1):
        masses: dict[tuple[int, ...], float] = {}
        for points, weights in ((x, a), (y, -b)):
            for point, weight in zip(points, weights, strict=True):
                cube = tuple((point * 2**level).astype(int))
                masses[cube] = masses.get(cube, 0.0) + weight
        bound += 2.0 ** (1 - level) * sum(map(abs, masses.values()))
    target(distance - bound)
    assert distance <= bound + 1e-6  # the tolerance of HiGHS


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("samples", [4, 30])
def test_mean_in_the_cube_is_below_its_bound(dimension: int, samples: int) -> None:
    rng = np.random.default_rng(dimension)
    support = rng.random((40, dimension))
    cost, weights = np.abs(support[:, None] - support).max(axis=2), np.full(40, 1 / 40)
    found = [cheapest_plan(cost, weights, rng.multinomial(samples, weights) / samples).cost for _ in range(25)]
    error = 5 * np.std(found) / math.sqrt(25)
    assert np.mean(found) + error <= mean_wasserstein_cube_bound(samples, dimension)


def test_rate_in_the_cube() -> None:
    """Order N^(-1/D) for D > 2: a factor 2^(10 D) more samples gains 2^10."""
    for dimension in (3, 5, 8):
        few, many = (mean_wasserstein_cube_bound(2 ** (k * dimension), dimension) for k in (20, 30))
        assert few / many == pytest.approx(2**10, rel=1e-3)
    assert mean_wasserstein_cube_bound(1, 3) == 1.0


@given(SEEDS)
def test_joint_cost_bounds_differences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(4, 2)), rng.choice([-1, 1], 4)
    other, labels = rng.normal(size=(3, 2)), rng.choice([-1, 1], 3)
    slope = rng.normal(size=2)
    loss = np.logaddexp(0, -y * (x @ slope))
    others = np.logaddexp(0, -labels * (other @ slope))
    change = np.max(np.abs(other @ slope))  # l(f) - l(-f) = -f
    cost = joint_cost(x, y, other, labels, lipschitz=float(np.linalg.norm(slope)), label_change=float(change))
    assert np.all(np.abs(loss[:, None] - others) <= cost + 1e-14)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="2 probabilities that add up to 1"):
        wasserstein_line([0, 1], [0, 1], [0.5, 0.4])
    with pytest.raises(ValueError, match="cost has shape"):
        cheapest_plan(np.zeros((2, 2)), [1.0], [1.0])
    with pytest.raises(ValueError, match="No coupling exists"):
        cheapest_plan(np.zeros((1, 1)), [1.0], [0.5])
