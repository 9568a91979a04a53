"""From an architecture to the table of stages: which layers are fused, and where everything lies in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.network.kernels import program
from cgrosim.images.network.kernels.program import Column
from cgrosim.images.network.kernels.shapes import BLOCK, MAX_SCATTER, scatter_widths
from cgrosim.images.network.kernels.transforms import PRODUCTS, SIDES
from cgrosim.images.network.kernels.winograd import work_size
from cgrosim.images.network.layers import (
    Architecture,
    Convolution,
    FixedReadout,
    FullyConnected,
    Layer,
    MaxPool,
    Power,
    ReLU,
    Shape,
    SumPositions,
)

Indices = NDArray[np.int64]


def blocks_of(count: int) -> int:
    """Number of blocks of 16 that hold `count` numbers."""
    return -(-count // BLOCK)


def whole_blocks(count: int) -> int:
    """`count` rounded up to whole blocks: where arrays begin with a cache line, so does what follows."""
    return blocks_of(count) * BLOCK


_IN_PLACE = (program.BY_ROWS, program.BY_TILES)  # methods that write every number of the input gradient once
_FUSED: dict[type, tuple[type, ...]] = {Convolution: (ReLU, MaxPool), FullyConnected: (ReLU,)}


@dataclass(frozen=True)
class Stage:
    """Layers that are computed together."""

    index: int  # of the first layer
    layer: Layer
    shape: Shape  # of the input
    out: Shape
    rectified: bool
    pooled: bool

    @property
    def dense(self) -> bool:
        """Whether it is a matrix product on the flattened input."""
        return isinstance(self.layer, FullyConnected | FixedReadout)


def fuse(architecture: Architecture) -> Iterator[Stage]:
    """Join convolutions with the ReLU and the pooling behind them, dense layers with their ReLU."""
    layers, shapes, index = architecture.layers, architecture.shapes, 0
    while index < len(layers):
        layer, last = layers[index], index + 1
        wanted = _FUSED.get(type(layer), ())
        found: list[type] = []
        while last < len(layers) and type(layers[last]) in wanted and type(layers[last]) not in found:
            found.append(type(layers[last]))
            last += 1
        yield Stage(index, layer, shapes[index], shapes[last], ReLU in found, MaxPool in found)
        index = last


@dataclass
class Plan:
    """The table and the sizes of all arrays for the engine with 16 channels side by side.

    Attributes
    ----------
    table : one row a stage and one for the logits; offsets of what there is one of a sample are those of `capacity`
    places : for every trained array, where its numbers lie among the parameters
    fixed : numbers of the parameters that are not trained, by place
    gathers : which parameter each number of the rearranged weights is (convolutions; the first ones are zero)
    transposes : (weight, table, input blocks, output blocks) of every dense layer
    transforms : (whether of the rearranged weights, weight, table, pairs of blocks, size of the kernel) of every
        convolution by Winograd's tiles
    """

    architecture: Architecture
    capacity: int
    threads: int
    table: NDArray[np.int64] = field(init=False)
    places: dict[str, Indices] = field(init=False, default_factory=dict)
    fixed: dict[str, tuple[Indices, NDArray[np.float32]]] = field(init=False, default_factory=dict)
    untrained_biases: list[Indices] = field(init=False, default_factory=list)
    gathers: NDArray[np.int32] = field(init=False)
    transposes: list[tuple[int, int, int, int]] = field(init=False, default_factory=list)
    transforms: list[tuple[bool, int, int, int, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.stages = list(fuse(self.architecture))
        self.table = np.zeros((len(self.stages) + 1, program.COLUMNS), np.int64)
        for row, stage in zip(self.table, self.stages, strict=False):
            _describe(row, stage, first=stage is self.stages[0])
        last = self.table[-1]
        last[Column.KIND], last[Column.CHANNELS] = program.DENSE, self.architecture.classes
        last[Column.GROUP], last[Column.GROUPS] = BLOCK, blocks_of(self.architecture.classes)
        last[Column.HEIGHT] = last[Column.WIDTH] = 1
        self._place_parameters()
        self._place_state()
        self._place_gradients()
        self._place_tables()
        self._measure_scratch()

    def _place_parameters(self) -> None:
        """Convolutions first (their gradients are summed in chunks), then dense layers, then what is not trained."""
        at = 0
        for kind in ("convolution", "dense", "fixed"):
            for number, (row, stage) in enumerate(zip(self.table, self.stages, strict=False)):
                if kind == _kind_of(stage):
                    inputs = int(row[Column.GROUPS] * row[Column.GROUP] * max(row[Column.SIZE], 1) ** 2)
                    row[Column.WEIGHT], at = at, at + inputs * int(row[Column.BLOCKS]) * BLOCK
                    row[Column.BIAS], at = at, at + int(row[Column.BLOCKS]) * BLOCK
                    self._name_parameters(number, row, stage)
            if kind == "convolution":
                self.convolution_size = at
            if kind == "dense":
                self.trained_size = at
        self.zero = at
        self.parameter_size = at + BLOCK

    def _name_parameters(self, number: int, row: NDArray[np.int64], stage: Stage) -> None:
        layer, bias = stage.layer, int(row[Column.BIAS])
        if isinstance(layer, FixedReadout):
            inputs = math.prod(stage.shape)
            weight = dense_places(row, feature_places(self.stages, number), layer.classes)
            self.fixed[f"layer{stage.index}"] = weight, layer.matrix(inputs).astype(np.float32).ravel()
            return
        assert isinstance(layer, Convolution | FullyConnected)
        outputs = layer.filters if isinstance(layer, Convolution) else layer.units
        name = f"layer{stage.index}."
        if isinstance(layer, Convolution):
            self.places[name + "weight"] = convolution_places(row)
        else:
            self.places[name + "weight"] = dense_places(row, feature_places(self.stages, number), outputs)
        if layer.bias:
            self.places[name + "bias"] = bias + np.arange(outputs)
        else:
            self.untrained_biases.append(bias + np.arange(int(row[Column.BLOCKS]) * BLOCK))

    def _place_state(self) -> None:
        """Inputs of all stages, padded, and the choices of the poolings: one of each a sample."""
        at = chosen = 0
        for row in self.table:
            extents = (int(row[c]) + 2 * int(row[Column.PADDING]) for c in (Column.HEIGHT, Column.WIDTH))
            row[Column.INPUT_SIZE] = math.prod(extents) * int(row[Column.GROUP] * row[Column.GROUPS])
            row[Column.INPUT], at = at, at + whole_blocks(self.capacity * int(row[Column.INPUT_SIZE]))
            if row[Column.POOLED] or row[Column.KIND] == program.POOL:
                cells = int(row[Column.OUT_HEIGHT] * row[Column.OUT_WIDTH])
                row[Column.CHOICE_SIZE] = cells * int(row[Column.BLOCKS]) * BLOCK
                row[Column.CHOICE], chosen = chosen, chosen + self.capacity * int(row[Column.CHOICE_SIZE])
        self.state_size, self.choice_size = at, max(chosen, 1)

    def _place_gradients(self) -> None:
        """Gradients with respect to inputs; between two stages that one task does, one a thread is enough."""
        at, last = 0, len(self.stages)
        for s, row in enumerate(self.table):
            _shape_gradient(row, self.stages[s - 1] if s > 0 else None)
            dense = row[Column.KIND] == program.DENSE or (s > 0 and self.stages[s - 1].dense)
            row[Column.GRADIENT_SHARED] = int(s == 0 or s == last or dense)
            copies = self.capacity if row[Column.GRADIENT_SHARED] else self.threads
            row[Column.GRADIENT], at = at, at + whole_blocks(copies * int(row[Column.GRADIENT_SIZE]))
        self.gradient_size = at

    def _place_tables(self) -> None:
        """The rearranged weights; the numbers before them are zero and serve as biases of the gradients."""
        zeros = BLOCK * max(
            max(int(row[Column.GROUPS]), blocks_of(int(row[Column.SIZE] ** 2 * row[Column.CHANNELS])))
            for row in self.table
        )
        pieces, at = [np.full(zeros, self.zero)], zeros
        for row in self.table[:-1]:
            if row[Column.KIND] == program.CONVOLUTION:
                piece = np.where(entries := gradient_table(row), entries - 1, self.zero)
                sparse = row[Column.METHOD] in (program.BY_LISTS, program.BY_WINDOWS)
                row[Column.SPARSE if sparse else Column.TABLE] = at
                pieces.append(piece.ravel())
                at += piece.size
        self.gathers = np.concatenate(pieces).astype(np.int32)
        for row in self.table[:-1]:
            if row[Column.KIND] == program.DENSE:
                row[Column.TABLE] = at
                shape = int(row[Column.GROUPS]), int(row[Column.BLOCKS])
                self.transposes.append((int(row[Column.WEIGHT]), at, *shape))
                at += math.prod(shape) * BLOCK * BLOCK
            pairs, size = int(row[Column.GROUPS] * row[Column.BLOCKS]), int(row[Column.SIZE])
            if row[Column.TILES]:
                row[Column.TRANSFORMED] = at
                self.transforms.append((False, int(row[Column.WEIGHT]), at, pairs, size))
                at += PRODUCTS * pairs * BLOCK * BLOCK
            if row[Column.KIND] == program.CONVOLUTION and row[Column.METHOD] == program.BY_TILES:
                row[Column.TURNED] = at
                self.transforms.append((True, int(row[Column.TABLE]), at, pairs, size))
                at += PRODUCTS * pairs * BLOCK * BLOCK
        self.table_size = at

    def _measure_scratch(self) -> None:
        """The largest of what any stage needs for one sample."""
        scratch, spare, cells = [BLOCK], [BLOCK], [1]
        for row in self.table[:-1]:
            if row[Column.KIND] != program.CONVOLUTION:
                continue
            block = int(row[Column.BLOCKS]) * BLOCK
            padding = 0 if row[Column.METHOD] == program.BY_PIXELS else int(row[Column.PADDING])
            around = 2 * (int(row[Column.SIZE]) - 1 - padding)
            rows, columns = int(row[Column.ROWS]), int(row[Column.COLUMNS])
            count = int(row[Column.OUT_HEIGHT] * row[Column.OUT_WIDTH])
            windows = int(row[Column.SPARSE_WIDTH] + 1) * BLOCK
            scratch += [2 * columns * block, block * (rows + around) * (columns + around), windows]
            seen = blocks_of(int(row[Column.SIZE] * row[Column.CHANNELS])) * BLOCK
            spare += [count * block + BLOCK if row[Column.POOLED] else 1, columns * seen]
            tiled = row[Column.TILES] or row[Column.METHOD] == program.BY_TILES
            spare += [work_size(int(row[Column.GROUPS]), int(row[Column.BLOCKS]))] if tiled else []
            cells.append(count)
        self.scratch_size, self.spare_size = whole_blocks(max(scratch)), whole_blocks(max(spare))
        self.cell_size = 5 * max(cells)
        dense = [row for row in self.table if row[Column.KIND] == program.DENSE]
        self.panel_rows = BLOCK * max(int(max(row[Column.GROUPS], row[Column.BLOCKS])) for row in dense)


def _kind_of(stage: Stage) -> str:
    if isinstance(stage.layer, FixedReadout):
        return "fixed"
    return "convolution" if isinstance(stage.layer, Convolution) else "dense" if stage.dense else "none"


def _describe(row: NDArray[np.int64], stage: Stage, first: bool) -> None:
    """Everything about a stage that is no offset."""
    (height, width, channels), layer = stage.shape, stage.layer
    kinds = {Convolution: program.CONVOLUTION, Power: program.POWER, SumPositions: program.SUM, ReLU: program.RELU}
    row[Column.KIND] = program.DENSE if stage.dense else kinds.get(type(layer), program.POOL)
    row[Column.HEIGHT], row[Column.WIDTH], row[Column.CHANNELS] = height, width, channels
    row[Column.GROUP], row[Column.GROUPS] = BLOCK, blocks_of(channels)
    row[Column.OUT_HEIGHT], row[Column.OUT_WIDTH] = stage.out[:2]
    row[Column.FILTERS], row[Column.BLOCKS] = stage.out[2], blocks_of(stage.out[2])
    row[Column.POOLED], row[Column.RECTIFIED] = stage.pooled, stage.rectified
    if stage.dense:
        row[Column.HEIGHT] = row[Column.WIDTH] = 1
        row[Column.CHANNELS] = math.prod(stage.shape)
        row[Column.GROUPS] = blocks_of(math.prod(stage.shape)) if first else height * width * blocks_of(channels)
    elif isinstance(layer, Power):
        row[Column.SIZE] = layer.exponent
    elif isinstance(layer, Convolution):
        row[Column.SIZE], row[Column.PADDING] = layer.size, layer.padding
        row[Column.ROWS] = height + 2 * layer.padding - layer.size + 1
        row[Column.COLUMNS] = width + 2 * layer.padding - layer.size + 1
        _choose_method(row, few=first and channels < BLOCK)


def tiles_pay(size: int, height: int, width: int, inputs: int, outputs: int) -> bool:
    """Whether a convolution to `height` by `width` pixels is quicker by Winograd's tiles.

    Counted in products of a number with a block: a transform of a tile takes the time of 450, putting one together
    that of 280 (measured; both wait for the second cache). `inputs` and `outputs` are blocks of channels.
    """
    if size not in SIDES:
        return False
    tiles = math.ceil(height / SIDES[size]) * math.ceil(width / SIDES[size])
    by_tiles = tiles * (PRODUCTS * BLOCK * inputs * outputs + 450 * inputs + 280 * outputs)
    return by_tiles < size**2 * height * width * BLOCK * inputs * outputs


def _choose_method(row: NDArray[np.int64], few: bool) -> None:
    """How the input gradient of a convolution is found."""
    size, channels = int(row[Column.SIZE]), int(row[Column.CHANNELS])
    row[Column.METHOD] = program.BY_ROWS
    if few:
        row[Column.GROUP], row[Column.GROUPS] = channels, 1
        row[Column.METHOD] = program.BY_PIXELS
        window = blocks_of((size + 1) ** 2 * channels)
        if row[Column.POOLED] and window <= MAX_SCATTER:
            row[Column.METHOD], row[Column.SPARSE_WIDTH] = program.BY_WINDOWS, window
        return
    inputs, outputs = int(row[Column.GROUPS]), int(row[Column.BLOCKS])
    row[Column.TILES] = tiles_pay(size, int(row[Column.ROWS]), int(row[Column.COLUMNS]), inputs, outputs)
    if row[Column.POOLED] and size <= MAX_SCATTER:
        row[Column.METHOD] = program.BY_LISTS
    elif tiles_pay(size, int(row[Column.HEIGHT]), int(row[Column.WIDTH]), outputs, inputs):
        row[Column.METHOD] = program.BY_TILES


def _shape_gradient(row: NDArray[np.int64], before: Stage | None) -> None:
    """Strides of the gradient with respect to a stage's input; padded where it is added up in place."""
    height, width, group = int(row[Column.HEIGHT]), int(row[Column.WIDTH]), int(row[Column.GROUP])
    padding = 0
    if row[Column.KIND] == program.CONVOLUTION and row[Column.METHOD] not in _IN_PLACE:
        padding = int(row[Column.PADDING])
    elif row[Column.KIND] == program.DENSE and before is not None and not before.dense:
        height, width = before.out[:2]
    line = (width + 2 * padding) * group
    row[Column.GRADIENT_ROW], row[Column.GRADIENT_PLANE] = line, (height + 2 * padding) * line
    row[Column.GRADIENT_FIRST] = padding * (line + group)
    planes = (
        row[Column.INPUT_SIZE] if row[Column.KIND] == program.DENSE else row[Column.GROUPS] * row[Column.GRADIENT_PLANE]
    )
    row[Column.GRADIENT_SIZE] = planes


