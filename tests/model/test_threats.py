"""Attacks that search: they stay in the ball, they do harm, and they find what is known in closed form."""

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.model.sampling import draw_explicit
from cgrosim.model.streams import stream
from cgrosim.model.threats import Model, attack


def setup(threat, radius=0.4, seed=0, **changes):
    params = Params.from_paper(
        20,
        samples=9,
        patches=3,
        neurons=4,
        init_std=0.4,
        threat=threat,
        perturbation_radius=radius,
        seed=seed,
        **changes,
    )
    system = draw_explicit(params)
    return params, system, Model(params, system.weights, system.second_layer)


def norms(threat, shift):
    flat = shift.reshape(len(shift), -1)
    return np.linalg.norm(flat, axis=1) if threat == "l2_pgd" else np.abs(flat).max(axis=1)


@pytest.mark.parametrize("threat", ["fgsm", "l2_pgd", "linf_pgd"])
@pytest.mark.parametrize("start", [True, False])
def test_attacks_stay_in_the_ball_and_never_help(threat, start):
    params, system, model = setup(threat, attack_random_start=start, attack_restarts=2)
    inputs = system.data.inputs()
    attacked = attack(model, inputs, system.labels, stream(1))
    assert np.all(norms(threat, attacked - inputs) <= params.perturbation_radius * (1 + 1e-12))
    if threat != "fgsm":  # the best point seen includes the sample itself; one signed step has no such promise
        assert np.all(model.margins(attacked, system.labels) <= model.margins(inputs, system.labels))


@pytest.mark.parametrize(("threat", "order"), [("l2_pgd", 2), ("linf_pgd", 1)])
def test_attacks_on_a_linear_network_reach_the_dual_norm(threat, order):
    """A linear network's margin falls by radius times the dual norm of its gradient, exactly.

    The last steps of 2.5 radius / 40 leave the l_2 direction exact (the gradient is constant) and the corner exact.
    """
    params, system, model = setup(threat, activation="linear", attack_steps=40, attack_random_start=False)
    inputs = system.data.inputs()
    margins, gradient = model.margins_and_gradient(inputs, system.labels)
    dual = np.linalg.norm(gradient.reshape(len(inputs), -1), ord=order, axis=1)
    attacked = attack(model, inputs, system.labels, None)
    expected = margins - params.perturbation_radius * dual
    assert np.allclose(model.margins(attacked, system.labels), expected, rtol=1e-10, atol=1e-12)


def test_input_gradient_is_a_finite_difference():
    _, system, model = setup("l2_pgd")
    inputs = system.data.inputs()
    _, gradient = model.margins_and_gradient(inputs, system.labels)
    shift = np.random.default_rng(0).standard_normal(inputs.shape)
    above, below = (model.margins(inputs + s * 1e-5 * shift, system.labels) for s in (1.0, -1.0))
    slope = np.sum(gradient * shift, axis=(1, 2))
    assert np.allclose(
        (above - below) / 2e-5, slope, rtol=1e-6, atol=1e-7
    )  # truncation and rounding of order 1e-10 / 1e-5


def test_more_restarts_and_steps_only_find_worse_points():
    params, system, model = setup("l2_pgd", radius=0.8, attack_steps=5)
    inputs = system.data.inputs()
    few = model.margins(attack(model, inputs, system.labels, stream(2)), system.labels)
    many_model = Model(params.replace(attack_restarts=4), system.weights, system.second_layer)
    many = many_model.margins(attack(many_model, inputs, system.labels, stream(2)), system.labels)
    assert np.all(many <= few)


def test_zero_gradient_leaves_the_sample_alone():
    params, system, _ = setup("l2_pgd", attack_random_start=False)
    model = Model(params, np.zeros_like(system.weights), system.second_layer)
    inputs = system.data.inputs()
    assert np.array_equal(attack(model, inputs, system.labels, None), inputs)
