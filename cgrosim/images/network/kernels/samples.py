"""The engine for networks with few channels: 16 samples side by side, and a block of them is one task from end to end.

Every stage is a convolution here; a dense layer is one with a 1x1 kernel on a single pixel. A block goes through all
steps of an attack by itself, so everything it needs stays in the cache.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import njit

from cgrosim.images.network.kernels import slots
from cgrosim.images.network.kernels.adaptive import MEMORY_SIZE, advance_lanes, keep_lanes, remember
from cgrosim.images.network.kernels.caching import INNER, callback, entry, fingerprint
from cgrosim.images.network.kernels.head import DERIVATIVE, DIRECTION, add_slope, climb, diverge, judge, weigh_ratio
from cgrosim.images.network.kernels.linking import TASK, bytes_at, doubles_at, floats_at, link, longs_at, shared
from cgrosim.images.network.kernels.microkernels import PLAIN, RELU
from cgrosim.images.network.kernels.pooling import pool_pair, unpool_pair
from cgrosim.images.network.kernels.products import add_lane_products, convolve_lanes
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.images.network.kernels.stages import (
    BIAS,
    CHANNELS,
    CHOICE,
    CHOICE_SIZE,
    COLUMNS,
    FILTERS,
    GRADIENT,
    GRADIENT_SIZE,
    HEIGHT,
    INPUT,
    INPUT_SIZE,
    OUT_HEIGHT,
    OUT_WIDTH,
    PADDING,
    POOLED,
    RECTIFIED,
    ROWS,
    SIZE,
    SPARSE,
    TABLE,
    WEIGHT,
    WIDE,
    WIDTH,
)

_ZERO = np.float32(0)


@njit(**INNER)
def _input_place(table, s, block):  # type: ignore[no-untyped-def]
    """Corner of a stage's padded input, its row stride and its pixel stride."""
    pixel = table[s * WIDE + CHANNELS] * BLOCK
    row = (table[s * WIDE + WIDTH] + 2 * table[s * WIDE + PADDING]) * pixel
    return table[s * WIDE + INPUT] + block * table[s * WIDE + INPUT_SIZE], row, pixel


@njit(**INNER)
def _output_place(table, s, block):  # type: ignore[no-untyped-def]
    """First pixel and row stride of a stage's output."""
    pixel, padding = table[s * WIDE + FILTERS] * BLOCK, table[(s + 1) * WIDE + PADDING]
    row = (table[s * WIDE + OUT_WIDTH] + 2 * padding) * pixel
    start = table[(s + 1) * WIDE + INPUT] + block * table[(s + 1) * WIDE + INPUT_SIZE]
    return start + padding * (row + pixel), row


