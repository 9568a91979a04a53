"""The last logit and the first pixel: loss, margin and their gradient; one step of an attack."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from cgrosim.images.network.kernels import slots
from cgrosim.images.network.kernels.caching import INNER

DIRECTION, DERIVATIVE = 0, 1  # kinds of gradient: for attacks, which need no length, and the true one
TINY = 1e-12  # least denominator of a ratio of logits that are all but equal


@njit(**INNER)
def judge(logits, at, stride, classes, label, gradient, to, kind, scale, smoothing):  # type: ignore[no-untyped-def]
    """Cross-entropy and margin of one sample; its gradient with respect to the logits goes to `gradient`.

    Logit k is at ``at + k stride``, its gradient at ``to + k stride``. With DIRECTION the gradient is divided by the
    probability of the other classes: a sign or a unit vector does not change, and nothing vanishes by saturation.
    With DERIVATIVE and smoothing eps the targets are 1 - eps + eps/K and eps/K (Szegedy et al. 2016); attacks go
    against the label itself.
    """
    mine, most = logits[at + label * stride], -math.inf
    for k in range(classes):
        if k != label and not logits[at + k * stride] <= most:
            most = logits[at + k * stride]
    others = 0.0
    for k in range(classes):
        if k != label:
            others += math.exp(logits[at + k * stride] - most)
    margin = mine - most
    # loss = log(1 + others exp(-margin)), written so that neither end overflows
    odds = math.log(others) - margin
    loss = max(odds, 0.0) + math.log1p(math.exp(-abs(odds)))
    wrong = 1.0 / (1.0 + math.exp(-odds)) if odds > -700.0 else 0.0
    length = (1.0 if kind == DIRECTION else wrong) * scale
    for k in range(classes):
        share = math.exp(logits[at + k * stride] - most) / others
        gradient[to + k * stride] = np.float32(-length if k == label else length * share)
    if kind == DERIVATIVE and smoothing > 0.0:
        even = smoothing / classes
        for k in range(classes):
            if k != label:
                share = math.exp(logits[at + k * stride] - most) / others
                gradient[to + k * stride] = np.float32((wrong * share - even) * scale)
                loss += even * (np.float64(mine) - np.float64(logits[at + k * stride]))
        gradient[to + label * stride] = np.float32(((classes - 1) * even - wrong) * scale)
    return loss, margin


@njit(**INNER)
def diverge(logits, at, stride, classes, given, row, gradient, to, kind, scale):  # type: ignore[no-untyped-def]
    """Kullback-Leibler divergence KL(p || q) of one sample, from given log p to its own q; its gradient q - p.

    Places as in `judge`. With DIRECTION the gradient is divided by the largest probability of a class that is not the
    first of p, and then by its largest entry: nothing vanishes by saturation.
    Returns the divergence and, as what an attack makes small, its negative.
    """
    top, most = 0, -math.inf
    for k in range(classes):
        if given[row + k] > given[row + top]:
            top = k
        if not logits[at + k * stride] <= most:
            most = logits[at + k * stride]
    total = 0.0
    for k in range(classes):
        total += math.exp(logits[at + k * stride] - most)
    whole = most + math.log(total)
    divergence, second = 0.0, -math.inf
    for k in range(classes):
        ours = logits[at + k * stride] - whole
        divergence += math.exp(given[row + k]) * (given[row + k] - ours)
        if k != top:
            second = max(second, ours, given[row + k])
    shift = second if kind == DIRECTION else 0.0
    rest, largest = 0.0, 0.0
    for k in range(classes):
        if k != top:
            apart = math.exp(logits[at + k * stride] - whole - shift) - math.exp(given[row + k] - shift)
            rest += apart
            largest = max(largest, abs(apart))
    largest = max(largest, abs(rest))
    length = scale
    if kind == DIRECTION:
        length = 1.0 / largest if largest > 0.0 else 0.0
    for k in range(classes):
        apart = -rest
        if k != top:
            apart = math.exp(logits[at + k * stride] - whole - shift) - math.exp(given[row + k] - shift)
        gradient[to + k * stride] = np.float32(apart * length)
    return divergence, -divergence


@njit(**INNER)
def add_slope(gradient, to, stride, classes, given, row, scale):  # type: ignore[no-untyped-def]
    """Add what is given, times `scale`, to the gradient with respect to the logits."""
    for k in range(classes):
        gradient[to + k * stride] += np.float32(given[row + k] * scale)


@njit(**INNER)
def weigh_ratio(logits, at, stride, classes, label, target, gradient, to, loss):  # type: ignore[no-untyped-def]
    """Difference of logits ratio and margin of one sample (Croce and Hein 2020, arXiv 2003.01690v2, Section 4).

    With z1 >= z2 >= ... the sorted logits, y the label and o the largest other class the loss is
    ``-(z_y - z_o) / (z1 - z3)``, and with a target t ``-(z_y - z_t) / (z1 - (z3 + z4) / 2)``. The gradient is
    multiplied by the denominator: attacks need no length.
    """
    first = second = third = fourth = -1  # places of the largest logits; of equal ones the first comes first
    for k in range(classes):
        value = logits[at + k * stride]
        if first < 0 or value > logits[at + first * stride]:
            first, second, third, fourth = k, first, second, third
        elif second < 0 or value > logits[at + second * stride]:
            second, third, fourth = k, second, third
        elif third < 0 or value > logits[at + third * stride]:
            third, fourth = k, third
        elif fourth < 0 or value > logits[at + fourth * stride]:
            fourth = k
    rival = second if first == label else first
    mine, most = np.float64(logits[at + label * stride]), np.float64(logits[at + rival * stride])
    aim = target if loss == slots.TARGETED_RATIO else rival
    if loss == slots.LOGIT_RATIO:
        fourth = third
    low = (np.float64(logits[at + third * stride]) + np.float64(logits[at + fourth * stride])) / 2.0
    ratio = np.float64(logits[at + aim * stride]) - mine
    ratio /= max(np.float64(logits[at + first * stride]) - low, TINY)
    for k in range(classes):
        gradient[to + k * stride] = np.float32(0.0)
    gradient[to + aim * stride] += np.float32(1.0)
    gradient[to + label * stride] -= np.float32(1.0)
    gradient[to + first * stride] -= np.float32(ratio)
    gradient[to + third * stride] += np.float32(ratio / 2.0)
    gradient[to + fourth * stride] += np.float32(ratio / 2.0)
    return ratio, mine - most


@njit(**INNER)
def climb(image, clean, gradient, first, step, count, norm, numbers):  # type: ignore[no-untyped-def]
    """One step of projected ascent for one sample: image, clean and gradient hold its pixels at ``first + i step``.

    `numbers` are those of `slots`: radius, rate and box. The step is as long as `rate`, in the steepest
    direction of the norm; then the nearest point of the ball, then of the box.
    Returns whether the gradient was zero.
    """
    radius, rate = np.float32(numbers[slots.NUMBER_RADIUS]), np.float32(numbers[slots.NUMBER_RATE])
    low, high = np.float32(numbers[slots.NUMBER_LOW]), np.float32(numbers[slots.NUMBER_HIGH])
    zero = True
    if norm == slots.LINF:
        for i in range(first, first + count * step, step):
            g, middle = gradient[i], clean[i]
            zero &= g == 0
            value = image[i] + rate * (np.float32(g > 0) - np.float32(g < 0))
            value = max(min(value, middle + radius), middle - radius)
            image[i] = max(min(value, high), low)
        return zero
    most = np.float64(0.0)  # the largest entry first, so that squares neither overflow nor vanish
    for i in range(first, first + count * step, step):
        most = max(most, np.float64(abs(gradient[i])))
    zero = most == 0.0
    length = 0.0
    for i in range(first, first + count * step, step):
        length += (gradient[i] / most) ** 2 if not zero else 0.0
    factor = 0.0 if zero else np.float64(rate) / (most * math.sqrt(length))
    square = 0.0
    for i in range(first, first + count * step, step):
        image[i] += np.float32(factor * gradient[i])
        square += (np.float64(image[i]) - np.float64(clean[i])) ** 2
    length = math.sqrt(square)
    shrink = radius / length if length > radius else np.float64(1.0)
    for i in range(first, first + count * step, step):
        value = np.float32(clean[i] + shrink * (np.float64(image[i]) - np.float64(clean[i])))
        image[i] = max(min(value, high), low)
    return zero
