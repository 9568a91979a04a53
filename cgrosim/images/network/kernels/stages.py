"""One stage of one sample, with 16 channels side by side: forward and input gradient."""

from __future__ import annotations

import numpy as np
from numba import njit

from cgrosim.images.network.kernels import transforms
from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.microkernels import PLAIN, RELU, scatter
from cgrosim.images.network.kernels.pooling import list_cell, pool_pair, raise_to, unpool_pair
from cgrosim.images.network.kernels.products import convolve_columns, convolve_row, convolve_row_of_few
from cgrosim.images.network.kernels.program import (
    BY_LISTS,
    BY_PIXELS,
    BY_ROWS,
    BY_TILES,
    BY_WINDOWS,
    CONVOLUTION,
    POOL,
    POWER,
    SUM,
    Column,
)
from cgrosim.images.network.kernels.shapes import BLOCK, scatter_widths
from cgrosim.images.network.kernels.winograd import convolve_tiles

(
    KIND, HEIGHT, WIDTH, CHANNELS, GROUP, GROUPS, PADDING, SIZE, FILTERS, BLOCKS, ROWS, COLUMNS, POOLED, RECTIFIED,
    OUT_HEIGHT, OUT_WIDTH, INPUT, INPUT_SIZE, GRADIENT, GRADIENT_SIZE, GRADIENT_SHARED, GRADIENT_ROW, GRADIENT_PLANE,
    GRADIENT_FIRST, CHOICE, CHOICE_SIZE, WEIGHT, BIAS, TABLE, SPARSE, SPARSE_WIDTH, METHOD,
    TILES, TRANSFORMED, TURNED,
) = (int(column) for column in Column)  # fmt: skip
WIDE = len(Column)  # of the table, which is passed as a pointer to its first number
SCATTER_WIDTH = scatter_widths()[-1]
_ZERO = np.float32(0)


@njit(**INNER)
def output_place(table, s, n):  # type: ignore[no-untyped-def]
    """First pixel, row stride and plane stride of the output of stage s in the state: the next stage's input."""
    padding = table[(s + 1) * WIDE + PADDING]
    row = (table[s * WIDE + OUT_WIDTH] + 2 * padding) * BLOCK
    plane = (table[s * WIDE + OUT_HEIGHT] + 2 * padding) * row
    return table[(s + 1) * WIDE + INPUT] + n * table[(s + 1) * WIDE + INPUT_SIZE] + padding * (row + BLOCK), row, plane


@njit(**INNER)
def input_place(table, s, n):  # type: ignore[no-untyped-def]
    """The same of its input, the padding's corner first."""
    row = (table[s * WIDE + WIDTH] + 2 * table[s * WIDE + PADDING]) * table[s * WIDE + GROUP]
    plane = (table[s * WIDE + HEIGHT] + 2 * table[s * WIDE + PADDING]) * row
    return table[s * WIDE + INPUT] + n * table[s * WIDE + INPUT_SIZE], row, plane


@njit(**INNER)
def gradient_place(table, s, n, thread):  # type: ignore[no-untyped-def]
    """Where the gradient with respect to the input of stage s begins."""
    unit = thread if table[s * WIDE + GRADIENT_SHARED] == 0 else n
    return table[s * WIDE + GRADIENT] + unit * table[s * WIDE + GRADIENT_SIZE]


