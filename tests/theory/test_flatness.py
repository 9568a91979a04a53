"""Flatness: closed forms along w_star against searches, and every gap bound as an inequality over generated cases."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st
from largest_rises import largest_rise
from relu_cases import random_network
from scipy.special import expit
from scipy.stats import binom
from transport_programme import cheapest_plan, joint_cost

from cgrosim.theory.flatness import (
    global_flatness,
    loss_slope,
    margin_change,
    margin_slope,
    odd_power,
    steepest_position,
)
from cgrosim.theory.flatness_gap import (
    cell_gap_bound,
    cell_variation,
    likely_excess,
    lipschitz_gap_bound,
    mean_cell_gap_bound,
    mean_cell_variation,
    mean_cell_variation_bound,
    paper_rate,
    stated_gap_bound,
    transport_gap_bound,
)
from cgrosim.theory.line import flatness_line, linear_pieces, robust_loss_line
from cgrosim.theory.relu_composition import affine_network
from cgrosim.theory.transport import monotone_plan, wasserstein_line

SEEDS = st.integers(0, 10**6)
POWERS = st.sampled_from([2.0, 2.5, 3.0, 5.0])
STRENGTHS = st.floats(0.5, 6.0)
SUMS = st.floats(-2.0, 2.0).filter(lambda total: abs(total) > 1e-6)
MARGINS = st.floats(-30.0, 30.0)


def test_moving_the_signal_patch_moves_the_margin_as_said() -> None:
    """The patch model written out: three filters, three patches, any position of the signal."""
    rng = np.random.default_rng(0)
    direction = np.eye(6)[0]
    filters, noise, label, alpha, power = rng.normal(size=(3, 6)), rng.normal(size=(2, 6)), -1.0, 1.7, 3.0
    noise[:, 0] = 0.0

    def margin(coefficient: float) -> float:
        patches = np.vstack([noise[:1], coefficient * label * direction, noise[1:]])
        return label * float(np.sum(odd_power(filters @ patches.T, power)))

    total = float(np.sum(odd_power(filters @ direction, power)))
    for radius in (0.0, 0.3, 1.7, 2.5):
        lost = margin_change(radius, total, signal_strength=alpha, power=power)
        assert margin(alpha) - margin(alpha - radius) == pytest.approx(float(lost), abs=1e-12)
        steps = margin(alpha - radius - 1e-6) - margin(alpha - radius + 1e-6)
        slope = margin_slope(radius, total, signal_strength=alpha, power=power)
        # Margins of size 100 are rounded by 2e-14, over 2e-6.
        assert -steps / 2e-6 == pytest.approx(float(slope), abs=1e-7)


@given(POWERS, STRENGTHS, SUMS, st.floats(1e-14, 1e-9))
def test_margin_change_keeps_its_digits_at_small_radii(power: float, alpha: float, total: float, share: float) -> None:
    change = margin_change(share * alpha, total, signal_strength=alpha, power=power)
    # Two terms of the binomial series; the third is below 20 share^2 relative, and share itself is rounded.
    series = total * alpha**power * power * share * (1 - (power - 1) / 2 * share)
    assert change == pytest.approx(series, rel=1e-14)


@given(st.floats(-5.0, 5.0), SUMS, MARGINS, POWERS)
def test_loss_slope_is_the_derivative(position: float, total: float, noise: float, power: float) -> None:
    """By a complex step, which subtracts nothing: the imaginary part of l(c + i e) over e, for e = 1e-30."""
    side = np.sign(position) if position else 1.0
    margin = side * (side * (position + 1e-30j)) ** power * total + noise
    loss = np.log1p(np.exp(-margin)) if margin.real > 0 else -margin + np.log1p(np.exp(margin))
    assert loss_slope(position, total, noise, power=power) == pytest.approx(
        abs(loss.imag) / 1e-30, rel=1e-11, abs=1e-25
    )


@given(st.floats(1e-6, 5.0), MARGINS, POWERS)
def test_steepest_position_is_stationary(total: float, noise: float, power: float) -> None:
    position = float(steepest_position(total, noise, power))
    level = total * position**power
    assert power * level * expit(level + noise) == pytest.approx(power - 1, rel=1e-12)


@given(STRENGTHS, SUMS, MARGINS, POWERS, st.floats(0.0, 3.0))
def test_global_flatness_and_rise_are_the_maxima(
    alpha: float, total: float, noise: float, power: float, share: float
) -> None:
    radius = share * alpha
    flat = float(global_flatness(radius, total, noise, signal_strength=alpha, power=power))
    rise = float(largest_rise(radius, total, noise, signal_strength=alpha, power=power))
    low, high = alpha - radius, alpha + radius
    middle = np.sign(-noise / total) * np.abs(noise / total) ** (1 / power)  # margin 0, where the loss bends
    offsets = np.concatenate([-np.logspace(1, -9, 300), [0.0], np.logspace(-9, 1, 300)])
    grid = np.sort(np.clip(np.concatenate([np.linspace(low, high, 1001), middle + offsets]), low, high))
    margins = odd_power(grid, power) * total + noise
    losses = np.logaddexp(0.0, -margins) - np.logaddexp(0.0, -odd_power(alpha, power) * total - noise)
    rounding = 1e-12 * (1 + np.abs(margins).max())
    assert rise == pytest.approx(losses.max(), abs=rounding)
    assert rise <= flat * radius * (1 + 1e-12) + rounding
    for _ in range(6):  # zoom in on the maximum: never above, in the end attained
        slopes = loss_slope(grid, total, noise, power=power)
        assert np.all(slopes <= flat * (1 + 1e-11) + 1e-300)
        best = int(np.argmax(slopes))
        grid = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)], 201)
    assert slopes.max() >= flat * (1 - 1e-9)


def test_flatness_broadcasts_over_samples_and_radii() -> None:
    radii, noise = np.linspace(0, 2, 5), np.array([0.0, 1.0, 8.0])
    found = global_flatness(radii[:, None], 0.3, noise, signal_strength=2.0, power=3.0)
    assert found.shape == (5, 3)
    assert np.all(np.diff(found, axis=0) >= 0)  # larger balls
    assert np.all(np.diff(found, axis=1) < 0)  # memorised samples are flatter
    with pytest.raises(ValueError, match="power must exceed 1"):
        global_flatness(1.0, 1.0, 0.0, signal_strength=1.0, power=1.0)


class Case(NamedTuple):
    nodes: np.ndarray
    values: np.ndarray
    support: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    drawn: np.ndarray
    radius: float


@st.composite
def gap_cases(draw: st.DrawFn, one_label: bool = False) -> Case:
    """A network on the line, a distribution on finitely many points, a sample from it, a radius."""
    seed = draw(SEEDS)
    rng = np.random.default_rng(seed)
    network = random_network(seed % 997, 1, draw(st.sampled_from([(4,), (6, 5), (3, 3, 3)])))
    count = draw(st.integers(2, 12))
    support = rng.integers(-4, 5, count) / 2.0 if draw(st.booleans()) else rng.normal(size=count)
    labels = np.ones(count) if one_label else rng.choice([-1.0, 1.0], count)
    weights = rng.dirichlet(np.ones(count))
    drawn = rng.multinomial(draw(st.integers(1, 40)), weights)
    nodes, values = linear_pieces(network, -60.0, 60.0)
    scale = draw(st.sampled_from([0.3, 1.0, 6.0]))
    return Case(nodes, scale * values, support, labels, weights, drawn / drawn.sum(), draw(st.floats(0.0, 1.5)))


def robust_losses(case: Case, labels: np.ndarray) -> np.ndarray:
    return robust_loss_line(case.nodes, case.values, case.support, labels=labels, radius=case.radius)


def robust_gap(case: Case) -> float:
    return float(np.sum((case.weights - case.drawn) * robust_losses(case, case.labels)))


@settings(max_examples=60)
@given(SEEDS, st.floats(0.0, 2.0))
def test_pieces_robust_loss_and_flatness_are_exact(seed: int, radius: float) -> None:
    network = random_network(seed, 1, (5, 4))
    nodes, values = linear_pieces(network, -8.0, 8.0)
    grid = np.linspace(-8, 8, 3001)
    # Breakpoints are rounded, by units of round-off times slopes of a few dozen.
    assert np.interp(grid, nodes, values) == pytest.approx(network(grid[:, None])[:, 0], abs=1e-11)
    for point in (-1.0, 0.3):
        for label in (-1.0, 1.0):
            near = np.abs(grid - point) <= radius
            margins = label * network(np.append(grid[near], point)[:, None])[:, 0]
            loss = robust_loss_line(nodes, values, [point], labels=[label], radius=radius)[0]
            flat = flatness_line(nodes, values, [point], labels=[label], radius=radius)[0]
            slopes = np.abs(network.input_gradient(grid[near][:, None], np.ones((near.sum(), 1))))[:, 0]
            step = flat * (grid[1] - grid[0])
            assert np.logaddexp(0, -margins).max() <= loss + 1e-11
            assert loss <= np.logaddexp(0, -margins).max() + 2 * step + 1e-11
            inside = np.abs(grid[near][:, None] - nodes).min(axis=1, initial=1.0) > 1e-6  # away from the kinks
            reached = (slopes * expit(-label * network(grid[near][:, None])[:, 0]))[inside]
            assert reached.max(initial=0.0) <= flat * (1 + 1e-9) + 1e-12


@given(gap_cases())
def test_lipschitz_bound(case: Case) -> None:
    """Joint law of point and label; the label may change at the price of the largest change it makes."""
    widest = case.radius + np.abs(case.support).max()
    lipschitz = max(
        flatness_line(case.nodes, case.values, [0.0], labels=[label], radius=widest)[0] for label in (-1.0, 1.0)
    )
    losses = robust_losses(case, case.labels)
    changed = robust_losses(case, -case.labels)
    differences = np.abs(losses[:, None] - losses)
    steps = lipschitz * np.abs(case.support[:, None] - case.support)
    same = case.labels[:, None] == case.labels
    assert np.all(differences[same] <= steps[same] * (1 + 1e-9) + 1e-11)  # the constant of the robust loss
    cost = joint_cost(
        case.support[:, None], case.labels, case.support[:, None], case.labels,
        lipschitz=lipschitz, label_change=float(np.max(np.abs(losses - changed))),
    )  # fmt: skip
    bound = cheapest_plan(cost, case.weights, case.drawn).cost
    gap = robust_gap(case)
    target(gap - bound)
    assert gap <= bound + 1e-6 * (1 + cost.max())  # HiGHS meets its constraints to 1e-7


@given(gap_cases(one_label=True))
def test_lipschitz_and_transport_bounds_on_the_line(case: Case) -> None:
    widest = case.radius + np.abs(case.support).max()
    lipschitz = float(flatness_line(case.nodes, case.values, [0.0], labels=[1.0], radius=widest)[0])
    distance = wasserstein_line(case.support, case.support, case.weights, second_weights=case.drawn)
    gap = robust_gap(case)
    rounding = 1e-11 * (1 + lipschitz)
    assert gap <= lipschitz_gap_bound(lipschitz, distance) + rounding
    fresh, train, masses = monotone_plan(case.support, case.support, case.weights, second_weights=case.drawn)
    lengths = np.abs(fresh - train)
    for side in (fresh, train):
        flat = flatness_line(
            case.nodes, case.values, side, labels=np.ones(side.size), radius=case.radius + lengths + 1e-12
        )
        bound = transport_gap_bound(lengths, masses, flat)
        target(gap - bound, label=f"transport {side is fresh}")
        assert gap <= bound + rounding


@given(gap_cases(), st.sampled_from([0.1, 0.5, 2.0]))
def test_cell_bound(case: Case, side: float) -> None:
    losses = robust_losses(case, case.labels)
    flat = flatness_line(case.nodes, case.values, case.support, labels=case.labels, radius=case.radius + side)
    cells = np.floor(case.support / side).astype(int) * 2 + (case.labels > 0)
    variation = cell_variation(cells, case.weights, cells, other_weights=case.drawn)
    bound = cell_gap_bound(side, float(np.sum(case.weights * flat)), float(losses.max()), variation=variation)
    gap = robust_gap(case)
    target(gap - bound)
    assert gap <= bound * (1 + 1e-12) + 1e-11


@given(SEEDS, st.integers(1, 4), st.floats(0.0, 0.5), st.sampled_from([0.2, 0.5, 1.0]))
def test_cell_bound_of_a_linear_classifier_in_the_cube(seed: int, dimension: int, radius: float, side: float) -> None:
    """l_inf attacks: robust loss and global flatness are known in closed form through the l_1 norm of the slope."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 30))
    support, labels = rng.random((count, dimension)), rng.choice([-1.0, 1.0], count)
    weights = rng.dirichlet(np.ones(count))
    drawn = rng.multinomial(int(rng.integers(1, 60)), weights)
    slope, offset = rng.normal(size=dimension) * 3, rng.normal()
    norm = np.abs(slope).sum()
    margins = labels * (support @ slope + offset)
    losses = np.logaddexp(0, -(margins - radius * norm))
    flat = norm * expit(-(margins - (radius + side) * norm))
    cells = np.floor(support / side).astype(int) @ (50 ** np.arange(dimension)) * 2 + (labels > 0)
    variation = cell_variation(cells, weights, cells, other_weights=drawn / drawn.sum())
    bound = cell_gap_bound(side, float(np.sum(weights * flat)), float(losses.max()), variation=variation)
    gap = float(np.sum((weights - drawn / drawn.sum()) * losses))
    target(gap - bound)
    assert gap <= bound * (1 + 1e-12)


