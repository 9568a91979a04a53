"""Dense layers by panels of 16 outputs, for all samples of a batch at once."""

from __future__ import annotations

import numpy as np
from numba import njit

from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.microkernels import PLAIN, RELU
from cgrosim.images.network.kernels.products import multiply_rows
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.images.network.kernels.stages import (
    BIAS,
    BLOCKS,
    GRADIENT,
    GRADIENT_SIZE,
    GROUPS,
    INPUT,
    INPUT_SIZE,
    RECTIFIED,
    TABLE,
    WEIGHT,
    WIDE,
)

_ZERO = np.float32(0)


@njit(**INNER)
def part_of(task, parts, whole):  # type: ignore[no-untyped-def]
    """Begin and end of a part of `whole` items in `parts` nearly equal parts."""
    return task * whole // parts, (task + 1) * whole // parts


@njit(**INNER)
def pack(table, s, group, groups, count, state, gradients, masked, panels):  # type: ignore[no-untyped-def]
    """Lay a group's samples side by side: the dense layer's input, or the gradient of its output (ReLU applied)."""
    begin, end = part_of(group, groups, count)
    size = table[s * WIDE + GROUPS] * BLOCK
    shown = table[s * WIDE + INPUT]
    to = group * size * BLOCK
    for n in range(begin, end):
        row, lane = shown + n * table[s * WIDE + INPUT_SIZE], n - begin
        if masked == 0:
            for k in range(size):
                panels[to + k * BLOCK + lane] = state[row + k]
            continue
        here = table[s * WIDE + GRADIENT] + n * table[s * WIDE + GRADIENT_SIZE]
        for k in range(size):
            if masked == 2 and not state[row + k] > 0:
                gradients[here + k] = _ZERO
            panels[to + k * BLOCK + lane] = gradients[here + k]


@njit(**INNER)
def multiply(table, s, task, tasks, groups, count, parameters, state, panels):  # type: ignore[no-untyped-def]
    """Some blocks of outputs of a dense layer, for all samples."""
    first, last = part_of(task, tasks, table[s * WIDE + BLOCKS])
    inputs = table[s * WIDE + GROUPS] * BLOCK
    column, kind = inputs * BLOCK, RELU if table[s * WIDE + RECTIFIED] else PLAIN
    for group in range(groups):
        begin, end = part_of(group, groups, count)
        multiply_rows(
            panels, group * inputs * BLOCK, BLOCK, end - begin,
            parameters, table[s * WIDE + WEIGHT] + first * column, column, BLOCK, last - first, inputs,
            parameters, table[s * WIDE + BIAS] + first * BLOCK, 0, BLOCK,
            state, table[(s + 1) * WIDE + INPUT] + begin * table[(s + 1) * WIDE + INPUT_SIZE] + first * BLOCK,
            table[(s + 1) * WIDE + INPUT_SIZE], BLOCK, kind, state, 0,
        )  # fmt: skip


@njit(**INNER)
def multiply_back(table, s, task, tasks, groups, count, tables, gradients, panels):  # type: ignore[no-untyped-def]
    """Some blocks of the gradient with respect to a dense layer's input, for all samples."""
    first, last = part_of(task, tasks, table[s * WIDE + GROUPS])
    outputs = table[s * WIDE + BLOCKS] * BLOCK
    column = outputs * BLOCK
    for group in range(groups):
        begin, end = part_of(group, groups, count)
        multiply_rows(
            panels, group * outputs * BLOCK, BLOCK, end - begin,
            tables, table[s * WIDE + TABLE] + first * column, column, BLOCK, last - first, outputs,
            tables, 0, 0, 0,
            gradients, table[s * WIDE + GRADIENT] + begin * table[s * WIDE + GRADIENT_SIZE] + first * BLOCK,
            table[s * WIDE + GRADIENT_SIZE], BLOCK, PLAIN, gradients, 0,
        )  # fmt: skip


@njit(**INNER)
def add_outer_products(table, s, task, tasks, count, state, gradients, gradient):  # type: ignore[no-untyped-def]
    """Some rows of a dense layer's weight gradient: the sum over all samples, in order; task 0 adds the biases'."""
    first, last = part_of(task, tasks, table[s * WIDE + GROUPS])
    inputs, place = table[s * WIDE + GROUPS] * BLOCK, table[(s + 1) * WIDE + GRADIENT]
    for block in range(first, last):
        here = table[s * WIDE + WEIGHT] + block * BLOCK * BLOCK
        multiply_rows(
            state, table[s * WIDE + INPUT] + block * BLOCK, table[s * WIDE + INPUT_SIZE], BLOCK,
            gradients, place, BLOCK, table[(s + 1) * WIDE + GRADIENT_SIZE], table[s * WIDE + BLOCKS], count,
            gradient, here, BLOCK, inputs * BLOCK, gradient, here, BLOCK, inputs * BLOCK, PLAIN, gradient, 0,
        )  # fmt: skip
    if task == 0:
        for n in range(count):
            for k in range(table[s * WIDE + BLOCKS] * BLOCK):
                gradient[table[s * WIDE + BIAS] + k] += gradients[place + n * table[(s + 1) * WIDE + GRADIENT_SIZE] + k]
