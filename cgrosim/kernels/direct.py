"""Gradient descent on the weights themselves, for threats that move only the signal patch along w_star.

Every signal patch is alpha y_i w_star, so one extra row, w_star, stands for all of them: <w_r, w_star> = u_r gives the
clean and the attacked signal terms of every sample, and one pass over the patches serves both losses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from cgrosim.kernels.blocks import Array, block_count, pack_blocks, pack_panels, unpack_blocks
from cgrosim.kernels.caching import BORROWING, entry, fingerprint
from cgrosim.kernels.commit import (
    DIVERGED,
    LIMIT,
    RUNNING,
    add_scaled,
    count_bad,
    draw_shares,
    keep_velocity,
    locate_bad,
    steer,
)
from cgrosim.kernels.levels import note_hitting_times
from cgrosim.kernels.margins import (
    force_on_signal,
    forces_of_blocks,
    margins_and_weights,
    sums_of_blocks,
)
from cgrosim.kernels.problem import Problem, Record, Workspace, make_workspace
from cgrosim.kernels.product import WIDTH, multiply_columns
from cgrosim.kernels.threads import pace, run, worth_threads

PARALLEL_FROM = 2_000_000  # multiplications in one pass from which a second thread pays


class DirectData(NamedTuple):
    """The rows (noise patches, then w_star), packed once for each of the two products of a step."""

    by_row: Array  # (blocks of rows, 8 blocks of coordinates, 8)
    by_coordinate: Array  # (blocks of coordinates, 8 blocks of rows, 8)
    rows: int  # M + 1
    dimension: int


def pack_direct_data(noise_patches: Array, direction: Array) -> DirectData:
    """Pack the noise patches (M, d) and the signal direction w_star (d,); takes twice their memory."""
    rows = np.concatenate([noise_patches, direction[None, :]])
    return DirectData(pack_panels(rows.T), pack_panels(rows), rows.shape[0], rows.shape[1])


def pack_weights(weights: Array) -> Array:
    """Copy the weights (m, d) into the layout of the kernels, (blocks of coordinates, padded m, 8)."""
    return pack_blocks(weights.T)


def unpack_weights(state: Array, problem: Problem, data: DirectData) -> Array:
    """Return a copy of the weights (m, d)."""
    return np.ascontiguousarray(unpack_blocks(state, data.dimension, problem.neurons).T)


def make_direct_workspace(problem: Problem, data: DirectData) -> Workspace:
    """Return the scratch of `advance_direct`."""
    return make_workspace(problem, block_count(data.rows), block_count(data.dimension))


@njit(**BORROWING)
def _locate(problem, weights, work, step_size, data):  # type: ignore[no-untyped-def]
    """Neuron whose weights go bad, and the row that does it: the one with the largest (or no finite) force on it."""
    neuron, _ = locate_bad(weights, work.change, step_size, data.dimension, problem.neurons)
    if neuron < 0:
        return -1, -1
    largest, row = -1.0, -1
    for k in range(data.rows):
        size = abs(work.force[k // 8, neuron, k % 8])
        if not size <= LIMIT:
            row = k
            break
        if size > largest:
            largest, row = size, k
    return neuron, -1 if row == data.rows - 1 else row


def _make_advance(parallel: bool) -> Callable[..., Any]:
    """Compile the same loop with or without threads; both give the same bits, because every sum is within one task."""
    token = fingerprint("direct, parallel" if parallel else "direct, serial")

    @entry(parallel, borrowing=True)
    def advance(  # type: ignore[no-untyped-def]
        problem, data, weights, velocity, work, record, step_size, batches, first_batch, steps, first_step
    ):
        if token == "":
            return 0, RUNNING, -1, -1
        row_blocks, coordinate_blocks = data.by_row.shape[0], data.by_coordinate.shape[0]
        coordinate_depth, row_depth = data.by_row.shape[1] // 8, data.by_coordinate.shape[1] // 8
        row_tasks = (row_blocks + WIDTH - 1) // WIDTH
        coordinate_tasks = (coordinate_blocks + WIDTH - 1) // WIDTH
        last_block, last_lane = (data.rows - 1) // 8, (data.rows - 1) % 8
        u = work.direct_signal
        whole, decay, momentum = batches.shape[0] == 0, problem.decay, problem.momentum
        steered = decay != 0.0 or momentum != 0.0
        for done in range(steps):
            for task in prange(row_tasks):
                first, last = task * WIDTH, min(row_blocks, (task + 1) * WIDTH)
                multiply_columns(
                    weights, coordinate_depth, data.by_row, work.projections, first, last, problem.height, 0
                )
                sums_of_blocks(problem, work.projections, work, first, last)
            for r in range(problem.neurons):
                u[r] = work.projections[last_block, r, last_lane]
            if not whole:
                draw_shares(work.share, batches, first_step + done - first_batch)
            margins_and_weights(problem, u, work, whole)
            note_hitting_times(work, record, first_step + done)
            force_on_signal(problem, u, work)
            for task in prange(row_tasks):
                forces_of_blocks(problem, work.projections, work, task * WIDTH, min(row_blocks, (task + 1) * WIDTH))
            for r in range(problem.neurons):
                work.force[last_block, r, last_lane] = work.signal_force[r]
            bad = 0
            for task in prange(coordinate_tasks):
                first, last = task * WIDTH, min(coordinate_blocks, (task + 1) * WIDTH)
                multiply_columns(work.force, row_depth, data.by_coordinate, work.change, first, last, problem.height, 0)
                if steered:
                    bad += steer(weights, work.change, velocity, decay, momentum, step_size, first, last)
                else:
                    bad += count_bad(weights, work.change, step_size, first, last)
            if bad > 0:
                neuron, row = _locate(problem, weights, work, step_size, data)
                return done, DIVERGED, neuron, row
            for task in prange(coordinate_tasks):
                first, last = task * WIDTH, min(coordinate_blocks, (task + 1) * WIDTH)
                add_scaled(weights, work.change, step_size, first, last)
                if momentum != 0.0:
                    keep_velocity(velocity, work.change, first, last)
        return steps, RUNNING, -1, -1

    return advance


NOTHING, WHOLE = np.empty((0, 1, 8)), np.empty((0, 0), dtype=np.int64)
FORMS = (_make_advance(parallel=False), _make_advance(parallel=True))


def advance_direct(
    problem: Problem,
    data: DirectData,
    weights: Array,
    work: Workspace,
    record: Record,
    step_size: float,
    steps: int,
    first_step: int,
    parallel: bool | None = None,
    velocity: Array | None = None,
    batches: NDArray[np.int64] | None = None,
) -> tuple[int, int, int, int]:
    """Take up to `steps` gradient-descent steps on packed weights, in place, and on their velocity with momentum.

    Arguments and result as for `cgrosim.kernels.advance_reduced`; on divergence the row is the patch that pushes
    hardest on the neuron (-1: the signal). ``work`` holds the margins of the last state a step was taken from.
    """
    moving = NOTHING if velocity is None else velocity
    drawn = WHOLE if batches is None else batches
    arguments = (problem, data, weights, moving, work, record, float(step_size), drawn, int(first_step))
    if parallel is None and worth_threads(data.rows * data.dimension * problem.neurons, PARALLEL_FROM):
        return pace("direct", data.rows, data.dimension, problem.neurons).take(
            FORMS, arguments, int(steps), int(first_step)
        )
    return run(bool(parallel), FORMS, *arguments, int(steps), int(first_step))