@given(SEEDS, st.integers(1, 12), st.integers(1, 50))
def test_mean_variation_is_below_its_bound(seed: int, cells: int, samples: int) -> None:
    """E TV summed term by term over binomial shares."""
    shares = np.random.default_rng(seed).dirichlet(np.ones(cells))
    counts = np.arange(samples + 1)
    exact = sum(np.sum(binom.pmf(counts, samples, p) * np.abs(counts / samples - p)) for p in shares) / 2
    target(exact / mean_cell_variation_bound(cells, samples))
    assert exact <= mean_cell_variation_bound(cells, samples) * (1 + 1e-10)


@pytest.mark.parametrize("dimension", [1, 3, 8])
def test_paper_rate_is_the_shape_of_the_explicit_bound(dimension: int) -> None:
    """With both terms balanced the explicit bound falls like N^(-1/(D+2)); the rate alone claims no constant."""
    samples = [parts ** (dimension + 2) for parts in (50, 400)]
    bounds = [mean_cell_gap_bound(count, dimension, 1.0, largest_loss=1.0) for count in samples]
    assert [paper_rate(count, dimension) for count in samples] == pytest.approx([1 / 50, 1 / 400], rel=1e-12)
    # One part more or less by rounding up: relative 1/50, to the power D/2 + 1.
    assert bounds[0] / bounds[1] == pytest.approx(8.0, rel=(dimension / 2 + 1) / 50 + 0.01)
    assert bounds[0] == pytest.approx((1 + np.sqrt(2) / 2) / 50, rel=(dimension / 2 + 1) / 50 + 0.01)
    assert mean_cell_gap_bound(10, dimension, 1.0, largest_loss=1.0) >= paper_rate(10, dimension) * 0.5


