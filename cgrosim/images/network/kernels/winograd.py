"""Convolutions by Winograd's short products: a sample's tiles are transformed, multiplied and put together."""

from __future__ import annotations

import numpy as np
from numba import njit

from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.pooling import pool_pair
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.images.network.kernels.tiling import HEIGHTS_16, WIDEST, next_piece
from cgrosim.images.network.kernels.transforms import POINTS, POOLED, PRODUCTS, RECTIFIED, combine, product, transform

AT_ONCE = 14  # tiles: one of the largest pieces of a product; what they need stays in the second cache
_PAD = BLOCK  # between the coefficients, which would lie in the same few places of the first cache without
_ZERO = np.float32(0)


def work_size(planes: int, blocks: int) -> int:
    """Numbers that `convolve_tiles` needs to work: coefficients, products, and one tile."""
    return PRODUCTS * ((planes + blocks) * AT_ONCE * BLOCK + 2 * _PAD) + PRODUCTS * BLOCK


@njit(**INNER)
def convolve_tiles(  # type: ignore[no-untyped-def]
    source, at, row, plane, planes, height, width, size, weights, weight, blocks, bias_source, bias, kind,
    out, out_at, out_row, out_plane, out_height, out_width, choices, choice_at, work,
):  # fmt: skip
    """A convolution of one sample's blocked channels to ``height`` by ``width`` pixels, pooled if it is said.

    source : ``[planes][height + size - 1][width + size - 1][16]`` with strides `plane`, `row`
    weights : transformed, ``[36][block][plane][16 inputs][16 outputs]`` from `weight`
    bias_source : blocks ``[block][16]`` from `bias`
    kind : what follows, as in `combine`
    out : pixel (or cell) (y, x) of block b at ``out_at + b out_plane + y out_row + 16 x``
    choices : ``[block][out_height][out_width][16]`` from `choice_at`, if pooled
    work : `work_size` numbers
    """
    side = POINTS + 1 - size
    across = (width + side - 1) // side
    tiles = ((height + side - 1) // side) * across
    step, far_step = planes * AT_ONCE * BLOCK + _PAD, blocks * AT_ONCE * BLOCK + _PAD
    products = PRODUCTS * step
    buffer = products + PRODUCTS * far_step
    cell, reach = (2, side // 2) if kind >= POOLED else (1, side)
    for first in range(0, tiles, AT_ONCE):
        count = min(AT_ONCE, tiles - first)
        for t in range(count):
            y, x = ((first + t) // across) * side, ((first + t) % across) * side
            inside = y + side <= height and x + side <= width
            for p in range(planes):
                here, to = at + p * plane + y * row + x * BLOCK, (p * AT_ONCE + t) * BLOCK
                if inside:
                    transform(source, here, row, work, to, step)
                else:
                    _copy(source, here, row, height + size - 1 - y, width + size - 1 - x, work, buffer)
                    transform(work, buffer, POINTS * BLOCK, work, to, step)
        _multiply(work, step, far_step, planes, blocks, count, weights, weight)
        for b in range(blocks):
            for t in range(count):
                y, x = ((first + t) // across) * reach, ((first + t) % across) * reach
                here, to = products + (b * AT_ONCE + t) * BLOCK, out_at + b * out_plane + y * out_row + x * BLOCK
                chosen = choice_at + ((b * out_height + y) * out_width + x) * BLOCK
                if y + reach <= out_height and x + reach <= out_width:
                    combine(
                        side, kind, work, here, far_step, bias_source, bias + b * BLOCK,
                        out, to, out_row, choices, chosen, out_width * BLOCK,
                    )  # fmt: skip
                    continue
                combine(
                    side, kind % POOLED if cell == 1 else 0, work, here, far_step, bias_source, bias + b * BLOCK,
                    work, buffer, side * BLOCK, choices, 0, 0,
                )  # fmt: skip
                across_left = min(reach, out_width - x)
                for i in range(min(reach, out_height - y)):
                    line = buffer + i * cell * side * BLOCK
                    if cell == 1:
                        for k in range(across_left * BLOCK):
                            out[to + i * out_row + k] = work[line + k]
                    else:
                        pool_pair(
                            work, line, line + side * BLOCK, across_left, BLOCK, kind == POOLED + RECTIFIED,
                            out, to + i * out_row, BLOCK, choices, chosen + i * out_width * BLOCK,
                        )  # fmt: skip


@njit(**INNER)
def _copy(source, at, row, height, width, work, buffer):  # type: ignore[no-untyped-def]
    """A tile that goes beyond the last row or column, with zeros there."""
    for y in range(POINTS):
        for i in range(POINTS * BLOCK):
            known = y < height and i < width * BLOCK
            work[buffer + y * POINTS * BLOCK + i] = source[at + y * row + i] if known else _ZERO


@njit(**INNER)
def _multiply(work, step, far_step, planes, blocks, count, weights, weight):  # type: ignore[no-untyped-def]
    """For each of the 36 coefficients, the sum over the channels of all tiles at once."""
    column = planes * BLOCK * BLOCK
    block = 0
    while block < blocks:
        wide = min(WIDEST, blocks - block)
        t = 0
        while t < count:
            high = next_piece(HEIGHTS_16[wide], count - t)
            product(
                high, wide, work, t * BLOCK, step, AT_ONCE * BLOCK,
                weights, weight + block * column, blocks * column, column, planes,
                work, PRODUCTS * step + (block * AT_ONCE + t) * BLOCK, far_step, AT_ONCE * BLOCK,
            )  # fmt: skip
            t += high
        block += wide
