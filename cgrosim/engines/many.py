"""Gradient descent of many small runs together: one compiled call, every run with the bits of the reduced engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.engines.base import Crossings, Divergence, Trail
from cgrosim.engines.closed import crossings_of, make_kernel_problem, make_kernel_record
from cgrosim.engines.cost import step_seconds
from cgrosim.kernels.reduced import PARALLEL_FROM
from cgrosim.kernels.threads import worth_threads
from cgrosim.model.activations import output_weights
from cgrosim.model.algorithms import kept_after
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_for_gram, weight_gram

Array = NDArray[np.float64]

SECONDS = 0.25  # of steps that are taken in one call: Ctrl-C waits as long
MOST = 256  # runs in a call
BYTES = 2**26  # that they may hold
THREADED_FROM = 100_000_000  # multiplications of a call, some tenths of a second, from which a second thread pays
SHARED = ("samples", "patches", "neurons", "activation", "power", "second_layer", "label_smoothing")


def shape_of(params: Params) -> tuple[object, ...]:
    """What runs must agree in to be taken together."""
    return (*(getattr(params, name) for name in SHARED), params.momentum != 0.0)


def room_for(params: Params, steps: int, records: int) -> int:
    """How many runs like this one may be taken together; at most one where they cannot be.

    Taken together are closed systems drawn as such, whose samples all have their feature and are all used at every
    step, and that are too small for threads of their own.
    """
    plain = params.label_noise == 0.0 and params.unlearnable_fraction == 0.0 and params.batch_size is None
    rows, neurons = params.noise_patches, params.neurons
    if not plain or "weights" in params.record or rows**2 * neurons >= PARALLEL_FROM:
        return 1
    states = (records + 1) * (neurons * (1 + 2 * rows) + 3 * params.samples)
    held = 8 * (states + 4 * rows**2 + 12 * rows * neurons + 4 * neurons**2)
    return int(min(MOST, BYTES // held, SECONDS / (max(steps, 1) * step_seconds(params, "reduced"))))


@dataclass(frozen=True)
class Taken:
    """One of the runs, at its end.

    Attributes
    ----------
    system : what it began from
    trail : its states at the steps asked for, as far as it came
    crossings, step : hitting times, and steps taken
    trouble : where it diverged, if it did
    """

    system: ClosedSystem
    trail: Trail
    crossings: Crossings
    step: int
    trouble: Divergence | None


def take_together(runs: Sequence[Params], steps: int, grid: NDArray[np.int64]) -> list[Taken]:
    """Draw runs of one shape and take their steps; the states at the steps of the grid, in the order of the runs."""
    starts = _drawn(runs)
    first = runs[0]
    layer = output_weights(first.neurons, first.second_layer_sign)
    systems = [
        ClosedSystem(labels, signal, noise, gram, weights, layer)
        for labels, signal, noise, gram, weights in zip(*starts, strict=True)
    ]
    problem, alone = make_kernel_problem(first, systems[0]), make_kernel_record(first)
    count, ends = len(runs), int(grid[-1]) == steps
    record = alone._replace(first=np.full((count, *alone.first.shape), -1, dtype=np.int64))
    # the last state is looked at in any case, for its hitting times
    trail = _stacked_trail(problem, count, grid if ends else np.append(grid, steps))
    work = first.noise_patches**2 * first.neurons * steps * count
    ended = kernels.advance_many(
        problem, _training(runs), starts, kernels.make_stacked(problem, count), record, trail, steps,
        parallel=count > 1 and worth_threads(work, THREADED_FROM),
    ).tolist()  # fmt: skip
    found = []
    for place, (params, system) in enumerate(zip(runs, systems, strict=True)):
        done, status, neuron, row = ended[place]
        trouble = Divergence(float(done), neuron, row) if status == kernels.DIVERGED else None
        met = len(grid) if trouble is None else int(np.searchsorted(grid, done, side="right"))
        crossings = crossings_of(record._replace(first=record.first[place]))
        found.append(Taken(system, _trail(params, system, trail, place, met), crossings, done, trouble))
    return found


def _drawn(runs: Sequence[Params]) -> kernels.Starts:
    drawn = draw_for_gram(runs)
    count, rows, neurons = drawn.normal.shape
    starts = kernels.Starts(
        drawn.labels,
        drawn.signal,
        np.empty((count, rows, neurons)),
        np.empty((count, rows, rows)),
        np.empty((count, neurons, neurons)),
    )
    scale = np.array([params.init_std for params in runs])
    kernels.close_many(drawn.factor, drawn.normal, drawn.rest, scale, starts)
    return starts


def _training(runs: Sequence[Params]) -> kernels.Training:
    rows = [
        (
            p.learning_rate, p.signal_strength, p.gap * p.signal_strength, *p.attacked_interval, p.adversarial_weight,
            p.weight_decay, p.momentum,
        )
        for p in runs
    ]  # fmt: skip
    return kernels.Training(*np.ascontiguousarray(np.array(rows, dtype=np.float64).T))


def _stacked_trail(problem: kernels.Problem, runs: int, steps: NDArray[np.int64]) -> kernels.Trail:
    count, samples, neurons = len(steps), problem.labels.size, problem.neurons
    states = np.empty((2, runs, count, samples * problem.noise_patches, neurons))
    margins = np.empty((3, runs, count, samples))
    return kernels.Trail(np.asarray(steps, dtype=np.int64), np.empty((runs, count, neurons)), *states, *margins)


def _trail(params: Params, system: ClosedSystem, seen: kernels.Trail, place: int, met: int) -> Trail:
    steps = seen.steps[:met]
    coefficients = seen.coefficients[place, :met]

    def weigh(record: int) -> Array:
        return weight_gram(system, coefficients[record], kept_after(params, int(steps[record])))

    return Trail(
        step=steps.astype(np.float64),
        signal=seen.signal[place, :met],
        noise=seen.noise[place, :met],
        clean_margin=seen.clean_margin[place, :met],
        attacked_margin=seen.attacked_margin[place, :met],
        memorization=seen.memorization[place, :met],
        weigh=weigh,
        coefficients=coefficients,
    )
