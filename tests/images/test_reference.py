"""The float64 reference against hand calculations, finite differences and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from network_cases import Analysis, Case, architectures, make_case

from cgrosim.images.network.architectures import lenet, patch_network, stack3x3
from cgrosim.images.network.ascent import direction, project
from cgrosim.images.network.layers import (
    Architecture,
    Convolution,
    FixedReadout,
    FullyConnected,
    MaxPool,
    Power,
    ReLU,
    SumPositions,
)
from cgrosim.images.network.losses import margins, smoothed_cross_entropy
from cgrosim.images.network.reference import ReferenceNetwork, cut_patches, join_patches
from cgrosim.model.reference import smoothed_loss

EPS = np.finfo(np.float64).eps
STEP = 1e-5  # of the differences, along directions of unit length

ONE_OF_EACH = {
    "convolution": (Convolution(3, 3, padding=1), FullyConnected(3)),
    "convolution without padding": (Convolution(2, 2), FullyConnected(3)),
    "wide padding": (Convolution(2, 4, padding=3, bias=False), FullyConnected(2)),
    "relu": (Convolution(3, 2), ReLU(), FullyConnected(3)),
    "power": (Convolution(3, 2), Power(3), FullyConnected(3)),
    "even power": (Convolution(3, 2), Power(4), FullyConnected(3, bias=False)),
    "pool": (Convolution(3, 1), MaxPool(), FullyConnected(4)),
    "sum": (Convolution(3, 2), SumPositions(), FullyConnected(3)),
    "dense": (FullyConnected(6), ReLU(), FullyConnected(3)),
    "class sums": (Convolution(6, 2), Power(3), SumPositions(), FixedReadout(3)),
    "signed sum": (Convolution(4, 2), Power(3), SumPositions(), FixedReadout(2, "signed_sum")),
}


class KinkCrossed(Exception):
    """The differences reach over a kink, where they are no derivative."""


def pattern(case: Case, parameters: dict, images: np.ndarray) -> list[np.ndarray]:
    """Which side of every kink the network is on: between two points of one pattern the loss is smooth."""
    network = ReferenceNetwork(case.architecture, parameters)
    found, seen = network.activations(images), []
    for index, layer in enumerate(case.architecture.layers):
        if isinstance(layer, ReLU | Power):  # |x|^2 sign(x) has a jump of its second derivative at 0
            seen.append(found[index] > 0)
        elif isinstance(layer, MaxPool):
            ones = np.ones_like(found[index + 1])
            seen.append(network._backward(index, found[index], found[index + 1], ones))
    return seen


def derivative_along(case: Case, weights: dict, pixels: np.ndarray, smoothing: float = 0.0) -> tuple[float, float]:
    """Derivative of the total loss along a direction in parameters and pixels, and how far it can be off.

    Central differences of steps h and 2h, extrapolated: what is left of the truncation error is far below the
    difference of the two. Rounding: the losses are good to 2^29 times the float64 unit where float32 would be good to
    the bound of `Analysis` (which is linear in the unit), divided by the step.
    """
    rounding = Analysis(case, smoothing=smoothing).losses_error.sum() * 2.0**-29

    def at(t: float) -> tuple[float, list[np.ndarray]]:
        moved = {name: value + t * weights[name] for name, value in exact.items()}
        images = case.images + t * pixels
        network = ReferenceNetwork(case.architecture, moved)
        losses = network.accumulate_gradient(images, case.labels, 1.0, smoothing)
        return float(losses.sum()), pattern(case, moved, images)

    exact = {name: value.astype(np.float64) for name, value in case.parameters.items()}
    found = {k: at(k * STEP) for k in (-2, -1, 1, 2)}
    here = pattern(case, exact, case.images)
    if not all(np.array_equal(a, b) for _, seen in found.values() for a, b in zip(here, seen, strict=True)):
        raise KinkCrossed
    near, far = ((found[k][0] - found[-k][0]) / (2 * k * STEP) for k in (1, 2))
    return (4.0 * near - far) / 3.0, abs(near - far) + 2.0 * rounding / STEP


def check_gradients(case: Case, seed: int, smoothing: float = 0.0) -> None:
    """One random direction in each parameter array and in the pixels: a wrong component shows with probability one."""
    network, generator = case.reference(), np.random.default_rng(seed)
    network.accumulate_gradient(case.images, case.labels, float(len(case.labels)), smoothing)  # of the total
    gradient, pixel_gradient = network.gradient(), network.input_gradient(case.images, case.labels)
    zero = {name: np.zeros(value.shape) for name, value in case.parameters.items()}
    for name in [*case.parameters, *([] if smoothing else ["pixels"])]:
        shape = case.images.shape if name == "pixels" else zero[name].shape
        along = generator.standard_normal(shape)
        along /= np.linalg.norm(along)
        weights = zero if name == "pixels" else {**zero, name: along}
        pixels = along if name == "pixels" else np.zeros(case.images.shape)
        expected, uncertainty = derivative_along(case, weights, pixels, smoothing)
        found = np.vdot(pixel_gradient if name == "pixels" else gradient[name], along)
        assert abs(found - expected) <= uncertainty, name


@pytest.mark.parametrize("kind", ONE_OF_EACH)
@pytest.mark.parametrize(("shape", "samples"), [((4, 5, 2), 3), ((3, 3, 1), 1)])
def test_gradients_of_every_layer_kind_are_finite_differences(kind, shape, samples):
    check_gradients(make_case(Architecture(kind, shape, ONE_OF_EACH[kind]), samples, seed=5), seed=1)


@pytest.mark.parametrize("kind", ["relu", "signed sum"])
def test_gradients_of_smoothed_labels_are_finite_differences(kind):
    check_gradients(make_case(Architecture(kind, (4, 5, 2), ONE_OF_EACH[kind]), 3, seed=5), seed=1, smoothing=0.3)


@given(architecture=architectures(most_channels=6, largest=7), samples=st.integers(1, 5), seed=st.integers(0, 999))
@settings(max_examples=40)
def test_gradients_of_any_stack_are_finite_differences(architecture, samples, seed):
    try:
        check_gradients(make_case(architecture, samples, seed), seed + 1)
    except KinkCrossed:
        reject()


def test_a_wrong_gradient_is_noticed(monkeypatch):
    """The uncertainty is small enough to see a gradient that is off by a hundred thousandth."""
    case = make_case(Architecture("one", (4, 4, 1), ONE_OF_EACH["relu"]), 3, seed=2)
    right = ReferenceNetwork.input_gradient
    monkeypatch.setattr(ReferenceNetwork, "input_gradient", lambda *a: right(*a) * (1 + 1e-5))
    with pytest.raises(AssertionError, match="pixels"):
        check_gradients(case, 1)


def network_of(layers, shape, parameters, patch=1):
    return ReferenceNetwork(Architecture("by hand", shape, layers, patch), parameters)


def test_convolution_by_hand():
    """A cross-correlation: the kernel is not turned; padding is zeros; channels are summed."""
    weight = np.arange(1.0, 9.0).reshape(2, 2, 2, 1)
    image = np.arange(1.0, 9.0).reshape(1, 2, 2, 2)
    network = network_of((Convolution(1, 2), FullyConnected(2)), (2, 2, 2), {
        "layer0.weight": weight, "layer0.bias": np.array([0.5]),
        "layer1.weight": np.ones((1, 2)), "layer1.bias": np.zeros(2),
    })  # fmt: skip
    assert network.activations(image)[1][0, 0, 0, 0] == sum(k * k for k in range(1, 9)) + 0.5
    padded = network_of((Convolution(1, 2, padding=1, bias=False), FullyConnected(2, bias=False)), (1, 1, 1), {
        "layer0.weight": np.array([[1.0, 2.0], [3.0, 4.0]])[..., None, None], "layer1.weight": np.ones((4, 2)),
    })  # fmt: skip
    assert padded.activations(np.full((1, 1, 1, 1), 10.0))[1][0, :, :, 0].tolist() == [[40.0, 30.0], [20.0, 10.0]]


def test_pooling_by_hand_drops_the_odd_row_and_sends_ties_to_the_first():
    image = np.array([[1.0, 5.0, 9.0], [5.0, 2.0, 9.0], [9.0, 9.0, 9.0]])[None, :, :, None]
    network = network_of((MaxPool(), FullyConnected(2)), (3, 3, 1), {
        "layer1.weight": np.array([[1.0, -1.0]]), "layer1.bias": np.zeros(2),
    })  # fmt: skip
    assert network.activations(image)[1].ravel().tolist() == [5.0]
    gradient = network.input_gradient(image, np.array([0]))[0, :, :, 0]
    assert np.flatnonzero(gradient).tolist() == [1]  # the first of the two fives, row by row


def test_powers_sums_and_readouts_by_hand():
    layers = (Power(2), SumPositions(), FixedReadout(2))
    image = np.array([[[1.0, 2.0, -3.0, 0.5], [-1.0, 1.0, 1.0, 0.5]]])[None]
    values = network_of(layers, (1, 2, 4), {}).activations(image)
    assert values[1][0, 0].tolist() == [[1.0, 4.0, -9.0, 0.25], [-1.0, 1.0, 1.0, 0.25]]
    assert values[2].ravel().tolist() == [0.0, 5.0, -8.0, 0.5]
    assert values[3].ravel().tolist() == [5.0, -7.5]
    signed = network_of((SumPositions(), FixedReadout(2, "signed_sum")), (1, 2, 4), {})
    assert signed.logits(image).tolist() == [[-1.0, 1.0]]  # the sum of all inputs is 2


def test_the_signed_sum_gives_the_logistic_loss():
    case = make_case(patch_network((4, 6, 1), 2, filters=4, classes=2, readout="signed_sum"), 20, seed=3)
    network = case.reference()
    values = network.activations(case.images)[-2].sum(axis=(1, 2, 3))
    signs = 2.0 * case.labels - 1.0
    # four sums of at most 24 terms of order one
    assert network.losses(case.images, case.labels) == pytest.approx(np.logaddexp(0.0, -signs * values), abs=100 * EPS)


def test_dense_layers_read_rows_then_columns_then_channels():
    image = np.arange(12.0).reshape(1, 2, 2, 3)
    network = network_of((FullyConnected(2, bias=False),), (2, 2, 3), {"layer0.weight": np.eye(12)[:, [7, 11]]})
    assert network.logits(image).tolist() == [[7.0, 11.0]]


@given(n=st.integers(1, 3), rows=st.integers(1, 3), columns=st.integers(1, 3), patch=st.integers(1, 3))
def test_patches_are_cut_and_joined(n, rows, columns, patch):
    images = np.random.default_rng(0).standard_normal((n, rows * patch, columns * patch, 2))
    cut = cut_patches(images, patch)
    assert np.array_equal(join_patches(cut, patch), images)
    assert np.array_equal(cut[0, rows - 1, 0].reshape(patch, patch, 2), images[0, -patch:, :patch])


def test_cross_entropy_does_not_overflow_and_margins_rank():
    network = network_of((FullyConnected(3, bias=False),), (1, 1, 1), {"layer0.weight": np.array([[1e3, 0.0, -1e3]])})
    labels = np.array([2, 0])
    assert network.losses(np.ones((2, 1, 1, 1)), labels).tolist() == [2000.0, 0.0]
    assert margins(np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 1.0]]), labels).tolist() == [-1.0, 0.0]


@given(logits=st.lists(st.floats(-30.0, 30.0), min_size=2, max_size=6), smoothing=st.floats(0.0, 0.99))
def test_smoothed_labels_are_the_cross_entropy_of_their_targets(logits, smoothing):
    """Of two classes that is the loss of the patch model, log(1 + exp(-z)) + eps z / 2."""
    rows, count = np.array([logits]), len(logits)
    target = np.full(count, smoothing / count)
    target[1] += 1.0 - smoothing
    logs = rows[0] - np.logaddexp.reduce(rows[0])
    losses, gradient = smoothed_cross_entropy(rows, np.array([1]), smoothing)
    # numbers up to 60 + log 6, of which as many as there are classes are added
    assert losses[0] == pytest.approx(-np.vdot(target, logs), abs=100 * count * EPS * 8)
    assert gradient[0] == pytest.approx(np.exp(logs) - target, abs=100 * EPS)
    if count == 2:
        assert losses[0] == pytest.approx(smoothed_loss(rows[0, 1] - rows[0, 0], smoothing), abs=1600 * EPS)


def test_directions_and_balls():
    gradient = np.array([[3.0, 0.0], [-4.0, 0.0]])[:, :, None, None]
    assert direction(gradient, "linf").ravel().tolist() == [1.0, 0.0, -1.0, 0.0]
    assert direction(gradient, "l2").ravel().tolist() == [1.0, 0.0, -1.0, 0.0]
    assert direction(0.0 * gradient, "l2").ravel().tolist() == [0.0] * 4
    clean, far = np.zeros((1, 2, 1, 1)), np.array([[3.0], [4.0]])[None, :, :, None]
    assert project(far, clean, 1.0, "linf").ravel().tolist() == [1.0, 1.0]
    assert project(far, clean, 1.0, "l2").ravel() == pytest.approx([0.6, 0.8], abs=EPS)


def test_one_step_of_descent_by_hand():
    weight = np.array([[1.0, -2.0]])
    network = network_of((FullyConnected(2, bias=False),), (1, 1, 1), {"layer0.weight": weight})
    image, label = np.full((1, 1, 1, 1), 0.5), np.array([1])
    velocity = np.zeros((1, 2))
    for _ in range(2):
        losses = network.accumulate_gradient(image, label, 2.0)
        gradient = network.gradient()["layer0.weight"]
        p = 1.0 / (1.0 + np.exp(-0.5 * (weight[0, 0] - weight[0, 1])))
        assert losses == pytest.approx([-np.log1p(-p)], abs=8 * EPS)
        assert gradient == pytest.approx(np.array([[p, -p]]), abs=8 * EPS)
        network.step(0.1, momentum=0.9, weight_decay=0.01)
        velocity = 0.9 * velocity + np.array([[p, -p]]) + 0.01 * weight
        weight = weight - 0.1 * velocity
        assert network.parameters()["layer0.weight"] == pytest.approx(weight, abs=8 * EPS)
        assert network.velocity()["layer0.weight"] == pytest.approx(velocity, abs=8 * EPS)
        assert not network.gradient()["layer0.weight"].any()


def as_torch(torch, architecture):
    """The same stack from PyTorch's own layers, on inputs (n, channels, height, width); float64."""

    class Flatten(torch.nn.Module):
        def forward(self, x):  # dense layers read (row, column, channel)
            return x.permute(0, 2, 3, 1).flatten(1)[:, :, None, None]

    modules = []
    for layer, shape in zip(architecture.layers, architecture.shapes, strict=False):
        if isinstance(layer, Convolution):
            modules.append(torch.nn.Conv2d(shape[2], layer.filters, layer.size, padding=layer.padding, bias=layer.bias))
        elif isinstance(layer, FullyConnected):
            inputs = int(np.prod(shape))
            modules += [Flatten(), torch.nn.Conv2d(inputs, layer.units, 1, bias=layer.bias)]
        else:
            modules.append(_plain_module(torch, layer, shape))
    return torch.nn.Sequential(*modules).double()


