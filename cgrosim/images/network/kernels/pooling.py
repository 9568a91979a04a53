"""ReLU and 2x2 maximum, there and back.

A choice is the place of a cell's maximum, 0 to 3 in the order (row, column), or 4 where a ReLU shut the cell.
NaN goes through: a cell with a NaN has the maximum NaN.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.microkernels import append_chosen
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.kernels.microkernels import lanes

SHUT = 4
_ZERO = np.float32(0)


@njit(**INNER)
def pool_pair(source, upper, lower, cells, run, rectified, out, out_at, out_cell, choices, choice_at):  # type: ignore[no-untyped-def]
    """Maxima of the 2x2 cells of two rows; a pixel has `run` numbers side by side.

    source : the rows from `upper` and `lower`
    out, choices : cell x from ``out_at + x out_cell`` and ``choice_at + x run``
    """
    for x in range(cells):
        a, b, to, chosen = upper + 2 * x * run, lower + 2 * x * run, out_at + x * out_cell, choice_at + x * run
        for c in range(run):
            v0, v1, v2, v3 = source[a + c], source[a + run + c], source[b + c], source[b + run + c]
            place, most = np.uint8(0), v0
            if v1 > most:
                place, most = np.uint8(1), v1
            if v2 > most:
                place, most = np.uint8(2), v2
            if v3 > most:
                place, most = np.uint8(3), v3
            if rectified and most <= _ZERO:
                place, most = np.uint8(SHUT), _ZERO
            total = (v0 + v1) + (v2 + v3)
            out[to + c] = most if total - total == _ZERO else total * _ZERO + most
            choices[chosen + c] = place


@njit(**INNER)
def unpool_pair(gradient, at, cell, cells, run, choices, choice_at, out, upper, lower):  # type: ignore[no-untyped-def]
    """Send every cell's gradient to its chosen place, zero to the other three."""
    for x in range(cells):
        g, chosen, a, b = at + x * cell, choice_at + x * run, upper + 2 * x * run, lower + 2 * x * run
        for c in range(run):  # two loops: with four rows to write to, the compiler does not use vectors
            value, place = gradient[g + c], choices[chosen + c]
            out[a + c] = value if place == 0 else _ZERO
            out[a + run + c] = value if place == 1 else _ZERO
        for c in range(run):
            value, place = gradient[g + c], choices[chosen + c]
            out[b + c] = value if place == 2 else _ZERO
            out[b + run + c] = value if place == 3 else _ZERO


@njit(**INNER)
def _append_by_lane(choices, choice_at, place, numbers, at, first, channels, values, end):  # type: ignore[no-untyped-def]
    """`append_chosen` for any processor: every lane is written, and the next one overwrites it unless it was chosen."""
    for lane in range(BLOCK):
        channels[end], values[end] = first + lane, numbers[at + lane]
        end += choices[choice_at + lane] == place
    return end


_append = append_chosen if lanes() == 8 else _append_by_lane


@njit(**INNER)
def list_cell(  # type: ignore[no-untyped-def]
    gradient, at, plane, blocks, choices, choice_at, choice_plane, spread, channels, values, to, begins, begin
):
    """Sort one cell's gradients by chosen place, without those that a ReLU shut; return where they end.

    channels, values : lists that are written from `to`; an entry is channel + place * `spread`, and its gradient
    begins : the list of place p begins at ``begins[begin + p]`` and ends at ``begins[begin + p + 1]``, p = 0..3
    """
    end = to
    for place in range(4):
        begins[begin + place] = end
        for block in range(blocks):
            end = _append(
                choices, choice_at + block * choice_plane, place, gradient, at + block * plane,
                block * BLOCK + place * spread, channels, values, end,
            )  # fmt: skip
    begins[begin + 4] = end
    return end


@njit(**INNER)
def raise_to(value, exponent):  # type: ignore[no-untyped-def]
    """|value|^exponent."""
    size = abs(value)
    result = size
    for _ in range(exponent - 1):
        result *= size
    return result
