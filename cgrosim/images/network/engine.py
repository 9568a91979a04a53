"""The arrays behind one network, and the calls into the compiled kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from cgrosim.images.network.kernels import adaptive, channels, samples, slots, update
from cgrosim.images.network.kernels.program import Column
from cgrosim.images.network.kernels.shapes import BLOCK
from cgrosim.images.network.kernels.transforms import kernel_matrix
from cgrosim.images.network.layers import Architecture
from cgrosim.images.network.plan import Plan, blocks_of
from cgrosim.images.network.sample_plan import SamplePlan
from cgrosim.interrupts import stop_where_wanted
from cgrosim.kernels import threads

Floats = NDArray[np.float32]
LOGITS, PIXELS, WEIGHTS, IMAGES = slots.FOR_LOGITS, slots.FOR_PIXELS, slots.FOR_WEIGHTS, slots.FOR_IMAGES
LOGARITHMS, SLOPES = slots.LOGARITHMS, slots.SLOPES
NORMS = {"linf": slots.LINF, "l2": slots.L2}
LOSSES = {"ce": slots.CROSS_ENTROPY, "dlr": slots.LOGIT_RATIO, "dlr-targeted": slots.TARGETED_RATIO}


@dataclass(frozen=True)
class Ascent:
    """Steps of projected gradient ascent around clean images; none by default.

    Attributes
    ----------
    loss : ascended, one of `LOSSES`
    windows : for a step size that adapts, instead of `rate`: ``(steps + 1,)``, at every step how many steps ago the
        step size was judged, where it is to be judged, else 0
    """

    steps: int = 0
    norm: str = "linf"
    radius: float = 0.0
    rate: float = 0.0
    low: float = 0.0
    high: float = 1.0
    keep_worst: bool = False
    loss: str = "ce"
    windows: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Given:
    """A number for every sample and class, ``(n, classes)``: `LOGARITHMS` of probabilities, or `SLOPES` to add."""

    kind: int
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What a run of the kernels gave, for every sample.

    Attributes
    ----------
    images : ``(n, pixels)``, the images that were reached (of least margin, or last)
    margins, losses : ``(n,)``, margins of those images, losses of the last ones
    stuck : ``(n,)``, whether the first step's gradient was zero
    pixels : ``(n, pixels)``, gradient of the loss, if asked for
    logits : ``(n, classes)``, of the last images
    best, largest : ``(n, pixels)`` and ``(n,)``, images of largest loss and that loss, where the step size adapts
    """

    images: Floats
    margins: NDArray[np.float64]
    losses: NDArray[np.float64]
    stuck: NDArray[np.bool_]
    pixels: Floats
    logits: Floats
    best: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))
    largest: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


_LINE = 64  # bytes of a cache line: a vector that lies across two is loaded twice


def aligned(shape: int | tuple[int, ...], kind: Any = np.float32) -> NDArray[Any]:
    """Zeros whose first number begins a cache line, which those of NumPy rarely do."""
    numbers = np.dtype(kind).itemsize * int(np.prod(shape))
    raw = np.zeros(numbers + _LINE, np.uint8)
    first = -raw.ctypes.data % _LINE
    return raw[first : first + numbers].view(kind).reshape(shape)


