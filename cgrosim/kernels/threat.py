"""The inner maximum of the signal-only threats, and the signal part of the margins."""

from __future__ import annotations

import math

from numba import njit

from cgrosim.kernels.activation import phi
from cgrosim.kernels.caching import BORROWING


@njit(**BORROWING)
def signal_margin(u, second_layer, neurons, coefficient, label, shape, sign):  # type: ignore[no-untyped-def]
    """h_y(c) = y sum_r a_r phi(c f u_r): what the signal patch c f w_star, f = `sign`, adds to the margin of y."""
    total = 0.0
    for r in range(neurons):
        total += second_layer[r] * phi(coefficient * sign * u[r], shape)
    return label * total


@njit(**BORROWING)
def _sort_by_magnitude(u, order):  # type: ignore[no-untyped-def]
    """Insertion sort of `order` by |u|; linear when the order of the last step still holds, as it mostly does."""
    for position in range(1, order.size):
        neuron = order[position]
        place = position
        while place > 0 and abs(u[order[place - 1]]) > abs(u[neuron]):
            order[place] = order[place - 1]
            place -= 1
        order[place] = neuron


@njit(**BORROWING)
def piecewise_minimiser(u, second_layer, low, high, label, shape, order, tails, sign):  # type: ignore[no-untyped-def]
    """Exact minimiser over [low, high] of h_y for an activation with a knee, such as the smoothed ReLU.

    h_y is A c^q + B c + constant between the breakpoints c = knee/|u_r| of the active neurons (f u_r > 0), with
    q A = slope sum y a_r |u_r|^q over those still below theirs and B = sum y a_r |u_r| over the others. A minimum is at
    an end, at a breakpoint, or at the one critical point c^(q-1) = -B / (q A) of a piece. Ties go to the smaller c, as
    for U_y = 0.
    """
    neurons = order.size
    knee, power, steepness = shape[1], shape[2], shape[4]
    _sort_by_magnitude(u, order)
    # B is summed from the largest |u| down and A from the smallest up, so that nothing is ever subtracted again.
    tails[neurons] = 0.0
    for place in range(neurons - 1, -1, -1):
        r = order[place]
        active = sign * u[r] > 0
        tails[place] = tails[place + 1] + (label * second_layer[r] * abs(u[r]) if active else 0.0)
    best, smallest = low, signal_margin(u, second_layer, neurons, low, label, shape, sign)
    value = signal_margin(u, second_layer, neurons, high, label, shape, sign)
    if value < smallest:
        best, smallest = high, value
    curvature = 0.0  # q A of the piece on which the neurons order[:place] are below their breakpoint
    for place in range(neurons + 1):
        # The piece runs from the breakpoint of order[place] (0 if none) to that of order[place - 1] (infinity if none).
        left = low
        if place < neurons:
            size = abs(u[order[place]])
            left = max(low, knee / size) if size > 0 else high
        right = high
        if place > 0:
            size = abs(u[order[place - 1]])
            right = min(high, knee / size) if size > 0 else high
            if sign * u[order[place - 1]] > 0:
                curvature += label * second_layer[order[place - 1]] * (steepness * size**power)
        if left > right:
            continue
        for candidate in range(2):
            point = left
            if candidate == 1:
                slope = tails[place]
                if not (curvature > 0 and slope < 0):
                    continue
                point = (-slope / curvature) ** (1.0 / (power - 1.0))
                if not left < point < right:
                    continue
            value = signal_margin(u, second_layer, neurons, point, label, shape, sign)
            if value < smallest or (value == smallest and point < best):
                best, smallest = point, value
    return best


@njit(**BORROWING)
def attacked_coefficient(problem, u, label, sign, work):  # type: ignore[no-untyped-def]
    """kappa: the coefficient of f w_star, f = `sign`, in the attacked signal patch of a sample with this label."""
    low, high = problem.attacked_low, problem.attacked_high
    if low == high:
        return low
    if problem.shape[1] < math.inf:
        return piecewise_minimiser(
            u, problem.second_layer, low, high, label, problem.shape, work.order, work.tails, sign
        )
    # Positively homogeneous: h_y(c) = c^degree U_y for c >= 0, monotone in c. At U_y = 0 all c are as bad; the attack
    # is alpha - delta there, as in the definition.
    strength = signal_margin(u, problem.second_layer, problem.neurons, 1.0, label, problem.shape, sign)
    return low if strength >= 0 else high


@njit(**BORROWING)
def signal_terms(problem, u, work):  # type: ignore[no-untyped-def]
    """Fill ``work.signal`` by kind (column 0: y = +1, column 1: y = -1, then flipped ones and such without feature)."""
    layer, neurons, shape = problem.second_layer, problem.neurons, problem.shape
    for column in range(problem.kinds.shape[1]):
        label, sign = problem.kinds[0, column], problem.kinds[1, column]
        kappa = attacked_coefficient(problem, u, label, sign, work)
        work.signal[0, column] = kappa
        work.signal[1, column] = signal_margin(u, layer, neurons, problem.alpha, label, shape, sign)
        work.signal[2, column] = work.signal[1, column]
        if kappa != problem.alpha:  # without attack it is the same number
            work.signal[2, column] = signal_margin(u, layer, neurons, kappa, label, shape, sign)
        work.signal[3, column] = signal_margin(u, layer, neurons, problem.weakest, label, shape, sign)
