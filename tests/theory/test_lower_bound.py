"""The lower bound: its counting against exact counts, its table, the hard distribution, the crossing dimensions."""

import math
from functools import partial
from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_counts import binary_entropy, log2_network_patterns, log2_sign_patterns, vc_dimension_bound
from relu_cases import random_network

from cgrosim.theory.ball_attacks import attack
from cgrosim.theory.certification import certify
from cgrosim.theory.lower_bound import (
    CGRO_LAYERS,
    LayerSize,
    clean_classifier,
    crossing_dimension,
    excluded_parameters,
    excluded_width,
    hard_points,
    hard_samples,
    room,
    sizes,
    two_layer_parameters,
    two_layers,
)
from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.representation import cgro_classifier, classification_margins


@given(st.integers(1, 200), st.floats(0.0, 0.5))
def test_hamming_balls_are_smaller_than_the_entropy_bound(points: int, share: float) -> None:
    ball = sum(math.comb(points, flips) for flips in range(int(share * points) + 1))
    assert math.log2(ball) <= binary_entropy(share) * points * (1 + 1e-12) + 1e-12


@given(st.integers(1, 60), st.integers(1, 12))
def test_warren_bounds_the_exact_number_of_half_spaces(points: int, variables: int) -> None:
    """Cover (1965): K vectors in general position in R^n are split by 2 sum_{i<n} C(K-1, i) sign patterns."""
    exact = 2 * sum(math.comb(points - 1, i) for i in range(variables))
    assert math.log2(exact) <= log2_sign_patterns(points, 1, variables) + 1e-12


@given(st.integers(1, 4), st.integers(1, 20), st.integers(0, 10**6))
def test_warren_bounds_the_exact_number_for_polynomials_in_one_variable(degree: int, points: int, seed: int) -> None:
    """K polynomials of degree d with different roots cut the line into K d + 1 intervals, all of which are visited."""
    roots = np.random.default_rng(seed).permutation(points * degree).reshape(points, degree)
    middles = np.arange(-1, points * degree) + 0.5
    patterns = {tuple(np.prod(x - roots, axis=1) > 0) for x in middles}
    assert math.log2(len(patterns)) <= log2_sign_patterns(points, degree, 1)
    if degree == 1:
        assert len(patterns) == points + 1


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_no_search_finds_more_patterns_than_the_bound(width: int, seed: int) -> None:
    points = hard_points(6)  # 32 points of R^5
    found = set()
    for trial in range(60):
        network = random_network(seed + trial, 5, (width,))
        values = network(points)[:, 0]
        found |= {tuple(values - shift > 0) for shift in np.quantile(values, np.linspace(0, 1, 12))}
    bits = log2_network_patterns(two_layers(5, width), len(points))
    assert math.log2(len(found)) <= bits


def test_two_layer_bound_is_the_layer_formula() -> None:
    dimension, width = 20, 175
    points = 2.0 ** (dimension - 1)
    first, all_ = width * dimension, width * (dimension + 1) + 1
    by_hand = 2 + first * math.log2(2 * math.e * points * width / first) + all_ * math.log2(4 * math.e * points / all_)
    assert log2_network_patterns(two_layers(dimension - 1, width), points) == pytest.approx(by_hand, rel=1e-14)


def test_layer_sizes_are_those_of_the_network_object() -> None:
    network = random_network(0, 9, (4,))
    assert sum(layer.parameters for layer in two_layers(9, 4)) == network.parameter_count
    assert two_layer_parameters(9, 4) == network.parameter_count


@given(st.integers(3, 30), st.integers(1, 6), st.integers(1, 40))
def test_vc_bound_follows_from_the_number_of_patterns(inputs: int, depth: int, width: int) -> None:
    """One point more than the bound has fewer patterns than subsets; and the bound is not ten times too large."""
    layers = [LayerSize(width, width * (inputs + 1))]
    layers += [LayerSize(width, width * (width + 1))] * depth + [LayerSize(1, width + 1)]
    bound = vc_dimension_bound(layers)
    beyond = math.ceil(bound) + 1
    assert log2_network_patterns(layers, beyond) < beyond
    assert log2_network_patterns(layers, bound / 10) >= bound / 10


def test_table_of_excluded_parameters() -> None:
    """Each width is excluded by the inequality it should come from, and the next one is not."""
    table = {dimension: sizes(dimension) for dimension in (16, 20, 24, 30, 40)}
    assert [row.on_the_points for row in table.values()] == [256, 3676, 51351, 2758691, 2224917768]
    assert [row.excluded_two_layer for row in table.values()] == [271, 3851, 53405, 2847681, 2279184055]
    for dimension, row in table.items():
        for width, excluded in ((row.excluded_width, True), (row.excluded_width + 1, False)):
            bits = log2_network_patterns(two_layers(dimension - 1, width), 2.0 ** (dimension - 1))
            assert (bits + binary_entropy(0.25) * 2.0 ** (dimension - 1) < 2.0 ** (dimension - 1)) == excluded