class Engine:
    """Weights and work arrays of one network.

    Parameters
    ----------
    layout : ``channels`` or ``samples``: which numbers lie side by side
    """

    largest_batch = 128

    def __init__(self, architecture: Architecture, layout: str) -> None:
        self._kernels: Any = samples if layout == "samples" else channels
        self._make_plan: type[Plan] = SamplePlan if layout == "samples" else Plan
        self._problem = repr(architecture), layout
        self.plan = plan = self._make_plan(architecture, 1, numba.config.NUMBA_NUM_THREADS)
        self.parameters = aligned(plan.parameter_size)
        self.velocity = aligned(plan.trained_size)
        self.gradient = aligned(plan.parameter_size)
        for places, values in plan.fixed.values():
            self.parameters[places] = values
        self._tables = aligned(plan.table_size)
        self._stale = True
        self.capacity = 0
        self._allocate(1)

    def _allocate(self, count: int) -> None:
        """Make room for a batch of `count` samples."""
        units = blocks_of(count) if self._make_plan is SamplePlan else count
        self.capacity = units * BLOCK if self._make_plan is SamplePlan else units
        plan = self.plan = self._make_plan(self.plan.architecture, units, self.plan.threads)
        chunks = units if self._make_plan is SamplePlan else channels.CHUNKS
        groups = -(-count // channels.GROUP_SIZE)
        self._arrays: dict[int, NDArray[Any]] = {
            slots.TABLE: plan.table,
            slots.PARAMETERS: self.parameters,
            slots.GRADIENT: self.gradient,
            slots.TABLES: self._tables,
            slots.STATE: aligned(plan.state_size),
            slots.GRADIENTS: aligned(plan.gradient_size),
            slots.CHOICES: aligned(plan.choice_size, np.uint8),
            slots.PANELS: aligned(groups * plan.panel_rows * BLOCK),
            slots.CHUNKS: aligned((chunks, plan.convolution_size)),
            slots.SCRATCH: aligned((plan.threads, plan.scratch_size)),
            slots.SPARE: aligned((plan.threads, plan.spare_size)),
            slots.LISTS: aligned((plan.threads, plan.spare_size), np.int32),
            slots.BEGINS: aligned((plan.threads, plan.cell_size), np.int64),
        }
        sizes = {
            slots.SCRATCH_SIZE: plan.scratch_size,
            slots.SPARE_SIZE: plan.spare_size,
            slots.CELL_SIZE: plan.cell_size,
            slots.CHUNK_SIZE: plan.convolution_size,
            slots.STAGES: len(plan.stages),
            slots.PIXEL_COUNT: math.prod(plan.architecture.input_shape),
        }
        self._context = np.zeros(slots.COUNT_OF_SLOTS, np.int64)
        for slot, value in sizes.items():
            self._context[slot] = value

    def changed(self) -> None:
        """Say that the parameters have changed: the rearranged weights are made anew before they are needed."""
        self._stale = True

    def _rearrange(self) -> None:
        if not self._stale:
            return
        _, gather, transpose, transform = update.compiled()
        gather(self.parameters, self.plan.gathers, self._tables)
        for weight, at, inputs, outputs in self.plan.transposes:
            threads.run_quicker(
                ("transpose", inputs, outputs), transpose, self.parameters, weight, self._tables, at, inputs, outputs
            )
        for rearranged, weight, at, pairs, size in self.plan.transforms:
            source = self._tables if rearranged else self.parameters
            transform(source, weight, pairs, kernel_matrix(size), self._tables, at)
        self._stale = False

    def run(
        self,
        images: Floats,
        clean: Floats,
        labels: NDArray[np.int64],
        goal: int,
        ascent: Ascent,
        scale: float = 1.0,
        smoothing: float = 0.0,
        given: Given | None = None,
        targets: NDArray[np.int64] | None = None,
    ) -> Outcome:
        """Attack the images (``(n, pixels)``, changed in place), then do what `goal` asks for.

        `scale` and `smoothing` (of the labels) are those of the weight gradient and its loss alone. With `given`
        log-probabilities, loss and margin are the divergence from them and its negative.
        """
        stop_where_wanted()  # measuring an epoch takes many of these calls, each of them seconds on a large network
        count = len(images)
        if count > self.capacity:
            self._allocate(count)
        self._rearrange()
        forms, task = self._kernels.compiled()
        losses, margins, least = np.empty(count), np.empty(count), np.full(count, np.inf)
        worst, pixels, stuck = images.copy(), np.zeros_like(images), np.zeros(count, np.uint8)
        numbers = np.array([scale, ascent.radius, ascent.rate, ascent.low, ascent.high, smoothing])
        adapts = ascent.windows is not None
        rows = images.shape if adapts else (0, 0)
        previous, best, best_slope = (np.empty(rows, np.float32) for _ in range(3))
        memory = np.empty((rows[0], adaptive.MEMORY_SIZE))
        arrays: dict[int, NDArray[Any]] = {
            **self._arrays,
            slots.IMAGES: images,
            slots.CLEAN: clean,
            slots.LABELS: labels,
            slots.PIXELS: pixels,
            slots.LOSSES: losses,
            slots.MARGINS: margins,
            slots.WORST: worst,
            slots.LEAST: least,
            slots.STUCK: stuck,
            slots.NUMBERS: numbers,
            slots.GIVEN: np.empty(0) if given is None else given.values,
            slots.TARGETS: labels if targets is None else targets,
            slots.PREVIOUS: previous,
            slots.BEST: best,
            slots.BEST_SLOPE: best_slope,
            slots.MEMORY: memory,
            slots.WINDOWS: np.empty(0, np.int64) if ascent.windows is None else ascent.windows,
        }
        orders = {
            slots.TASK: task.address,
            slots.COUNT: count,
            slots.GROUPS: -(-count // channels.GROUP_SIZE),
            slots.NORM: NORMS[ascent.norm],
            slots.KEEP: int(ascent.keep_worst),
            slots.STEPS: ascent.steps,
            slots.GOAL: goal,
            slots.GIVEN_KIND: slots.NOTHING if given is None else given.kind,
            slots.LOSS: LOSSES[ascent.loss],
            slots.ADAPTIVE: int(adapts),
        }
        for slot, array in arrays.items():
            self._context[slot] = array.ctypes.data
        for slot, value in orders.items():
            self._context[slot] = value
        problem = (*self._problem, count, goal, ascent.steps)
        threads.run_quicker(problem, forms, self._context, *self._kernels.orders(self.plan, count))
        if goal == IMAGES:
            worst, least = images, np.full(count, np.nan)
        largest = memory[:, adaptive.LARGEST]
        return Outcome(worst, least, losses, stuck != 0, pixels, self._logits(count), best, largest)

    def _logits(self, count: int) -> Floats:
        at, classes = int(self.plan.table[-1, Column.INPUT]), self.plan.architecture.classes
        state, units = self._arrays[slots.STATE], self.plan.capacity
        size = int(self.plan.table[-1, Column.INPUT_SIZE])
        whole = state[at : at + units * size]
        if self._make_plan is SamplePlan:  # blocks of 16 samples
            whole = whole.reshape(units, classes, BLOCK).transpose(0, 2, 1).reshape(-1, classes)
        return whole.reshape(self.capacity, -1)[:count, :classes].copy()

    def clear_untrained(self) -> None:
        """Forget the gradient of what is not trained."""
        self.gradient[self.plan.trained_size :] = 0.0
        for places in self.plan.untrained_biases:
            self.gradient[places] = 0.0

    def descend(self, rate: float, momentum: float, decay: float) -> None:
        """One step of gradient descent with the gradient, which is then zero."""
        self.clear_untrained()
        descend, *_ = update.compiled()
        size = self.plan.trained_size
        threads.run_quicker(
            ("descent", size),
            descend,
            self.parameters,
            self.velocity,
            self.gradient[:size],
            np.float32(rate),
            np.float32(momentum),
            np.float32(decay),
        )
        self.changed()
