"""The networks in plain float64 NumPy: the oracle of the tests, and the page to read first.

`ReferenceNetwork` has the methods of `cgrosim.images.network.network.Network` and gives the same numbers, slowly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.images.network.ascent import Ascended, Seen, adaptive_ascent, ascend
from cgrosim.images.network.divergence import Diverging, divergence, log_softmax
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
from cgrosim.images.network.losses import Array, ascended_loss, cross_entropy, margins, smoothed_cross_entropy


def cut_patches(images: NDArray[Any], patch: int) -> NDArray[Any]:
    """``(n, h, w, c) -> (n, h/p, w/p, p*p*c)``: every p x p patch becomes one position."""
    n, height, width, channels = images.shape
    cut = images.reshape(n, height // patch, patch, width // patch, patch, channels).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(n, height // patch, width // patch, patch * patch * channels)


def join_patches(cut: NDArray[Any], patch: int) -> NDArray[Any]:
    """The inverse of `cut_patches`."""
    n, rows, columns, depth = cut.shape
    channels = depth // patch**2
    whole = cut.reshape(n, rows, columns, patch, patch, channels).transpose(0, 1, 3, 2, 4, 5)
    return whole.reshape(n, rows * patch, columns * patch, channels)


def windows(padded: Array, size: int) -> Array:
    """All size x size windows of the padded images: ``(n, h, w, size, size, c)``, a view."""
    view = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return view.transpose(0, 1, 2, 4, 5, 3)


class ReferenceNetwork:
    """A network in float64; see `cgrosim.images.network.network.Network` for the methods."""

    def __init__(self, architecture: Architecture, parameters: Mapping[str, NDArray[Any]]) -> None:
        self.architecture = architecture
        self._parameters = {name: np.asarray(value, np.float64).copy() for name, value in parameters.items()}
        self._velocity = {name: np.zeros_like(value) for name, value in self._parameters.items()}
        self._gradient = {name: np.zeros_like(value) for name, value in self._parameters.items()}

    def parameters(self) -> dict[str, Array]:
        """Copies of all trained arrays."""
        return {name: value.copy() for name, value in self._parameters.items()}

    def set_parameters(self, parameters: Mapping[str, NDArray[Any]]) -> None:
        """Replace all trained arrays."""
        for name, value in self._parameters.items():
            value[...] = parameters[name]

    def activations(self, images: ArrayLike) -> list[Array]:
        """The input (cut into patches) and the output of every layer, each ``(n, h, w, c)``."""
        found = [cut_patches(np.asarray(images, np.float64), self.architecture.patch)]
        for index, layer in enumerate(self.architecture.layers):
            found.append(self._forward(index, layer, found[-1]))
        return found

    def logits(self, images: ArrayLike) -> Array:
        """``(n, classes)``."""
        return self.activations(images)[-1][:, 0, 0, :]

    def losses(self, images: ArrayLike, labels: NDArray[np.int64]) -> Array:
        """Cross-entropy of every sample."""
        return cross_entropy(self.logits(images), labels)[0]

    def input_gradient(self, images: ArrayLike, labels: NDArray[np.int64]) -> Array:
        """Gradient of every sample's own loss with respect to its pixels, shaped like `images`."""
        return self.pixel_gradient(images, cross_entropy(self.logits(images), labels)[1])

    def ascend(
        self,
        images: ArrayLike,
        labels: NDArray[np.int64],
        start: ArrayLike,
        *,
        norm: str,
        radius: float,
        steps: int,
        loss: str = "ce",
        targets: NDArray[np.int64] | None = None,
        low: float = 0.0,
        high: float = 1.0,
    ) -> Ascended:
        """Ascent with a step size that adapts; see `cgrosim.images.network.network.Network.ascend`."""
        judge = ascended_loss(loss, labels, targets, self.architecture.classes)

        def look(x: Array) -> Seen:
            logits = self.logits(x)
            value, slope = judge(logits)
            return Seen(value, margins(logits, labels), self.pixel_gradient(x, slope))

        return adaptive_ascent(look, images, start, norm, radius, steps, low, high)

    def pixel_gradient(self, images: ArrayLike, slopes: Array) -> Array:
        """Gradient with respect to the pixels, given that of every sample with respect to its logits."""
        found, gradient = self.activations(images), slopes[:, None, None, :]
        for index in reversed(range(len(self.architecture.layers))):
            gradient = self._backward(index, found[index], found[index + 1], gradient)
        return join_patches(gradient, self.architecture.patch)

    def accumulate_gradient(
        self,
        images: ArrayLike,
        labels: NDArray[np.int64],
        weight: float,
        smoothing: float = 0.0,
        slopes: Array | None = None,
    ) -> Array:
        """Add ``weight * mean loss``'s gradient, of smoothed labels, to the stored one; return every sample's loss."""
        found = self.activations(images)
        losses, gradient = smoothed_cross_entropy(found[-1][:, 0, 0, :], labels, smoothing)
        self._add_gradient(found, (weight / len(labels)) * (gradient if slopes is None else gradient + slopes))
        return losses

    def accumulate_divergence(
        self, images: ArrayLike, log_probabilities: ArrayLike, weight: float
    ) -> tuple[Array, Array]:
        """Add ``weight * mean divergence``'s gradient to the stored one; every sample's divergence, and the logits."""
        found = self.activations(images)
        logits = found[-1][:, 0, 0, :]
        losses, _, rise = divergence(np.asarray(log_probabilities, np.float64), log_softmax(logits))
        self._add_gradient(found, (weight / len(losses)) * rise)
        return losses, logits

    def _add_gradient(self, found: list[Array], slopes: Array) -> None:
        gradient = slopes[:, None, None, :]
        for index in reversed(range(len(self.architecture.layers))):
            self._add_weight_gradient(index, found[index], gradient)
            gradient = self._backward(index, found[index], found[index + 1], gradient)

    def gradient(self) -> dict[str, Array]:
        """Copies of the stored gradient."""
        return {name: value.copy() for name, value in self._gradient.items()}

    def velocity(self) -> dict[str, Array]:
        """Copies of the velocity of gradient descent with momentum."""
        return {name: value.copy() for name, value in self._velocity.items()}

    def set_velocity(self, velocity: Mapping[str, NDArray[Any]]) -> None:
        """Replace the velocity."""
        for name, value in self._velocity.items():
            value[...] = velocity[name]

    def step(self, learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        """One step with the stored gradient g, which is then zero: v <- mu v + g + decay w; w <- w - rate v."""
        for name, value in self._parameters.items():
            velocity, gradient = self._velocity[name], self._gradient[name]
            velocity[...] = momentum * velocity + gradient + weight_decay * value
            value -= learning_rate * velocity
            gradient[...] = 0.0

    def perturb(
        self,
        images: ArrayLike,
        labels: NDArray[np.int64],
        start: ArrayLike,
        *,
        norm: str,
        radius: float,
        step_size: float,
        steps: int,
        keep_worst: bool = False,
        judge: bool = True,
        low: float = 0.0,
        high: float = 1.0,
        log_probabilities: ArrayLike | None = None,
    ) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Projected gradient ascent on the loss; see `cgrosim.images.network.network.Network.perturb`."""
        if log_probabilities is not None:
            rising, nobody = Diverging(self, log_probabilities), np.zeros(len(labels), np.int64)
            return ascend(rising, images, nobody, start, norm, radius, step_size, steps, keep_worst, low, high)
        return ascend(self, images, labels, start, norm, radius, step_size, steps, keep_worst, low, high)

    def _weight(self, index: int) -> Array:
        return self._parameters[f"layer{index}.weight"]

    def _bias(self, index: int) -> Array | float:
        return self._parameters.get(f"layer{index}.bias", 0.0)

    def _forward(self, index: int, layer: Layer, x: Array) -> Array:
        if isinstance(layer, Convolution):
            seen = windows(_pad(x, layer.padding), layer.size)
            return np.tensordot(seen, self._weight(index), axes=3) + self._bias(index)
        if isinstance(layer, ReLU):
            return np.maximum(x, 0.0)
        if isinstance(layer, Power):
            return np.sign(x) * np.abs(x) ** layer.exponent
        if isinstance(layer, MaxPool):
            return _quarters(x).max(axis=0)
        if isinstance(layer, SumPositions):
            return x.sum(axis=(1, 2), keepdims=True)
        flat = x.reshape(len(x), -1)
        if isinstance(layer, FixedReadout):
            return (flat @ layer.matrix(flat.shape[1]))[:, None, None, :]
        return (flat @ self._weight(index) + self._bias(index))[:, None, None, :]

    def _backward(self, index: int, x: Array, out: Array, gradient: Array) -> Array:
        """Gradient with respect to a layer's input, given that with respect to its output."""
        layer = self.architecture.layers[index]
        if isinstance(layer, Convolution):
            spread = windows(_pad(gradient, layer.size - 1), layer.size)
            turned = self._weight(index)[::-1, ::-1].transpose(0, 1, 3, 2)
            whole = np.tensordot(spread, turned, axes=3)
            inner = slice(layer.padding, -layer.padding or None)
            return whole[:, inner, inner]
        if isinstance(layer, ReLU):
            return gradient * (x > 0.0)
        if isinstance(layer, Power):
            return gradient * layer.exponent * np.abs(x) ** (layer.exponent - 1)
        if isinstance(layer, MaxPool):
            return _unpool(x, gradient)
        if isinstance(layer, SumPositions):
            return np.broadcast_to(gradient, x.shape)
        matrix = layer.matrix(x[0].size) if isinstance(layer, FixedReadout) else self._weight(index)
        return (gradient[:, 0, 0, :] @ matrix.T).reshape(x.shape)

    def _add_weight_gradient(self, index: int, x: Array, gradient: Array) -> None:
        layer = self.architecture.layers[index]
        if isinstance(layer, Convolution):
            seen = windows(_pad(x, layer.padding), layer.size)
            self._gradient[f"layer{index}.weight"] += np.tensordot(seen, gradient, axes=((0, 1, 2), (0, 1, 2)))
        elif isinstance(layer, FullyConnected):
            self._gradient[f"layer{index}.weight"] += x.reshape(len(x), -1).T @ gradient[:, 0, 0, :]
        else:
            return
        if layer.bias:
            self._gradient[f"layer{index}.bias"] += gradient.sum(axis=(0, 1, 2))


def _pad(x: Array, by: int) -> Array:
    return np.pad(x, ((0, 0), (by, by), (by, by), (0, 0)))


def _quarters(x: Array) -> Array:
    """The four places of every 2x2 cell, ``(4, n, h//2, w//2, c)``, in the order (row, column)."""
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return np.stack([x[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)])


def _unpool(x: Array, gradient: Array) -> Array:
    """Send the gradient of every cell to its first largest place."""
    chosen = _quarters(x).argmax(axis=0)
    out = np.zeros_like(x)
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    for place, (i, j) in enumerate((i, j) for i in (0, 1) for j in (0, 1)):
        out[:, i:height:2, j:width:2] = np.where(chosen == place, gradient, 0.0)
    return out
