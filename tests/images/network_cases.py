"""Networks and images, how far rounding can move what a float32 network computes from them, and the comparison.

`Analysis` is a running error analysis (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.3) in
its probabilistic form (Higham and Mary 2019, SIAM J. Sci. Comput. 41:A2815): roundings are independent of mean zero
and at most u = 2^-24 of what they round. It carries, beside the exact values of `ReferenceNetwork`, eight standard
deviations of the error of every number, layer by layer. A sum of n products rounds n + 1 times a partial sum, with a
variance of at most a third of (u times the partial sum)^2 each. The weights of the cases are independent and
symmetric, so a partial sum is a random walk: beyond five times the root of the sum of its squares with a probability
below 2e-5 (Levy's and Hoeffding's inequalities), whatever the order. For the same reason an error e of the inputs
adds the root of W^2 e^2. The worst case instead of eight deviations is a thousand times as large for LeNet, too large
to see a wrong weight. At kinks (a ReLU input, or two candidates of a maximum, nearer than their errors) the gradient
may go either way, and the bound says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray
from tile_errors import tile_deviation, tiled_layers

from cgrosim.errors import ParameterError
from cgrosim.images.network.architectures import lenet, patch_network, stack3x3
from cgrosim.images.network.layers import (
    Architecture,
    Convolution,
    FixedReadout,
    FullyConnected,
    Layer,
    MaxPool,
    Power,
    ReLU,
    SumPositions,
)
from cgrosim.images.network.reference import ReferenceNetwork, join_patches

Array = NDArray[np.float64]
UNIT = 2.0**-24  # unit round-off of float32
DEVIATIONS, WALK = 8.0, 5.0
LAYOUTS = ("channels", "samples")
NAMED = [
    lenet(2, (12, 11, 1)),
    lenet(1, (8, 8, 1)),
    stack3x3(5, (9, 8, 3)),
    patch_network((12, 9, 1), 3, filters=20),
    patch_network((4, 6, 2), 2, filters=6, classes=2, readout="signed_sum"),
]


def gamma(terms: float) -> float:
    """Relative error of so many roundings, at worst."""
    return terms * UNIT / (1.0 - terms * UNIT)


def rounding(terms: float) -> float:
    """Eight standard deviations of the error of a sum of that many products, for partial sums of size 1."""
    return DEVIATIONS * math.sqrt((terms + 1.0) / 3.0) * UNIT


@dataclass(frozen=True)
class Case:
    """A network's description, its float32 parameters, and a labelled float32 batch."""

    architecture: Architecture
    parameters: dict[str, NDArray[np.float32]]
    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def reference(self) -> ReferenceNetwork:
        return ReferenceNetwork(self.architecture, self.parameters)


def make_case(architecture: Architecture, samples: int, seed: int) -> Case:
    """Normal weights with variance 1 / fan-in, biases too: activations of order one and ReLUs on both sides."""
    generator = np.random.default_rng(seed)
    parameters = {}
    for name, shape in architecture.parameter_shapes.items():
        scale = 0.3 if name.endswith("bias") else 1.5 / math.sqrt(math.prod(shape[:-1]))
        parameters[name] = (scale * generator.standard_normal(shape)).astype(np.float32)
    images = generator.uniform(0.0, 1.0, (samples, *architecture.input_shape)).astype(np.float32)
    return Case(architecture, parameters, images, generator.integers(0, architecture.classes, samples))


