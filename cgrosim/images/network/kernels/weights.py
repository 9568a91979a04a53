"""Weight gradients of convolutions, a chunk of the batch at a time."""

from __future__ import annotations

import numpy as np
from numba import njit

from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.products import add_correlation
from cgrosim.images.network.kernels.program import CONVOLUTION
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.images.network.kernels.stages import (
    BIAS,
    BLOCKS,
    COLUMNS,
    GROUP,
    GROUPS,
    KIND,
    ROWS,
    SIZE,
    WEIGHT,
    WIDE,
    backward_stage,
    convolution_gradient,
    input_place,
)

_ZERO = np.float32(0)


@njit(**INNER)
def _clear(table, s, chunk):  # type: ignore[no-untyped-def]
    size = (
        table[s * WIDE + GROUPS]
        * table[s * WIDE + GROUP]
        * table[s * WIDE + SIZE] ** 2
        * table[s * WIDE + BLOCKS]
        * BLOCK
    )
    for i in range(table[s * WIDE + WEIGHT], table[s * WIDE + WEIGHT] + size):
        chunk[i] = _ZERO
    for i in range(table[s * WIDE + BIAS], table[s * WIDE + BIAS] + table[s * WIDE + BLOCKS] * BLOCK):
        chunk[i] = _ZERO


@njit(**INNER)
def _add(table, s, n, thread, state, gradients, choices, scratch, chunk):  # type: ignore[no-untyped-def]
    """Add one sample's weight gradient of a convolution to the chunk's."""
    out_row, out_plane = convolution_gradient(table, s, n, thread, state, gradients, choices, scratch, 0)
    at, row, plane = input_place(table, s, n)
    size, blocks, group = table[s * WIDE + SIZE], table[s * WIDE + BLOCKS], table[s * WIDE + GROUP]
    run = size * group
    plane_size = table[s * WIDE + GROUPS] * size * run * BLOCK
    for block in range(blocks):
        for y in range(table[s * WIDE + ROWS]):
            for i in range(table[s * WIDE + COLUMNS] * BLOCK):
                chunk[table[s * WIDE + BIAS] + block * BLOCK + i % BLOCK] += scratch[
                    block * out_plane + y * out_row + i
                ]
    for outer in range(table[s * WIDE + GROUPS]):
        for ky in range(size):
            add_correlation(
                state, at + outer * plane + ky * row, row, group, run,
                scratch, 0, out_row, out_plane, blocks, table[s * WIDE + ROWS], table[s * WIDE + COLUMNS],
                chunk, table[s * WIDE + WEIGHT] + (outer * size + ky) * run * BLOCK, plane_size,
            )  # fmt: skip


@njit(**INNER)
def weigh_chunk(  # type: ignore[no-untyped-def]
    table, first, last, begin, end, thread, tables, state, gradients, choices, scratch, spare, lists, ends, chunk
):
    """Weight gradients of the stages from `first` to `last` for the samples from `begin` to `end`."""
    for s in range(first, last):
        if table[s * WIDE + KIND] == CONVOLUTION:
            _clear(table, s, chunk)
    for n in range(begin, end):
        for s in range(last - 1, first - 1, -1):
            if table[s * WIDE + KIND] == CONVOLUTION:
                _add(table, s, n, thread, state, gradients, choices, scratch, chunk)
            if s > 0:
                backward_stage(table, s, n, thread, tables, state, gradients, choices, scratch, spare, lists, ends)