@njit(**INNER)
def load_image(table, n, images, state):  # type: ignore[no-untyped-def]
    """Copy an image (row, column, channel) into the first stage's input."""
    at, row, plane = input_place(table, 0, n)
    channels, group, padding = table[CHANNELS], table[GROUP], table[PADDING]
    at += padding * (row + group)
    i = n * table[HEIGHT] * table[WIDTH] * channels
    for y in range(table[HEIGHT]):
        for x in range(table[WIDTH]):
            for c in range(channels):
                state[at + (c // group) * plane + y * row + x * group + c % group] = images[i]
                i += 1


@njit(**INNER)
def take_pixels(table, thread, n, gradients, pixels):  # type: ignore[no-untyped-def]
    """Copy the gradient with respect to the first stage's input into an image (row, column, channel)."""
    at = gradient_place(table, 0, n, thread) + table[GRADIENT_FIRST]
    row, plane, group = table[GRADIENT_ROW], table[GRADIENT_PLANE], table[GROUP]
    i = n * table[HEIGHT] * table[WIDTH] * table[CHANNELS]
    for y in range(table[HEIGHT]):
        for x in range(table[WIDTH]):
            for c in range(table[CHANNELS]):
                pixels[i] = gradients[at + (c // group) * plane + y * row + x * group + c % group]
                i += 1


@njit(**INNER)
def forward_stage(table, s, n, parameters, tables, state, choices, scratch, spare):  # type: ignore[no-untyped-def]
    """Advance one sample through one stage that is no dense layer."""
    kind = table[s * WIDE + KIND]
    if kind == CONVOLUTION:
        _forward_convolution(table, s, n, parameters, tables, state, choices, scratch, spare)
        return
    at, row, plane = input_place(table, s, n)
    to, to_row, to_plane = output_place(table, s, n)
    for block in range(table[s * WIDE + GROUPS]):
        a, b = at + block * plane, to + block * to_plane
        if kind == POOL:
            chosen = table[s * WIDE + CHOICE] + n * table[s * WIDE + CHOICE_SIZE]
            width = table[s * WIDE + OUT_WIDTH]
            for y in range(table[s * WIDE + OUT_HEIGHT]):
                upper, choice = a + 2 * y * row, chosen + (block * table[s * WIDE + OUT_HEIGHT] + y) * width * BLOCK
                pool_pair(state, upper, upper + row, width, BLOCK, False, state, b + y * to_row, BLOCK, choices, choice)
            continue
        if kind == SUM:
            for c in range(BLOCK):
                state[b + c] = _ZERO
        for y in range(table[s * WIDE + HEIGHT]):
            for i in range(table[s * WIDE + WIDTH] * BLOCK):
                value = state[a + y * row + i]
                if kind == SUM:
                    state[b + i % BLOCK] += value
                elif kind == POWER:
                    powered = raise_to(value, table[s * WIDE + SIZE])
                    state[b + y * to_row + i] = -powered if value < 0 else powered
                else:
                    state[b + y * to_row + i] = _ZERO if value <= 0 else value


@njit(**INNER)
def _forward_convolution(  # type: ignore[no-untyped-def]
    table, s, n, parameters, tables, state, choices, scratch, spare
):
    at, row, plane = input_place(table, s, n)
    to, to_row, to_plane = output_place(table, s, n)
    size, blocks, width = table[s * WIDE + SIZE], table[s * WIDE + BLOCKS], table[s * WIDE + COLUMNS]
    weight, bias, few = table[s * WIDE + WEIGHT], table[s * WIDE + BIAS], table[s * WIDE + GROUP] != BLOCK
    if table[s * WIDE + TILES]:
        convolve_tiles(
            state, at, row, plane, table[s * WIDE + GROUPS], table[s * WIDE + ROWS], width, size,
            tables, table[s * WIDE + TRANSFORMED], blocks, parameters, bias,
            transforms.POOLED * table[s * WIDE + POOLED] + transforms.RECTIFIED * table[s * WIDE + RECTIFIED],
            state, to, to_row, to_plane,
            table[s * WIDE + OUT_HEIGHT], table[s * WIDE + OUT_WIDTH],
            choices, table[s * WIDE + CHOICE] + n * table[s * WIDE + CHOICE_SIZE], spare,
        )  # fmt: skip
        return
    if table[s * WIDE + POOLED] == 0:
        kind = RELU if table[s * WIDE + RECTIFIED] else PLAIN
        for y in range(table[s * WIDE + ROWS]):
            if few:
                convolve_row_of_few(
                    state, at + y * row, row, table[s * WIDE + CHANNELS], size, parameters, weight, blocks,
                    parameters, bias, width, state, to + y * to_row, to_plane, kind,
                )  # fmt: skip
            else:
                convolve_row(
                    state, at + y * row, row, plane, table[s * WIDE + GROUPS], size, parameters, weight, blocks,
                    parameters, bias, width, state, to + y * to_row, to_plane, kind,
                )  # fmt: skip
        return
    cells, chosen = table[s * WIDE + OUT_WIDTH], table[s * WIDE + CHOICE] + n * table[s * WIDE + CHOICE_SIZE]
    line = width * BLOCK
    for y in range(2 * table[s * WIDE + OUT_HEIGHT]):
        half = (y % 2) * blocks * line
        if few:
            convolve_row_of_few(
                state, at + y * row, row, table[s * WIDE + CHANNELS], size, parameters, weight, blocks,
                parameters, bias, width, scratch, half, line, PLAIN,
            )  # fmt: skip
        else:
            convolve_row(
                state, at + y * row, row, plane, table[s * WIDE + GROUPS], size, parameters, weight, blocks,
                parameters, bias, width, scratch, half, line, PLAIN,
            )  # fmt: skip
        if y % 2:
            for block in range(blocks):
                choice = chosen + (block * table[s * WIDE + OUT_HEIGHT] + y // 2) * cells * BLOCK
                pool_pair(
                    scratch, block * line, (blocks + block) * line, cells, BLOCK, table[s * WIDE + RECTIFIED] != 0,
                    state, to + block * to_plane + (y // 2) * to_row, BLOCK, choices, choice,
                )  # fmt: skip


@njit(**INNER)
def convolution_gradient(table, s, n, thread, state, gradients, choices, out, padding):  # type: ignore[no-untyped-def]
    """Gradient with respect to the convolution's own output, before ReLU and pooling, into `out`.

    out : ``[block][ROWS + 2 padding][COLUMNS + 2 padding][16]`` from 0; returns its row and plane strides
    """
    at = gradient_place(table, s + 1, n, thread) + table[(s + 1) * WIDE + GRADIENT_FIRST]
    g_row, g_plane = table[(s + 1) * WIDE + GRADIENT_ROW], table[(s + 1) * WIDE + GRADIENT_PLANE]
    row = (table[s * WIDE + COLUMNS] + 2 * padding) * BLOCK
    plane = (table[s * WIDE + ROWS] + 2 * padding) * row
    for i in range(table[s * WIDE + BLOCKS] * plane):
        out[i] = _ZERO
    first, width = padding * (row + BLOCK), table[s * WIDE + OUT_WIDTH]
    if table[s * WIDE + POOLED]:
        chosen = table[s * WIDE + CHOICE] + n * table[s * WIDE + CHOICE_SIZE]
        for block in range(table[s * WIDE + BLOCKS]):
            for y in range(table[s * WIDE + OUT_HEIGHT]):
                upper = first + block * plane + 2 * y * row
                choice = chosen + (block * table[s * WIDE + OUT_HEIGHT] + y) * width * BLOCK
                g = at + block * g_plane + y * g_row
                unpool_pair(gradients, g, BLOCK, width, BLOCK, choices, choice, out, upper, upper + row)
        return row, plane
    shown, shown_row, shown_plane = output_place(table, s, n)
    for block in range(table[s * WIDE + BLOCKS]):
        for y in range(table[s * WIDE + OUT_HEIGHT]):
            a, b, c = (
                at + block * g_plane + y * g_row,
                shown + block * shown_plane + y * shown_row,
                first + block * plane,
            )
            for i in range(width * BLOCK):
                open_ = table[s * WIDE + RECTIFIED] == 0 or state[b + i] > 0
                out[c + y * row + i] = gradients[a + i] if open_ else _ZERO
    return row, plane


@njit(**INNER)
def backward_stage(  # type: ignore[no-untyped-def]
    table, s, n, thread, tables, state, gradients, choices, scratch, spare, channels, begins
):
    """Gradient of one sample with respect to the input of one stage that is no dense layer."""
    kind, method = table[s * WIDE + KIND], table[s * WIDE + METHOD]
    to = gradient_place(table, s, n, thread)
    if kind != CONVOLUTION:
        _backward_other(table, s, n, thread, state, gradients, choices)
    elif method in (BY_ROWS, BY_TILES):
        turned = table[s * WIDE + SIZE] - 1 - table[s * WIDE + PADDING]
        row, plane = convolution_gradient(table, s, n, thread, state, gradients, choices, scratch, turned)
        if method == BY_TILES:
            height, width = table[s * WIDE + HEIGHT], table[s * WIDE + WIDTH]
            convolve_tiles(
                scratch, 0, row, plane, table[s * WIDE + BLOCKS], height, width, table[s * WIDE + SIZE],
                tables, table[s * WIDE + TURNED], table[s * WIDE + GROUPS], tables, 0, 0,
                gradients, to, table[s * WIDE + GRADIENT_ROW], table[s * WIDE + GRADIENT_PLANE], height, width,
                choices, 0, spare,
            )  # fmt: skip
            return
        for y in range(table[s * WIDE + HEIGHT]):
            convolve_row(
                scratch, y * row, row, plane, table[s * WIDE + BLOCKS], table[s * WIDE + SIZE],
                tables, table[s * WIDE + TABLE], table[s * WIDE + GROUPS], tables, 0, table[s * WIDE + WIDTH],
                gradients, to + y * table[s * WIDE + GRADIENT_ROW], table[s * WIDE + GRADIENT_PLANE], PLAIN,
            )  # fmt: skip
    elif method == BY_PIXELS:
        size = table[s * WIDE + SIZE]
        row, plane = convolution_gradient(table, s, n, thread, state, gradients, choices, scratch, size - 1)
        _add_pixels(table, s, row, plane, tables, gradients, to, scratch, spare)
    else:
        for i in range(table[s * WIDE + GRADIENT_SIZE]):
            gradients[to + i] = _ZERO
        _list_cells(table, s, n, thread, gradients, choices, channels, spare, begins)
        if method == BY_LISTS:
            _add_lists(table, s, tables, gradients, to, channels, spare, begins)
        else:
            _add_windows(table, s, tables, gradients, to, channels, spare, begins, scratch)


@njit(**INNER)
def _list_cells(table, s, n, thread, gradients, choices, channels, values, begins):  # type: ignore[no-untyped-def]
    at = gradient_place(table, s + 1, n, thread) + table[(s + 1) * WIDE + GRADIENT_FIRST]
    row, plane = table[(s + 1) * WIDE + GRADIENT_ROW], table[(s + 1) * WIDE + GRADIENT_PLANE]
    height, width, blocks = table[s * WIDE + OUT_HEIGHT], table[s * WIDE + OUT_WIDTH], table[s * WIDE + BLOCKS]
    chosen = table[s * WIDE + CHOICE] + n * table[s * WIDE + CHOICE_SIZE]
    spread = blocks * BLOCK if table[s * WIDE + METHOD] == BY_WINDOWS else 0
    end = 0
    for y in range(height):
        for x in range(width):
            end = list_cell(
                gradients, at + y * row + x * BLOCK, plane, blocks,
                choices, chosen + (y * width + x) * BLOCK, height * width * BLOCK, spread,
                channels, values, end, begins, (y * width + x) * 5,
            )  # fmt: skip


@njit(**INNER)
def _add_lists(table, s, tables, gradients, to, channels, values, begins):  # type: ignore[no-untyped-def]
    """Table: ``[group of planes][kernel row][output channel][plane of the group][kernel column][16 inputs]``."""
    size, outputs, width = table[s * WIDE + SIZE], table[s * WIDE + BLOCKS] * BLOCK, table[s * WIDE + OUT_WIDTH]
    row, plane = table[s * WIDE + GRADIENT_ROW], table[s * WIDE + GRADIENT_PLANE]
    first = 0
    while first < table[s * WIDE + GROUPS]:
        wide = min(SCATTER_WIDTH, table[s * WIDE + GROUPS] - first)
        entry = wide * size * BLOCK
        for ky in range(size):
            weights = table[s * WIDE + SPARSE] + first * size * outputs * size * BLOCK + ky * outputs * entry
            for y in range(2 * table[s * WIDE + OUT_HEIGHT]):
                target = to + first * plane + (y + ky) * row
                for x in range(width):
                    list_at = ((y // 2) * width + x) * 5 + 2 * (y % 2)
                    a, b, c = begins[list_at], begins[list_at + 1], begins[list_at + 2]
                    if c > a:
                        scatter(
                            size, wide, channels, values, a, b - a, b, c - b, tables, weights, entry,
                            gradients, target + 2 * x * BLOCK, plane,
                        )  # fmt: skip
        first += wide


@njit(**INNER)
def _add_windows(table, s, tables, gradients, to, channels, values, begins, window):  # type: ignore[no-untyped-def]
    """Table: ``[place][output channel]``, the whole window of (size + 1)^2 pixels that a cell looks at."""
    run = (table[s * WIDE + SIZE] + 1) * table[s * WIDE + CHANNELS]
    blocks, width, row = table[s * WIDE + SPARSE_WIDTH], table[s * WIDE + OUT_WIDTH], table[s * WIDE + GRADIENT_ROW]
    for y in range(table[s * WIDE + OUT_HEIGHT]):
        for x in range(width):
            a, b = begins[(y * width + x) * 5], begins[(y * width + x) * 5 + 4]
            for i in range(blocks * BLOCK):
                window[i] = _ZERO
            scatter(
                blocks,
                1,
                channels,
                values,
                a,
                b - a,
                b,
                0,
                tables,
                table[s * WIDE + SPARSE],
                blocks * BLOCK,
                window,
                0,
                0,
            )
            target = to + 2 * y * row + 2 * x * table[s * WIDE + CHANNELS]
            for ky in range(table[s * WIDE + SIZE] + 1):
                for i in range(run):
                    gradients[target + ky * row + i] += window[ky * run + i]


@njit(**INNER)
def _add_pixels(table, s, row, plane, tables, gradients, to, scratch, pixels):  # type: ignore[no-untyped-def]
    """Table: from the outputs of a column to all (kernel column, channel) of an input row, kernel rows turned."""
    for i in range(table[s * WIDE + GRADIENT_SIZE]):
        gradients[to + i] = _ZERO
    channels, size, width = table[s * WIDE + CHANNELS], table[s * WIDE + SIZE], table[s * WIDE + COLUMNS]
    run, padding, line = size * channels, table[s * WIDE + PADDING], table[s * WIDE + GRADIENT_ROW]
    blocks = (run + BLOCK - 1) // BLOCK
    for y in range(padding, padding + table[s * WIDE + HEIGHT]):
        convolve_columns(
            scratch, y * row + (size - 1) * BLOCK, row, plane, table[s * WIDE + BLOCKS], size,
            tables, table[s * WIDE + TABLE], blocks, tables, width, pixels,
        )  # fmt: skip
        for x in range(width):
            target = to + y * line + x * channels
            for i in range(run):
                gradients[target + i] += pixels[((i // BLOCK) * width + x) * BLOCK + i % BLOCK]


@njit(**INNER)
def _backward_other(table, s, n, thread, state, gradients, choices):  # type: ignore[no-untyped-def]
    kind = table[s * WIDE + KIND]
    at = gradient_place(table, s + 1, n, thread) + table[(s + 1) * WIDE + GRADIENT_FIRST]
    g_row, g_plane = table[(s + 1) * WIDE + GRADIENT_ROW], table[(s + 1) * WIDE + GRADIENT_PLANE]
    to, row, plane = (
        gradient_place(table, s, n, thread),
        table[s * WIDE + GRADIENT_ROW],
        table[s * WIDE + GRADIENT_PLANE],
    )
    shown, shown_row, shown_plane = input_place(table, s, n)
    shown += table[s * WIDE + PADDING] * (shown_row + BLOCK)
    if kind == POOL:
        for i in range(table[s * WIDE + GRADIENT_SIZE]):
            gradients[to + i] = _ZERO
    for block in range(table[s * WIDE + GROUPS]):
        a, b, c = at + block * g_plane, to + block * plane, shown + block * shown_plane
        if kind == POOL:
            width = table[s * WIDE + OUT_WIDTH]
            chosen = (
                table[s * WIDE + CHOICE]
                + n * table[s * WIDE + CHOICE_SIZE]
                + block * table[s * WIDE + OUT_HEIGHT] * width * BLOCK
            )
            for y in range(table[s * WIDE + OUT_HEIGHT]):
                upper, choice = b + 2 * y * row, chosen + y * width * BLOCK
                unpool_pair(
                    gradients, a + y * g_row, BLOCK, width, BLOCK, choices, choice, gradients, upper, upper + row
                )
            continue
        for y in range(table[s * WIDE + HEIGHT]):
            for i in range(table[s * WIDE + WIDTH] * BLOCK):
                value = state[c + y * shown_row + i]
                if kind == SUM:
                    gradients[b + y * row + i] = gradients[a + i % BLOCK]
                elif kind == POWER:
                    slope = np.float32(table[s * WIDE + SIZE]) * raise_to(value, table[s * WIDE + SIZE] - 1)
                    gradients[b + y * row + i] = slope * gradients[a + y * g_row + i]
                else:
                    gradients[b + y * row + i] = gradients[a + y * g_row + i] if value > 0 else _ZERO
