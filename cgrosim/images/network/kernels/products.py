"""Convolutions and matrix products of blocked arrays, cut into tiles."""

from __future__ import annotations

from numba import njit

from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.microkernels import PLAIN, inner, tile
from cgrosim.images.network.kernels.shapes import BLOCK, ROWS_1, ROWS_16, ROWS_ANY, inner_sides
from cgrosim.images.network.kernels.tiling import (
    FREE_HEIGHTS,
    FREE_WIDTHS,
    HEIGHTS_1,
    HEIGHTS_16,
    HEIGHTS_ANY,
    WIDEST,
    next_piece,
)

_SIDES = inner_sides()


@njit(**INNER)
def convolve_row(  # type: ignore[no-untyped-def]
    source,
    at,
    row,
    plane,
    planes,
    size,
    weights,
    weight,
    blocks,
    bias_source,
    bias,
    width,
    out,
    out_at,
    out_plane,
    kind,
):
    """One row of outputs of a convolution of blocked channels: out[b, x] = bias[b] + sum of the kernel.

    source : ``[planes][rows][columns][16]`` with strides `plane`, `row`; `at` is the first pixel under the kernel
    weights : ``[block][plane][kernel row][kernel column][16 inputs][16 outputs]`` from `weight`
    bias_source : blocks ``[block][16]`` from `bias`
    out : block b of pixel x at ``out_at + b out_plane + 16 x``
    kind : epilogue of `tile`, without a mask
    """
    run = size * BLOCK
    per_block = planes * size * run * BLOCK
    block = 0
    while block < blocks:
        wide = min(WIDEST, blocks - block)
        x = 0
        while x < width:
            high = next_piece(HEIGHTS_16[wide], width - x)
            tile(
                ROWS_16, high, wide, source, at + x * BLOCK, 0, row, plane,
                weights, weight + block * per_block, per_block, BLOCK, run * BLOCK, size * run * BLOCK,
                planes, size, run, bias_source, bias + block * BLOCK, 0, BLOCK,
                out, out_at + block * out_plane + x * BLOCK, BLOCK, out_plane, kind, out, 0,
            )  # fmt: skip
            x += high
        block += wide


@njit(**INNER)
def convolve_columns(  # type: ignore[no-untyped-def]
    source, at, row, plane, planes, size, weights, weight, blocks, zeros, width, out
):
    """The same for a kernel of one column, without a bias, to ``[block][width][16]``.

    weights : ``[block][plane][kernel row][16 inputs][16 outputs]`` from `weight`
    zeros : array that begins with a block of zeros
    """
    square = BLOCK * BLOCK
    block = 0
    while block < blocks:
        wide = min(WIDEST, blocks - block)
        x = 0
        while x < width:
            high = next_piece(HEIGHTS_16[wide], width - x)
            tile(
                ROWS_16, high, wide, source, at + x * BLOCK, 0, row, plane,
                weights, weight + block * planes * size * square, planes * size * square, BLOCK, square, size * square,
                planes, size, BLOCK, zeros, 0, 0, 0,
                out, (block * width + x) * BLOCK, BLOCK, width * BLOCK, PLAIN, out, 0,
            )  # fmt: skip
            x += high
        block += wide


@njit(**INNER)
def convolve_row_of_few(  # type: ignore[no-untyped-def]
    source, at, row, channels, size, weights, weight, blocks, bias_source, bias, width, out, out_at, out_plane, kind
):
    """The same for an image with few channels, ``[rows][columns][channels]``."""
    run = size * channels
    per_block = size * run * BLOCK
    block = 0
    while block < blocks:
        wide = min(WIDEST, blocks - block)
        x = 0
        while x < width:
            high = next_piece(HEIGHTS_ANY[wide], width - x)
            tile(
                ROWS_ANY, high, wide, source, at + x * channels, channels, row, 0,
                weights, weight + block * per_block, per_block, BLOCK, run * BLOCK, 0,
                1, size, run, bias_source, bias + block * BLOCK, 0, BLOCK,
                out, out_at + block * out_plane + x * BLOCK, BLOCK, out_plane, kind, out, 0,
            )  # fmt: skip
            x += high
        block += wide


