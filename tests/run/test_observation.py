"""What is measured of a state: a margin of exactly zero is an error, and what was not measured is not a number."""

import numpy as np
import pytest

from cgrosim import Params, simulate
from cgrosim.model import reference
from cgrosim.model.activations import activate
from cgrosim.model.sampling import draw_explicit
from cgrosim.run.observation import TESTS, Observation, margins_of_noise, share_wrong


def test_a_margin_of_zero_is_wrong():
    margins = np.array([[0.0, 1.0, -1.0, -0.0], [5e-324, 1.0, 1.0, -5e-324]])
    assert share_wrong(margins).tolist() == [0.75, 0.25]
    assert np.isnan(share_wrong(np.array([np.nan, -1.0])))


class OneState(list):
    """A trail of one state, of which nothing is asked."""

    def at(self, place):
        return self[place]


def test_a_margin_of_zero_is_wrong_on_fresh_samples_too():
    found = np.array([0.0, 1.0]), np.array([0.0, -1.0]), np.array([3.0, -3.0])
    observed = Observation(Params.from_paper(50), None, OneState([None]), lambda state: found, TESTS)
    assert observed.tests == {"clean_test_error": [0.5], "robust_test_error": [1.0], "test_noise_std": [3.0]}


@pytest.mark.parametrize("activation", ["power", "relu_power", "smoothed_relu"])
def test_margins_of_fresh_samples_are_those_of_the_network_on_their_patches(activation):
    """Labels +1 and -1 in turns, of samples whose patches are written out; the attack leaves alpha - delta or more."""
    params = Params.from_paper(12, samples=4, patches=3, neurons=5, activation=activation, init_std=0.7, gap=0.3)
    system = draw_explicit(params)
    layer, weights, direction = system.second_layer, system.weights, system.data.direction
    noise = np.random.default_rng(1).normal(0.0, 0.4, (6, 2, 12))
    noise -= (noise @ direction)[..., None] * direction
    signal = weights @ direction
    clean, attacked, alone = margins_of_noise(params, noise @ weights.T, signal, layer)
    for i, y in enumerate([1.0, -1.0] * 3):
        worst = reference.attacked_coefficient(params, layer, signal, y)
        for margins, size in ((clean, params.signal_strength), (attacked, worst)):
            patches = np.concatenate([noise[i], size * y * direction[None]])
            assert margins[i] == pytest.approx(y * reference.network(params, layer, weights, patches[None])[0])
        assert alone[i] == pytest.approx(reference.network(params, layer, weights, noise[i : i + 1])[0])


def test_the_smoothed_loss_is_that_of_every_sample():
    params = Params.from_paper(
        40, samples=5, label_smoothing=0.2, adversarial_weight=0.3, steps=30, records=3, test_samples=0, init_std=0.5
    )
    run = simulate(params, keep=("clean_margin", "attacked_margin", "training_loss"))
    clean, attacked = (run.values(name) for name in ("clean_margin", "attacked_margin"))
    mixed = 0.7 * reference.smoothed_loss(clean, 0.2) + 0.3 * reference.smoothed_loss(attacked, 0.2)
    assert run.values("training_loss") == pytest.approx(mixed.mean(axis=1), rel=1e-12)


def test_the_learnt_signal_is_a_sum_of_powers_and_so_is_its_share_of_the_margin():
    params = Params.from_paper(40, samples=3, steps=20, records=2, test_samples=0, power=3.0, init_std=0.5, gap=0.2)
    run = simulate(params)
    learnt = np.sum(run.values("signal_correlation") ** 3, axis=1)
    assert run.values("learnt_signal") == pytest.approx(learnt)
    assert run.values("signal_margin") == pytest.approx(params.signal_strength**3 * learnt)


def test_where_both_signs_differ_the_share_is_the_mean_over_both_labels():
    params = Params.from_paper(40, samples=3, steps=20, records=2, test_samples=0, activation="smoothed_relu")
    params = params.replace(init_std=1.0, second_layer="signed", gap=0.3)
    run = simulate(params)
    signal, layer = run.values("signal_correlation"), run.start.second_layer
    shares = [
        y * activate("smoothed_relu", y * params.signal_strength * signal, params.power) @ layer for y in (1.0, -1.0)
    ]
    assert np.abs(shares[0] - shares[1]).max() > 1e-3
    assert run.values("signal_margin") == pytest.approx(np.mean(shares, axis=0), rel=1e-12)
