"""How a stack of affine layers and ReLUs is evaluated: narrow layers one by one, wide ones in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A hidden layer wider than this is evaluated in blocks together with the layer it feeds, so that its activations
# (12.5 MB a point for 1,000 MNIST balls) stay in the cache and are never held at once.
BLOCK_UNITS = 4096
# Points evaluated together.
BATCH = 64


class Block(NamedTuple):
    """Some units of a wide hidden layer, and the part of the next layer that reads them."""

    weight: Any
    bias: Array
    rows: slice
    next_weight: Any


class Affine(NamedTuple):
    """One affine layer, ``weight @ x + bias``."""

    weight: Any
    bias: Array


class Fused(NamedTuple):
    """A wide hidden layer with its ReLU and the affine layer after it, in blocks of hidden units."""

    blocks: tuple[Block, ...]
    bias: Array


Step = Affine | Fused


def evaluation_steps(weights: Sequence[Any], biases: Sequence[Array]) -> tuple[Step, ...]:
    """The layers in the order of evaluation, wide hidden layers cut into blocks; a ReLU stands between steps."""
    found: list[Step] = []
    layer = 0
    while layer < len(weights):
        if layer + 1 < len(weights) and weights[layer].shape[0] > BLOCK_UNITS:
            found.append(Fused(_blocks(weights[layer], biases[layer], weights[layer + 1]), biases[layer + 1]))
            layer += 2
        else:
            found.append(Affine(weights[layer], biases[layer]))
            layer += 1
    return tuple(found)


def _blocks(weight: Any, bias: Array, next_weight: Any) -> tuple[Block, ...]:
    columns = next_weight.tocsc()
    found = []
    for start in range(0, weight.shape[0], BLOCK_UNITS):
        part = slice(start, start + BLOCK_UNITS)
        reads = columns[:, part]
        first, last = (int(reads.indices.min()), int(reads.indices.max()) + 1) if reads.nnz else (0, 0)
        rows = slice(first, last)
        found.append(Block(weight[part], bias[part], rows, reads[rows].tocsr()))
    return tuple(found)


def batches(count: int) -> list[slice]:
    """Slices of at most BATCH points."""
    return [slice(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]


def apply_step(step: Step, values: Array) -> Array:
    """What comes out of a step, units by points."""
    if isinstance(step, Affine):
        return step.weight @ values + step.bias[:, None]
    total = np.zeros((step.bias.size, values.shape[1]))
    for block in step.blocks:
        total[block.rows] += block.next_weight @ _hidden(block, values)
    return total + step.bias[:, None]


def _hidden(block: Block, values: Array) -> Array:
    before = block.weight @ values
    before += block.bias[:, None]
    return np.maximum(before, 0.0, out=before)


def pull_back(step: Step, values: Array, gradient: Array) -> Array:
    """The gradient with respect to what a step reads, from the gradient with respect to what comes out."""
    if isinstance(step, Affine):
        return step.weight.T @ gradient
    total = np.zeros(values.shape)
    for block in step.blocks:
        arriving = block.next_weight.T @ gradient[block.rows]
        arriving *= _hidden(block, values) > 0
        total += block.weight.T @ arriving
    return total
