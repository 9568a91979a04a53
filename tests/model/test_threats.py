"""Attacks that search: they stay in the ball, they do harm, and they find what is known in closed form."""

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.errors import ParameterError
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


class Bowl:
    """A margin with its lowest point inside the ball, |x - p|^2: what a network's margin is only by accident."""

    def __init__(self, params, lowest):
        self.params, self.lowest, self.seen = params, lowest, []

    def margins(self, inputs, labels):
        return np.sum((inputs - self.lowest) ** 2, axis=(1, 2))

    def margins_and_gradient(self, inputs, labels):
        self.seen.append(inputs.copy())
        return self.margins(inputs, labels), 2.0 * (inputs - self.lowest)


def bowl(threat, **changes):
    params, system, _ = setup(threat, radius=1.0, attack_random_start=False, **changes)
    inputs = system.data.inputs()
    way = np.random.default_rng(4).standard_normal(inputs.shape)
    return Bowl(params, inputs + 0.5 * way / norms(threat, way)[:, None, None]), inputs, system.labels


@pytest.mark.parametrize("threat", ["l2_pgd", "linf_pgd"])
def test_a_worst_point_inside_the_ball_is_found(threat):
    """Half a radius away: the search ends within a step of it in every coordinate, the sphere is half a radius off."""
    model, inputs, labels = bowl(threat, attack_steps=200, attack_step_size=0.01)
    found = attack(model, inputs, labels, None)
    assert np.all(norms(threat, found - model.lowest) <= 0.02)


@pytest.mark.parametrize("threat", ["l2_pgd", "linf_pgd"])
def test_the_last_point_counts(threat):
    """One step of a quarter radius: it is where the search ends, and the only point that is not the sample."""
    model, inputs, labels = bowl(threat, attack_steps=1, attack_step_size=0.25)
    found = attack(model, inputs, labels, None)
    assert norms(threat, found - inputs) == pytest.approx(0.25)


@pytest.mark.parametrize("threat", ["l2_pgd", "linf_pgd"])
@pytest.mark.parametrize("steps", [4, 20])
def test_steps_are_two_and_a_half_radii_in_all(threat, steps):
    """The default of Madry et al.: every point of the ball can be reached from any other, and back to the middle."""
    model, inputs, labels = bowl(threat, attack_steps=steps)
    attack(model, inputs, labels, None)
    assert norms(threat, model.seen[1] - inputs) == pytest.approx(2.5 / steps)
    assert f"{steps} steps of {2.5 / steps:.3g}," in model.params.attack_description


def test_a_threat_that_does_not_search_is_refused():
    _, system, model = setup("l2_pgd")
    still = Model(model.params.replace(threat="signal_span", gap=0.5), model.weights, model.second_layer)
    with pytest.raises(ParameterError, match="signal_span does not search; take one of fgsm"):
        attack(still, system.data.inputs(), system.labels, None)
