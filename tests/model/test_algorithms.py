"""The reference of decay, momentum, batches, smoothing and flips: gradients, identities, draws; bad values."""

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.errors import ParameterError
from cgrosim.model import reference
from cgrosim.model.algorithms import draw_batches, draw_features, shares, smoothing_of
from cgrosim.model.sampling import draw_explicit, draw_gram

SMALL = Params.from_paper(
    20, samples=6, patches=3, neurons=4, gap=0.3, init_std=0.5, noise_std=0.4, signal_strength=1.5, learning_rate=0.02
)
ALGORITHMS = [
    {"weight_decay": 0.3},
    {"label_smoothing": 0.2},
    {"label_noise": 0.34},
    {"unlearnable_fraction": 0.34, "unlearnable_certainty": 0.4, "label_smoothing": 0.1},
    {"weight_decay": 0.1, "label_noise": 0.17, "unlearnable_fraction": 0.5, "unlearnable_certainty": 0.8},
]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("activation", ["power", "smoothed_relu", "relu_power"])
@pytest.mark.parametrize("threat", ["none", "signal_span", "fixed_direction"])
def test_the_gradient_is_the_finite_difference_of_the_loss(algorithm, activation, threat):
    """The attack is held at what it does here: with smoothing its margin's minimum is not the loss's maximum.

    Central differences as in the tests of plain descent: truncation and rounding below 1e-9 each, 1e-7 is safe.
    """
    params = SMALL.replace(activation=activation, threat=threat, **algorithm)
    system = draw_explicit(params)
    layer, weights, data = system.second_layer, system.weights, system.data
    attacked = reference.attacked_inputs(params, layer, weights, data)
    gradient = reference.training_gradient(params, layer, weights, data, attacked)
    generator = np.random.default_rng(0)
    for _ in range(3):
        shift = generator.standard_normal(weights.shape)
        losses = [
            reference.training_loss(params, layer, weights + sign * 1e-5 * shift, data, attacked)
            for sign in (1.0, -1.0)
        ]
        assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(np.sum(gradient * shift), abs=1e-7)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("activation", ["power", "smoothed_relu"])
def test_the_closed_forces_are_the_gradient_in_the_span(algorithm, activation):
    """Minus the gradient is force w_star + sum A_k X_k - rho W, for whole and for drawn batches, to round-off."""
    params = SMALL.replace(activation=activation, batch_size=2, **algorithm)
    system = draw_explicit(params)
    layer, data = system.second_layer, system.data
    attacked = reference.attacked_inputs(params, layer, system.weights, data)
    rows = data.noise.reshape(-1, params.dimension)
    for share in (None, shares(draw_batches(params, 5, 1)[0], params.samples)):
        gradient = reference.training_gradient(params, layer, system.weights, data, attacked, share)
        force, on_noise, clean, hard = reference.forces(
            params, layer, system.labels, system.signal, system.noise, system.features, share
        )
        closed = np.outer(force, data.direction) + on_noise.T @ rows - params.weight_decay * system.weights
        assert np.allclose(-gradient, closed, rtol=0, atol=1e-13)
        margins = system.labels * reference.network(params, layer, system.weights, data.inputs())
        assert np.allclose(clean, margins, rtol=1e-12, atol=1e-13)
        margins = system.labels * reference.network(params, layer, system.weights, attacked)
        assert np.allclose(hard, margins, rtol=1e-12, atol=1e-13)


def test_the_batches_of_an_epoch_average_to_the_whole_gradient():
    """At fixed weights: every sample once an epoch, so the mean over its batches is the full gradient, to round-off."""
    params = SMALL.replace(batch_size=2)
    system = draw_explicit(params)
    layer, weights, data = system.second_layer, system.weights, system.data
    attacked = reference.attacked_inputs(params, layer, weights, data)
    whole = reference.training_gradient(params, layer, weights, data, attacked)
    batches = draw_batches(params, 3, 3)
    parts = [reference.training_gradient(params, layer, weights, data, attacked, shares(b, 6)) for b in batches]
    assert np.allclose(np.mean(parts, axis=0), whole, rtol=0, atol=1e-14)
    assert not np.allclose(parts[0], whole, rtol=1e-3)


