"""Convolutions by Winograd's tiles: the algorithm, every shape of a tile at a border, and how much float32 loses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_cases import NAMED, Analysis, check_everything, make_case, network
from tile_errors import matrices, tiled_layers

from cgrosim.images.network import plan
from cgrosim.images.network.kernels.transforms import SIDES, kernel_matrix
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool, Power, ReLU


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles also where they do not pay: on images smaller than one."""
    monkeypatch.setattr(plan, "tiles_pay", lambda size, *_: size in SIDES)


@pytest.mark.parametrize("size", SIDES)
def test_the_products_are_the_correlation(size: int) -> None:
    evaluate, kernel, interpolate = matrices(SIDES[size], size)
    assert np.allclose(kernel_matrix(size), kernel, rtol=1e-15)
    generator = np.random.default_rng(size)
    inputs, weights = generator.standard_normal(6), generator.standard_normal(size)
    found = evaluate @ ((kernel_matrix(size) @ weights) * (interpolate @ inputs))
    assert np.allclose(found, np.correlate(inputs, weights, "valid"), rtol=0, atol=1e-13)


def stack(size: int, padding: int, shape: tuple[int, int], filters: tuple[int, int], pooled: bool) -> Architecture:
    """A 1x1 convolution, so that the second one has channels side by side, and a dense layer."""
    after = (ReLU(), MaxPool()) if pooled else (ReLU(),)
    layers = (Convolution(filters[0], 1), ReLU(), Convolution(filters[1], size, padding), *after, FullyConnected(3))
    return Architecture("tiles", (*shape, 2), layers)


@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=6)
def test_any_shape_by_tiles(data: st.DataObject, seed: int) -> None:
    size = data.draw(st.sampled_from(list(SIDES)))
    padding = data.draw(st.integers(0, size - 1))
    least = max(1, size + 1 - 2 * padding)
    shape = data.draw(st.tuples(*[st.integers(least, least + 9)] * 2))
    filters = data.draw(st.tuples(*[st.integers(1, 40)] * 2))
    architecture = stack(size, padding, shape, filters, data.draw(st.booleans()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "tiles_pay", lambda size, *_: size in SIDES)
        case = make_case(architecture, 3, seed)
        assert tiled_layers(network(case, "channels"))[2][0]
        check_everything(case, "channels")


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("size", SIDES)
def test_gradients_are_differences_of_the_losses(size: int) -> None:
    """Along the gradient of a smooth network: float32 losses of order one are good to 1e-6, so 1e-6 / h is noise."""
    layers = (Convolution(18, 1), Convolution(20, size, 1), Power(2), Convolution(17, size, 2), FullyConnected(3))
    case = make_case(Architecture("smooth", (7, 9, 1), layers), 4, seed=size)
    case.parameters["layer4.weight"] *= np.float32(0.02)  # else every sample is certain of its class
    ours, step = network(case, "channels"), 0.01
    assert tiled_layers(ours)[1] == tiled_layers(ours)[3] == (True, True)
    slope = ours.input_gradient(case.images, case.labels).astype(np.float64)
    length = np.sqrt((slope**2).sum(axis=(1, 2, 3), keepdims=True))
    ends = [ours.losses(case.images + sign * step * slope / length, case.labels) for sign in (1, -1)]
    assert length.min() > 0.1
    assert np.allclose((ends[0] - ends[1]) / (2 * step), length.ravel(), rtol=5e-3)


@pytest.mark.parametrize("size", SIDES)
def test_rounding_beside_that_of_the_definition(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both within their bounds; the tiles' error is below four of the definition's, as the reference page says."""
    case = make_case(stack(size, 1, (16, 16), (32, 32), pooled=False), 8, seed=1)
    errors = []
    for tiled in (True, False):
        monkeypatch.setattr(plan, "tiles_pay", lambda size, *_, tiled=tiled: tiled)
        ours = network(case, "channels")
        bound = Analysis(case, network=ours)
        errors.append(ours.input_gradient(case.images, case.labels) - bound.input_gradient)
        assert np.all(np.abs(errors[-1]) <= bound.input_gradient_error)
        assert np.all(np.abs(ours.logits(case.images) - bound.logits) <= bound.logits_error)
    rms = [np.sqrt((error**2).mean()) for error in errors]
    assert rms[1] < rms[0] < 4 * rms[1]


@pytest.mark.parametrize("coefficient", [0, 14, 35])
def test_the_bound_is_sharp_enough_to_see_a_wrong_coefficient(coefficient: int) -> None:
    """One of the 36 points wrong by two hundredths is outside of the bound."""
    case = make_case(stack(3, 1, (16, 16), (32, 32), pooled=False), 4, seed=2)
    ours = network(case, "channels")
    bound = Analysis(case, network=ours)
    assert np.all(np.abs(ours.logits(case.images) - bound.logits) <= bound.logits_error)
    rearranged, _, at, pairs, _ = ours._engine.plan.transforms[0]
    assert not rearranged
    many = pairs * 256
    ours._engine._tables[at + coefficient * many : at + (coefficient + 1) * many] *= np.float32(1.02)
    assert np.any(np.abs(ours.logits(case.images) - bound.logits) > bound.logits_error)


def test_what_is_not_there_stays_zero() -> None:
    """No gradient at the logits' side, none at the pixels' side: an attack is told that it is stuck."""
    case = make_case(stack(3, 1, (8, 8), (16, 16), pooled=False), 3, seed=3)
    case.parameters["layer2.bias"][...] = -100.0
    ours = network(case, "channels")
    assert tiled_layers(ours)[2] == (True, True)
    assert not ours.input_gradient(case.images, case.labels).any()


def test_the_networks_whose_bits_are_compared_have_tiles() -> None:
    found = [tiled_layers(network(make_case(each, 1, 0), "channels")) for each in NAMED[:3]]
    assert any(forth for layers in found for forth, _ in layers.values())
    assert any(back for layers in found for _, back in layers.values())
