"""How a row of outputs is cut into tiles: tables that give the next piece for every number that is left."""

from __future__ import annotations

import functools

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cgrosim.images.network.kernels.caching import INNER
from cgrosim.images.network.kernels.shapes import ROWS_1, ROWS_16, ROWS_ANY, tile_shapes

WIDEST = max(tile_shapes(ROWS_16))  # blocks of channels a tile covers at once, in every layout
LONGEST = 64  # beyond this many left, the largest piece is right
_LATENCY = 10.0  # a tile with fewer sums than this waits for its own results
_LOADS = 0.3  # cost of a load, in multiply-adds


def _tile_cost(rows: int, width: int) -> float:
    return max(float(rows * width), _LATENCY) + _LOADS * (rows + width)


def cheapest_pieces(costs: dict[int, float]) -> NDArray[np.int64]:
    """For every number left, the first piece of the cheapest way to cut it, where a piece costs ``costs[piece]``."""
    best, first = [0.0], [0]
    for left in range(1, LONGEST + 1):
        options = {piece: cost + best[left - piece] for piece, cost in costs.items() if piece <= left}
        piece = min(options, key=lambda option: (options[option], -option))
        best.append(options[piece])
        first.append(piece)
    return np.array(first, np.int64)


def _height_tables(layout: int) -> NDArray[np.int64]:
    """``[width, left]``: the next height of a tile that is 1 or 2 blocks wide."""
    shapes = tile_shapes(layout)
    tables = np.zeros((3, LONGEST + 1), np.int64)
    for width in range(1, WIDEST + 1):
        tables[width] = cheapest_pieces({height: _tile_cost(height, width) for height in shapes[width]})
    return tables


@functools.cache
def _width_tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Next height for every number of rows left, and ``[height, left]``: the next width, where any width will do."""
    shapes = tile_shapes(ROWS_1)
    heights = sorted({height for allowed in shapes.values() for height in allowed})
    widths = np.zeros((max(heights) + 1, LONGEST + 1), np.int64)
    costs = {}
    for height in heights:
        allowed = {width: _tile_cost(height, width) for width in shapes if height in shapes[width]}
        if 1 not in allowed:
            continue
        widths[height] = cheapest_pieces(allowed)
        costs[height] = min(cost / width for width, cost in allowed.items())
    return cheapest_pieces(costs), widths


HEIGHTS_16, HEIGHTS_1, HEIGHTS_ANY = (_height_tables(layout) for layout in (ROWS_16, ROWS_1, ROWS_ANY))
FREE_HEIGHTS, FREE_WIDTHS = _width_tables()


@njit(**INNER)
def next_piece(table, left):  # type: ignore[no-untyped-def]
    """The next piece when `left` are left."""
    return table[min(left, LONGEST)]