def test_batches_do_not_depend_on_where_one_begins_to_draw():
    for replacement in (False, True):
        params = SMALL.replace(samples=12, batch_size=3, batch_replacement=replacement)
        all_of_them = draw_batches(params, 0, 12_000)  # more than two places of the stream
        assert all_of_them.shape == (12_000, 3)
        for first, count in ((0, 1), (3, 4), (1000, 500), (5460, 3), (5459, 5463), (11_999, 1)):
            assert np.array_equal(draw_batches(params, first, count), all_of_them[first : first + count])
        visits = np.bincount(all_of_them[:2000].ravel(), minlength=12)
        if replacement:  # binomial: six thousand draws among twelve, five standard deviations
            assert 0 < np.abs(visits - 500).max() < 5 * np.sqrt(500)
        else:
            assert np.all(visits == 500)
            assert np.all(np.sort(all_of_them[:4].ravel()) == np.arange(12))
    assert not np.array_equal(draw_batches(params.replace(seed=1), 0, 9), all_of_them[:9])
    assert np.array_equal(shares(np.array([0, 0, 2]), 6), [4.0, 0.0, 2.0, 0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="no batches"):
        draw_batches(SMALL, 0, 1)


def test_flips_change_the_label_and_nothing_else():
    params = SMALL.replace(samples=10)
    changed = params.replace(label_noise=0.3, unlearnable_fraction=0.2)
    for draw in (draw_explicit, draw_gram):
        plain, noisy = (draw(p.replace(dimension=100, init_std=0.5)) for p in (params, changed))
        assert plain.features is None
        assert sorted(noisy.features.tolist()) == [-1.0] * 3 + [0.0] * 2 + [1.0] * 5
        assert np.array_equal(noisy.labels, np.where(noisy.features < 0, -plain.labels, plain.labels))
        assert np.array_equal(noisy.signal, plain.signal)
        assert np.array_equal(noisy.noise, plain.noise)
    signal = noisy_patch(draw_explicit(changed))
    assert np.allclose(signal, 1.5 * plain_labels(params) * np.abs(draw_explicit(changed).features), atol=1e-14)
    assert draw_features(params) is None
    certain = changed.replace(unlearnable_certainty=0.25, label_smoothing=0.2)
    features = draw_features(certain)
    assert np.allclose(smoothing_of(certain, features, 10), np.where(features == 0.0, 0.8, 0.2))


def noisy_patch(system):
    """What the signal patches hold along the direction."""
    inputs = system.data.inputs()
    return inputs[np.arange(len(inputs)), system.data.signal_index] @ system.data.direction


def plain_labels(params):
    return draw_explicit(params).labels


def test_momentum_is_a_velocity_and_decay_a_shrinking():
    """Three heavy-ball steps by hand in the form w + beta (w - w_before) - eta gradient."""
    params = SMALL.replace(momentum=0.8, weight_decay=0.5)
    system = draw_explicit(params)
    layer, data, weights = system.second_layer, system.data, system.weights
    before = weights
    for _ in range(3):
        attacked = reference.attacked_inputs(params, layer, weights, data)
        gradient = reference.training_gradient(params, layer, weights, data, attacked)
        before, weights = weights, weights + 0.8 * (weights - before) - 0.02 * gradient
    assert np.allclose(reference.train(params, layer, system.weights, data, 3), weights, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 7}, "batch_size is 7, but must be at most samples, 6"),
        ({"batch_size": 4}, "batch_size 4 does not divide samples 6"),
        ({"batch_size": 2, "engine": "flow"}, "no steps to draw a batch for"),
        ({"weight_decay": 200.0}, "the weights alone would diverge"),
        ({"label_noise": 0.4, "unlearnable_fraction": 0.7}, "more than all samples"),
        ({"label_noise": 0.4, "engine": "flow"}, "holds the signal at 0"),
        ({"momentum": 1.0}, "momentum is 1, but must be at least 0 and below 1"),
        ({"label_smoothing": -0.1}, "label_smoothing is -0.1"),
        ({"label_noise": 0.7}, "label_noise is 0.7"),
    ],
)
def test_impossible_algorithms_are_refused_in_one_sentence(changes, words):
    with pytest.raises(ParameterError, match=words):
        SMALL.replace(**changes)


def test_algorithms_survive_a_file(tmp_path):
    params = SMALL.replace(
        weight_decay=1e-4, momentum=0.9, batch_size=3, batch_replacement=True, label_smoothing=0.1, label_noise=0.2,
        unlearnable_fraction=0.3, unlearnable_certainty=0.5,
    )  # fmt: skip
    path = tmp_path / "params.toml"
    path.write_text(params.to_toml())
    assert Params.from_toml(path) == params
