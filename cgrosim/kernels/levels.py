"""What the kernels watch at every step, and the first steps at which thresholds are reached."""

from __future__ import annotations

from numba import njit

from cgrosim.kernels.caching import BORROWING

LEVELS = ("clean signal margin", "weakest signal margin", "memorisation", "clean margin", "attacked margin")
"""Names of what can be watched; a signal margin is the smaller one of the two labels, alpha^q U for an odd power."""


@njit(**BORROWING, inline="always")  # what borrows cannot return a view
def level_values(level, work):  # type: ignore[no-untyped-def]
    """The present values of ``LEVELS[level]``: one, or one a training sample."""
    if level == 0:  # at the coefficient alpha
        return work.lows[0:1]
    if level == 1:  # at the coefficient alpha - delta
        return work.lows[1:2]
    if level == 2:
        return work.memorization
    if level == 3:
        return work.clean_margin
    return work.attacked_margin


@njit(**BORROWING)
def note_hitting_times(work, record, step):  # type: ignore[no-untyped-def]
    """Write `step` into every entry of the record whose threshold this state is the first to reach."""
    for k in range(record.level.size):
        values, threshold = level_values(record.level[k], work), record.threshold[k]
        for i in range(values.size):
            if record.first[k, i] < 0 and values[i] >= threshold:
                record.first[k, i] = step
