"""ReLU networks of one variable, exactly: their pieces, and the robust loss and flatness that follow from them.

The place where bounds of the robust generalization gap can be checked without any search. Derived here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from cgrosim.theory.relu_network import ReluNetwork

Array = NDArray[np.float64]


def linear_pieces(network: ReluNetwork, low: float, high: float) -> tuple[Array, Array]:
    """Breakpoints of a network R -> R on [low, high], ends included, and its values there.

    Layer by layer: between breakpoints every unit is linear, so its sign changes at most once there. Kind: exact but
    for rounding.
    """
    if network.inputs != 1 or network.outputs != 1:
        raise ValueError(f"The network reads {network.inputs} and gives {network.outputs} numbers, not one and one.")
    nodes = np.array([low, high], dtype=np.float64)
    for depth in range(1, len(network.weights)):
        units = ReluNetwork(network.weights[:depth], network.biases[:depth])
        values = units(nodes[:, None])
        before, after = values[:-1], values[1:]
        row, unit = np.nonzero(before * after < 0)
        share = before[row, unit] / (before[row, unit] - after[row, unit])
        new = nodes[row] + share * (nodes[row + 1] - nodes[row])
        nodes = np.unique(np.concatenate([nodes, new]))
    return nodes, network(nodes[:, None])[:, 0]


def robust_loss_line(nodes: Array, values: Array, points: ArrayLike, *, labels: ArrayLike, radius: float) -> Array:
    """``max_{|xi| <= delta} log(1 + exp(-y f(x + xi)))`` for a piecewise linear f on the line. Kind: exact.

    The worst point is an end of the interval or a breakpoint in it. The pieces must cover all intervals.
    """
    points, labels = np.asarray(points, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    _check_cover(nodes, points, np.full(points.shape, radius))
    ends = [labels * np.interp(points + shift, nodes, values) for shift in (-radius, radius)]
    within = np.abs(points[:, None] - nodes) <= radius
    kinks = np.where(within, labels[:, None] * values, np.inf).min(axis=1, initial=np.inf)
    return np.logaddexp(0.0, -np.minimum(np.minimum(*ends), kinks))


def flatness_line(nodes: Array, values: Array, points: ArrayLike, *, labels: ArrayLike, radius: ArrayLike) -> Array:
    """G_r: largest |d l / dx| within r of every point, for a piecewise linear f on the line. Kind: exact.

    On a piece of slope k the gradient is |k| s(y f), largest where y f is smallest: at the lower end of the piece's
    part inside the interval.
    """
    points, labels = np.asarray(points, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    radius = np.broadcast_to(np.asarray(radius, dtype=np.float64), points.shape)
    _check_cover(nodes, points, radius)
    slopes = np.diff(values) / np.diff(nodes)
    left = np.clip(points[:, None] - radius[:, None], nodes[:-1], nodes[1:])
    right = np.clip(points[:, None] + radius[:, None], nodes[:-1], nodes[1:])
    meets = (points[:, None] - radius[:, None] <= nodes[1:]) & (points[:, None] + radius[:, None] >= nodes[:-1])
    margins = [labels[:, None] * (values[:-1] + slopes * (end - nodes[:-1])) for end in (left, right)]
    steepness = np.abs(slopes) * expit(-np.minimum(*margins))
    return np.where(meets, steepness, 0.0).max(axis=1)


def _check_cover(nodes: Array, points: Array, radius: Array) -> None:
    if points.size and (np.min(points - radius) < nodes[0] or np.max(points + radius) > nodes[-1]):
        raise ValueError(
            f"The pieces cover [{nodes[0]}, {nodes[-1]}] only, not every interval of radius up to {radius.max()}."
        )
