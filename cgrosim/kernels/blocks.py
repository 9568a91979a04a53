"""Blocked arrays: the layouts the micro-kernels read, and the way in and out of them.

blocked : (blocks of rows, neurons, 8), element (row k, neuron r) at [k // 8, r, k % 8]
panels : (blocks of columns, 8 ceil(rows / 8), 8), element (row k, column j) at [j // 8, k, j % 8]
The tails are zero. The number of blocks is a multiple of the blocks in a tile's columns.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cgrosim.kernels import microkernels
from cgrosim.kernels.caching import BORROWING
from cgrosim.kernels.microkernels import BLOCK

Array = NDArray[np.float64]
_ALIGNMENT = 64  # bytes of a cache line, so that no vector straddles two


def zeros(*shape: int) -> Array:
    """Zeros whose first element starts a cache line."""
    return aligned_zeros(shape)[0]


def aligned_zeros(*shapes: tuple[int, ...]) -> list[Array]:
    """Arrays of zeros of several shapes in one piece of memory, each from the start of a cache line on."""
    line = _ALIGNMENT // 8
    sizes = [math.prod(shape) for shape in shapes]
    held = [-(-size // line) * line for size in sizes]
    raw = np.zeros(sum(held) + line)
    start, arrays = (-raw.ctypes.data % _ALIGNMENT) // 8, []
    for shape, size, room in zip(shapes, sizes, held, strict=True):
        arrays.append(raw[start : start + size].reshape(shape))
        start += room
    return arrays


def block_count(rows: int) -> int:
    """Number of blocks of 8 that hold `rows` rows, a multiple of the blocks in a tile's columns."""
    columns = microkernels.tile_columns()
    return -(-rows // (BLOCK * columns)) * columns


def depth_count(rows: int) -> int:
    """Number of blocks of 8 a sum over `rows` terms runs over."""
    return -(-rows // BLOCK)


@functools.cache
def tile_height(neurons: int) -> int:
    """Neurons in a tile, so that equal tiles cover them with the least padding; near ties go to the taller tile."""
    overhead = 1.5  # a tile costs about as much as this many more neurons, in loads and in filling the pipeline
    return min(microkernels.tile_heights(), key=lambda height: (-(-neurons // height) * (height + overhead), -height))


def padded_neurons(neurons: int) -> int:
    """Smallest multiple of the tile height that holds all neurons."""
    height = tile_height(neurons)
    return -(-neurons // height) * height


def pack_blocks(rows: Array, neurons: int | None = None) -> Array:
    """Copy an array (rows, m) into blocked form (blocks, neurons, 8); default: the padded number of neurons."""
    count, width = rows.shape
    blocks = zeros(block_count(count), padded_neurons(width) if neurons is None else neurons, BLOCK)
    whole = count // BLOCK
    blocks[:whole, :width] = rows[: whole * BLOCK].reshape(whole, BLOCK, width).transpose(0, 2, 1)
    if count % BLOCK:
        blocks[whole, :width, : count % BLOCK] = rows[whole * BLOCK :].T
    return blocks


def unpack_blocks(blocks: Array, rows: int, neurons: int) -> Array:
    """Inverse of `pack_blocks`: a new (rows, neurons) array."""
    flat = blocks[:, :neurons].transpose(0, 2, 1).reshape(-1, neurons)
    return np.ascontiguousarray(flat[:rows])


def pack_panels(matrix: Array) -> Array:
    """Copy a matrix (rows, columns) into panels of 8 columns."""
    rows, columns = matrix.shape
    panels = zeros(block_count(columns), depth_count(rows) * BLOCK, BLOCK)
    whole = columns // BLOCK
    for column in range(whole):  # one panel at a time: the source is read once, nothing large is allocated
        panels[column, :rows] = matrix[:, column * BLOCK : (column + 1) * BLOCK]
    if columns % BLOCK:
        panels[whole, :rows, : columns % BLOCK] = matrix[:, whole * BLOCK :]
    return panels


@njit(**BORROWING)
def fill_blocks(rows, blocks):  # type: ignore[no-untyped-def]
    """Copy (M, m) into blocked form; the padding is left alone."""
    for k in range(rows.shape[0]):
        for r in range(rows.shape[1]):
            blocks[k // 8, r, k % 8] = rows[k, r]


@njit(**BORROWING)
def empty_blocks(blocks, rows):  # type: ignore[no-untyped-def]
    """Copy blocked form into (M, m)."""
    for k in range(rows.shape[0]):
        for r in range(rows.shape[1]):
            rows[k, r] = blocks[k // 8, r, k % 8]