def test_a_lipschitz_constant_too_small_is_caught() -> None:
    """The inequality is sharp enough to fail for a wrong constant: f = x, all mass moved by one."""
    nodes, values = linear_pieces(affine_network([[1.0]], [0.0]), -50.0, 50.0)
    far = robust_loss_line(nodes, values, [-21.0, -20.0], labels=[1.0, 1.0], radius=0.5)
    gap, distance = far[0] - far[1], 1.0
    assert gap <= lipschitz_gap_bound(1.0, distance) + 1e-12
    assert gap > lipschitz_gap_bound(0.999999, distance)


def test_the_larger_radius_is_needed() -> None:
    """Flat within delta of both points, steep between them: with G_delta instead of G_{delta + h} the bounds fail."""
    weights, drawn, support, ones = [0.5, 0.5], [1.0, 0.0], np.array([0.0, 1.0]), np.ones(2)
    nodes, values = np.array([-9.0, 0.4, 0.6, 9.0]), np.array([0.0, 0.0, -5.0, -5.0])
    losses = robust_loss_line(nodes, values, support, labels=ones, radius=0.1)
    gap = float(np.sum((np.array(weights) - drawn) * losses))
    _, _, masses = monotone_plan(support, support, weights, second_weights=drawn)
    lengths = np.array([0.0, 1.0])
    near = flatness_line(nodes, values, support, labels=ones, radius=0.1)
    far = flatness_line(nodes, values, support, labels=ones, radius=0.1 + lengths)
    assert gap > 2.0
    assert transport_gap_bound(lengths, masses, near) == 0.0
    assert transport_gap_bound(lengths, masses, far) >= gap
    assert (
        cell_gap_bound(2.0, float(np.sum(weights * near)), 0.0, variation=0.0) == 0.0
    )  # one cell: no variation to help


