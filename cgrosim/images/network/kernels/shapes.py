"""The pieces that the micro-kernels come in: as many sums as fit into the registers of the processor."""

from __future__ import annotations

from cgrosim.kernels.microkernels import lanes

BLOCK = 16  # numbers side by side

# How the left factor of a tile is laid out: which of its two strides is known at compile time.
ROWS_16 = 0  # rows 16 numbers apart, steps 1 apart (pixels of a blocked image)
ROWS_1 = 1  # rows side by side, steps any number apart (channels of a pixel, outputs of a panel)
ROWS_ANY = 2  # rows any number apart, steps 1 apart (pixels of an image with few channels)

# Heights of the tiles for every width in blocks; as many sums as fit into the registers (32 of 16 lanes, else 16).
_SHAPES: dict[int, dict[int, tuple[int, ...]]] = {
    8: {1: (1, 2, 4, 6, 8, 10, 12, 14), 2: (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14), 4: (1, 2, 4), 7: (1, 2), 14: (1, 2)},
    4: {1: (1, 2, 3, 4, 6), 2: (1, 2, 3)},
    2: {1: (1, 2, 3)},
}
_SHAPES_ANY: dict[int, dict[int, tuple[int, ...]]] = {
    8: {1: (1, 2, 4, 7, 8), 2: (1, 2, 4, 7, 8)},
    4: {1: (1, 2, 4), 2: (1, 2)},
    2: {1: (1, 2)},
}
_SHAPES_16 = {8: (1, 2), 4: (1, 2), 2: (1,)}  # widths needed where rows are 16 apart
_INNER_SIDES = {8: (1, 2, 4), 4: (1, 2), 2: (1, 2)}


def tile_shapes(layout: int = ROWS_1) -> dict[int, tuple[int, ...]]:
    """Heights available for every width (in blocks) of a tile."""
    if layout == ROWS_ANY:
        return _SHAPES_ANY[lanes()]
    shapes = _SHAPES[lanes()]
    return {width: shapes[width] for width in _SHAPES_16[lanes()]} if layout == ROWS_16 else shapes


def inner_sides() -> tuple[int, ...]:
    """Numbers of rows, and of columns, that a piece of `inner` can have."""
    return _INNER_SIDES[lanes()]


def scatter_widths() -> tuple[int, ...]:
    """Numbers of rows of blocks that `scatter` can fill at once."""
    return (1, 2) if lanes() == 8 else (1,)


MAX_SCATTER = 7