@st.composite
def architectures(draw: Any, most_channels: int = 40, largest: int = 13, common: bool = False) -> Architecture:
    """One to three convolutions with ReLUs, powers and pools as they fall, and any end; any sizes and channels.

    The `common` ones have neither powers nor sums over positions.
    """
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    patch = draw(st.sampled_from([1, 1, 1, 2, 3]))
    shape = (height * patch, width * patch, draw(st.integers(1, 4)))
    layers: list[Layer] = []
    powers = 0
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, 5))
        padding = draw(st.integers(0, size - 1))
        if min(height, width) + 2 * padding < size:
            size, padding = 1, 0
        layers.append(Convolution(draw(st.integers(1, most_channels)), size, padding, bias=draw(st.booleans())))
        height, width = height + 2 * padding - size + 1, width + 2 * padding - size + 1
        after = draw(st.sampled_from(["relu", "relu", "relu", "power", "nothing"]))
        if after == "power" and powers == 0 and not common:
            layers.append(Power(draw(st.integers(2, 5))))
            powers += 1
        elif after != "nothing":
            layers.append(ReLU())
        if draw(st.booleans()) and min(height, width) >= 2:
            layers.append(MaxPool())
            height, width = height // 2, width // 2
    if draw(st.booleans()) and not common:
        layers.append(SumPositions())
        height = width = 1
    channels = next(layer.filters for layer in reversed(layers) if isinstance(layer, Convolution))
    if draw(st.booleans()):
        channels, height, width = draw(st.integers(1, 70)), 1, 1
        layers += [FullyConnected(channels, bias=draw(st.booleans())), ReLU()]
    inputs = height * width * channels
    readouts = [count for count in (2, 3, 10) if inputs % count == 0]
    end = draw(st.sampled_from(["dense", "dense", "readout", "sum"]))
    if end == "readout" and readouts:
        layers.append(FixedReadout(draw(st.sampled_from(readouts))))
    elif end == "sum" and inputs % 2 == 0:
        layers.append(FixedReadout(2, "signed_sum"))
    else:
        layers.append(FullyConnected(draw(st.integers(2, 12)), bias=draw(st.booleans())))
    return Architecture("random", shape, tuple(layers), patch)


