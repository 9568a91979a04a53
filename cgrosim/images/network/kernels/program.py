"""The table that tells the kernels what a network is: one row of whole numbers a stage, one column a quantity.

A *stage* is a convolution with the ReLU and the pooling that follow it, a dense layer with its ReLU, or one of the
layers that stand alone. Because the table is data, no network needs a compilation of its own.
"""

from __future__ import annotations

import enum

CONVOLUTION, DENSE, POWER, SUM, RELU, POOL = range(6)  # kinds of stages


class Column(enum.IntEnum):
    """Columns of the table. Offsets and strides count float32 numbers; of the choices, bytes."""

    KIND = 0
    HEIGHT = 1  # of the input
    WIDTH = 2
    CHANNELS = 3  # of the input, those that exist
    GROUP = 4  # channels that lie side by side: 16, or CHANNELS where the input is not blocked
    GROUPS = 5  # number of such groups
    PADDING = 6
    SIZE = 7  # of the kernel; the exponent of POWER
    FILTERS = 8  # channels of the output, those that exist
    BLOCKS = 9  # blocks of 16 channels of the output
    ROWS = 10  # of the convolution's output
    COLUMNS = 11
    POOLED = 12  # whether 2x2 maxima follow
    RECTIFIED = 13  # whether a ReLU follows
    OUT_HEIGHT = 14  # of the stage's output
    OUT_WIDTH = 15
    INPUT = 16  # offset of the input in the state, and its size a sample (or a block of samples)
    INPUT_SIZE = 17
    GRADIENT = 18  # offset of the gradient with respect to the input, its size, whether one a sample or one a thread
    GRADIENT_SIZE = 19
    GRADIENT_SHARED = 20
    GRADIENT_ROW = 21  # strides of that gradient, and where its first pixel is
    GRADIENT_PLANE = 22
    GRADIENT_FIRST = 23
    CHOICE = 24  # offset of the chosen places of the pooling, and their size a sample
    CHOICE_SIZE = 25
    WEIGHT = 26  # offsets in the parameters
    BIAS = 27
    TABLE = 28  # offsets of the rearranged weights: for the dense input gradient, and for the one behind a pooling
    SPARSE = 29
    SPARSE_WIDTH = 30  # blocks a row of the latter
    METHOD = 31  # how the input gradient is found
    TILES = 32  # whether the output is found by Winograd's tiles
    TRANSFORMED = 33  # offsets of the transformed weights: there and back
    TURNED = 34


COLUMNS = len(Column)

# Methods of the input gradient of a convolution.
BY_ROWS, BY_LISTS, BY_WINDOWS, BY_PIXELS, BY_TILES = range(5)
