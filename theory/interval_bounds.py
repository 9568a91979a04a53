"""Interval bounds through a ReLU network, with every rounding error accounted for.

The bounds enclose both the exact value of the network (real arithmetic on the stored weights) at every real point of a
box and its float64 evaluation, in any order of summation, at every float64 point of the box. Derived here from the
standard bound ``|fl(w.x + b) - (w.x + b)| <= (n+1) u (|w|.|x| + |b|) / (1 - (n+1) u)`` for n terms, u = 2^-53
(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., Sec. 3.1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.relu_steps import Affine, Array, Block, Fused, batches

UNIT_ROUNDOFF = 2.0**-53
SMALLEST = 5e-324


class Signed(NamedTuple):
    """A weight matrix by sign: max(W, 0) and max(-W, 0), None where empty, and the nonzero weights of every row."""

    positive: Any
    negative: Any
    terms: NDArray[np.int64]


class Sums(NamedTuple):
    """Bounds of weighted sums before the bias, and a bound of the sums of absolute values."""

    lower: Array
    upper: Array
    magnitude: Array


def output_bounds(network: ReluNetwork, lower: ArrayLike, upper: ArrayLike) -> tuple[Array, Array]:
    """Lower and upper bounds of all outputs over boxes. Kind: bound (proved, rounding included).

    Parameters
    ----------
    lower, upper : array_like, shape (n, D)
        Corners of n boxes, ``lower <= upper``.

    Returns
    -------
    tuple of arrays, shape (n, outputs)

    Raises
    ------
    ValueError
        If the boxes do not fit the network or are empty.
    """
    lower, upper = (np.atleast_2d(np.asarray(side, dtype=np.float64)) for side in (lower, upper))
    if lower.shape != upper.shape or lower.shape[1] != network.inputs:
        raise ValueError(f"Boxes have shapes {lower.shape} and {upper.shape}, but the network reads {network.inputs}.")
    if not (lower <= upper).all():
        row, column = np.argwhere(~(lower <= upper))[0]
        raise ValueError(f"Box {row} is empty in coordinate {column}: [{lower[row, column]}, {upper[row, column]}].")
    steps = _prepared(network)
    bounds = np.empty((2, len(lower), network.outputs))
    for part in batches(len(lower)):
        low, high = np.ascontiguousarray(lower[part].T), np.ascontiguousarray(upper[part].T)
        for index, step in enumerate(steps):
            if index:
                np.maximum(low, 0.0, out=low)
                np.maximum(high, 0.0, out=high)
            low, high = step(low, high)
        bounds[0, part], bounds[1, part] = low.T, high.T
    return bounds[0], bounds[1]


def _prepared(network: ReluNetwork) -> list[_LayerBounds | _FusedBounds]:
    """Split every layer by sign; copied units owe their rounding to the next layer, so never two of them in a row."""
    found: list[_LayerBounds | _FusedBounds] = []
    owes = False
    for step in network.steps:
        if isinstance(step, Fused):
            found.append(_FusedBounds(step, may_copy=not owes))
            owes = False
        else:
            layer = _LayerBounds(step, may_copy=not owes and step is not network.steps[-1])
            owes = bool(layer.copies.any())
            found.append(layer)
    return found


class _LayerBounds:
    """Bounds after one affine layer.

    A copied unit is one input, or minus one input, plus a bias. Its product is exact and its sum one rounding, monotone
    in the input and off by at most u relative to the result as computed. So the sums at the corners bound the evaluated
    values as they are, and the exact ones up to that relative error, which the next layer takes over. A sum of 0 is
    exact, which keeps closed balls closed.
    """

    def __init__(self, layer: Affine | Block, may_copy: bool) -> None:
        self.copies = copied(layer.weight) & may_copy
        starts = layer.weight.indptr[:-1][self.copies]
        minus = layer.weight.data[starts] < 0
        self.sources = layer.weight.indices[starts] + minus * layer.weight.shape[1]
        self.bias = layer.bias
        self.signed = None if self.copies.all() else by_sign(layer.weight)

    def __call__(self, low: Array, high: Array) -> tuple[Array, Array]:
        below = np.concatenate([low, -high])[self.sources]
        above = np.concatenate([high, -low])[self.sources]
        below += self.bias[self.copies, None]
        above += self.bias[self.copies, None]
        if self.signed is None:
            return below, above
        lower, upper = with_bias(weighted_sums(self.signed, low, high), self.bias, self.signed.terms + 1)
        lower[self.copies], upper[self.copies] = below, above
        return lower, upper


class _FusedBounds:
    """Bounds after a wide hidden layer, its ReLU and the next affine layer, block by block."""

    def __init__(self, step: Fused, may_copy: bool) -> None:
        self.hidden = [_LayerBounds(block, may_copy) for block in step.blocks]
        self.reads = [(block.rows, by_sign(block.next_weight)) for block in step.blocks]
        self.bias = step.bias
        # Partial sums of the blocks are added one by one, one more addition a block; copied units are off by u.
        self.terms = np.full(step.bias.size, len(step.blocks) + 1, dtype=np.int64)
        for rows, signed in self.reads:
            self.terms[rows] += signed.terms

    def __call__(self, low: Array, high: Array) -> tuple[Array, Array]:
        total = Sums(*(np.zeros((self.bias.size, low.shape[1])) for _ in range(3)))
        for hidden, (rows, signed) in zip(self.hidden, self.reads, strict=True):
            below, above = hidden(low, high)
            np.maximum(below, 0.0, out=below)
            np.maximum(above, 0.0, out=above)
            for sum_of_all, part in zip(total, weighted_sums(signed, below, above), strict=True):
                sum_of_all[rows] += part
        return with_bias(total, self.bias, self.terms)


def by_sign(weight: Any) -> Signed:
    """Split a CSR array into its positive and negative part."""
    rows = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
    terms = np.bincount(rows[weight.data != 0], minlength=weight.shape[0])
    parts: list[Any] = []
    for sign in (1.0, -1.0):
        chosen = sign * weight.data > 0
        count = np.concatenate([[0], np.cumsum(np.bincount(rows[chosen], minlength=weight.shape[0]))])
        part = (np.abs(weight.data[chosen]), weight.indices[chosen], count.astype(weight.indptr.dtype))
        parts.append(sparse.csr_array(part, shape=weight.shape) if chosen.any() else None)
    return Signed(parts[0], parts[1], terms)


def copied(weight: Any) -> NDArray[np.bool_]:
    """Which units read one input with weight 1 or -1."""
    alone = np.diff(weight.indptr) == 1
    first = np.minimum(weight.indptr[:-1], max(weight.nnz - 1, 0))
    return np.asarray(alone & (np.abs(weight.data[first]) == 1)) if weight.nnz else alone


def weighted_sums(signed: Signed, low: Array, high: Array) -> Sums:
    """Bounds of ``W x`` over the boxes as computed, that is before their rounding errors are added."""
    shape = (signed.terms.size, low.shape[1])
    largest = None if low.min(initial=0.0) >= 0 else np.maximum(np.abs(low), np.abs(high))
    lower, upper, magnitude = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    if signed.positive is not None:
        at_high = signed.positive @ high
        lower += signed.positive @ low
        upper += at_high
        magnitude += at_high if largest is None else signed.positive @ largest
    if signed.negative is not None:
        at_high = signed.negative @ high
        lower -= at_high
        upper -= signed.negative @ low
        magnitude += at_high if largest is None else signed.negative @ largest
    return Sums(lower, upper, magnitude)


def with_bias(sums: Sums, bias: Array, terms: NDArray[np.int64]) -> tuple[Array, Array]:
    """Add the bias and move the bounds outward by the rounding errors.

    n products and at most n + 2 additions here, n + 1 in the evaluation: both stay within (n + 3) u of the sum of
    absolute values, so 2n + 6 units enclose exact and evaluated sums; 10 more cover the rounding of that sum itself,
    the second order (n u < 1e-9) and the last subtraction. Products that underflow lose at most half the smallest
    number each.
    """
    lower, upper = sums.lower + bias[:, None], sums.upper + bias[:, None]
    units = (2.0 * terms + 16.0)[:, None]
    error = units * (UNIT_ROUNDOFF * (sums.magnitude + np.abs(bias)[:, None]) + SMALLEST)
    return lower - error, upper + error