def feature_places(stages: list[Stage], number: int) -> Indices:
    """Where feature (row, column, channel) of a dense stage's input lies: blocks of channels come first."""
    height, width, channels = stages[number].shape
    if number == 0:
        return np.arange(height * width * channels)
    y, x, c = np.ogrid[:height, :width, :channels]
    return (((c // BLOCK) * height * width + y * width + x) * BLOCK + c % BLOCK).ravel()


def dense_places(row: NDArray[np.int64], features: Indices, outputs: int) -> Indices:
    """Where weight (input, output) of a dense layer lies."""
    output = np.arange(outputs)
    panel = (output // BLOCK) * int(row[Column.GROUPS]) * BLOCK * BLOCK + output % BLOCK
    return (int(row[Column.WEIGHT]) + features[:, None] * BLOCK + panel).ravel()


def convolution_places(row: NDArray[np.int64]) -> Indices:
    """Where weight (kernel row, kernel column, channel, filter) lies."""
    size, group, groups = (int(row[c]) for c in (Column.SIZE, Column.GROUP, Column.GROUPS))
    y, x, c, f = np.ogrid[:size, :size, : int(row[Column.CHANNELS]), : int(row[Column.FILTERS])]
    plane = ((f // BLOCK) * groups + c // group) * size * size * group * BLOCK
    place = plane + (y * size + x) * group * BLOCK + (c % group) * BLOCK + f % BLOCK
    return int(row[Column.WEIGHT]) + place.ravel()


def gradient_table(row: NDArray[np.int64]) -> Indices:
    """1 + the place of the weight that each number of a convolution's rearranged weights is; 0 for none."""
    size, channels, filters = (int(row[c]) for c in (Column.SIZE, Column.CHANNELS, Column.FILTERS))
    inputs, outputs = int(row[Column.GROUPS]), int(row[Column.BLOCKS])
    known = np.zeros((size, size, blocks_of(channels) * BLOCK, outputs * BLOCK), np.int64)
    known[:, :, :channels, :filters] = 1 + convolution_places(row).reshape(size, size, channels, filters)
    blocked = known.reshape(size, size, -1, BLOCK, outputs, BLOCK)
    method = int(row[Column.METHOD])
    if method in _IN_PLACE:
        return blocked[::-1, ::-1].transpose(2, 4, 0, 1, 5, 3)
    if method == program.BY_LISTS:
        wide, pieces = scatter_widths()[-1], []
        for first in range(0, inputs, wide):
            some = blocked[:, :, first : first + wide]  # kernel row, column, block, 16 inputs, block, 16 outputs
            pieces.append(some.transpose(0, 4, 5, 2, 1, 3).ravel())
        return np.concatenate(pieces)
    inside = known[:, :, :channels]
    if method == program.BY_PIXELS:
        flat = np.zeros((size, blocks_of(size * channels) * BLOCK, outputs * BLOCK), np.int64)
        flat[:, : size * channels] = inside[::-1].reshape(size, -1, outputs * BLOCK)
        return flat.reshape(size, -1, BLOCK, outputs, BLOCK).transpose(1, 3, 0, 4, 2)
    windows = np.zeros((4, outputs * BLOCK, size + 1, size + 1, channels), np.int64)
    for place in range(4):
        rows, columns = slice(place // 2, place // 2 + size), slice(place % 2, place % 2 + size)
        windows[place, :, rows, columns] = inside.transpose(3, 0, 1, 2)
    flat = np.zeros((4, outputs * BLOCK, int(row[Column.SPARSE_WIDTH]) * BLOCK), np.int64)
    flat[:, :, : windows[0, 0].size] = windows.reshape(4, outputs * BLOCK, -1)
    return flat
