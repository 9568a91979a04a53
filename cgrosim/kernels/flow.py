"""Right-hand side of the closed system for an integrator: forces of a state, and the product with the Gram matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit, prange

from cgrosim.kernels.blocks import Array, empty_blocks, fill_blocks
from cgrosim.kernels.caching import BORROWING, entry, fingerprint
from cgrosim.kernels.margins import force_on_signal, forces_of_blocks, margins_and_weights, sums_of_blocks
from cgrosim.kernels.problem import Problem, Workspace
from cgrosim.kernels.product import WIDTH, multiply_columns
from cgrosim.kernels.reduced import PARALLEL_FROM
from cgrosim.kernels.threads import run, worth_threads


def _make_forces() -> Callable[..., Any]:
    token = fingerprint("forces")

    @entry(borrowing=True)
    def forces(problem, signal, noise, work, out_signal, out_force):  # type: ignore[no-untyped-def]
        if token == "":
            return
        blocks = work.force.shape[0]
        fill_blocks(noise, work.projections)
        sums_of_blocks(problem, work.projections, work, 0, blocks)
        margins_and_weights(problem, signal, work)
        force_on_signal(problem, signal, work)
        forces_of_blocks(problem, work.projections, work, 0, blocks)
        for r in range(problem.neurons):
            out_signal[r] = work.signal_force[r]
        empty_blocks(work.force, out_force)

    return forces


@njit(**BORROWING)
def rates_into(problem, gram, start, kept, vector, work, out, row):  # type: ignore[no-untyped-def]
    """Force on (u, B) of the state u = vector[:m], c = kept start + K B, into a row of `out`."""
    blocks, neurons = gram.shape[0], problem.neurons
    for k in range(start.shape[0]):
        for r in range(neurons):
            work.force[k // 8, r, k % 8] = vector[neurons + k * neurons + r]
    for task in range((blocks + WIDTH - 1) // WIDTH):
        first, last = task * WIDTH, min(blocks, (task + 1) * WIDTH)
        multiply_columns(work.force, gram.shape[1] // 8, gram, work.change, first, last, problem.height, 0)
    for k in range(start.shape[0]):
        for r in range(neurons):
            work.projections[k // 8, r, k % 8] = kept * start[k, r] + work.change[k // 8, r, k % 8]
    sums_of_blocks(problem, work.projections, work, 0, blocks)
    margins_and_weights(problem, vector, work)
    force_on_signal(problem, vector, work)
    forces_of_blocks(problem, work.projections, work, 0, blocks)
    for r in range(neurons):
        out[row, r] = work.signal_force[r]
    for k in range(start.shape[0]):
        for r in range(neurons):
            out[row, neurons + k * neurons + r] = work.force[k // 8, r, k % 8]


def _make_multiply(parallel: bool) -> Callable[..., Any]:
    token = fingerprint("multiply, parallel" if parallel else "multiply, serial")

    @entry(parallel, borrowing=True)
    def multiply(problem, gram, force, work, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        fill_blocks(force, work.force)
        blocks = gram.shape[0]
        for task in prange((blocks + WIDTH - 1) // WIDTH):
            first, last = task * WIDTH, min(blocks, (task + 1) * WIDTH)
            multiply_columns(work.force, gram.shape[1] // 8, gram, work.change, first, last, problem.height, 0)
        empty_blocks(work.change, out)

    return multiply


_forces = _make_forces()
_multiply_forms = (_make_multiply(parallel=False), _make_multiply(parallel=True))


def reduced_forces(
    problem: Problem, signal: Array, noise: Array, work: Workspace, out_signal: Array, out_force: Array
) -> None:
    """Force on u, into `out_signal` (m,), and force matrix A, into `out_force` (M, m), of the state u (m,), c (M, m).

    The clean margins, attacked margins and V_i of the state, each (N,), are in ``work.clean_margin``,
    ``work.attacked_margin`` and ``work.memorization`` afterwards.
    """
    _forces(problem, signal, noise, work, out_signal, out_force)


def wants_threads(start: Array) -> bool:
    """Whether the product of a state (M, m) with the Gram matrix is large enough for threads of its own."""
    rows, neurons = start.shape
    return worth_threads(rows * rows * neurons, PARALLEL_FROM)


def multiply(
    problem: Problem, gram: Array, force: Array, work: Workspace, out: Array, parallel: bool | None = None
) -> None:
    """``out = K @ force`` for (M, m) arrays and the packed Gram matrix K; same bits with and without threads."""
    if parallel is None:
        parallel = worth_threads(force.shape[0] ** 2 * force.shape[1], PARALLEL_FROM)
    run(parallel, _multiply_forms, problem, gram, force, work, out)