def test_bad_input_is_refused() -> None:
    nodes, values = linear_pieces(random_network(0, 1, (3,)), -1.0, 1.0)
    with pytest.raises(ValueError, match=r"pieces cover \[-1.0, 1.0\] only"):
        robust_loss_line(nodes, values, [0.9], labels=[1.0], radius=0.2)
    with pytest.raises(ValueError, match="radius up to 3"):
        flatness_line(nodes, values, [0.0], labels=[1.0], radius=3.0)
    with pytest.raises(ValueError, match="not one and one"):
        linear_pieces(random_network(0, 2, (3,)), -1.0, 1.0)


@pytest.mark.parametrize("samples", [1, 2, 7, 50])
def test_the_mean_variation_is_that_of_every_sample(samples):
    """Against the sum over binomial probabilities; a mass of which N p is whole included."""
    weights = np.array([0.5, 0.02, 0.14, 0.34])
    k = np.arange(samples + 1)
    direct = sum(float(binom.pmf(k, samples, p) @ np.abs(k - samples * p)) for p in weights) / (2 * samples)
    assert mean_cell_variation(weights, samples) == pytest.approx(direct, rel=1e-12)
    assert mean_cell_variation(weights, samples) <= mean_cell_variation_bound(4, samples)


def test_the_variation_exceeds_its_mean_as_seldom_as_is_said():
    """All samples of two points on two cells of 1/2: TV is 1/2 with probability 1/2 and 0 otherwise, E TV = 1/4."""
    weights = [0.5, 0.5]
    assert mean_cell_variation(weights, 2) == pytest.approx(0.25)
    for risk in (0.9, 0.5, 0.3, 0.01):
        beyond = 0.5 if 0.25 + likely_excess(2, risk) < 0.5 else 0.0
        assert beyond <= risk
    assert likely_excess(100, 0.5) == pytest.approx(min(0.5 / np.sqrt(50.0), np.sqrt(np.log(2.0) / 200.0)))
    assert likely_excess(100, 1e-4) == pytest.approx(np.sqrt(np.log(1e4) / 200.0))


@given(
    samples=st.integers(1, 10**6), dimension=st.integers(1, 20), flatness=st.floats(0.0, 1e3), loss=st.floats(0.0, 1e3),
    risk=st.floats(1e-6, 1.0),
)  # fmt: skip
@settings(max_examples=100)
def test_the_stated_form_is_no_smaller_than_what_it_follows_from(samples, dimension, flatness, loss, risk):
    """Cells of side 1/ceil(r), r = N^(1/(D+2)): h E G + sup l (sqrt(2 cells / N) / 2 + excess)."""
    parts = float(np.ceil(1.0 / paper_rate(samples, dimension)))
    variation = np.sqrt(2.0 * parts**dimension / samples) / 2.0 + likely_excess(samples, risk)
    proved = cell_gap_bound(1.0 / parts, flatness, loss, variation=variation)
    assert proved <= stated_gap_bound(samples, dimension, flatness, largest_loss=loss, risk=risk) * (1.0 + 1e-12)
