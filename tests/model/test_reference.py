"""The reference model against finite differences, and the exact inner maximum against brute force."""

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.model import reference
from cgrosim.model.activations import ACTIVATIONS
from cgrosim.model.sampling import draw_explicit

POWERS = [("power", 2.0), ("power", 2.5), ("power", 3.0), ("power", 4.0), ("power", 5.0)]
CASES = POWERS + [(name, 3.0) for name in ACTIVATIONS if name != "power"] + [("smoothed_relu", 2.5)]


def setup(activation, power, **changes):
    values = {
        "samples": 4,
        "patches": 3,
        "neurons": 5,
        "signal_strength": 1.5,
        "gap": 0.3,
        "noise_std": 0.4,
        "init_std": 0.7,
    }
    params = Params.from_paper(12, activation=activation, power=power, **{**values, **changes})
    return params, draw_explicit(params)


@pytest.mark.parametrize(("activation", "power"), CASES)
@pytest.mark.parametrize("threat", ["none", "signal_span", "fixed_direction"])
def test_gradient_is_the_finite_difference_of_the_adversarial_loss(activation, power, threat):
    """Danskin: the attack is re-optimised at the shifted weights, yet the gradient holds it fixed.

    Central differences with step h: truncation O(h^2) with third derivatives of order one here, round-off eps/h; at
    h = 1e-5 both are below 1e-9, times the constants 1e-7 is safe by a factor of a hundred.
    """
    params, system = setup(activation, power, threat=threat)
    layer, weights, data = system.second_layer, system.weights, system.data
    attacked = reference.attacked_inputs(params, layer, weights, data)
    gradient = reference.training_gradient(params, layer, weights, data, attacked)
    generator = np.random.default_rng(0)
    for _ in range(3):
        shift = generator.standard_normal(weights.shape)
        losses = []
        for sign in (1.0, -1.0):
            moved = weights + sign * 1e-5 * shift
            worst = reference.attacked_inputs(params, layer, moved, data)
            losses.append(reference.training_loss(params, layer, moved, data, worst))
        assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(np.sum(gradient * shift), abs=1e-7)


@pytest.mark.parametrize(("activation", "power"), CASES)
def test_closed_forces_are_the_gradient_in_the_span(activation, power):
    """Minus the gradient is force * w_star + sum of A_k X_k: the closure of the dynamics, to round-off."""
    params, system = setup(activation, power)
    layer, data = system.second_layer, system.data
    attacked = reference.attacked_inputs(params, layer, system.weights, data)
    gradient = reference.training_gradient(params, layer, system.weights, data, attacked)
    force, on_noise, clean, hard = reference.forces(params, layer, system.labels, system.signal, system.noise)
    rows = data.noise.reshape(-1, params.dimension)
    assert np.allclose(-gradient, np.outer(force, data.direction) + on_noise.T @ rows, rtol=0, atol=1e-13)
    margins = system.labels * reference.network(params, layer, system.weights, data.inputs())
    assert np.allclose(clean, margins, rtol=1e-12, atol=1e-13)
    margins = system.labels * reference.network(params, layer, system.weights, attacked)
    assert np.allclose(hard, margins, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("power", [2.5, 3.0])
@pytest.mark.parametrize("label", [-1.0, 1.0])
def test_the_inner_maximum_lies_where_a_curved_and_a_straight_neuron_balance(power, label):
    """One neuron below the knee at every coefficient, one above it: a_1 (c u_1)^q / q - a_2 (c u_2) has one minimum.

    Where c^(q-1) = a_2 u_2 / (a_1 u_1^q); the weight on the second neuron is chosen to have it at 1.2.
    """
    params, _ = setup("smoothed_relu", power, neurons=2)
    signal, first = np.array([0.35, 4.0]), 0.8  # 0.45 to 2.55 times these: to 0.9, and from 1.8 on
    layer = np.array([first, -first * signal[0] ** power * 1.2 ** (power - 1.0) / signal[1]])
    found = reference.attacked_coefficient(params, label * layer, label * signal, label)
    assert found == pytest.approx(1.2, rel=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_no_point_of_a_fine_grid_beats_the_exact_inner_maximum(activation, seed):
    params, system = setup(activation, 3.0, seed=seed, init_std=1.5)
    alpha, delta = params.signal_strength, params.perturbation_radius
    for label in (-1.0, 1.0):
        best = reference.attacked_coefficient(params, system.second_layer, system.signal, label)
        margin = reference.signal_margin(params, system.second_layer, system.signal, label, best)
        grid = np.linspace(alpha - delta, alpha + delta, 4001)
        values = [reference.signal_margin(params, system.second_layer, system.signal, label, c) for c in grid]
        assert margin <= min(values) + 1e-12 * max(1.0, abs(margin))


def test_untied_mirror_filters_lose_their_symmetry():
    """Symmetric filters must be one tied filter in an odd phi: mirrored copies under ReLU^q part ways in one step."""
    params, system = setup("relu_power", 3.0, neurons=4)
    weights = np.concatenate([system.weights[:2], -system.weights[:2]])
    layer = np.array([1.0, 1.0, -1.0, -1.0])
    attacked = reference.attacked_inputs(params, layer, weights, system.data)
    moved = weights - 0.5 * reference.training_gradient(params, layer, weights, system.data, attacked)
    assert np.abs(moved[:2] + moved[2:]).max() > 1e-3
