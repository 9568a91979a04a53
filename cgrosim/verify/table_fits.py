"""How wide a trained two-layer network has to be to fit the hard distribution robustly, or only cleanly.

Robustness at X_z forces the network to have sign y_z at (z, 0), which lies in the ball of X_z (`theory.lower_bound`). A
table y is fitted if all these signs are right: necessary for robust training error 0, so the widths are on the low
side. What training reaches, on the other hand, need not be all that a width can do: best of several starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.lower_bound import hard_points

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effort:
    """How hard a fit is tried: starts a width, steps of Adam, its learning rate."""

    restarts: int = 4
    steps: int = 400
    learning_rate: float = 0.05


def hard_inputs(dimension: int, labels: Array, hint: float) -> Array:
    """Points (z, y_z g), shape (R, K, D), for R tables of labels; g = 0: the points that robustness is decided at."""
    points = np.broadcast_to(hard_points(dimension), (*labels.shape, dimension - 1))
    return np.concatenate([points, hint * labels[..., None]], axis=2)


def needed_widths(
    inputs: Array, labels: Array, generator: np.random.Generator, effort: Effort, largest: int = 64
) -> Array:
    """Smallest width at which training fits every label, one a table, shape (R,); infinite if not up to `largest`.

    Parameters
    ----------
    inputs : array, shape (R, K, D)
    labels : array of -1 and +1, shape (R, K)
    """
    needed = np.full(len(labels), np.inf)
    for width in range(1, largest + 1):
        left = np.flatnonzero(np.isinf(needed))
        if len(left) == 0:
            break
        rows = np.repeat(left, effort.restarts)
        fitted = train_tables(inputs[rows], labels[rows], width, generator, effort)
        needed[left[fitted.reshape(-1, effort.restarts).any(axis=1)]] = width
    return needed


def train_tables(inputs: Array, labels: Array, width: int, generator: np.random.Generator, effort: Effort) -> Array:
    """Train one two-layer ReLU network a table by Adam on the logistic loss; whether it ever fitted it, shape (R,)."""
    tables, _, dimension = inputs.shape
    parameters = [
        generator.standard_normal((tables, dimension, width)) / np.sqrt(dimension),
        generator.uniform(-1.0, 1.0, (tables, 1, width)),
        generator.standard_normal((tables, width, 1)) / np.sqrt(width),
        np.zeros((tables, 1, 1)),
    ]
    means, squares = ([np.zeros_like(value) for value in parameters] for _ in range(2))
    signs, fitted = labels[:, :, None], np.zeros(tables, dtype=bool)
    transposed = np.ascontiguousarray(inputs.transpose(0, 2, 1))
    for step in range(1, effort.steps + 1):
        hidden = np.maximum(inputs @ parameters[0] + parameters[1], 0.0)
        margins = signs * (hidden @ parameters[2] + parameters[3])
        fitted |= (margins > 0).all(axis=(1, 2))
        if fitted.all():
            break
        outer = -signs / (1.0 + np.exp(np.minimum(margins, 700.0)))
        inner = (outer @ parameters[2].transpose(0, 2, 1)) * (hidden > 0)
        gradients = [
            transposed @ inner,
            inner.sum(axis=1, keepdims=True),
            hidden.transpose(0, 2, 1) @ outer,
            outer.sum(axis=1, keepdims=True),
        ]
        for value, mean, square, gradient in zip(parameters, means, squares, gradients, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.01 * (gradient**2 - square)
            scale = np.sqrt(square / (1.0 - 0.99**step)) + 1e-8
            value -= effort.learning_rate * mean / (1.0 - 0.9**step) / scale
    return fitted
