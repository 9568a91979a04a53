"""The robust test error in time: above every memorisation edge, and before anybody is memorised without decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.experiment import Experiment
from cgrosim.predictions.predict import experiment_of
from cgrosim.studies.context import Context
from cgrosim.studies.memorisation import live_seeds, small_coupling
from cgrosim.studies.recording import record, whole_steps
from cgrosim.studies.world import World
from cgrosim.theory.decay_cure import robust_error
from cgrosim.theory.noise_law import IndependentNoiseLaw

Array = NDArray[np.float64]

TIMES = np.array([0.6, 0.8, 1.0])  # of the predicted time of the cure
STOPS = 4  # times at which training is stopped
ERROR = 0.05


@dataclass(frozen=True)
class ErrorsInTime:
    """Robust test errors at some steps of one run.

    Attributes
    ----------
    params : what is claimed
    steps, predicted, measured : (T,)
    tested : fresh samples behind each of the measured errors
    """

    params: Params
    steps: Array
    predicted: Array
    measured: Array
    tested: int


def _scales(x: Experiment) -> Array:
    """(m (P-1),) standard deviation of the correlation of a fresh patch with each filter at the start."""
    p = x.params
    return np.full(p.neurons * (p.patches - 1), p.noise_std * p.init_std * np.sqrt(p.dimension - 1.0))


def cured(context: Context, world: World) -> tuple[ErrorsInTime, ...]:
    """Runs at three times the largest edge, at times about that at which the error is predicted to be 5 per cent."""
    found = []
    for seed in live_seeds(context, "decay-cures-the-test-error", context.choose(2, 10)):
        params = small_coupling(1e6, seed, samples=10, gap=0.003, test_samples=100_000)
        edge = float(np.max(experiment_of(params).decay.memorisation_edges))
        x = experiment_of(params.replace(weight_decay=3.0 * edge))
        steps = whole_steps(TIMES * x.decay.robust_time(ERROR))
        margin, decay = x.decay.plateaus.attacked, x.params.weight_decay
        predicted = [
            float(robust_error(_scales(x), margin, s * params.flow_rate, weight_decay=decay, power=params.power))
            for s in steps
        ]
        found.append(_run(x.params, steps, np.array(predicted), world))
    return tuple(found)


def stopped(context: Context, world: World) -> tuple[ErrorsInTime, ...]:
    """Runs without weight decay: four stops from the growth of the signal to half of the first memorisation, and after.

    The last step is three times the median time of memorisation; for it no error is predicted (nan).
    """
    found = []
    for seed in live_seeds(context, "early-stopping-gains-nothing", context.choose(3, 10)):
        params = small_coupling(1e4, seed, samples=10, gap=0.02, test_samples=120_000)
        x = experiment_of(params)
        first = float(np.min(x.times))  # some signals have grown at the start
        stops = np.geomspace(max(10.0 * x.plain_growth_time, 1e-4 * first), 0.5 * first, STOPS)
        steps = whole_steps(np.append(stops, 3.0 * float(np.median(x.times))))
        law = IndependentNoiseLaw(_scales(x), params.power, points=200)
        attacked = params.gap**params.power * np.asarray(x.flow.margin_at(steps[:STOPS].astype(float)))
        found.append(_run(params, steps, np.append(law.error_at(attacked), np.nan), world))
    return tuple(found)


def _run(params: Params, steps: NDArray[np.int64], predicted: Array, world: World) -> ErrorsInTime:
    simulated = world.of(params)
    run = record(simulated, steps, "robust_test_error", start=draw_gram(simulated))
    measured = run.values("robust_test_error")[-len(steps) :]
    return ErrorsInTime(params, steps.astype(float), predicted, measured, params.test_samples)
