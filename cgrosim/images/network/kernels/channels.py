"""The engine for networks with many channels: 16 channels side by side, one sample a task, dense layers by panels.

Every pass is a sequence of *phases*; a phase is a number of independent tasks, shared among the threads. What a task
computes does not depend on the thread that runs it, and sums over samples run in chunks fixed by the batch.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cgrosim.images.network.kernels import slots
from cgrosim.images.network.kernels.adaptive import FOUND, MEMORY_SIZE, advance, remember
from cgrosim.images.network.kernels.caching import INNER, callback, entry, fingerprint
from cgrosim.images.network.kernels.dense import add_outer_products, multiply, multiply_back, pack, part_of
from cgrosim.images.network.kernels.head import DERIVATIVE, DIRECTION, add_slope, climb, diverge, judge, weigh_ratio
from cgrosim.images.network.kernels.linking import (
    TASK,
    bytes_at,
    doubles_at,
    floats_at,
    integers_at,
    link,
    longs_at,
    shared,
)
from cgrosim.images.network.kernels.program import DENSE
from cgrosim.images.network.kernels.stages import (
    BLOCKS,
    CHANNELS,
    GRADIENT,
    GRADIENT_SIZE,
    GROUPS,
    INPUT,
    INPUT_SIZE,
    KIND,
    RECTIFIED,
    WIDE,
    backward_stage,
    forward_stage,
    load_image,
    take_pixels,
)
from cgrosim.images.network.kernels.weights import weigh_chunk

GROUP_SIZE = 14  # samples that a dense layer takes at once; at most BLOCK, which is their stride
CHUNKS = 8  # parts of a batch whose weight gradients are summed apart


Orders = NDArray[np.int64]

# Phases.
(
    _LOAD, _FORWARD, _BACKWARD, _PACK_INPUT, _PACK_GRADIENT, _DENSE, _DENSE_INPUT, _DENSE_WEIGHT, _WEIGHT,
    _HEAD, _CLIMB, _TAKE,
) = range(12)  # fmt: skip


@njit(**INNER)
def _do_dense(context, phase, table, s, task, state, gradients, panels):  # type: ignore[no-untyped-def]
    """One task of a dense layer."""
    tasks, groups, count = context[slots.TASKS], context[slots.GROUPS], context[slots.COUNT]
    if phase == _PACK_INPUT:
        pack(table, s, task, groups, count, state, gradients, 0, panels)
    elif phase == _PACK_GRADIENT:
        pack(table, s + 1, task, groups, count, state, gradients, 1 + table[s * WIDE + RECTIFIED], panels)
    elif phase == _DENSE:
        multiply(table, s, task, tasks, groups, count, floats_at(context[slots.PARAMETERS]), state, panels)
    elif phase == _DENSE_INPUT:
        multiply_back(table, s, task, tasks, groups, count, floats_at(context[slots.TABLES]), gradients, panels)
    else:
        add_outer_products(table, s, task, tasks, count, state, gradients, floats_at(context[slots.GRADIENT]))


@njit(**INNER)
def _do_head(context, table, n, state, gradients):  # type: ignore[no-untyped-def]
    """Loss and margin of one sample; its image if it is the worst."""
    s, images, worst = context[slots.STAGES], floats_at(context[slots.IMAGES]), floats_at(context[slots.WORST])
    losses, margins = doubles_at(context[slots.LOSSES]), doubles_at(context[slots.MARGINS])
    least, label = doubles_at(context[slots.LEAST]), longs_at(context[slots.LABELS])[n]
    kind = context[slots.KIND]
    numbers = doubles_at(context[slots.NUMBERS])
    scale = numbers[slots.NUMBER_SCALE] if kind == DERIVATIVE else 1.0
    smoothing = numbers[slots.NUMBER_SMOOTHING]
    at = table[s * WIDE + INPUT] + n * table[s * WIDE + INPUT_SIZE]
    to = table[s * WIDE + GRADIENT] + n * table[s * WIDE + GRADIENT_SIZE]
    classes, size = table[s * WIDE + CHANNELS], context[slots.PIXEL_COUNT]
    given, given_kind = doubles_at(context[slots.GIVEN]), context[slots.GIVEN_KIND]
    if given_kind == slots.LOGARITHMS:
        losses[n], margins[n] = diverge(state, at, 1, classes, given, n * classes, gradients, to, kind, scale)
    elif context[slots.LOSS] == slots.CROSS_ENTROPY:
        losses[n], margins[n] = judge(state, at, 1, classes, label, gradients, to, kind, scale, smoothing)
    else:
        target = longs_at(context[slots.TARGETS])[n]
        losses[n], margins[n] = weigh_ratio(state, at, 1, classes, label, target, gradients, to, context[slots.LOSS])
    if given_kind == slots.SLOPES:
        add_slope(gradients, to, 1, classes, given, n * classes, scale)
    if context[slots.KEEP] == 0 or margins[n] < least[n]:
        least[n] = margins[n]
        for i in range(n * size, (n + 1) * size):
            worst[i] = images[i]
    if context[slots.ADAPTIVE]:
        memory, step = doubles_at(context[slots.MEMORY]), context[slots.STEP]
        window, radius = longs_at(context[slots.WINDOWS])[step], doubles_at(context[slots.NUMBERS])[slots.NUMBER_RADIUS]
        remember(memory, n * MEMORY_SIZE, losses[n], step, window, radius)
        if memory[n * MEMORY_SIZE + FOUND] != 0.0:
            best = floats_at(context[slots.BEST])
            for i in range(n * size, (n + 1) * size):
                best[i] = images[i]


@njit(**INNER)
def _do_climb(context, table, n, thread, gradients):  # type: ignore[no-untyped-def]
    """The gradient of one image; one step of the attack if the phase says so."""
    pixels, size = floats_at(context[slots.PIXELS]), context[slots.PIXEL_COUNT]
    take_pixels(table, thread, n, gradients, pixels)
    if context[slots.PHASE] == _CLIMB:
        images, clean = floats_at(context[slots.IMAGES]), floats_at(context[slots.CLEAN])
        norm, numbers, step = context[slots.NORM], doubles_at(context[slots.NUMBERS]), context[slots.STEP]
        if context[slots.ADAPTIVE]:
            previous, best = floats_at(context[slots.PREVIOUS]), floats_at(context[slots.BEST])
            kept, memory = floats_at(context[slots.BEST_SLOPE]), doubles_at(context[slots.MEMORY])
            zero = advance(
                images,
                clean,
                previous,
                pixels,
                best,
                kept,
                n * size,
                size,
                memory,
                n * MEMORY_SIZE,
                step,
                norm,
                numbers,
            )
        else:
            zero = climb(images, clean, pixels, n * size, 1, size, norm, numbers)
        if step == 0:
            bytes_at(context[slots.STUCK])[n] = zero


def orders(plan: Any, count: int) -> tuple[Orders, Orders, Orders]:
    """The phases of a batch of `count` samples: forward, backward to the pixels, backward with the weights.

    Each is a table with one row a phase: (phase, first stage, last stage exclusive, number of tasks). The numbers of
    tasks are functions of the sizes alone, so the results do not depend on the number of threads.
    """
    table, groups = plan.table, -(-count // GROUP_SIZE)
    forward: list[tuple[int, int, int, int]] = []
    backward: list[tuple[int, int, int, int]] = []
    weights: list[tuple[int, int, int, int]] = []
    for first, last in _segments(plan):
        if table[first, KIND] != DENSE:
            forward.append((_FORWARD, first, last, count))
            backward.append((_BACKWARD, first, last, count))
            weights.append((_WEIGHT, first, last, min(CHUNKS, count)))
            continue
        outputs, inputs = -(-int(table[first, BLOCKS]) // 2), -(-int(table[first, GROUPS]) // 2)
        forward += [(_LOAD, first, last, count)] if first == 0 else []
        forward += [(_PACK_INPUT, first, last, groups), (_DENSE, first, last, outputs)]
        back = [(_PACK_GRADIENT, first, last, groups), (_DENSE_INPUT, first, last, inputs)]
        backward += back[::-1]
        weights += [*(back[:0:-1] if first > 0 else []), (_DENSE_WEIGHT, first, last, inputs), back[0]]
    forward.append((_HEAD, 0, 0, count))
    found = forward, [*backward[::-1], (_CLIMB, 0, 0, count)], weights[::-1]
    return tuple(np.array(each, np.int64) for each in found)  # type: ignore[return-value]


def _segments(plan: Any) -> list[tuple[int, int]]:
    """Runs of stages that one task can do for a sample, and dense layers by themselves."""
    found: list[tuple[int, int]] = []
    for s in range(len(plan.stages)):
        alone = plan.table[s, KIND] == DENSE or not found or plan.table[s - 1, KIND] == DENSE
        found.append((s, s + 1) if alone else (found.pop()[0], s + 1))
    return found


@functools.cache
def compiled() -> tuple[Any, Any]:
    """The forms of ``run(context, forward, backward, weights)`` and, by address, the task it shares out."""
    link()
    source = fingerprint("channels")

    @callback(TASK)
    def perform(context, task, thread):  # type: ignore[no-untyped-def]
        """One task of the phase that the context names."""
        _ = source
        phase, first, last = context[slots.PHASE], context[slots.FIRST], context[slots.LAST]
        table, state, gradients = (
            longs_at(context[slots.TABLE]),
            floats_at(context[slots.STATE]),
            floats_at(context[slots.GRADIENTS]),
        )
        if phase in (_HEAD, _CLIMB, _TAKE):
            if phase == _HEAD:
                _do_head(context, table, task, state, gradients)
            else:
                _do_climb(context, table, task, thread, gradients)
            return
        if phase in (_PACK_INPUT, _PACK_GRADIENT, _DENSE, _DENSE_INPUT, _DENSE_WEIGHT):
            _do_dense(context, phase, table, first, task, state, gradients, floats_at(context[slots.PANELS]))
            return
        choices, tables = bytes_at(context[slots.CHOICES]), floats_at(context[slots.TABLES])
        scratch = floats_at(context[slots.SCRATCH] + 4 * thread * context[slots.SCRATCH_SIZE])
        spare = floats_at(context[slots.SPARE] + 4 * thread * context[slots.SPARE_SIZE])
        lists = integers_at(context[slots.LISTS] + 4 * thread * context[slots.SPARE_SIZE])
        ends = longs_at(context[slots.BEGINS] + 8 * thread * context[slots.CELL_SIZE])
        if phase in (_FORWARD, _LOAD):
            if first == 0:
                load_image(table, task, floats_at(context[slots.IMAGES]), state)
            if phase == _FORWARD:
                parameters = floats_at(context[slots.PARAMETERS])
                for s in range(first, last):
                    forward_stage(table, s, task, parameters, tables, state, choices, scratch, spare)
        elif phase == _BACKWARD:
            for s in range(last - 1, first - 1, -1):
                backward_stage(table, s, task, thread, tables, state, gradients, choices, scratch, spare, lists, ends)
        elif phase == _WEIGHT:
            chunk = floats_at(context[slots.CHUNKS] + 4 * task * context[slots.CHUNK_SIZE])
            begin, end = part_of(task, context[slots.TASKS], context[slots.COUNT])
            weigh_chunk(
                table,
                first,
                last,
                begin,
                end,
                thread,
                tables,
                state,
                gradients,
                choices,
                scratch,
                spare,
                lists,
                ends,
                chunk,
            )

    def make(share: Any) -> Any:
        @entry()
        def run(context, forward, backward, weights):  # type: ignore[no-untyped-def]
            """The steps of an attack on the images, then what the goal asks for."""
            _ = source
            steps, goal = context[slots.STEPS], context[slots.GOAL]
            for step in range(steps + 1):
                final = step == steps
                if final and goal == slots.FOR_IMAGES:
                    return
                for half in range(2):
                    phases = forward if half == 0 else weights if final and goal == slots.FOR_WEIGHTS else backward
                    for i in range(phases.shape[0]):
                        phase = phases[i, 0]
                        if phase == _CLIMB and final:
                            phase = _TAKE
                        context[slots.PHASE], context[slots.TASKS], context[slots.STEP] = phase, phases[i, 3], step
                        context[slots.KIND] = DERIVATIVE if final else DIRECTION
                        context[slots.FIRST], context[slots.LAST] = phases[i, 1], phases[i, 2]
                        share(context, phases[i, 3])
                    if final and goal == slots.FOR_LOGITS:
                        return
            if goal == slots.FOR_WEIGHTS:
                gradient, chunks = floats_at(context[slots.GRADIENT]), floats_at(context[slots.CHUNKS])
                size = context[slots.CHUNK_SIZE]
                for part in range(min(CHUNKS, context[slots.COUNT])):
                    for i in range(size):
                        gradient[i] += chunks[part * size + i]

        return run

    here, threaded = shared()
    return (make(here), make(threaded)), perform
