"""The sign of a two-layer ReLU network on whole boxes, proved by linear bounds and by splitting boxes.

On a box a hidden unit is always on, always off, or open. An open unit lies between two linear functions, so the network
lies above one linear function, whose minimum on the box is known. Where that is not positive the box is halved: the
halves have fewer open units and tighter bounds, and without open units the bound is the minimum. An attack can find a
mistake and not exclude one, interval bounds exclude too little; this decides, if the margin is not too small for the
splits that are allowed. Meant for tens of units and few coordinates. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LARGEST = 200_000  # open boxes at one time


@dataclass(frozen=True, eq=False)
class TwoLayers:
    """``v . ReLU(W x + b) + c``.

    Attributes
    ----------
    weights, biases : W and b, shapes (k, D) and (k,)
    readout, offset : v and c, shape (k,) and a number
    """

    weights: Array
    biases: Array
    readout: Array
    offset: float

    def __call__(self, points: ArrayLike) -> Array:
        """Outputs, shape (n,), at points of shape (n, D)."""
        hidden = np.maximum(np.asarray(points, dtype=np.float64) @ self.weights.T + self.biases, 0.0)
        return np.asarray(hidden @ self.readout + self.offset)


def least_outputs(network: TwoLayers, low: Array, high: Array, *, signs: Array) -> tuple[Array, Array, Array]:
    """Lower bounds of ``sign f`` on boxes, rounding included, where, and how much every coordinate adds to what they
    miss.

    Parameters
    ----------
    low, high : arrays, shape (n, D)
    signs : array of -1 and +1, shape (n,)

    Returns
    -------
    bounds : array, shape (n,)
        Kind: bound; exact where no unit is open.
    blame : array, shape (n, D)
        ``sum over open units |v_k W_kj| (high_j - low_j)``: halving a coordinate without blame helps nothing.
    lowest : array, shape (n, D)
        Points of the boxes where the linear functions that bound ``sign f`` from below are least.
    """
    centre, half = (high + low) / 2.0, (high - low) / 2.0
    middle, reach = centre @ network.weights.T + network.biases, half @ np.abs(network.weights).T
    least, most = middle - reach, middle + reach
    readout = signs[:, None] * network.readout
    is_open = (least < 0.0) & (most > 0.0)
    span = np.where(is_open, most - least, 1.0)
    # ReLU(a) <= most (a - least) / span, and ReLU(a) >= a or 0: the one that misses less
    above = np.where(is_open, most / span, most > 0.0)
    below = np.where(is_open, most > -least, most > 0.0)
    slope = np.where(readout < 0.0, above, below)
    shift = np.where(is_open & (readout < 0.0), -most * least / span, 0.0)
    steep = (readout * slope) @ network.weights
    bounds = np.sum(readout * (slope * middle + shift), axis=1) - np.sum(np.abs(steep) * half, axis=1)
    size = (np.abs(centre) + half) @ np.abs(network.weights).T + np.abs(network.biases)
    # sums of D, k and D products of numbers that |v| (|W| |x| + |b|) bounds, a handful of roundings each
    terms = (2 * network.weights.shape[1] + len(network.biases) + 20) * np.finfo(float).eps
    slack = terms * (2.0 * size @ np.abs(network.readout) + abs(network.offset))
    blame = (is_open * np.abs(network.readout)) @ np.abs(network.weights) * 2.0 * half
    lowest = np.clip(centre - np.sign(steep) * half, low, high)
    return bounds + signs * network.offset - slack, blame, lowest


def proved_signs(
    network: TwoLayers, low: ArrayLike, high: ArrayLike, *, signs: ArrayLike, halvings: int = 40, together: bool = False
) -> NDArray[np.bool_]:
    """Whether ``sign f > 0`` is proved on every point of a box, shape (n,). Kind: bound.

    False where a counterexample was met (the middle of a box, or where its bound is taken) and where the allowed number
    of halvings, or of open boxes at one time, did not suffice.

    Parameters
    ----------
    low, high : arrays, shape (n, D)
    signs : array of -1 and +1, shape (n,)
    halvings : how often a box is halved at most
    together : only all boxes together count: after the first counterexample none is proved, and no time is spent on
        the others
    """
    lows, highs = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    wanted = np.asarray(signs, dtype=np.float64)
    proved, owner = np.ones(len(lows), dtype=bool), np.arange(len(lows))
    for _ in range(halvings):
        proved[owner[~(wanted[owner] * network((lows + highs) / 2.0) > 0.0)]] = False  # a nan is not right
        bounds, blame, lowest = least_outputs(network, lows, highs, signs=wanted[owner])
        left = np.flatnonzero(~(bounds > 0.0) & proved[owner])
        broken = ~(wanted[owner[left]] * network(lowest[left]) > 0.0)
        proved[owner[left[broken]]] = False
        if together and not proved.all():
            return np.zeros_like(proved)
        left = left[proved[owner[left]]]
        if len(left) == 0:
            return proved
        lows, highs, owner, blame = lows[left], highs[left], owner[left], blame[left]
        if 2 * len(owner) > LARGEST:
            break
        rows, axis = np.arange(len(owner)), blame.argmax(axis=1)
        middle = (lows[rows, axis] + highs[rows, axis]) / 2.0
        below, above = highs.copy(), lows.copy()
        below[rows, axis], above[rows, axis] = middle, middle
        lows, highs = np.concatenate([lows, above]), np.concatenate([below, highs])
        owner = np.concatenate([owner, owner])
    proved[owner] = False
    return proved