@njit(**INNER)
def _forward(table, s, block, parameters, tables, state, choices, scratch):  # type: ignore[no-untyped-def]
    at, row, _ = _input_place(table, s, block)
    to, to_row = _output_place(table, s, block)
    filters, width = table[s * WIDE + FILTERS], table[s * WIDE + COLUMNS]
    pixel, size, channels = filters * BLOCK, table[s * WIDE + SIZE], table[s * WIDE + CHANNELS]
    rectified, weight, bias = table[s * WIDE + RECTIFIED] != 0, table[s * WIDE + WEIGHT], table[s * WIDE + SPARSE]
    if table[s * WIDE + POOLED] == 0:
        for y in range(table[s * WIDE + ROWS]):
            convolve_lanes(
                state, at + y * row, row, channels, size, parameters, weight, filters,
                tables, bias, width, state, to + y * to_row, pixel, RELU if rectified else PLAIN,
            )  # fmt: skip
        return
    cells, chosen = table[s * WIDE + OUT_WIDTH], table[s * WIDE + CHOICE] + block * table[s * WIDE + CHOICE_SIZE]
    line = width * pixel
    for y in range(2 * table[s * WIDE + OUT_HEIGHT]):
        convolve_lanes(
            state, at + y * row, row, channels, size, parameters, weight, filters,
            tables, bias, width, scratch, (y % 2) * line, pixel, PLAIN,
        )  # fmt: skip
        if y % 2:
            choice = chosen + (y // 2) * cells * pixel
            pool_pair(scratch, 0, line, cells, pixel, rectified, state, to + (y // 2) * to_row, pixel, choices, choice)


@njit(**INNER)
def _output_gradient(table, s, block, state, gradients, choices, out):  # type: ignore[no-untyped-def]
    """Gradient before ReLU and pooling, with the zeros around it that the turned kernel needs; its row stride."""
    pixel, padding = table[s * WIDE + FILTERS] * BLOCK, table[s * WIDE + SIZE] - 1 - table[s * WIDE + PADDING]
    row = (table[s * WIDE + COLUMNS] + 2 * padding) * pixel
    first, width = padding * (row + pixel), table[s * WIDE + OUT_WIDTH]
    for i in range((table[s * WIDE + ROWS] + 2 * padding) * row):
        out[i] = _ZERO
    at = table[(s + 1) * WIDE + GRADIENT] + block * table[(s + 1) * WIDE + GRADIENT_SIZE]
    chosen = table[s * WIDE + CHOICE] + block * table[s * WIDE + CHOICE_SIZE]
    shown, shown_row = _output_place(table, s, block)
    line, rectified = width * pixel, table[s * WIDE + RECTIFIED] != 0
    for y in range(table[s * WIDE + OUT_HEIGHT]):
        if table[s * WIDE + POOLED]:
            upper = first + 2 * y * row
            unpool_pair(
                gradients, at + y * line, pixel, width, pixel, choices, chosen + y * line, out, upper, upper + row
            )
            continue
        for i in range(line):
            passes = not rectified or state[shown + y * shown_row + i] > 0
            out[first + y * row + i] = gradients[at + y * line + i] if passes else _ZERO
    return first, row


@njit(**INNER)
def _add_weights(table, s, block, state, gradient, first, row, chunk):  # type: ignore[no-untyped-def]
    at, in_row, pixel = _input_place(table, s, block)
    size, filters = table[s * WIDE + SIZE], table[s * WIDE + FILTERS]
    run, out_pixel = size * table[s * WIDE + CHANNELS], filters * BLOCK
    for ky in range(size):
        add_lane_products(
            state, at + ky * in_row, BLOCK, pixel, in_row, run,
            gradient, first, out_pixel, row, filters, table[s * WIDE + ROWS], table[s * WIDE + COLUMNS],
            chunk, table[s * WIDE + WEIGHT] + ky * run * BLOCK, size * run * BLOCK,
        )  # fmt: skip
    for y in range(table[s * WIDE + ROWS]):
        for i in range(table[s * WIDE + COLUMNS] * out_pixel):
            chunk[table[s * WIDE + BIAS] + (i % out_pixel) // BLOCK] += gradient[first + y * row + i]


@njit(**INNER)
def _backward(context, table, s, block, state, gradients, scratch, weigh, chunk):  # type: ignore[no-untyped-def]
    """Gradient with respect to a stage's input, and the weights' if `weigh`."""
    tables, choices = floats_at(context[slots.TABLES]), bytes_at(context[slots.CHOICES])
    first, row = _output_gradient(table, s, block, state, gradients, choices, scratch)
    if weigh:
        _add_weights(table, s, block, state, scratch, first, row, chunk)
        if s == 0:
            return
    to = table[s * WIDE + GRADIENT] + block * table[s * WIDE + GRADIENT_SIZE]
    channels, width = table[s * WIDE + CHANNELS], table[s * WIDE + WIDTH]
    for y in range(table[s * WIDE + HEIGHT]):
        convolve_lanes(
            scratch, y * row, row, table[s * WIDE + FILTERS], table[s * WIDE + SIZE],
            tables, table[s * WIDE + TABLE], channels, tables, table[WIDE * context[slots.STAGES] + TABLE],
            width, gradients, to + y * width * channels * BLOCK, channels * BLOCK, PLAIN,
        )  # fmt: skip


@njit(**INNER)
def _row_of(spare, size, row):  # type: ignore[no-untyped-def]
    """Work space of a thread for the images of a block: five rows, with room for one more number a lane behind each."""
    return floats_at(spare + 4 * row * (size + 1) * BLOCK)


@njit(**INNER)
def _judge_lanes(context, table, block, state, gradients, kind, lanes, best, step):  # type: ignore[no-untyped-def]
    """Loss and margin of a block's samples; their images if they are the worst, or those of largest loss."""
    s, size, n = context[slots.STAGES], context[slots.PIXEL_COUNT], block * BLOCK
    losses, margins = doubles_at(context[slots.LOSSES]), doubles_at(context[slots.MARGINS])
    least, labels = doubles_at(context[slots.LEAST]), longs_at(context[slots.LABELS])
    worst, classes = floats_at(context[slots.WORST]), table[s * WIDE + CHANNELS]
    numbers = doubles_at(context[slots.NUMBERS])
    scale = numbers[slots.NUMBER_SCALE] if kind == DERIVATIVE else 1.0
    smoothing = numbers[slots.NUMBER_SMOOTHING]
    given, given_kind = doubles_at(context[slots.GIVEN]), context[slots.GIVEN_KIND]
    at = table[s * WIDE + INPUT] + block * table[s * WIDE + INPUT_SIZE]
    to = table[s * WIDE + GRADIENT] + block * table[s * WIDE + GRADIENT_SIZE]
    for i in range(classes * BLOCK):
        gradients[to + i] = _ZERO
    for lane in range(min(BLOCK, context[slots.COUNT] - n)):
        row, label = (n + lane) * classes, labels[n + lane]
        if given_kind == slots.LOGARITHMS:
            losses[n + lane], margins[n + lane] = diverge(
                state, at + lane, BLOCK, classes, given, row, gradients, to + lane, kind, scale
            )
        elif context[slots.LOSS] == slots.CROSS_ENTROPY:
            losses[n + lane], margins[n + lane] = judge(
                state, at + lane, BLOCK, classes, label, gradients, to + lane, kind, scale, smoothing
            )
        else:
            target = longs_at(context[slots.TARGETS])[n + lane]
            losses[n + lane], margins[n + lane] = weigh_ratio(
                state, at + lane, BLOCK, classes, label, target, gradients, to + lane, context[slots.LOSS]
            )
        if given_kind == slots.SLOPES:
            add_slope(gradients, to + lane, BLOCK, classes, given, row, scale)
        if context[slots.KEEP] == 0 or margins[n + lane] < least[n + lane]:
            least[n + lane] = margins[n + lane]
            for i in range(size):
                worst[(n + lane) * size + i] = lanes[i * BLOCK + lane]
    if context[slots.ADAPTIVE]:
        memory, window = doubles_at(context[slots.MEMORY]), longs_at(context[slots.WINDOWS])[step]
        radius, inside = doubles_at(context[slots.NUMBERS])[slots.NUMBER_RADIUS], min(BLOCK, context[slots.COUNT] - n)
        for lane in range(inside):
            remember(memory, (n + lane) * MEMORY_SIZE, losses[n + lane], step, window, radius)
        keep_lanes(lanes, best, size, memory, n * MEMORY_SIZE, inside)


@njit(**INNER)
def _climb_lanes(context, block, lanes, clean, spare, gradients, at, step):  # type: ignore[no-untyped-def]
    size, numbers = context[slots.PIXEL_COUNT], doubles_at(context[slots.NUMBERS])
    stuck, inside = bytes_at(context[slots.STUCK]), min(BLOCK, context[slots.COUNT] - block * BLOCK)
    for lane in range(inside if step == 0 else 0):
        zero = True
        for i in range(size):
            zero &= gradients[at + i * BLOCK + lane] == 0
        stuck[block * BLOCK + lane] = zero
    slope = floats_at(context[slots.GRADIENTS] + 4 * at)
    if context[slots.ADAPTIVE]:
        best, previous = _row_of(spare, size, 2), _row_of(spare, size, 3)
        best_slope, memory = _row_of(spare, size, 4), doubles_at(context[slots.MEMORY])
        advance_lanes(
            lanes, clean, previous, slope, best, best_slope, size, memory, block * BLOCK * MEMORY_SIZE, inside, step,
            context[slots.NORM], numbers,
        )  # fmt: skip
    elif context[slots.NORM] == slots.LINF:
        climb(lanes, clean, slope, 0, 1, size * BLOCK, slots.LINF, numbers)
    else:
        for lane in range(inside):
            climb(lanes, clean, slope, lane, BLOCK, size, slots.L2, numbers)


@njit(**INNER)
def _spread(context, table, block, lanes, state):  # type: ignore[no-untyped-def]
    """Copy the images of a block into the first stage's padded input."""
    at, row, pixel = _input_place(table, 0, block)
    at += table[PADDING] * (row + pixel)
    line = table[WIDTH] * pixel
    for y in range(table[HEIGHT]):
        for i in range(line):
            state[at + y * row + i] = lanes[y * line + i]


@njit(**INNER)
def _turn(context, block, rows, lanes, back):  # type: ignore[no-untyped-def]
    """Copy the rows of a block's samples into lanes (those of no sample are zero), or back."""
    size, n = context[slots.PIXEL_COUNT], block * BLOCK
    inside = min(BLOCK, context[slots.COUNT] - n)
    for lane in range(inside):
        for i in range(size):
            if back:
                rows[(n + lane) * size + i] = lanes[i * BLOCK + lane]
            else:
                lanes[i * BLOCK + lane] = rows[(n + lane) * size + i]
    if not back:
        for lane in range(inside, BLOCK):
            for i in range(size):
                lanes[i * BLOCK + lane] = _ZERO


def orders(plan: Any, count: int) -> tuple[()]:
    """Nothing: a block of samples needs no order of phases."""
    return ()


@functools.cache
def compiled() -> tuple[Any, Any]:
    """The forms of ``run(context)`` and, by address, the task it shares out."""
    link()
    source = fingerprint("samples")

    @callback(TASK)
    def perform(context, block, thread):  # type: ignore[no-untyped-def]
        """The steps of an attack on a block of samples, then what the goal asks for."""
        _ = source
        table, stages, goal = longs_at(context[slots.TABLE]), context[slots.STAGES], context[slots.GOAL]
        state, gradients = floats_at(context[slots.STATE]), floats_at(context[slots.GRADIENTS])
        parameters, tables = floats_at(context[slots.PARAMETERS]), floats_at(context[slots.TABLES])
        scratch = floats_at(context[slots.SCRATCH] + 4 * thread * context[slots.SCRATCH_SIZE])
        spare, size = context[slots.SPARE] + 4 * thread * context[slots.SPARE_SIZE], context[slots.PIXEL_COUNT]
        lanes, clean, best = _row_of(spare, size, 0), _row_of(spare, size, 1), _row_of(spare, size, 2)
        chunk = floats_at(context[slots.CHUNKS] + 4 * block * context[slots.CHUNK_SIZE])
        images, pixels = floats_at(context[slots.IMAGES]), floats_at(context[slots.PIXELS])
        _turn(context, block, images, lanes, False)
        _turn(context, block, floats_at(context[slots.CLEAN]), clean, False)
        at = table[GRADIENT] + block * table[GRADIENT_SIZE]
        for step in range(context[slots.STEPS] + 1):
            final = step == context[slots.STEPS]
            if final and goal == slots.FOR_IMAGES:
                break
            _spread(context, table, block, lanes, state)
            for s in range(stages):
                _forward(table, s, block, parameters, tables, state, bytes_at(context[slots.CHOICES]), scratch)
            kind = DERIVATIVE if final else DIRECTION
            _judge_lanes(context, table, block, state, gradients, kind, lanes, best, step)
            if final and goal == slots.FOR_LOGITS:
                break
            weigh = final and goal == slots.FOR_WEIGHTS
            for i in range(context[slots.CHUNK_SIZE] if weigh else 0):
                chunk[i] = _ZERO
            for s in range(stages - 1, -1, -1):
                _backward(context, table, s, block, state, gradients, scratch, weigh, chunk)
            if not final:
                _climb_lanes(context, block, lanes, clean, spare, gradients, at, step)
            elif not weigh:
                _turn(context, block, pixels, floats_at(context[slots.GRADIENTS] + 4 * at), True)
        _turn(context, block, images, lanes, True)
        if context[slots.ADAPTIVE]:
            _turn(context, block, floats_at(context[slots.BEST]), best, True)

    def make(share: Any) -> Any:
        @entry()
        def run(context):  # type: ignore[no-untyped-def]
            """All blocks; then the weight gradients of the blocks are added up in order."""
            _ = source
            blocks = (context[slots.COUNT] + BLOCK - 1) // BLOCK
            share(context, blocks)
            if context[slots.GOAL] == slots.FOR_WEIGHTS:
                gradient, chunks = floats_at(context[slots.GRADIENT]), floats_at(context[slots.CHUNKS])
                size = context[slots.CHUNK_SIZE]
                for block in range(blocks):
                    for i in range(size):
                        gradient[i] += chunks[block * size + i]

        return run

    here, threaded = shared()
    return (make(here), make(threaded)), perform
