"""Blocked matrix product: out[r, j] = sum_k left[r, k] right[k, j], with left and out blocked and right in panels."""

from __future__ import annotations

from numba import njit

from cgrosim.kernels.caching import BORROWING
from cgrosim.kernels.microkernels import product_tile, tile_columns

DEPTH = (
    16  # blocks of k a tile runs over before the next: 16 x 8 x 16 columns x 8 bytes = 16 kB, half a first-level cache
)
WIDTH = 16  # blocks of columns that reuse one piece of `left` while it is in the second-level cache
COLUMNS = tile_columns()


@njit(**BORROWING)
def multiply_columns(left, steps, panels, out, first, last, height, accumulate):  # type: ignore[no-untyped-def]
    """Compute the blocks first <= j // 8 < last of the product, in tiles of `height` neurons.

    left : (blocks of k, neurons, 8), of which the first `steps` blocks count; neurons a multiple of `height`
    panels : (blocks of j, k, 8); first and last are multiples of the columns of a tile
    out : (blocks of j, neurons, 8); overwritten, or added to if `accumulate` is not 0
    """
    neurons = left.shape[1]
    left_stride = neurons * 8
    panel_stride = panels.shape[1] * 8
    for step in range(0, steps, DEPTH):
        depth = min(DEPTH, steps - step)
        for column in range(first, last, COLUMNS):
            for neuron in range(0, neurons, height):
                product_tile(
                    height,
                    left,
                    (step * neurons + neuron) * 8,
                    left_stride,
                    depth,
                    panels,
                    column * panel_stride + step * 64,
                    panel_stride,
                    out,
                    (column * neurons + neuron) * 8,
                    left_stride,
                    step + accumulate,
                )