@njit(**INNER)
def convolve_lanes(  # type: ignore[no-untyped-def]
    source, at, row, channels, size, weights, weight, filters, bias_source, bias, width, out, out_at, out_pixel, kind
):
    """One row of outputs for 16 samples side by side, ``[rows][columns][channels][16 samples]``.

    weights : ``[block][kernel row][kernel column][channel][16 outputs]`` from `weight`
    bias_source : the bias of output f, 16 times, at ``bias + 16 f``
    out : output f of pixel x at ``out_at + x out_pixel + 16 f``
    """
    run = size * channels
    pixel = channels * BLOCK
    first = 0
    heights = HEIGHTS_1[1] if width == 1 else FREE_HEIGHTS
    while first < filters:
        high = next_piece(heights, min(filters - first, BLOCK - first % BLOCK))
        panel = weight + (first // BLOCK) * size * run * BLOCK + first % BLOCK
        x = 0
        while x < width:
            wide = next_piece(FREE_WIDTHS[high], width - x)
            tile(
                ROWS_1, high, wide, weights, panel, BLOCK, run * BLOCK, 0,
                source, at + x * pixel, pixel, BLOCK, row, 0,
                1, size, run, bias_source, bias + first * BLOCK, BLOCK, 0,
                out, out_at + x * out_pixel + first * BLOCK, BLOCK, out_pixel, kind, out, 0,
            )  # fmt: skip
            x += wide
        first += high


@njit(**INNER)
def multiply_rows(  # type: ignore[no-untyped-def]
    left, left_at, left_step, rows, right, right_at, right_column, right_step, blocks, steps,
    start, start_at, start_row, start_column, out, out_at, out_row, out_column, kind, mask, mask_at,
):  # fmt: skip
    """``out[r, b] = start[r, b] + sum_k left[k, r] right[k, b]`` with rows side by side in the left factor."""
    block = 0
    while block < blocks:
        wide = min(WIDEST, blocks - block)
        r = 0
        while r < rows:
            high = next_piece(HEIGHTS_1[wide], rows - r)
            tile(
                ROWS_1, high, wide, left, left_at + r, left_step, 0, 0,
                right, right_at + block * right_column, right_column, right_step, 0, 0,
                1, 1, steps, start, start_at + r * start_row + block * start_column, start_row, start_column,
                out, out_at + r * out_row + block * out_column, out_row, out_column, kind, mask,
                mask_at + r * out_row + block * out_column,
            )  # fmt: skip
            r += high
        block += wide


@njit(**INNER)
def add_correlation(  # type: ignore[no-untyped-def]
    source, at, row, pixel, run, other, other_at, other_row, other_plane, blocks, height, width, out, out_at, out_plane
):
    """``out[r, b] += sum over pixels of source[y, x, r] other[y, x, b]``: one kernel row of a weight gradient.

    source : scalar r of pixel (y, x) at ``at + y row + x pixel + r``, r < `run` (a kernel row of channels)
    other : block b of pixel (y, x) at ``other_at + b other_plane + y other_row + 16 x``
    out : block b of row r at ``out_at + b out_plane + 16 r``
    """
    block = 0
    while block < blocks:
        wide = min(WIDEST, blocks - block)
        r = 0
        while r < run:
            high = next_piece(HEIGHTS_1[wide], run - r)
            here = out_at + block * out_plane + r * BLOCK
            tile(
                ROWS_1, high, wide, source, at + r, pixel, row, 0,
                other, other_at + block * other_plane, other_plane, BLOCK, other_row, 0,
                1, height, width, out, here, BLOCK, out_plane, out, here, BLOCK, out_plane, PLAIN, out, 0,
            )  # fmt: skip
            r += high
        block += wide


@njit(**INNER)
def add_lane_products(  # type: ignore[no-untyped-def]
    left, left_at, left_row, left_step, left_outer, rows,
    right, right_at, right_step, right_outer, columns, outer, steps, out, out_at, out_block,
):  # fmt: skip
    """``out[r, c] += sum over steps and lanes of left[.., r] right[.., c]``.

    out : (r, c) at ``out_at + (c // 16) out_block + 16 r + c % 16``
    """
    c = 0
    while c < columns:
        wide = _side(min(columns - c, BLOCK - c % BLOCK))
        r = 0
        while r < rows:
            high = _side(rows - r)
            inner(
                high, wide, left, left_at + r * left_row, left_row, left_step, left_outer,
                right, right_at + c * BLOCK, right_step, right_outer, outer, steps,
                out, out_at + (c // BLOCK) * out_block + r * BLOCK + c % BLOCK, BLOCK,
            )  # fmt: skip
            r += high
        c += wide


@njit(**INNER)
def _side(left):  # type: ignore[no-untyped-def]
    for side in _SIDES[::-1]:
        if side <= left:
            return side
    return 1
