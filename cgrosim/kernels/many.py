"""Many small runs in one call: one run a task, each with the code, and so the bits, of a run alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from cgrosim.kernels.blocks import Array, block_count, depth_count, fill_blocks, padded_neurons, zeros
from cgrosim.kernels.caching import BORROWING, INNER, entry, fingerprint
from cgrosim.kernels.dense import _backproject_forms, _project_forms, _root
from cgrosim.kernels.problem import Problem, Record, Workspace
from cgrosim.kernels.reduced import FORMS, WHOLE, ReducedState, Trail
from cgrosim.kernels.threads import run

_advance, _project, _backproject = FORMS[0], _project_forms[0], _backproject_forms[0]


class Starts(NamedTuple):
    """What runs of one shape begin from; the first axis of every array counts them."""

    labels: Array  # (R, N)
    signal: Array  # (R, m)
    noise: Array  # (R, M, m)
    gram: Array  # (R, M, M)
    weight_gram: Array  # (R, m, m)


class Training(NamedTuple):
    """What differs between runs of one shape beside their starts, each (R,); see `cgrosim.kernels.make_problem`."""

    step_size: Array
    alpha: Array
    weakest: Array
    attacked_low: Array
    attacked_high: Array
    adversarial_weight: Array
    decay: Array
    momentum: Array


class Stacked(NamedTuple):
    """State, scratch and panels of every run, side by side; make it with `make_stacked`."""

    state: ReducedState
    work: Workspace
    panels: Array
    column: NDArray[np.int64]


def make_stacked(problem: Problem, runs: int) -> Stacked:
    """Room for so many runs of a problem of this shape, all zero."""
    samples, neurons = problem.labels.size, problem.neurons
    rows = samples * problem.noise_patches
    blocks, padded, kinds = block_count(rows), padded_neurons(neurons), problem.kinds.shape[1]
    blocked, moving = (runs, blocks, padded, 8), problem.momentum != 0.0
    state = ReducedState(
        zeros(runs, padded),
        zeros(*blocked),
        zeros(*blocked),
        zeros(runs, padded if moving else 0),
        zeros(*(blocked if moving else (runs, 0, 1, 8))),
        zeros(*(blocked if moving else (runs, 0, 1, 8))),
    )
    shapes = [blocked[1:]] * 3 + [(blocks * 8,)] * 2 + [(4, kinds), (2,), (2, kinds)] + [(padded,)] * 2
    shapes += [(samples,)] * 4
    scratch: dict[str, NDArray[Any]] = {
        name: zeros(runs, *shape) for name, shape in zip(Workspace._fields, shapes, strict=False)
    }
    order = np.tile(np.arange(neurons), (runs, 1))
    work = Workspace(**scratch, order=order, tails=zeros(runs, neurons + 1))
    panels = zeros(runs, blocks, depth_count(rows) * 8, 8)
    return Stacked(state, work, panels, np.zeros((runs, samples), dtype=np.int64))


@njit(**BORROWING)
def _fill_panels(matrix, panels):  # type: ignore[no-untyped-def]
    """Copy a matrix into panels of 8 columns; the padding is left alone."""
    for k in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            panels[j // 8, k, j % 8] = matrix[k, j]


@njit(**BORROWING)
def _take(i, problem, training, starts, s, w, panels, column, record, trail, steps, whole, ended):  # type: ignore[no-untyped-def]
    """All steps of one run."""
    labels = starts.labels[i]
    for k in range(labels.size):
        column[i, k] = 0 if labels[k] > 0.0 else 1
    mine = Problem(
        labels, problem.second_layer, problem.neurons, problem.noise_patches, problem.height, problem.shape,
        problem.case, training.alpha[i], training.weakest[i], training.attacked_low[i], training.attacked_high[i],
        training.adversarial_weight[i], column[i], problem.kinds, problem.half_smoothing, training.decay[i],
        training.momentum[i],
    )  # fmt: skip
    state = ReducedState(
        s.signal[i], s.noise[i], s.coefficients[i], s.signal_velocity[i], s.noise_velocity[i],
        s.coefficient_velocity[i],
    )  # fmt: skip
    work = Workspace(
        w.projections[i], w.force[i], w.change[i], w.sums[i], w.coefficients[i], w.signal[i], w.lows[i], w.weights[i],
        w.direct_signal[i], w.signal_force[i], w.clean_margin[i], w.attacked_margin[i], w.memorization[i], w.share[i],
        w.order[i], w.tails[i],
    )  # fmt: skip
    for r in range(problem.neurons):
        state.signal[r] = starts.signal[i, r]
    fill_blocks(starts.noise[i], state.noise)
    _fill_panels(starts.gram[i], panels[i])
    seen = Trail(
        trail.steps, trail.signal[i], trail.noise[i], trail.coefficients[i], trail.clean_margin[i],
        trail.attacked_margin[i], trail.memorization[i],
    )  # fmt: skip
    first = Record(record.level, record.threshold, record.first[i])
    found = _advance(
        mine, panels[i], state, work, first, training.step_size[i], seen, whole, 0, steps, 0
    )  # fmt: skip
    for k in range(4):
        ended[i, k] = found[k]


@njit(**INNER)
def _begin(i, factor, normal, rest, scale, starts):  # type: ignore[no-untyped-def]
    """Close the system of one run; the formulas are those of `cgrosim.model.sampling.draw_gram`."""
    noise, turned = starts.noise[i], np.ascontiguousarray(normal[i].T)
    _backproject(factor[i], normal[i], noise)
    _project(factor[i], factor[i], starts.gram[i])
    more = np.empty_like(rest[i])
    _project(turned, turned, starts.weight_gram[i])
    _project(rest[i], rest[i], more)
    size = scale[i] * scale[i]
    for k in range(noise.shape[0]):
        for r in range(noise.shape[1]):
            noise[k, r] = scale[i] * noise[k, r]
    for r in range(more.shape[0]):
        for t in range(more.shape[1]):
            starts.weight_gram[i, r, t] = size * (starts.weight_gram[i, r, t] + more[r, t])


def _make_begin() -> Callable[..., Any]:
    token = fingerprint("begin many")

    @entry()
    def begin(factor, normal, rest, scale, starts):  # type: ignore[no-untyped-def]
        if token == "":
            return
        for i in range(scale.size):
            _begin(i, factor, normal, rest, scale, starts)

    return begin


def _make_take(parallel: bool) -> Callable[..., Any]:
    token = fingerprint(f"take many, parallel {parallel}")

    @entry(parallel, borrowing=True)
    def take(problem, training, starts, state, work, panels, column, record, trail, steps, whole, ended):  # type: ignore[no-untyped-def]
        if token == "":
            return
        for i in prange(ended.shape[0]):
            _take(i, problem, training, starts, state, work, panels, column, record, trail, steps, whole, ended)

    return take


def _make_fresh() -> Callable[..., Any]:
    token = fingerprint("fresh samples of a state")

    @entry()
    def fresh(noise, gram, weight_gram, coefficients, kept, noise_std, draws, weights, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        neurons = weight_gram.shape[0]
        turned, learnt = np.ascontiguousarray(coefficients.T), np.empty_like(coefficients)
        cross, root = np.empty_like(weight_gram), np.empty_like(weight_gram)
        _project(np.ascontiguousarray(noise.T), turned, cross)
        _backproject(gram, coefficients, learnt)
        _project(np.ascontiguousarray(learnt.T), turned, weights)
        for r in range(neurons):
            for t in range(neurons):
                start = kept * kept * weight_gram[r, t]
                weights[r, t] = start + kept * cross[r, t] + kept * cross[t, r] + weights[r, t]
        largest = 0.0
        for r in range(neurons):
            if not weights[r, r] <= largest:
                largest = weights[r, r]
                if largest != largest:
                    break
        _root(weights, neurons * np.finfo(np.float64).eps * largest, root)
        for r in range(neurons):
            for t in range(neurons):
                root[r, t] = noise_std * root[r, t]
        _project(draws, root, out)

    return fresh


_take_forms = (_make_take(False), _make_take(True))
_begin_all, _fresh = _make_begin(), _make_fresh()


def close_many(factor: Array, normal: Array, rest: Array, init_std: Array, starts: Starts) -> None:
    """Fill C(0), K and G(0) of the starts from their draws: (R, M, M), (R, M, m), (R, m, m), and init_std (R,)."""
    _begin_all(factor, normal, rest, init_std, starts)


def advance_many(
    problem: Problem,
    training: Training,
    starts: Starts,
    stacked: Stacked,
    record: Record,
    trail: Trail,
    steps: int,
    parallel: bool,
) -> NDArray[np.int64]:
    """Take the steps of every run, as `advance_reduced` does alone.

    Parameters
    ----------
    problem : of one of the runs, for what they share; every sample has its feature, and none is drawn into batches
    record, trail : filled; the hitting steps and all arrays of the trail but its steps have the runs as first axis

    Returns
    -------
    (R, 4) array of int
        What `advance_reduced` returns for each.
    """
    ended = np.empty((len(starts.labels), 4), dtype=np.int64)
    run(parallel, _take_forms, problem, training, starts, *stacked, record, trail, int(steps), WHOLE, ended)
    return ended


def fresh_projections(
    noise: Array,
    gram: Array,
    weight_gram: Array,
    coefficients: Array,
    kept: float,
    noise_std: float,
    draws: Array,
    out: Array,
) -> None:
    """Noise projections (K, m) of fresh patches, from normal draws (K, m) and a state; see `TestNoise`."""
    _fresh(
        noise, gram, weight_gram, coefficients, float(kept), float(noise_std), draws, np.empty_like(weight_gram), out
    )