def _plain_module(torch, layer, shape):
    class Function(torch.nn.Module):
        def forward(self, x):
            if isinstance(layer, Power):
                return x.sign() * x.abs() ** layer.exponent
            if isinstance(layer, SumPositions):
                return x.sum(dim=(2, 3), keepdim=True)
            return x.reshape(len(x), layer.classes, -1).sum(2)[:, :, None, None]

    if isinstance(layer, ReLU):
        return torch.nn.ReLU()
    if isinstance(layer, MaxPool):
        return torch.nn.MaxPool2d(2)
    return Function()


@pytest.mark.parametrize(
    "architecture",
    [
        lenet(2, (12, 11, 1)),
        stack3x3(3, (9, 8, 3)),
        patch_network((12, 12, 1), 4, filters=20),
        Architecture("odd", (7, 6, 2), (Convolution(5, 4, padding=3), ReLU(), MaxPool(), FullyConnected(3))),
    ],
    ids=lambda a: a.name,
)
def test_agrees_with_torch(architecture):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is only a comparison")
    case = make_case(architecture, 6, seed=8)
    ours, theirs = case.reference(), as_torch(torch, architecture)
    arrays = list(case.parameters.values())
    with torch.no_grad():
        for target, value in zip(theirs.parameters(), arrays, strict=True):
            wanted = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
            target.copy_(torch.from_numpy(wanted.astype(np.float64).copy()).reshape(target.shape))
    cut = cut_patches(case.images.astype(np.float64), architecture.patch)
    x = torch.from_numpy(cut.transpose(0, 3, 1, 2).copy()).requires_grad_(True)
    logits = theirs(x)[:, :, 0, 0]
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(case.labels), reduction="none")
    loss.sum().backward()
    bound = Analysis(case, weight=float(len(case.labels)))
    unit = 2.0**-28  # the bound is linear in the unit: 2^-53 / 2^-24, for the rounding on both sides

    def close(found, expected, error):
        assert np.all(np.abs(found - expected) <= unit * error + 1e-300)

    pixels = join_patches(x.grad.numpy().transpose(0, 2, 3, 1), architecture.patch)
    close(ours.logits(case.images), logits.detach().numpy(), bound.logits_error)
    close(ours.losses(case.images, case.labels), loss.detach().numpy(), bound.losses_error)
    close(ours.input_gradient(case.images, case.labels), pixels, bound.input_gradient_error)
    ours.accumulate_gradient(case.images, case.labels, float(len(case.labels)))
    gradient = ours.gradient()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=0.02)
    for name, target in zip(case.parameters, theirs.parameters(), strict=True):
        close(gradient[name], _from_torch(target.grad, gradient[name]), bound.gradient_error[name])
    optimizer.step()
    ours.step(0.1, 0.9, 0.02)
    for name, target in zip(case.parameters, theirs.parameters(), strict=True):
        found = ours.parameters()[name]
        rounding = 8 * UNIT_OF_STEP * (np.abs(found) + np.abs(gradient[name]))  # eight operations on either side
        error = np.abs(found - _from_torch(target, found))
        assert np.all(error <= rounding + 0.1 * unit * bound.gradient_error[name])


UNIT_OF_STEP = 2.0**-52


def _from_torch(tensor, like):
    value = tensor.detach().numpy()
    return value.transpose(2, 3, 1, 0) if like.ndim == 4 else value.reshape(value.shape[0], -1).T.reshape(like.shape)
