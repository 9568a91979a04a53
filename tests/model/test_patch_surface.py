"""The patch network under the common landscape measure: derivatives, and the closed forms along the true feature."""

import numpy as np
import pytest
from largest_rises import largest_rise

from cgrosim.images.experiments.landscape_search import Ball, Search, measure
from cgrosim.model.activations import output_weights
from cgrosim.model.patch_surface import FeatureLine, PatchSurface
from cgrosim.model.patches import draw_direction, draw_patch_data
from cgrosim.studies.flatness import experiment
from cgrosim.theory.flatness import global_flatness, odd_power

OPEN = (-np.inf, np.inf)  # patches have no box


def network(activation="power", **changes):
    """Parameters, second layer, weights, and a labelled data set."""
    params = experiment(3, activation=activation, **changes)
    generator = np.random.default_rng(3)
    direction = draw_direction(params, generator)
    data = draw_patch_data(params, generator, direction, samples=params.samples)
    weights = 0.4 * generator.standard_normal((params.neurons, params.dimension))
    return params, output_weights(params.neurons, params.second_layer), weights, data


@pytest.mark.parametrize("activation", ["power", "relu_power", "smoothed_relu"])
def test_gradients_are_those_of_the_losses(activation):
    second = {} if activation == "power" else {"second_layer": "signed"}
    params, layer, weights, data = network(activation, **second)
    surface, points = PatchSurface(params, layer, weights), data.inputs()
    found, step = surface.gradients(points, data.labels), 1e-5
    for direction in np.random.default_rng(0).standard_normal((5, *points.shape)):
        direction /= np.linalg.norm(direction, axis=(1, 2), keepdims=True)
        ends = [surface.losses(points + side * step * direction, data.labels) for side in (1.0, -1.0)]
        slope = (ends[0] - ends[1]) / (2.0 * step)
        # a central difference errs by step^2 times third derivatives of order ten, and by 1e-15 / step
        assert slope == pytest.approx(np.sum(found * direction, axis=(1, 2)), abs=1e-8)
    line = FeatureLine(params, layer, weights @ data.direction, np.linspace(-1.0, 1.0, params.samples))
    at = np.full((params.samples, 1), 0.9 * params.signal_strength)
    ends = [line.losses(at + side * step, data.labels) for side in (1.0, -1.0)]
    assert (ends[0] - ends[1]) / (2.0 * step) == pytest.approx(line.gradients(at, data.labels)[:, 0], abs=1e-7)


def test_the_line_is_the_network_with_its_signal_patch_moved():
    params, layer, weights, data = network()
    surface, signal = PatchSurface(params, layer, weights), weights @ data.direction
    noise = layer @ np.sum(np.sign(z := np.einsum("npd,md->nmp", data.inputs(), weights)) * np.abs(z) ** 3, axis=2).T
    memorised = data.labels * noise - params.signal_strength**3 * odd_power(signal, 3.0).sum()
    moved = data.inputs()
    moved[np.arange(params.samples), data.signal_index] = 0.7 * data.labels[:, None] * data.direction
    on_line = FeatureLine(params, layer, signal, memorised).losses(np.full((params.samples, 1), 0.7), data.labels)
    assert on_line == pytest.approx(surface.losses(moved, data.labels), rel=1e-11)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.98, 1.4])
def test_the_search_finds_the_closed_forms_along_the_feature(share):
    """What a search finds is a lower bound; on a line it must come close to the maximum."""
    params, layer, weights, data = network()
    signal, alpha = weights @ data.direction, params.signal_strength
    signal *= np.sign(odd_power(signal, 3.0).sum())  # a network that has learnt the feature
    memorised = np.linspace(-2.0, 4.0, params.samples)
    line = FeatureLine(params, layer, signal, memorised)
    start, radius = np.full((params.samples, 1), alpha), share * alpha
    found = measure(line, start, data.labels, np.array([radius]), Ball("l2", *OPEN), Search(steps=200),
                    np.random.default_rng(0))  # fmt: skip
    total = odd_power(signal, 3.0).sum()
    steepest = global_flatness(radius, total, memorised, signal_strength=alpha, power=3.0)
    rise = np.maximum(largest_rise(radius, total, memorised, signal_strength=alpha, power=3.0), 0.0)
    assert np.all(found.gradient_norm[:, 0] <= steepest * (1 + 1e-12))
    assert np.all(found.value_change[:, 0] <= rise * (1 + 1e-12) + 1e-14)
    # the loss is monotone, so an ascent of 2.5 radii ends at the end of the ball; its points lie radius / 80 apart,
    # and the slope, whose logarithm has derivatives of order q / c, misses its peak by their square at most
    assert found.value_change[:, 0] == pytest.approx(rise, rel=1e-9)
    assert np.all(found.gradient_norm[:, 0] >= steepest * 0.995)


def test_an_l2_attack_on_all_patches_finds_steeper_places_than_the_feature_does():
    params, layer, weights, data = network()
    surface, radius = PatchSurface(params, layer, weights), np.array([0.1, 0.5])
    around = measure(surface, data.inputs(), data.labels, radius, Ball("l2", *OPEN), Search(steps=10),
                     np.random.default_rng(0))  # fmt: skip
    points = data.inputs()
    rows = np.arange(params.samples)
    along = np.abs(surface.gradients(points, data.labels)[rows, data.signal_index] @ data.direction)
    assert np.all(around.gradient_norm[:, 0] >= along)
    assert np.all(np.diff(around.value_change, axis=1) > 0.0)