@pytest.mark.parametrize("dimension", [40, 80, 100, 300])
def test_excluded_sizes_are_exact_whole_numbers(dimension: int) -> None:
    """By an arithmetic of 400 digits of others; in floats the width was too large by 1,248 at D = 80."""
    with mpmath.workdps(400):
        log2 = partial(mpmath.log, b=2)
        points, error = mpmath.mpf(2) ** (dimension - 1), mpmath.mpf("0.25")
        room_ = (1 + error * log2(error) + (1 - error) * log2(1 - error)) * points

        def two_layer_bits(width: int) -> mpmath.mpf:
            first, every = width * dimension, width * (dimension + 1) + 1
            inner = 1 + first * log2(2 * mpmath.e * points * width / first)
            return inner + 1 + every * log2(4 * mpmath.e * points / every)

        def deep_bits(size: int) -> mpmath.mpf:
            one = CGRO_LAYERS + size * sum(log2(2 * mpmath.e * points * i) for i in range(1, CGRO_LAYERS + 1))
            return one + size * log2(mpmath.e * (size + dimension + 1) * CGRO_LAYERS) + 2 * log2(size)

        width, size = excluded_width(dimension), excluded_parameters(dimension, CGRO_LAYERS)
        assert two_layer_bits(width) < room_ < two_layer_bits(width + 1)
        assert deep_bits(size) < room_ < deep_bits(size + 1)
    assert type(width) is type(size) is int


@given(st.integers(12, 60), st.integers(2, 10))
def test_deep_bound_covers_every_architecture_of_that_size(dimension: int, depth: int) -> None:
    """Any split of the excluded parameters into dense layers leaves too few patterns, the choice of it included."""
    size = excluded_parameters(dimension, depth)
    points = 2.0 ** (dimension - 1)
    for width in (1, 2, 5, 20):
        layers = [LayerSize(width, width * dimension)]
        layers += [LayerSize(width, width * (width + 1))] * (depth - 2) + [LayerSize(1, width + 1)]
        if sum(layer.parameters for layer in layers) <= size:
            assert log2_network_patterns(layers, points) < room(dimension)
    assert size <= excluded_parameters(dimension, depth - 1) if depth > 2 else size >= 0


def test_excluded_sizes_grow_like_the_number_of_points() -> None:
    """Doubling the points doubles the excluded size up to the logarithms: exponential in D."""
    dimensions = np.arange(20, 60, 5)
    for excluded in (
        [two_layer_parameters(d, excluded_width(d)) for d in dimensions],
        [excluded_parameters(int(d), CGRO_LAYERS) for d in dimensions],
    ):
        slopes = np.diff(np.log2(excluded)) / 5
        assert np.all((slopes > 0.85) & (slopes < 1))
        assert np.all(np.diff(slopes) > 0)


@pytest.mark.parametrize(("samples", "shallow", "deep"), [(10, 19, 21), (100, 22, 25), (1000, 26, 29)])
def test_crossing_dimension(samples: int, shallow: int, deep: int) -> None:
    assert crossing_dimension(samples) == shallow
    assert crossing_dimension(samples, deep=True) == deep
    before, after = sizes(shallow - 1, samples), sizes(shallow, samples)
    assert before.excluded_two_layer < before.cgro
    assert after.excluded_two_layer >= after.cgro


@pytest.mark.parametrize("dimension", [2, 4, 6])
def test_hard_distribution_is_what_the_argument_uses(dimension: int) -> None:
    labels = np.random.default_rng(dimension).choice([-1, 1], 2 ** (dimension - 1))
    samples = hard_samples(labels, 0.3)
    assert samples.shape == (2 ** (dimension - 1), dimension)
    assert {tuple(row) for row in samples[:, :-1]} == set(product([0.0, 1.0], repeat=dimension - 1))
    clean = clean_classifier(dimension)
    assert np.all(classification_margins(clean, samples, labels) == pytest.approx(0.3))
    # An attack of radius 0.4 >= g breaks the clean classifier everywhere; the memory of all points is robust, has
    # exactly the size and the layers the table says, and so have the CGRO networks of fewer samples.
    generator = np.random.default_rng(0)
    worst, _ = attack(clean, samples, labels, radius=0.4, norm="linf", generator=generator, steps=2, restarts=1)
    assert np.all(worst < 0)
    robust = cgro_classifier(clean, samples, labels, radius=0.4)
    assert certify(robust).robust_training_error == 0.0
    row = sizes(dimension, 2)
    assert robust.parameter_count == row.robust
    assert len(robust.network.weights) == CGRO_LAYERS
    assert cgro_classifier(clean, samples[:2], labels[:2], radius=0.4).parameter_count == row.cgro
    assert clean.parameter_count == row.clean


def test_a_network_without_the_table_is_not_robust() -> None:
    """The core of the argument: at (z, 0) the hint is gone, whatever the network does with it elsewhere."""
    labels = np.random.default_rng(1).choice([-1, 1], 2**7)
    samples = hard_samples(labels, 0.2)
    masked = samples.copy()
    masked[:, -1] = 0.0
    assert np.max(np.abs(samples - masked)) == 0.2
    network = random_network(3, 8, (20,))
    hint = np.zeros((2, 8))
    hint[:, -1] = [1e3, -1e3]
    weights = [np.vstack([network.weights[0].toarray(), hint]), np.append(np.ones(20), [1.0, -1.0])[None]]
    steep = ReluNetwork(weights, [np.append(network.biases[0], [0.0, 0.0]), network.biases[1]])
    assert np.all(classification_margins(steep, samples, labels) > 0)
    wrong = np.mean(classification_margins(steep, masked, labels) <= 0)
    worst, _ = attack(
        steep, samples, labels, radius=0.2, norm="linf", generator=np.random.default_rng(0), steps=2, restarts=1
    )
    assert np.mean(np.minimum(worst, classification_margins(steep, masked, labels)) <= 0) >= wrong > 0.25


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="from 2 to 24 only"):
        hard_points(30)
    with pytest.raises(ValueError, match=r"must be 2\^\(D-1\) of them"):
        hard_samples([1, -1, 1], 0.1)
    with pytest.raises(ValueError, match="error is 0\\.5"):
        room(10, 0.5)
    with pytest.raises(ValueError, match="at least 3"):
        vc_dimension_bound([LayerSize(1, 3)])
