"""The data, its laws, and the closed system drawn without vectors."""

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.errors import ParameterError
from cgrosim.model.linear_algebra import semidefinite_root
from cgrosim.model.patches import draw_direction, draw_patch_data
from cgrosim.model.sampling import bartlett_factor, close_system, draw_explicit, draw_gram, weight_gram
from cgrosim.model.streams import stream

PARAMS = Params.from_paper(60, samples=7, patches=4, neurons=5)


def test_inputs_carry_one_signal_patch_and_orthogonal_noise():
    system = draw_explicit(PARAMS)
    data, inputs = system.data, system.data.inputs()
    assert inputs.shape == (7, 4, 60)
    assert np.linalg.norm(data.direction) == pytest.approx(1.0, abs=1e-15)
    for i in range(7):
        signal = inputs[i, data.signal_index[i]]
        assert np.allclose(signal, PARAMS.signal_strength * data.labels[i] * data.direction, rtol=1e-15)
        others = np.delete(inputs[i], data.signal_index[i], axis=0)
        assert np.array_equal(others, data.noise[i])
        # after two projections what is left is rounding of the last one: 60 products of size noise_std
        assert np.abs(others @ data.direction).max() < 60 * 2.3e-16 * PARAMS.noise_std * 10


def test_streams_are_independent_of_what_else_is_asked():
    """Data and start depend on the seed alone, so that standard and adversarial runs are paired."""
    one, two = draw_explicit(PARAMS), draw_explicit(PARAMS.replace(adversarial_weight=0.0, steps=3, gap=0.5))
    assert np.array_equal(one.data.noise, two.data.noise)
    assert np.array_equal(one.weights, two.weights)
    wide = draw_explicit(PARAMS.replace(neurons=9))
    assert np.array_equal(one.data.noise, wide.data.noise)
    other = draw_explicit(PARAMS.replace(seed=1))
    assert not np.array_equal(one.data.noise, other.data.noise)


def test_the_draw_of_the_noise_has_the_stated_covariance():
    """sigma_p^2 (I - w w^T): the sum of squares is chi^2 with d - 1 degrees; 4.9 standard deviations are 1e-6."""
    generator = stream(5)
    direction = draw_direction(PARAMS, generator)
    data = draw_patch_data(PARAMS, generator, direction, samples=2000)
    squares = np.sum(data.noise**2) / PARAMS.noise_std**2
    degrees = 2000 * 3 * 59
    assert abs(squares - degrees) < 4.9 * np.sqrt(2 * degrees)
    assert abs(np.sum(data.labels)) < 4.9 * np.sqrt(2000)
    counts = np.bincount(data.signal_index, minlength=4)
    assert np.all(np.abs(counts - 500) < 4.9 * np.sqrt(2000 * 0.25 * 0.75))


def test_closed_system_is_that_of_the_vectors():
    system = draw_explicit(PARAMS)
    rows = system.data.noise.reshape(-1, 60)
    assert np.allclose(system.gram, rows @ rows.T, rtol=1e-12, atol=1e-15)
    assert np.allclose(system.noise, rows @ system.weights.T, rtol=1e-12, atol=1e-15)
    assert np.allclose(system.signal, system.weights @ system.data.direction, rtol=1e-12, atol=1e-15)
    generator = np.random.default_rng(0)
    learnt = generator.standard_normal(system.noise.shape)
    moved = close_system(system.data, system.weights + learnt.T @ rows, system.second_layer)
    assert np.allclose(weight_gram(system, learnt), moved.weight_gram, rtol=1e-12, atol=1e-13)


def test_gram_sampling_has_the_moments_of_the_vectors():
    """Means over 400 draws of K, C C^T, G against their expectations, each within 4.9 standard errors."""
    draws = [draw_gram(PARAMS.replace(seed=seed)) for seed in range(400)]
    d, rows, m = PARAMS.dimension, PARAMS.noise_patches, PARAMS.neurons
    energy = PARAMS.noise_std**2 * (d - 1)
    expected = {
        "K diagonal": ([s.gram[0, 0] for s in draws], energy),
        "K off": ([s.gram[3, 1] for s in draws], 0.0),
        "K off squared": ([s.gram[3, 1] ** 2 for s in draws], PARAMS.noise_std**4 * (d - 1)),
        "C squared": ([s.noise[2, 1] ** 2 for s in draws], PARAMS.init_std**2 * energy),
        "u squared": ([s.signal[0] ** 2 for s in draws], PARAMS.init_std**2),
        "G diagonal": ([s.weight_gram[1, 1] for s in draws], PARAMS.init_std**2 * (d - 1)),
        "G off squared": ([s.weight_gram[1, 0] ** 2 for s in draws], PARAMS.init_std**4 * (d - 1)),
    }
    assert draws[0].gram.shape == (rows, rows)
    assert draws[0].weight_gram.shape == (m, m)
    for name, (values, mean) in expected.items():
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - mean) < 4.9 * error, name


def test_bartlett_at_a_huge_dimension():
    """At 1e15 degrees the Gram matrix is the identity up to 1e-7.5: no overflow, no loss of the diagonal."""
    factor = bartlett_factor(20, 10**15, stream(1))
    normal = factor @ factor.T / 1e15
    assert np.abs(normal - np.eye(20)).max() < 10 / np.sqrt(1e15)


def test_gram_sampling_refuses_a_dimension_that_is_too_small():
    with pytest.raises(ParameterError, match="take sampling explicit"):
        draw_gram(PARAMS.replace(dimension=25, noise_std=PARAMS.noise_std))


def test_semidefinite_root_of_full_and_deficient_matrices():
    generator = np.random.default_rng(3)
    for rank in (6, 3, 0):
        factor = generator.standard_normal((6, rank))
        matrix = factor @ factor.T
        root = semidefinite_root(matrix)
        assert np.allclose(root @ root.T, matrix, rtol=0, atol=1e-6 if 0 < rank < 6 else 1e-12)
        assert np.allclose(root, np.tril(root))
