"""Checking a step before it is taken, and taking it."""

from __future__ import annotations

from numba import njit

from cgrosim.kernels.caching import BORROWING

LIMIT = 1e100  # beyond it the next activation overflows or soon will: the run has diverged
RUNNING, DIVERGED = 0, 1


@njit(**BORROWING)
def count_bad(state, change, scale, first, last):  # type: ignore[no-untyped-def]
    """Entries of the blocks first..last for which |state + scale change| is not at most LIMIT (NaN counts)."""
    old, new = state[first:last].reshape(-1), change[first:last].reshape(-1)
    bad = 0
    for index in range(old.size):
        bad += 0 if abs(old[index] + scale * new[index]) <= LIMIT else 1
    return bad


@njit(**BORROWING)
def add_scaled(state, change, scale, first, last):  # type: ignore[no-untyped-def]
    """State += scale change on the blocks first..last."""
    old, new = state[first:last].reshape(-1), change[first:last].reshape(-1)
    for index in range(old.size):
        old[index] += scale * new[index]


@njit(**BORROWING)
def steer(state, change, velocity, decay, momentum, scale, first, last):  # type: ignore[no-untyped-def]
    """Change = momentum velocity + (change - decay state) on the blocks first..last; without momentum no velocity.

    Returns what `count_bad` would of the new change, in the same pass.
    """
    old, new = state[first:last].reshape(-1), change[first:last].reshape(-1)
    bad = 0
    if momentum == 0.0:
        for index in range(old.size):
            steered = new[index] - decay * old[index]
            new[index] = steered
            bad += 0 if abs(old[index] + scale * steered) <= LIMIT else 1
    else:
        before = velocity[first:last].reshape(-1)
        for index in range(old.size):
            steered = momentum * before[index] + (new[index] - decay * old[index])
            new[index] = steered
            bad += 0 if abs(old[index] + scale * steered) <= LIMIT else 1
    return bad


@njit(**BORROWING)
def keep_velocity(velocity, change, first, last):  # type: ignore[no-untyped-def]
    """Velocity = change on the blocks first..last, once the step is taken."""
    before, new = velocity[first:last].reshape(-1), change[first:last].reshape(-1)
    for index in range(before.size):
        before[index] = new[index]


@njit(**BORROWING)
def draw_shares(share, batches, place):  # type: ignore[no-untyped-def]
    """share[i] = copies of sample i in the batch at this place, times N / batch size."""
    share[:] = 0.0
    size = batches.shape[1]
    for k in range(size):
        share[batches[place, k]] += 1.0
    scale = share.size / size
    for i in range(share.size):
        share[i] *= scale


@njit(**BORROWING)
def locate_bad(state, change, scale, rows, neurons):  # type: ignore[no-untyped-def]
    """(neuron, row) of the first bad entry in row order, or (-1, -1)."""
    for k in range(rows):
        for r in range(neurons):
            if not abs(state[k // 8, r, k % 8] + scale * change[k // 8, r, k % 8]) <= LIMIT:
                return r, k
    return -1, -1
