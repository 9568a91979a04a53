"""Gradient descent on the closed system (u, c, B) given the Gram matrix K of the noise patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from cgrosim.kernels.blocks import Array, block_count, empty_blocks, pack_blocks, pack_panels, unpack_blocks, zeros
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

PARALLEL_FROM = 4_000_000  # multiplications in K A from which a second thread pays for its two or three wake-ups a step


class ReducedState(NamedTuple):
    """State of the closed system in the layout of the kernels; see `pack_reduced_state` and `unpack_reduced_state`."""

    signal: Array  # (padded m,) u_r
    noise: Array  # (blocks, padded m, 8) raw projections c[k, r]
    coefficients: Array  # (blocks, padded m, 8) B[k, r]
    signal_velocity: Array  # of u, c and B, packed like them; empty without momentum
    noise_velocity: Array
    coefficient_velocity: Array


def pack_reduced_state(
    problem: Problem,
    signal: Array,
    noise: Array,
    coefficients: Array,
    velocity: tuple[Array, ...] | None = None,
) -> ReducedState:
    """Copy u (m,), c (M, m) and B (M, m) into a state, and with momentum their velocities (default: at rest)."""
    if problem.momentum == 0.0:
        moving = zeros(0), zeros(0, 1, 8), zeros(0, 1, 8)
    elif velocity is None:
        moving = _packed(problem, np.zeros_like(signal), np.zeros_like(noise), np.zeros_like(coefficients))
    else:
        moving = _packed(problem, *velocity)
    return ReducedState(*_packed(problem, signal, noise, coefficients), *moving)


def _packed(problem: Problem, signal: Array, noise: Array, coefficients: Array) -> tuple[Array, Array, Array]:
    packed = zeros(problem.second_layer.size)
    packed[: problem.neurons] = signal
    return packed, pack_blocks(noise), pack_blocks(coefficients)


def unpack_reduced_state(problem: Problem, state: ReducedState) -> tuple[Array, Array, Array]:
    """Return copies of u (m,), c (M, m) and B (M, m)."""
    return _unpacked(problem, state.signal, state.noise, state.coefficients)


def unpack_velocity(problem: Problem, state: ReducedState) -> tuple[Array, Array, Array]:
    """Return copies of the velocities of u, c and B, where there is momentum."""
    return _unpacked(problem, state.signal_velocity, state.noise_velocity, state.coefficient_velocity)


def _unpacked(problem: Problem, signal: Array, noise: Array, coefficients: Array) -> tuple[Array, Array, Array]:
    rows = problem.labels.size * problem.noise_patches
    first, second = (unpack_blocks(blocks, rows, problem.neurons) for blocks in (noise, coefficients))
    return signal[: problem.neurons].copy(), first, second


class Trail(NamedTuple):
    """States on the way, one row for every step that is asked for; make it with `make_trail`."""

    steps: NDArray[np.int64]  # (R,) increasing absolute steps
    signal: Array  # (R, m) u
    noise: Array  # (R, M, m) c
    coefficients: Array  # (R, M, m) B
    clean_margin: Array  # (R, N)
    attacked_margin: Array  # (R, N)
    memorization: Array  # (R, N) V_i


def make_trail(problem: Problem, steps: NDArray[np.int64]) -> Trail:
    """An empty trail for these steps."""
    count, samples, neurons = len(steps), problem.labels.size, problem.neurons
    rows = samples * problem.noise_patches
    states, margins = np.empty((2, count, rows, neurons)), np.empty((3, count, samples))
    return Trail(np.asarray(steps, dtype=np.int64), np.empty((count, neurons)), *states, *margins)


@njit(**BORROWING)
def _write(problem, state, work, trail, row):  # type: ignore[no-untyped-def]
    """Copy the present state and its margins into one row of a trail."""
    for r in range(problem.neurons):
        trail.signal[row, r] = state.signal[r]
    empty_blocks(state.noise, trail.noise[row])
    empty_blocks(state.coefficients, trail.coefficients[row])
    for i in range(problem.labels.size):
        trail.clean_margin[row, i] = work.clean_margin[i]
        trail.attacked_margin[row, i] = work.attacked_margin[i]
        trail.memorization[row, i] = work.memorization[i]


def _make_advance(parallel: bool) -> Callable[..., Any]:
    """Compile the same loop with or without threads; both give the same bits, because every sum is within one task."""
    token = fingerprint("reduced, parallel" if parallel else "reduced, serial")

    @entry(parallel, borrowing=True)
    def advance(  # type: ignore[no-untyped-def]
        problem, gram, state, work, record, step_size, trail, batches, first_batch, steps, first_step
    ):
        if token == "":
            return 0, RUNNING, -1, -1
        blocks = gram.shape[0]
        tasks = (blocks + WIDTH - 1) // WIDTH
        u, row = state.signal, 0
        whole, decay, momentum = batches.shape[0] == 0, problem.decay, problem.momentum
        steered = decay != 0.0 or momentum != 0.0
        speed_u, speed_c, speed_b = state.signal_velocity, state.noise_velocity, state.coefficient_velocity
        while row < trail.steps.size and trail.steps[row] < first_step:
            row += 1
        for done in range(steps + 1):
            asked = row < trail.steps.size and trail.steps[row] == first_step + done
            if done == steps and not asked:
                break
            for task in prange(tasks):
                sums_of_blocks(problem, state.noise, work, task * WIDTH, min(blocks, (task + 1) * WIDTH))
            drawn = not whole and done < steps
            if drawn:
                draw_shares(work.share, batches, first_step + done - first_batch)
            margins_and_weights(problem, u, work, not drawn)
            note_hitting_times(work, record, first_step + done)
            if asked:
                _write(problem, state, work, trail, row)
                row += 1
            if done == steps:
                break
            force_on_signal(problem, u, work)
            for task in prange(tasks):
                forces_of_blocks(problem, state.noise, work, task * WIDTH, min(blocks, (task + 1) * WIDTH))
            bad = 0
            for task in prange(tasks):
                first, last = task * WIDTH, min(blocks, (task + 1) * WIDTH)
                multiply_columns(work.force, gram.shape[1] // 8, gram, work.change, first, last, problem.height, 0)
                if not steered:
                    found = count_bad(state.noise, work.change, step_size, first, last)
                    bad += found + count_bad(state.coefficients, work.force, step_size, first, last)
            if steered:  # only now has every product read the force
                for task in prange(tasks):
                    first, last = task * WIDTH, min(blocks, (task + 1) * WIDTH)
                    found = steer(state.noise, work.change, speed_c, decay, momentum, step_size, first, last)
                    bad += found + steer(
                        state.coefficients, work.force, speed_b, decay, momentum, step_size, first, last
                    )
                for r in range(problem.neurons):
                    speed = momentum * speed_u[r] if momentum != 0.0 else 0.0
                    work.signal_force[r] = speed + (work.signal_force[r] - decay * u[r])
            for r in range(problem.neurons):
                if not abs(u[r] + step_size * work.signal_force[r]) <= LIMIT:
                    return done, DIVERGED, r, -1
            if bad > 0:
                rows = problem.labels.size * problem.noise_patches
                neuron, row = locate_bad(state.noise, work.change, step_size, rows, problem.neurons)
                if neuron < 0:
                    neuron, row = locate_bad(state.coefficients, work.force, step_size, rows, problem.neurons)
                return done, DIVERGED, neuron, row
            for task in prange(tasks):
                first, last = task * WIDTH, min(blocks, (task + 1) * WIDTH)
                add_scaled(state.noise, work.change, step_size, first, last)
                add_scaled(state.coefficients, work.force, step_size, first, last)
            for r in range(problem.neurons):
                u[r] += step_size * work.signal_force[r]
            if momentum != 0.0:
                for task in prange(tasks):
                    first, last = task * WIDTH, min(blocks, (task + 1) * WIDTH)
                    keep_velocity(speed_c, work.change, first, last)
                    keep_velocity(speed_b, work.force, first, last)
                for r in range(problem.neurons):
                    speed_u[r] = work.signal_force[r]
        return steps, RUNNING, -1, -1

    return advance


NOWHERE = np.empty(0, dtype=np.int64)
WHOLE = np.empty((0, 0), dtype=np.int64)
FORMS = (_make_advance(parallel=False), _make_advance(parallel=True))


def make_reduced_workspace(problem: Problem) -> Workspace:
    """Return the scratch of `advance_reduced` and `reduced_forces`."""
    blocks = block_count(problem.labels.size * problem.noise_patches)
    return make_workspace(problem, blocks, blocks)


def pack_gram(gram: Array) -> Array:
    """Copy the Gram matrix (M, M) of the noise patches into the layout of the kernels."""
    return pack_panels(np.asarray(gram, dtype=np.float64))


def advance_reduced(
    problem: Problem,
    gram: Array,
    state: ReducedState,
    work: Workspace,
    record: Record,
    step_size: float,
    steps: int,
    first_step: int,
    parallel: bool | None = None,
    trail: Trail | None = None,
    batches: NDArray[np.int64] | None = None,
) -> tuple[int, int, int, int]:
    """Take up to `steps` gradient-descent steps in place.

    Parameters
    ----------
    gram : packed Gram matrix, from `pack_gram`
    state, record
        Changed in place. The record gets the absolute step t at which the state at t first reaches a threshold; the
        state that this call ends in is looked at by the next call, unless the trail asks for it.
    step_size : float
        eta.
    first_step : int
        Absolute number of the first step.
    parallel : bool, optional
        Use threads. Default: where they pay, by size and by timing. The result has the same bits either way.
    trail : Trail, optional
        Filled with the states at those of its steps that this call meets, its first and last state included.
    batches : (steps, b) array of int, optional
        The samples of the batch of every step. Default: all samples at every step.

    Returns
    -------
    (steps_done, status, neuron, row)
        status RUNNING or DIVERGED. A step that would make any number exceed 1e100 or not finite is not taken: the state
        stays the last good one, and (neuron, row) is the first place where it would happen; row -1 is the signal.
    """
    rows = problem.labels.size * problem.noise_patches
    trail = make_trail(problem, NOWHERE) if trail is None else trail
    drawn = WHOLE if batches is None else batches
    arguments = (problem, gram, state, work, record, float(step_size), trail, drawn, int(first_step))
    if parallel is None and worth_threads(rows * rows * problem.neurons, PARALLEL_FROM):
        return pace("reduced", rows, problem.neurons).take(FORMS, arguments, int(steps), int(first_step))
    return run(bool(parallel), FORMS, *arguments, int(steps), int(first_step))
