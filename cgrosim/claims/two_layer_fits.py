"""Many small two-layer ReLU networks trained side by side, one a table of labels, by Adam on the logistic loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIRST_DECAY, SECOND_DECAY = 0.9, 0.99  # of Adam (Kingma and Ba 2015, arXiv 1412.6980)


@dataclass(frozen=True)
class Effort:
    """How hard a fit is tried: starts a width, steps of Adam, its learning rate."""

    restarts: int = 4
    steps: int = 400
    learning_rate: float = 0.05


class TwoLayerFits:
    """R networks ``ReLU(x W + b) v + c`` on R^D with random starts.

    Attributes
    ----------
    parameters : W, b, v and c, shapes (R, D, k), (R, 1, k), (R, k, 1) and (R, 1, 1)
    """

    def __init__(
        self, tables: int, dimension: int, width: int, generator: np.random.Generator, learning_rate: float
    ) -> None:
        self.parameters = [
            generator.standard_normal((tables, dimension, width)) / np.sqrt(dimension),
            generator.uniform(-1.0, 1.0, (tables, 1, width)),
            generator.standard_normal((tables, width, 1)) / np.sqrt(width),
            np.zeros((tables, 1, 1)),
        ]
        self._means, self._squares = ([np.zeros_like(value) for value in self.parameters] for _ in range(2))
        self._rate, self._steps = learning_rate, 0

    def derivatives(self, points: Array, signs: Array) -> tuple[list[Array], Array, Array]:
        """Gradients of the summed loss, slopes of the margins with respect to the points, and the margins.

        Parameters
        ----------
        points, signs : arrays, shapes (R, K, D) and (R, K, 1), signs -1 and +1
        """
        first, bias, second, offset = self.parameters
        hidden = np.maximum(points @ first + bias, 0.0)
        margins = signs * (hidden @ second + offset)
        pull = -signs / (1.0 + np.exp(np.minimum(margins, 700.0)))
        opened = (hidden > 0) * second.transpose(0, 2, 1)
        inner = pull * opened
        gradients = [
            points.transpose(0, 2, 1) @ inner,
            inner.sum(axis=1, keepdims=True),
            hidden.transpose(0, 2, 1) @ pull,
            pull.sum(axis=1, keepdims=True),
        ]
        return gradients, signs * (opened @ first.transpose(0, 2, 1)), margins

    def descend(self, gradients: list[Array]) -> None:
        """One step of Adam."""
        self._steps += 1
        bias = 1.0 - FIRST_DECAY**self._steps, 1.0 - SECOND_DECAY**self._steps
        for value, mean, square, gradient in zip(self.parameters, self._means, self._squares, gradients, strict=True):
            mean += (1.0 - FIRST_DECAY) * (gradient - mean)
            square += (1.0 - SECOND_DECAY) * (gradient**2 - square)
            value -= self._rate * (mean / bias[0]) / (np.sqrt(square / bias[1]) + 1e-8)
