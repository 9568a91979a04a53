"""An attack whose step size adapts: APGD of Croce and Hein (2020, arXiv 2003.01690v2, Section 3 and Algorithm 1).

A sample remembers eight numbers. At steps that are fixed beforehand its step size is halved, and it goes back to the
point of largest loss, if the loss rose in too few steps since, or if nothing was gained at a step size that was new.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from cgrosim.images.network.kernels import slots
from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.shapes import BLOCK

MEMORY_SIZE = 8
RATE, LAST, LARGEST, JUDGED, RISES, HALVED, FOUND, RETURNS = range(MEMORY_SIZE)
INERTIA = 0.25  # share of the last move in the next one: 1 - alpha, alpha = 0.75
LEAST_RISES = 0.75  # rho, share of the steps in which the loss has to rise
FIRST_RATE = 2.0  # step size at the start, in radii


@njit(**INNER)
def remember(memory, at, loss, step, window, radius):  # type: ignore[no-untyped-def]
    """Take note of the loss after `step` steps; judge the step size if `window` steps have gone by since it was.

    Afterwards ``memory[at + FOUND]`` says whether this loss is the largest so far, ``memory[at + RETURNS]`` whether
    the next step starts from the point of largest loss.
    """
    memory[at + RETURNS] = 0.0
    if step == 0:
        memory[at + RATE] = FIRST_RATE * radius
        memory[at + LAST] = memory[at + LARGEST] = memory[at + JUDGED] = loss
        memory[at + RISES] = memory[at + HALVED] = 0.0
        memory[at + FOUND] = 1.0
        return
    memory[at + FOUND] = 1.0 if loss > memory[at + LARGEST] else 0.0
    memory[at + LARGEST] = max(memory[at + LARGEST], loss)
    memory[at + RISES] += 1.0 if loss > memory[at + LAST] else 0.0
    memory[at + LAST] = loss
    if window == 0:
        return
    idle = memory[at + HALVED] == 0.0 and memory[at + LARGEST] == memory[at + JUDGED]
    halve = idle or memory[at + RISES] < LEAST_RISES * window
    memory[at + JUDGED], memory[at + RISES] = memory[at + LARGEST], 0.0
    memory[at + HALVED] = memory[at + RETURNS] = 1.0 if halve else 0.0
    if halve:
        memory[at + RATE] /= 2.0
        memory[at + LAST] = memory[at + LARGEST]


@njit(**INNER)
def _held(value, middle, radius, low, high):  # type: ignore[no-untyped-def]
    """The nearest number of the box to the nearest one of the interval of `radius` around `middle`."""
    return max(min(max(min(value, middle + radius), middle - radius), high), low)


@njit(**INNER)
def _moved(now, middle, before, slope, rate, inertia, radius, low, high):  # type: ignore[no-untyped-def]
    """Where a pixel goes in l_inf: along the sign of the gradient, and on with a share of the last move."""
    ahead = _held(now + rate * (np.float32(slope > 0) - np.float32(slope < 0)), middle, radius, low, high)
    moved = now + (np.float32(1.0) - inertia) * (ahead - now) + inertia * (now - before)
    return _held(moved, middle, radius, low, high)


@njit(**INNER)
def _move_l2(image, clean, previous, slope, first, stride, count, rate, inertia, numbers):  # type: ignore[no-untyped-def]
    """A step in l_2: along the unit gradient, into ball and box, on with a share of the last move, and in again.

    The pixels are at ``first + i stride``; `slope` holds the point between the two projections afterwards.
    """
    radius = numbers[slots.NUMBER_RADIUS]
    low, high = np.float32(numbers[slots.NUMBER_LOW]), np.float32(numbers[slots.NUMBER_HIGH])
    last = first + count * stride
    most = np.float64(0.0)  # the largest entry first, so that squares neither overflow nor vanish
    for i in range(first, last, stride):
        most = max(most, np.float64(abs(slope[i])))
    length = 0.0
    for i in range(first, last, stride):
        length += (slope[i] / most) ** 2 if most > 0.0 else 0.0
    factor = rate / (most * math.sqrt(length)) if most > 0.0 else np.float64(0.0)
    square = 0.0
    for i in range(first, last, stride):
        slope[i] = np.float32(image[i] + factor * slope[i])
        square += (np.float64(slope[i]) - np.float64(clean[i])) ** 2
    shrink = _shrink(square, radius)
    square = 0.0
    for i in range(first, last, stride):
        now = image[i]
        ahead = np.float32(clean[i] + shrink * (np.float64(slope[i]) - np.float64(clean[i])))
        ahead = max(min(ahead, high), low)
        slope[i] = now + (np.float32(1.0) - inertia) * (ahead - now) + inertia * (now - previous[i])
        previous[i] = now
        square += (np.float64(slope[i]) - np.float64(clean[i])) ** 2
    shrink = _shrink(square, radius)
    for i in range(first, last, stride):
        value = np.float32(clean[i] + shrink * (np.float64(slope[i]) - np.float64(clean[i])))
        image[i] = max(min(value, high), low)


@njit(**INNER)
def _shrink(square, radius):  # type: ignore[no-untyped-def]
    length = math.sqrt(square)
    return radius / length if length > radius else np.float64(1.0)


@njit(**INNER)
def advance(image, clean, previous, slope, best, best_slope, first, count, memory, at, step, norm, numbers):  # type: ignore[no-untyped-def]
    """One step of one sample, whose pixels lie at `first` in every array; whether the gradient was zero.

    `remember` has been called for this step. The gradient of the point of largest loss is kept, since a step may start
    from there.
    """
    zero = True
    for i in range(first, first + count):
        zero &= slope[i] == 0
        if memory[at + FOUND] != 0.0:
            best_slope[i] = slope[i]
        if memory[at + RETURNS] != 0.0:
            image[i], slope[i] = best[i], best_slope[i]
        if step == 0:
            previous[i] = image[i]
    inertia = np.float32(0.0 if step == 0 else INERTIA)
    if norm == slots.L2:
        _move_l2(image, clean, previous, slope, first, 1, count, memory[at + RATE], inertia, numbers)
        return zero
    rate, radius = np.float32(memory[at + RATE]), np.float32(numbers[slots.NUMBER_RADIUS])
    low, high = np.float32(numbers[slots.NUMBER_LOW]), np.float32(numbers[slots.NUMBER_HIGH])
    for i in range(first, first + count):
        moved = _moved(image[i], clean[i], previous[i], slope[i], rate, inertia, radius, low, high)
        previous[i], image[i] = image[i], moved
    return zero


@njit(**INNER)
def advance_lanes(image, clean, previous, slope, best, best_slope, count, memory, at, inside, step, norm, numbers):  # type: ignore[no-untyped-def]
    """The same for a block of samples side by side, of which `inside` exist; nothing is said of zero gradients.

    Passes are short and write one array each, so that they compile to vector instructions.
    """
    keep_lanes(slope, best_slope, count, memory, at, inside)
    for lane in range(inside):
        if memory[at + lane * MEMORY_SIZE + RETURNS] != 0.0:
            for i in range(lane, count * BLOCK, BLOCK):
                image[i], slope[i] = best[i], best_slope[i]
    if step == 0:
        for i in range(count * BLOCK):
            previous[i] = image[i]
    inertia = np.float32(0.0 if step == 0 else INERTIA)
    if norm == slots.L2:
        for lane in range(inside):
            rate = memory[at + lane * MEMORY_SIZE + RATE]
            _move_l2(image, clean, previous, slope, lane, BLOCK, count, rate, inertia, numbers)
        return
    radius, low = np.float32(numbers[slots.NUMBER_RADIUS]), np.float32(numbers[slots.NUMBER_LOW])
    high, rates = np.float32(numbers[slots.NUMBER_HIGH]), count * BLOCK  # behind the images, room for a number a lane
    for lane in range(BLOCK):
        previous[rates + lane] = np.float32(memory[at + lane * MEMORY_SIZE + RATE]) if lane < inside else np.float32(0)
    for start in range(0, count * BLOCK, BLOCK):
        for lane in range(BLOCK):
            i = start + lane
            slope[i] = _moved(
                image[i], clean[i], previous[i], slope[i], previous[rates + lane], inertia, radius, low, high
            )
    for i in range(count * BLOCK):
        previous[i] = image[i]
    for i in range(count * BLOCK):
        image[i] = slope[i]


@njit(**INNER)
def keep_lanes(values, best, count, memory, at, inside):  # type: ignore[no-untyped-def]
    """Copy the numbers of every sample that has just met its largest loss; behind `best` is room for a mask."""
    mask = count * BLOCK
    for lane in range(BLOCK):
        found = lane < inside and memory[at + lane * MEMORY_SIZE + FOUND] != 0.0
        best[mask + lane] = np.float32(found)
    for start in range(0, count * BLOCK, BLOCK):
        for lane in range(BLOCK):
            i = start + lane
            best[i] = values[i] if best[mask + lane] != 0 else best[i]
