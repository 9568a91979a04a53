"""Coverage by the balls: exact laws against samples of the patch distribution, and the bound by independent chances."""

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2, norm

from cgrosim.theory.coverage import CubeBalls, PatchBalls


def draw(balls: PatchBalls, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Samples of the patch distribution with w_star the first axis, flattened, and their noise energies."""
    size, patches = balls.dimension, balls.patches
    noise = balls.noise_std * rng.normal(size=(count, patches - 1, size))
    noise[:, :, 0] = 0.0
    energies = np.sum(noise**2, axis=2) / balls.noise_std**2
    position, label = rng.integers(patches, size=count), rng.choice([-1.0, 1.0], count)
    rows, others = np.arange(count), np.arange(patches - 1)
    inputs = np.zeros((count, patches, size))
    inputs[rows, position, 0] = balls.signal_strength * label
    inputs[rows[:, None], others + (others >= position[:, None])] = noise
    return inputs.reshape(count, -1), energies


CASES = [
    PatchBalls(radius=1.6, dimension=6, patches=2, signal_strength=1.0, noise_std=0.5),
    PatchBalls(radius=2.3, dimension=4, patches=2, signal_strength=1.0, noise_std=0.5),  # reaches other positions
    PatchBalls(radius=1.4, dimension=5, patches=3, signal_strength=1.1, noise_std=0.45),
    PatchBalls(radius=2.2, dimension=4, patches=3, signal_strength=1.0, noise_std=0.6),
    PatchBalls(radius=1.2, dimension=2, patches=2, signal_strength=2.0, noise_std=1.0),  # one degree of freedom
]


def plausible(hits: np.ndarray, chance: float) -> bool:
    """Whether so many hits have a two-sided probability above 1e-6; below 1e-4 in all tests of this file together."""
    return binomtest(int(np.sum(hits)), np.size(hits), chance).pvalue > 1e-6


@pytest.mark.parametrize("balls", CASES)
def test_laws_against_samples(balls: PatchBalls) -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):  # p(X), one sample held fixed
        fixed, energies = draw(balls, 1, rng)
        others, _ = draw(balls, 20_000, rng)
        chance = float(balls.ball_probability(energies[0]))
        assert plausible(np.sum((others - fixed) ** 2, axis=1) <= balls.radius**2, chance)
    (one, _), (other, _) = draw(balls, 50_000, rng), draw(balls, 50_000, rng)
    assert plausible(np.sum((one - other) ** 2, axis=1) <= balls.radius**2, balls.pair_probability)
    for count in (3, 20):  # every trial with a training set of its own
        trials = 4000
        train, _ = draw(balls, count * trials, rng)
        fresh, energies = draw(balls, trials, rng)
        train = train.reshape(trials, count, -1)
        covered = (np.sum((train - fresh[:, None]) ** 2, axis=2) <= balls.radius**2).any(axis=1)
        if balls.patches == 2 or balls.radius**2 <= 2 * balls.signal_strength**2:
            expected = balls.coverage(count)
            assert plausible(covered, expected)
        else:  # p(X) averaged over other draws: two Monte Carlo errors, five standard deviations
            chances = -np.expm1(count * np.log1p(-balls.ball_probability(draw(balls, trials, rng)[1])))
            error = np.sqrt((chances.var() + covered.var()) / trials)
            assert chances.mean() == pytest.approx(covered.mean(), abs=5 * error)


@pytest.mark.parametrize("patches", [2, 3])
def test_the_edge_of_reach_costs_no_accuracy(patches: int) -> None:
    """One degree of freedom a patch: where balls just reach another position the law begins like a root."""
    balls = PatchBalls(2.0, 2, patches, 1.0, 1.0)
    alone = 0.5 * (chi2.cdf(4 / 2, patches - 1) + chi2.cdf(0, patches - 1)) / patches
    if patches == 2:  # squares of two normal numbers that add up to at most 2
        elsewhere = 1 - np.exp(-2 / 2)
        assert balls.coverage(1) == pytest.approx(balls.pair_probability, rel=1e-12)
    else:  # a^2 + b^2 + 2 c^2 <= 2, over the angle of a trigonometric substitution
        angle, weight = np.polynomial.legendre.leggauss(60)
        angle, weight = np.pi / 4 * (angle + 1), np.pi / 4 * weight
        c = np.sin(angle)
        elsewhere = np.sum(weight * np.cos(angle) * 2 * norm.pdf(c) * (1 - np.exp(-(2 - 2 * c**2) / 2)))
    assert balls.pair_probability == pytest.approx(alone + (1 - 1 / patches) * elsewhere, rel=1e-12)


def test_independent_chances_would_cover_visibly_more() -> None:
    """So the simple formula is a bound, not the law: a sample with much noise is far from all others."""
    balls = PatchBalls(10.0, 100, 2, signal_strength=50.0, noise_std=1.0)
    assert balls.independent_coverage(10**6) > 2 * balls.coverage(10**6)


@settings(max_examples=40)
@given(
    st.floats(0.05, 3.0), st.integers(2, 12), st.integers(2, 4), st.floats(0.3, 3.0), st.floats(0.05, 1.0),
    st.integers(1, 10**5),
)  # fmt: skip
def test_coverage_is_at_most_the_independent_form(
    share: float, dimension: int, patches: int, strength: float, noise: float, samples: int
) -> None:
    radius = share * strength if patches == 2 else min(share, 1.4) * strength
    balls = PatchBalls(radius, dimension, patches, strength, noise)
    covered, bound = balls.coverage(samples), balls.independent_coverage(samples)
    target(covered - bound)
    # Both come from quadratures and from distribution functions accurate to about 1e-12.
    assert covered <= bound * (1 + 1e-9) + 1e-12
    assert balls.coverage(1) == pytest.approx(balls.pair_probability, rel=1e-8, abs=1e-13)
    assert 0 <= covered <= 1 + 1e-12
    assert covered <= balls.coverage(2 * samples) + 1e-12


def test_at_the_scale_of_the_paper_coverage_is_a_matter_of_position() -> None:
    """alpha well above the noise: balls of radius sqrt(3) reach every sample with the same signal and no other."""
    size = 1000
    balls = PatchBalls(1.8, size, 2, signal_strength=4.0, noise_std=size**-0.5)
    assert balls.pair_probability == pytest.approx(1 / 4, rel=1e-6)
    assert balls.coverage(10) == pytest.approx(1 - 0.75**10, rel=1e-6)
    narrow = PatchBalls(1.0, size, 2, signal_strength=4.0, noise_std=size**-0.5)
    assert narrow.coverage(10**6) < 1e-20  # below the distance sqrt(2) of two noise patches nothing is ever covered


@pytest.mark.parametrize(("patches", "radius"), [(2, 0.9), (2, 1.3), (2, 2.5), (3, 0.9), (3, 1.4), (4, 2.2)])
def test_cubes_against_samples(patches: int, radius: float) -> None:
    """Below alpha, between alpha and 2 alpha, beyond: each term of the law counts in one of the cases."""
    balls = CubeBalls(radius, 4, patches, signal_strength=1.0, noise_std=0.7)
    rng, like = np.random.default_rng(11), PatchBalls(radius, 4, patches, 1.0, 0.7)
    (one, _), (other, _) = draw(like, 50_000, rng), draw(like, 50_000, rng)
    assert plausible(np.abs(one - other).max(axis=1) <= radius, balls.pair_probability)
    train = draw(like, 20 * 4000, rng)[0].reshape(4000, 20, -1)
    fresh, _ = draw(like, 4000, rng)
    covered = (np.abs(train - fresh[:, None]).max(axis=2) <= radius).any(axis=1)
    bound = balls.independent_coverage(20)
    assert covered.mean() <= bound + 5 * np.sqrt(bound * (1 - bound) / 4000) + 1e-3
    assert balls.independent_coverage(1) == pytest.approx(balls.pair_probability, rel=1e-12)


def test_cubes_vanish_with_the_dimension_and_fill_with_the_radius() -> None:
    chances = [CubeBalls(0.5, d, 2, 1.0, 0.25).pair_probability for d in (2, 10, 100, 1000)]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < 1e-40
    assert CubeBalls(50.0, 1000, 3, 1.0, 0.25).pair_probability == 1.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="noise_std must be a positive number, got 0"):
        CubeBalls(1.0, 3, 2, 1.0, 0.0)
    with pytest.raises(ValueError, match="radius must be a positive number, got -1"):
        PatchBalls(-1.0, 3, 2, 1.0, 1.0)
    with pytest.raises(ValueError, match="at least 2, got 1 and 2"):
        PatchBalls(1.0, 1, 2, 1.0, 1.0)
    with pytest.raises(ValueError, match="average ball_probability over draws"):
        PatchBalls(3.0, 3, 3, 1.0, 1.0).coverage(5)
    with pytest.raises(ValueError, match="there are 2 noise patches"):
        PatchBalls(1.0, 3, 3, 1.0, 1.0).ball_probability(np.ones(3))
