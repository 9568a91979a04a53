"""Descriptions of networks: shapes, counts, initial weights, and one sentence for every stack that makes no sense."""

import math

import numpy as np
import pytest
from hypothesis import given
from network_cases import architectures

from cgrosim.errors import ParameterError
from cgrosim.images.network.architectures import lenet, patch_network, stack3x3
from cgrosim.images.network.layers import (
    Architecture,
    Convolution,
    FixedReadout,
    FullyConnected,
    MaxPool,
    Power,
    ReLU,
    SumPositions,
    initial_parameters,
)
from cgrosim.images.network.reference import ReferenceNetwork


def test_lenet_has_the_sizes_of_madry():
    assert lenet(16).shapes == (
        (28, 28, 1), (28, 28, 32), (28, 28, 32), (14, 14, 32), (14, 14, 64), (14, 14, 64), (7, 7, 64),
        (1, 1, 1024), (1, 1, 1024), (1, 1, 10),
    )  # fmt: skip
    assert lenet(1).shapes[-3] == (1, 1, 64)
    # 25 w + b of both convolutions and w + b of both dense layers, counted by hand
    assert lenet(1).parameter_count == (25 * 2 + 2) + (25 * 2 * 4 + 4) + (196 * 64 + 64) + (64 * 10 + 10)
    assert lenet(16).parameter_count == (800 + 32) + (25 * 32 * 64 + 64) + (3136 * 1024 + 1024) + (10240 + 10)


def test_the_other_architectures_fit_their_images():
    assert stack3x3(32).shapes[-2:] == ((8, 8, 64), (1, 1, 10))
    assert stack3x3(4, (9, 11, 3), classes=7).shapes[-2:] == ((2, 2, 8), (1, 1, 7))
    patches = patch_network((28, 28, 1), 7, filters=30)
    assert patches.shapes == ((4, 4, 49), (4, 4, 30), (4, 4, 30), (1, 1, 30), (1, 1, 10))
    assert patches.parameter_shapes == {"layer0.weight": (1, 1, 49, 30)}
    assert lenet(2, (8, 8, 1)).classes == 10
    assert {a.name for a in (lenet(2), lenet(4), stack3x3(), patches)} == {
        "lenet-x2", "lenet-x4", "stack3x3-32", "patch-7x7-30"
    }  # fmt: skip


@given(architectures())
def test_shapes_are_those_of_the_computed_numbers(architecture):
    parameters = initial_parameters(architecture, np.random.default_rng(0))
    images = np.ones((2, *architecture.input_shape))
    found = [values.shape for values in ReferenceNetwork(architecture, parameters).activations(images)]
    assert found == [(2, *shape) for shape in architecture.shapes]
    assert {name: value.shape for name, value in parameters.items()} == architecture.parameter_shapes
    assert sum(value.size for value in parameters.values()) == architecture.parameter_count
    assert {value.dtype for value in parameters.values()} <= {np.dtype(np.float32)}


def test_initial_weights_have_the_scales_that_are_named():
    architecture = Architecture("wide", (9, 9, 8), (
        Convolution(400, 3), ReLU(), SumPositions(), FullyConnected(500), Convolution(300, 1, initial_scale=0.01),
        FullyConnected(2),
    ))  # fmt: skip
    found = initial_parameters(architecture, np.random.default_rng(1))
    for name, scale in (("layer0", math.sqrt(2 / 72)), ("layer3", math.sqrt(2 / 400)), ("layer4", 0.01)):
        weight = found[f"{name}.weight"].astype(np.float64)
        # second moment of n normal draws: relative standard deviation sqrt(2 / n); mean: scale / sqrt(n); 5 sigma
        assert np.mean(weight**2) == pytest.approx(scale**2, rel=5 * math.sqrt(2 / weight.size))
        assert abs(np.mean(weight)) < 5 * scale / math.sqrt(weight.size)
    assert all(not value.any() for name, value in found.items() if name.endswith("bias"))
    again = initial_parameters(architecture, np.random.default_rng(1))
    assert all(np.array_equal(again[name], found[name]) for name in found)


def test_architectures_are_values():
    assert lenet(2) == lenet(2)
    assert len({lenet(2), lenet(2), lenet(4)}) == 2


DENSE = FullyConnected(2)


@pytest.mark.parametrize(
    ("shape", "layers", "patch", "words"),
    [
        ((0, 4, 1), (DENSE,), 1, "input_shape is (0, 4, 1)"),
        ((4, 4, 1), (DENSE,), 0, "patch 0"),
        ((4, 6, 1), (DENSE,), 4, "patch is 4, which does not divide images of 4 x 6"),
        ((4, 4, 1), (Convolution(3, 3),), 1, "must give one number a class"),
        ((4, 4, 1), (FullyConnected(3), ReLU()), 1, "the last layer must give one number a class"),
        ((4, 4, 1), (Convolution(0, 3), DENSE), 1, "needs filters >= 1"),
        ((4, 4, 1), (Convolution(2, 0), DENSE), 1, "size >= 1"),
        ((4, 4, 1), (Convolution(2, 3, padding=3), DENSE), 1, "0 <= padding < size"),
        ((4, 4, 1), (Convolution(2, 3, padding=-1), DENSE), 1, "0 <= padding < size"),
        ((4, 4, 1), (Convolution(2, 5), DENSE), 1, "leaves nothing"),
        ((1, 4, 1), (MaxPool(), DENSE), 1, "MaxPool() on an input of (1, 4, 1) leaves nothing"),
        ((4, 4, 1), (FullyConnected(0), DENSE), 1, "leaves nothing"),
        ((4, 4, 1), (Power(1), DENSE), 1, "exponent outside 2 to 5"),
        ((4, 4, 1), (Power(6), DENSE), 1, "exponent outside 2 to 5"),
        ((4, 4, 1), (FixedReadout(3),), 1, "cannot share 16 inputs equally among 3 classes"),
        ((4, 4, 1), (FixedReadout(4, "signed_sum"),), 1, "tells two apart"),
    ],
)
def test_a_stack_that_does_not_fit_is_one_sentence(shape, layers, patch, words):
    with pytest.raises(ParameterError) as caught:
        Architecture("mine", shape, layers, patch)
    message = str(caught.value)
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    "layers",
    [
        (),
        (FixedReadout(0),),
        (FixedReadout(2, "something"),),
        (Convolution(2, 3, initial_scale=-1.0), DENSE),
        (Convolution(2, 3, initial_scale=math.nan), DENSE),
        (Convolution(2.5, 3), DENSE),
        (FullyConnected(2.5),),
        (FullyConnected(1),),
        (ReLU, DENSE),
    ],
    ids=str,
)
def test_a_stack_that_cannot_be_computed_is_refused(layers):
    with pytest.raises(ParameterError):
        Architecture("mine", (4, 4, 1), layers)
