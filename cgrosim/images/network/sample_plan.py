"""The table of stages for the engine with 16 samples side by side."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.network.kernels import program
from cgrosim.images.network.kernels.program import Column
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.images.network.layers import Convolution, FixedReadout, FullyConnected
from cgrosim.images.network.plan import Indices, Plan, Stage, blocks_of, convolution_places, fuse


class SamplePlan(Plan):
    """Like `Plan`, but every stage is a convolution, and offsets are those of blocks of 16 samples.

    The column SPARSE is the offset of the biases, each 16 times; TABLE that of the turned weights.
    """

    def __post_init__(self) -> None:
        self.stages = list(fuse(self.architecture))
        self.table = np.zeros((len(self.stages) + 1, program.COLUMNS), np.int64)
        for row, stage in zip(self.table, self.stages, strict=False):
            _describe(row, stage)
        last = self.table[-1]
        last[Column.CHANNELS] = last[Column.GROUP] = self.architecture.classes
        last[Column.GROUPS] = last[Column.HEIGHT] = last[Column.WIDTH] = 1
        self._place_parameters()
        self.convolution_size = self.zero  # all is summed in chunks, also what is not trained and forgotten later
        self._place_state()
        self._place_gradients()
        self._place_tables()
        self._measure_scratch()

    def _name_parameters(self, number: int, row: NDArray[np.int64], stage: Stage) -> None:
        layer, name, places = stage.layer, f"layer{stage.index}.", convolution_places(row)
        if isinstance(layer, FixedReadout):
            self.fixed[f"layer{stage.index}"] = places, layer.matrix(math.prod(stage.shape)).astype(np.float32).ravel()
            return
        assert isinstance(layer, Convolution | FullyConnected)
        self.places[name + "weight"] = places
        bias = int(row[Column.BIAS])
        if layer.bias:
            self.places[name + "bias"] = bias + np.arange(int(row[Column.FILTERS]))
        else:
            self.untrained_biases.append(bias + np.arange(int(row[Column.BLOCKS]) * BLOCK))

    def _place_state(self) -> None:
        super()._place_state()
        self._widen()

    def _widen(self) -> None:
        """Sixteen samples where `Plan` has one."""
        at = chosen = 0
        for row in self.table:
            row[Column.INPUT_SIZE] *= BLOCK
            row[Column.INPUT], at = at, at + self.capacity * int(row[Column.INPUT_SIZE])
            row[Column.CHOICE_SIZE] = int(row[Column.OUT_HEIGHT] * row[Column.OUT_WIDTH] * row[Column.FILTERS]) * BLOCK
            row[Column.CHOICE], chosen = chosen, chosen + self.capacity * int(row[Column.CHOICE_SIZE])
        self.state_size, self.choice_size = at, max(chosen, 1)

    def _place_gradients(self) -> None:
        at = 0
        for row in self.table:
            row[Column.GRADIENT_SIZE] = int(row[Column.HEIGHT] * row[Column.WIDTH] * row[Column.CHANNELS]) * BLOCK
            row[Column.GRADIENT], at = at, at + self.capacity * int(row[Column.GRADIENT_SIZE])
        self.gradient_size = at

    def _place_tables(self) -> None:
        pieces: list[Indices] = []
        at = 0
        for row in self.table[:-1]:
            biases = int(row[Column.BIAS]) + np.repeat(np.arange(int(row[Column.FILTERS])), BLOCK)
            turned = turned_table(row, self.zero).ravel()
            row[Column.SPARSE], row[Column.TABLE] = at, at + biases.size
            pieces += [biases, turned]
            at += biases.size + turned.size
        widest = max(int(row[Column.CHANNELS]) for row in self.table)
        self.table[-1, Column.TABLE] = at  # zeros, the biases of the gradients
        pieces.append(np.full(widest * BLOCK, self.zero))
        self.gathers = np.concatenate(pieces).astype(np.int32)
        self.table_size = self.gathers.size

    def _measure_scratch(self) -> None:
        sizes = [BLOCK]
        for row in self.table[:-1]:
            around = 2 * int(row[Column.SIZE] - 1 - row[Column.PADDING])
            pixel = int(row[Column.FILTERS]) * BLOCK
            rows, columns = int(row[Column.ROWS]), int(row[Column.COLUMNS])
            sizes += [2 * columns * pixel, (rows + around) * (columns + around) * pixel]
        self.scratch_size, self.cell_size, self.panel_rows = max(sizes), 1, 1
        self.spare_size = 5 * (math.prod(self.architecture.input_shape) + 1) * BLOCK


def _describe(row: NDArray[np.int64], stage: Stage) -> None:
    height, width, channels = stage.shape
    size, padding = 1, 0
    if isinstance(stage.layer, Convolution):
        size, padding = stage.layer.size, stage.layer.padding
    else:
        height, width, channels = 1, 1, math.prod(stage.shape)
    row[Column.KIND] = program.CONVOLUTION
    row[Column.HEIGHT], row[Column.WIDTH], row[Column.CHANNELS] = height, width, channels
    row[Column.GROUP], row[Column.GROUPS] = channels, 1
    row[Column.SIZE], row[Column.PADDING] = size, padding
    row[Column.FILTERS], row[Column.BLOCKS] = stage.out[2], blocks_of(stage.out[2])
    row[Column.ROWS], row[Column.COLUMNS] = height + 2 * padding - size + 1, width + 2 * padding - size + 1
    row[Column.POOLED], row[Column.RECTIFIED] = stage.pooled, stage.rectified
    row[Column.OUT_HEIGHT], row[Column.OUT_WIDTH] = stage.out[:2]


def turned_table(row: NDArray[np.int64], zero: int) -> Indices:
    """``[block of 16 inputs][kernel row][kernel column][output][16 inputs]`` of the kernel turned by half a circle."""
    size, channels, filters = (int(row[c]) for c in (Column.SIZE, Column.CHANNELS, Column.FILTERS))
    known = np.full((size, size, blocks_of(channels) * BLOCK, filters), zero)
    known[:, :, :channels] = convolution_places(row).reshape(size, size, channels, filters)
    return known[::-1, ::-1].reshape(size, size, -1, BLOCK, filters).transpose(2, 0, 1, 4, 3)
