"""A trial step of an explicit Runge-Kutta method on the flow: its stages and its error in one call.

Steps of a small system take microseconds; a dozen calls from Python and their arrays would take ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cgrosim.kernels.blocks import Array
from cgrosim.kernels.caching import BORROWING, entry, fingerprint
from cgrosim.kernels.flow import rates_into, wants_threads
from cgrosim.kernels.problem import Problem, Workspace


@njit(**BORROWING)
def _combined(vector, slopes, table, stage, step, out):  # type: ignore[no-untyped-def]
    """out = vector + step sum_j table[stage, j] slopes[j], the terms in their order."""
    for i in range(vector.size):
        out[i] = 0.0
    for j in range(stage):
        weight = table[stage, j]
        if weight != 0.0:
            for i in range(vector.size):
                out[i] += weight * slopes[j, i]
    for i in range(vector.size):
        out[i] = vector[i] + step * out[i]


@njit(**BORROWING)
def _paced(slopes, stage, vector, decay, pace):  # type: ignore[no-untyped-def]
    """Forces become rates: weight decay, and the clock of momentum."""
    for i in range(vector.size):
        slopes[stage, i] = pace * (slopes[stage, i] - decay * vector[i])


@njit(**BORROWING)
def _squares(slopes, weights, row, vector, ahead, absolute, relative):  # type: ignore[no-untyped-def]
    """Sum of squares of sum_j weights[row, j] slopes[j] in units of what a coordinate may be off by."""
    total = 0.0
    for i in range(vector.size):
        error = 0.0
        for j in range(slopes.shape[0]):
            error += weights[row, j] * slopes[j, i]
        error /= absolute[i] + max(abs(vector[i]), abs(ahead[i])) * relative
        total += error * error
    return total


def _make_combine() -> Callable[..., Any]:
    token = fingerprint("combine")

    @entry(borrowing=True)
    def combine(vector, slopes, table, stage, step, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        _combined(vector, slopes, table, stage, step, out)

    return combine


def _make_pace() -> Callable[..., Any]:
    token = fingerprint("pace")

    @entry(borrowing=True)
    def paced(slopes, stage, vector, decay, pace):  # type: ignore[no-untyped-def]
        if token == "":
            return
        _paced(slopes, stage, vector, decay, pace)

    return paced


def _make_measure() -> Callable[..., Any]:
    token = fingerprint("measure")

    @entry(borrowing=True)
    def measure(slopes, weights, vector, ahead, absolute, relative, step):  # type: ignore[no-untyped-def]
        if token == "":
            return 0.0
        fine = _squares(slopes, weights, 0, vector, ahead, absolute, relative)
        coarse = _squares(slopes, weights, 1, vector, ahead, absolute, relative)
        if fine == 0.0 and coarse == 0.0:
            return 0.0
        return abs(step) * fine / math.sqrt((fine + 0.01 * coarse) * vector.size)

    return measure


def _make_trial() -> Callable[..., Any]:
    token = fingerprint("trial")

    @entry(borrowing=True)
    def trial(problem, gram, start, kept, decay, pace, vector, step, table, first, slopes, work, ahead):  # type: ignore[no-untyped-def]
        if token == "":
            return
        for stage in range(first, slopes.shape[0]):
            _combined(vector, slopes, table, stage, step, ahead)
            rates_into(problem, gram, start, kept[stage], ahead, work, slopes, stage)
            _paced(slopes, stage, ahead, decay, pace)

    return trial


_NOTHING = np.zeros((1, 1))
_combine, _pace, _measure, _trial = _make_combine(), _make_pace(), _make_measure(), _make_trial()


def take_trial(
    problem: Problem, gram: Array, start: Array, kept: Array, decay: float, pace: float, vector: Array, step: float,
    table: Array, slopes: Array, work: Workspace, ahead: Array,
) -> None:  # fmt: skip
    """The stages of a step of the flow from `vector`, (u, B) as `flow_rates` takes it.

    Parameters
    ----------
    kept : (stages,) what weight decay has left of the start at the time of each stage
    decay, pace : rates are ``pace (force - decay vector)``
    table : (stages, stages - 1) weights of the earlier slopes, row by row; the last row is the step itself
    slopes : (stages, n), the first row given; the others are filled
    ahead : (n,) is given the state at the end; the margins of `work` are its margins then
    """
    _trial(problem, gram, start, kept, decay, pace, vector, step, table, 1, slopes, work, ahead)


def flow_rates(
    problem: Problem, gram: Array, start: Array, kept: float, vector: Array, work: Workspace, out: Array
) -> bool:
    """Force on (u, B) of the state u = vector[:m], c = kept start + K B, B row by row in the rest of the vector.

    One call for what `multiply` and `reduced_forces` do in two, to the same bits; the margins are where those of
    `reduced_forces` are. False, and nothing done, where the product is large enough for threads of its own.
    """
    if wants_threads(start):
        return False
    # the first stage alone of a step of no length: code that is compiled for trials anyway
    _trial(
        problem, gram, start, np.array([float(kept)]), 0.0, 1.0, vector, 0.0, _NOTHING, 0, out[None], work,
        np.empty(len(vector)),
    )  # fmt: skip
    return True


def combine(vector: Array, slopes: Array, table: Array, stage: int, step: float, out: Array) -> None:
    """``out = vector + step sum_j table[stage, j] slopes[j]``, to the bits of `take_trial`."""
    _combine(vector, slopes, table, stage, step, out)


def set_pace(slopes: Array, stage: int, vector: Array, decay: float, pace: float) -> None:
    """``slopes[stage] = pace (slopes[stage] - decay vector)``, to the bits of `take_trial`."""
    _pace(slopes, stage, vector, decay, pace)


def trial_error(
    slopes: Array, weights: Array, vector: Array, ahead: Array, absolute: Array, relative: float, step: float
) -> float:
    """The error of a trial step in units of what is allowed (below 1: accepted), from two embedded formulas.

    ``|h| e_5^2 / sqrt((e_5^2 + 0.01 e_3^2) n)`` with the norms e of ``weights @ slopes`` over ``absolute + relative
    max(|vector|, |ahead|)`` (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section II.10).
    """
    return float(_measure(slopes, weights, vector, ahead, absolute, relative, step))