class Analysis:
    """Exact logits, losses and gradients of a case, each with a bound on the error of a float32 computation.

    The convolutions that a given `network` does by Winograd's tiles get the (larger) bound of those.

    Attributes
    ----------
    logits, losses, input_gradient, gradient : what `ReferenceNetwork` finds
    logits_error, losses_error, input_gradient_error, gradient_error : bounds on the errors, of the same shapes
    """

    def __init__(self, case: Case, weight: float = 1.0, smoothing: float = 0.0, network: Any = None) -> None:
        self.case, self.smoothing = case, smoothing
        self._tiled = {} if network is None else tiled_layers(network)
        self.exact = case.reference()
        exact = {name: np.asarray(value, np.float64) for name, value in case.parameters.items()}
        self.squared = ReferenceNetwork(case.architecture, {name: value**2 for name, value in exact.items()})
        self._forward()
        self._loss()
        self._backward(weight)

    def _forward(self) -> None:
        self.values = self.exact.activations(self.case.images)
        self.errors = [np.zeros_like(self.values[0])]
        for index, layer in enumerate(self.case.architecture.layers):
            self.errors.append(self._forward_error(index, layer, self.values[index], self.errors[index]))
        self.logits, self.logits_error = self.values[-1][:, 0, 0], self.errors[-1][:, 0, 0]

    def _forward_error(self, index: int, layer: Layer, x: Array, e: Array) -> Array:
        if isinstance(layer, ReLU):
            return e
        if isinstance(layer, MaxPool):  # |max a - max b| <= max |a - b|
            return self.exact._forward(index, layer, e)
        if isinstance(layer, Power):
            q, most = layer.exponent, np.abs(x) + e
            return q * most ** (q - 1) * e + gamma(q) * most**q
        biases = self._squares(index, layer, np.zeros_like(x[:1]))
        through = np.maximum(self._squares(index, layer, e**2) - biases, 0.0)
        walk = self._squares(index, layer, (np.abs(x) + e) ** 2)
        if isinstance(layer, SumPositions | FixedReadout):  # all of one sign, perhaps: no random walk
            return np.sqrt(through) + rounding(_fan_in(layer, x)) * self._sum(layer, np.abs(x) + e)
        if self._tiled.get(index, (False, False))[0]:
            return np.sqrt(through) + self._tile_error(index, layer.padding, np.abs(x) + e, turned=False)
        return np.sqrt(through + (rounding(_fan_in(layer, x) + 1) * WALK) ** 2 * walk)

    def _tile_error(self, index: int, padding: int, x: Array, turned: bool) -> Array:
        """Of a convolution by tiles (see `tile_deviation`) of inputs of size `x`, or back with the kernel turned."""
        weight = np.asarray(self.case.parameters[f"layer{index}.weight"], np.float64)
        bias = np.abs(self.case.parameters.get(f"layer{index}.bias", np.zeros(weight.shape[3])))
        if turned:
            weight, bias, padding = weight[::-1, ::-1].transpose(0, 1, 3, 2), 0.0, len(weight) - 1 - padding
        padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
        return rounding(0) * WALK * tile_deviation(weight, padded) + 2 * UNIT * bias

    def _squares(self, index: int, layer: Layer, x: Array) -> Array:
        """W^2 x + b^2."""
        if isinstance(layer, FixedReadout):
            return (x.reshape(len(x), -1) @ layer.matrix(x[0].size) ** 2)[:, None, None]
        return self.squared._forward(index, layer, x)

    def _sum(self, layer: Layer, x: Array) -> Array:
        """|W| x of the fixed sums, for x >= 0."""
        if isinstance(layer, SumPositions):
            return x.sum(axis=(1, 2), keepdims=True)
        assert isinstance(layer, FixedReadout)
        return (x.reshape(len(x), -1) @ np.abs(layer.matrix(x[0].size)))[:, None, None]

    def _loss(self) -> None:
        """-log softmax moves by at most twice as much as the logits; log, exp and the differences round.

        `slack` counts, for a logarithm of a probability: two differences, an exponential and a logarithm good to a
        few units in the last place (8 in all), and the sum over the classes.
        """
        rows, labels = np.arange(len(self.logits)), self.case.labels
        shifted = self.logits - self.logits.max(axis=1, keepdims=True)
        most = self.logits_error.max(axis=1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        span = np.abs(self.logits).max(axis=1, keepdims=True) + most + 1.0
        slack = 2.0 * most + gamma(self.logits.shape[1] + 8) * 2.0 * (span + math.log(self.logits.shape[1]))
        self.losses, self.losses_error = -log_probability[rows, labels], slack[:, 0]
        probability = np.exp(log_probability)
        self._top = probability.copy()
        self._top[rows, labels] -= 1.0
        self._top_error = probability * np.expm1(np.minimum(slack, 1.0)) + 4 * UNIT
        if self.smoothing:  # K differences of logits, each multiplied and added once; no more than 1 in the gradient
            even = self.smoothing / self.logits.shape[1]
            apart = self.logits[rows, labels][:, None] - self.logits
            self.losses = self.losses + even * apart.sum(axis=1)
            terms = 2.0 * most + gamma(self.logits.shape[1] + 3) * 2.0 * span
            self.losses_error = self.losses_error + even * self.logits.shape[1] * terms[:, 0]
            self._top -= even
            self._top[rows, labels] += self.smoothing

    def _backward(self, weight: float) -> None:
        """Both gradients; `weight` / samples may be multiplied in anywhere, which costs two roundings more."""
        gradient, error = self._top[:, None, None], self._top_error[:, None, None]
        scale = weight / len(self.case.labels)
        self.gradient: dict[str, Array] = {}
        self.gradient_error: dict[str, Array] = {}
        for index in reversed(range(len(self.case.architecture.layers))):
            self._weight_gradient(index, gradient, error, scale)
            gradient, error = self._backward_error(index, gradient, error)
        patch = self.case.architecture.patch
        self.input_gradient, self.input_gradient_error = join_patches(gradient, patch), join_patches(error, patch)

    def _backward_error(self, index: int, g: Array, d: Array) -> tuple[Array, Array]:
        layer, x, e = self.case.architecture.layers[index], self.values[index], self.errors[index]
        exact = self.exact._backward(index, x, self.values[index + 1], g)
        if isinstance(layer, ReLU):
            return exact, d * (x + e > 0.0) + np.abs(g) * (np.abs(x) <= e)
        if isinstance(layer, MaxPool):
            return exact, _pool_error(x, e, g, d)
        if isinstance(layer, SumPositions):
            return exact, np.broadcast_to(d, x.shape)
        if isinstance(layer, Power):
            q, most = layer.exponent, np.abs(x) + e
            slope_error = q * (q - 1) * most ** (q - 2) * e + gamma(q + 1) * q * most ** (q - 1)
            return exact, slope_error * (np.abs(g) + d) + q * np.abs(x) ** (q - 1) * d
        if isinstance(layer, FixedReadout):  # every input has one logit, or two of equal size and opposite sign
            matrix = np.abs(layer.matrix(x[0].size)).T
            spread = (d + 2 * UNIT * (np.abs(g) + d))[:, 0, 0]
            return exact, (spread @ matrix).reshape(x.shape)
        through, walk = (self.squared._backward(index, x, x, part**2) for part in (d, np.abs(g) + d))
        if self._tiled.get(index, (False, False))[1]:
            return exact, np.sqrt(through) + self._tile_error(index, layer.padding, np.abs(g) + d, turned=True)
        return exact, np.sqrt(through + (rounding(_fan_out(layer, g)) * WALK) ** 2 * walk)

    def _weight_gradient(self, index: int, g: Array, d: Array, scale: float) -> None:
        """Sums of x g over positions and samples.

        The errors d of one sample may have a common cause, so they add up in full over its positions; those of
        different samples, and those of x, add up in squares. Partial sums need not be random walks here.
        """
        layer, x, e = self.case.architecture.layers[index], self.values[index], self.errors[index]
        if not isinstance(layer, Convolution | FullyConnected):
            return
        whole = self._products(index, layer, np.abs(x) + e, np.abs(g) + d)
        roundings = rounding(g.shape[0] * g.shape[1] * g.shape[2] + 3)
        squares = {name: (roundings * value) ** 2 for name, value in whole.items()}
        for name, value in self._products(index, layer, e**2, g**2).items():
            squares[name] += 0.0 if name.endswith("bias") else value
        for sample in range(len(x)):
            one = slice(sample, sample + 1)
            for name, value in self._products(index, layer, np.abs(x[one]), d[one]).items():
                squares[name] += value**2
        for name, value in self._products(index, layer, x, g).items():
            self.gradient[name] = scale * value
            self.gradient_error[name] = scale * np.sqrt(squares[name])

    def _products(self, index: int, layer: Layer, x: Array, g: Array) -> dict[str, Array]:
        """Sums of x g over samples and positions, shaped like the parameters of the layer."""
        scratch = self.case.reference()
        scratch._add_weight_gradient(index, x, g)
        return {k: v for k, v in scratch.gradient().items() if k.startswith(f"layer{index}.")}


def _fan_in(layer: Layer, x: Array) -> int:
    if isinstance(layer, Convolution):
        return layer.size**2 * x.shape[3]
    return x.shape[1] * x.shape[2] if isinstance(layer, SumPositions) else x[0].size


def _fan_out(layer: Layer, g: Array) -> int:
    return layer.size**2 * g.shape[3] if isinstance(layer, Convolution) else g[0].size


def _pool_error(x: Array, e: Array, g: Array, d: Array) -> Array:
    """The error d goes where the gradient goes; where two candidates are too near to tell, |g| + d everywhere."""
    out = np.zeros_like(x)
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    places = [(slice(i, height, 2), slice(j, width, 2)) for i in (0, 1) for j in (0, 1)]
    low = np.max([x[:, i, j] - e[:, i, j] for i, j in places], axis=0)
    possible = [x[:, i, j] + e[:, i, j] >= low for i, j in places]
    tied = np.sum(possible, axis=0) > 1
    for (i, j), may in zip(places, possible, strict=True):
        out[:, i, j] = np.where(may, d + np.where(tied, np.abs(g), 0.0), 0.0)
    return out


def fits(architecture: Architecture, layout: str) -> bool:
    """Whether the layout has kernels for the network; both have the convolutions and dense layers of the others."""
    from cgrosim.images.network.layouts import check_layout

    try:
        check_layout(architecture, layout)
    except ParameterError:
        return False
    return True


def pairs(architectures: list[Architecture]) -> list:
    """Every network with every layout that fits it."""
    return [
        pytest.param(each, layout, id=f"{each.name}-{layout}")
        for each in architectures
        for layout in LAYOUTS
        if fits(each, layout)
    ]


def network(case: Case, layout: str = "auto"):
    from cgrosim.images.network.network import Network

    return Network(case.architecture, case.parameters, layout=layout)


def close(found: np.ndarray, expected: np.ndarray, error: np.ndarray) -> None:
    """Within the bound, which may be zero where nothing is computed; and the bound must not excuse everything."""
    found = np.asarray(found, np.float64)
    assert found.shape == expected.shape
    off = np.abs(found - expected) - error
    assert np.all(off <= 1e-37), (
        f"off by {off.max():.3g} more than the bound at {np.unravel_index(off.argmax(), off.shape)}"
    )


def check_everything(case: Case, layout: str) -> None:
    """Logits, losses, both gradients and one step."""
    ours = network(case, layout)
    bound = Analysis(case, 0.7, network=ours)
    images, labels = case.images, case.labels
    close(ours.logits(images), bound.logits, bound.logits_error)
    close(ours.losses(images, labels), bound.losses, bound.losses_error)
    close(ours.input_gradient(images, labels), bound.input_gradient, bound.input_gradient_error)
    close(ours.accumulate_gradient(images, labels, 0.7), bound.losses, bound.losses_error)
    gradient = ours.gradient()
    assert gradient.keys() == case.parameters.keys()
    for name in gradient:
        close(gradient[name], bound.gradient[name], bound.gradient_error[name])
    check_steps(case, ours, gradient)


def check_smoothing(case: Case, layout: str, smoothing: float = 0.3) -> None:
    """Losses and weight gradient of smoothed labels; the gradient by the pixels stays that of the label itself."""
    ours = network(case, layout)
    bound, sharp = Analysis(case, 0.7, smoothing, ours), Analysis(case, network=ours)
    close(ours.accumulate_gradient(case.images, case.labels, 0.7, smoothing), bound.losses, bound.losses_error)
    for name, value in ours.gradient().items():
        close(value, bound.gradient[name], bound.gradient_error[name])
    close(ours.input_gradient(case.images, case.labels), sharp.input_gradient, sharp.input_gradient_error)
    close(ours.losses(case.images, case.labels), sharp.losses, sharp.losses_error)


def check_steps(case: Case, ours, gradient: dict) -> None:
    """Two steps of descent from the gradients found: only the update's own rounding is left."""
    weights = {name: value.astype(np.float64) for name, value in case.parameters.items()}
    velocity = {name: np.zeros(value.shape) for name, value in weights.items()}
    for name, value in ours.velocity().items():
        assert not value.any(), name
    rate = 0.1 / max(1.0, *(float(np.abs(value).max()) for value in gradient.values()))  # powers have large ones
    for _ in range(2):
        ours.step(rate, momentum=0.9, weight_decay=0.02)
        for name, value in ours.parameters().items():
            before, moved = weights[name], velocity[name]
            new = 0.9 * moved + gradient[name] + 0.02 * before
            # v: two products and two sums; w: one of each; the constants are rounded to float32 first
            off = gamma(5) * (0.9 * np.abs(moved) + np.abs(gradient[name]) + 0.02 * np.abs(before))
            close(ours.velocity()[name], new, off)
            close(value, before - rate * new, rate * off + gamma(3) * (np.abs(before) + rate * np.abs(new)))
            weights[name], velocity[name] = value.astype(np.float64), ours.velocity()[name].astype(np.float64)
        assert not any(value.any() for value in ours.gradient().values())
        ours.accumulate_gradient(case.images, case.labels, 1.0)
        gradient = ours.gradient()
