"""Momentum, smoothed and flipped labels: small experiments whose samples hardly meet, beside their own predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad

from cgrosim.model.algorithms import draw_features
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_gram
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.laws import predict_starts, required_exposures
from cgrosim.predictions.predict import experiment_of
from cgrosim.studies.context import Context
from cgrosim.studies.recording import record
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.world import World
from cgrosim.theory.label_noise import loss_weights, signal_rest
from cgrosim.theory.label_smoothing import held_back, resting_noise_margin, smoothed_memorisation_time
from cgrosim.theory.momentum import delay
from cgrosim.theory.plateau import log_sigmoid_weight
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]

PACES = (0.002, 0.001, 0.0005)  # flow time of a step with and without momentum
BETA = 0.9


def stand_alone(seed: int, **changes: object) -> Params:
    """Samples that hardly meet (chi = 3e-4), noise patches of norm 1, and a memorisation of some ten thousand steps."""
    values: dict[str, object] = {
        "dimension": 10**8,
        "samples": 40,
        "patches": 2,
        "neurons": 6,
        "signal_strength": 2.0,
        "noise_std": 1e-4,
        "init_std": 0.03,
        "gap": 1e-5,
        "adversarial_weight": 0.5,
        "learning_rate": 0.05,
        "sampling": "gram",
        "engine": "reduced",
        "seed": seed,
    }
    return Params(**(values | changes))


@dataclass(frozen=True)
class MomentumRuns:
    """Heavy ball (eta (1 - beta), beta) beside plain descent (eta, 0).

    Attributes
    ----------
    differences : (S,) largest relative difference of alpha^q U and of every V_i at two flow times, one a step size
    delays, predicted_delays : (S,) steps by which alpha^q U = 1 comes later with momentum
    """

    params: Params
    paces: Array
    differences: Array
    delays: Array
    predicted_delays: Array


def momentum(context: Context, world: World) -> tuple[MomentumRuns, ...]:
    """Pairs of runs at three step sizes."""
    found = []
    count = context.choose(1, 6)
    seeds = context.seeds("momentum-is-a-clock", 10 * count)
    for begun, _ in chosen_starts(stand_alone(0, samples=10), seeds, count, _monotone):
        rows = []
        for pace in PACES:
            plain = begun.replace(learning_rate=pace)
            heavy = plain.replace(momentum=BETA, learning_rate=pace * (1.0 - BETA))
            start = draw_gram(plain)
            flow = signal_flow(plain, start.signal)
            grown = float(flow.time_of_margin(1.0))
            at = np.ceil(np.array([0.3, 0.6]) * grown).astype(np.int64)
            runs = [
                record(p, [*at, int(2 * grown)], "signal_margin", "memorization", start=start)
                for p in (plain, world.of(heavy))
            ]
            margins = [run.values("signal_margin")[-3:-1] for run in runs]
            noise = [run.values("memorization")[-3:-1] for run in runs]
            apart = max(float(np.max(np.abs(b / a - 1.0))) for a, b in (margins, [np.abs(noise[0]), np.abs(noise[1])]))
            times = [float(run.values("signal_growth_time")) for run in runs]
            rows.append((apart, times[1] - times[0], _delay_of_growth(plain, start.signal, grown)))
        apart, late, expected = np.array(rows).T
        found.append(MomentumRuns(heavy, np.array(PACES), apart, late, expected))
    return tuple(found)


def _monotone(system: ClosedSystem) -> bool:
    """U > 0 from the start: where it changes its sign the attack jumps, and the force on the signal with it."""
    return bool(np.sum(system.signal**3) > 0.0 and np.max(system.signal) > 0.03)


def _delay_of_growth(params: Params, signal: Array, grown: float) -> float:
    """Delay of the neuron that leads at alpha^q U = 1, from the ratio of the forces on it there and at the start."""
    ends = np.asarray(signal_flow(params, signal).correlations_at(grown))
    leader, p = int(np.argmax(ends)), params
    weights = [loss_weights(z, gap=p.gap, power=p.power, adversarial_weight=p.adversarial_weight) for z in (0.0, 1.0)]
    left, lam = p.gap**p.power, p.adversarial_weight
    pulls = [
        w.right - lam * (1.0 - left) * float(np.exp(log_sigmoid_weight(left * z)))
        for w, z in zip(weights, (0.0, 1.0), strict=True)
    ]
    ratio = (ends[leader] / signal[leader]) ** (p.power - 1.0) * pulls[1] / pulls[0]
    return float(delay(ratio, BETA) - delay(ratio, 0.0))


@dataclass(frozen=True)
class FlippedRuns:
    """Flipped and right labels of one run, and the first sample of each kind.

    Attributes
    ----------
    flipped, right : predicted step at which the first of them is memorised, beside the resting signal
    latest : the same for the right one beside a large signal
    times : measured, of both
    rest, measured_rest : alpha^q U at half of the first flipped sample's time
    wrong_side : samples whose clean loss is then on the wrong side of log 2
    """

    params: Params
    flipped: float
    right: float
    latest: float
    times: tuple[float, float]
    rest: float
    measured_rest: float
    wrong_side: int


def flipped_labels(context: Context, world: World) -> tuple[FlippedRuns, ...]:
    """One label in ten flipped, under an attack that weakens every feature; a flipped sample comes first.

    Whoever is memorised moves the signal, so the two first samples are predicted only from such starts.
    """
    found: list[FlippedRuns] = []
    count = context.choose(2, 10)
    for seed in context.seeds("flipped-labels-first", 20 * count):
        params = stand_alone(seed, samples=60, label_noise=0.1, threat="fixed_direction")
        features, starts = draw_features(params), draw_gram(params)
        assert features is not None
        flipped = features < 0.0
        settings = {"gap": params.gap, "power": params.power, "adversarial_weight": params.adversarial_weight}
        rest = signal_rest(params.label_noise, **settings, threat="fixed_direction")
        signed = starts.labels[:, None] * starts.noise
        largest = np.max(signed, axis=1)
        first = int(np.argmax(np.where(flipped, largest, 0.0))), int(np.argmax(np.where(flipped, 0.0, largest)))
        early = _time_to_memorise(params, largest[first[0]], -rest)
        right, latest = (_time_to_memorise(params, largest[first[1]], a) for a in (rest, 60.0))
        shared = np.sort(signed[first[0]])[-2] > 0.9 * largest[first[0]]  # a second neuron would help by some per cent
        if len(found) == count or early > 0.9 * right or shared or np.max(starts.signal) < params.init_std:
            continue
        simulated = world.of(params)
        run = record(
            simulated,
            [int(0.5 * early), int(1.3 * latest)],
            "signal_margin",
            "clean_margin",
            start=draw_gram(simulated),
        )
        times = np.nan_to_num(run.values("memorization_time"), nan=np.inf)
        wrong = int(np.sum((run.values("clean_margin")[-2] < 0.0) != flipped))
        found.append(
            FlippedRuns(
                params,
                early,
                right,
                latest,
                (float(times[first[0]]), float(times[first[1]])),
                rest,
                float(run.values("signal_margin")[-2]),
                wrong,
            )
        )
    return tuple(found)


def _time_to_memorise(params: Params, start: float, clean: float) -> float:
    """Steps of ``v' = (q kappa/N) v^(q-1) [(1-lam) s(clean + V) + lam s(attacked + V)]`` from `start` to V = 0.7."""
    if start <= 0.0:
        return np.inf
    p = params
    lam, attacked = p.adversarial_weight, p.gap**p.power * clean

    def slowness(v: float) -> float:
        noise = v**p.power
        weight = (1.0 - lam) * np.exp(log_sigmoid_weight(clean + noise)) + lam * np.exp(
            log_sigmoid_weight(attacked + noise)
        )
        return float(1.0 / (v ** (p.power - 1.0) * weight))

    rate = p.flow_rate * p.power * p.noise_std**2 * (p.dimension - 1.0) / p.samples
    return float(quad(slowness, start, MEMORISED ** (1.0 / p.power), limit=200)[0] / rate)


@dataclass(frozen=True)
class SmoothedRun:
    """Training with smoothed labels, to well after the last memorisation.

    Attributes
    ----------
    predicted, measured : step of the first memorisation
    rests, noise : noise margins of memorised samples: at rest beside the measured signal, and measured (mean)
    robust_test, tested : robust test error at the end, over so many fresh samples
    signal_margins : alpha^q U when the first sample is memorised, and at the end
    """

    params: Params
    predicted: float
    measured: float
    rests: float
    noise: float
    robust_test: float
    tested: int
    signal_margins: tuple[float, float]


def _smoothed_times(params: Params) -> Array:
    """Memorisation times under smoothed labels, from the start: (N,).

    That of the largest feature of a sample on the plateau; times what the clean loss holds it back by, whose margin
    lies beyond the cap; times the share that is left where all features of a sample push, and both losses until the
    signal has grown. That share is of plain labels: smoothing slows stage I as it slows all, and makes the last steps
    1.15 times slower beside the first, which is a share of 0.02 at most where two features nearly tie. Derived here.
    """
    plain = experiment_of(params.replace(label_smoothing=0.0))
    starts, largest = plain.starts, np.max(plain.starts.noise, axis=1)
    common = {"smoothing": params.label_smoothing, "power": params.power}
    alone = smoothed_memorisation_time(largest, rate=plain.setting.memorisation_rate, **common)
    alone = alone * held_back(largest, adversarial_weight=params.adversarial_weight, **common)
    one = required_exposures(plain.params, replace(starts, noise=largest[:, None], energy=starts.energy[:, :1]))
    with np.errstate(invalid="ignore"):  # of what is never memorised
        share = predict_starts(plain.params, starts) / (2.0 * one / params.adversarial_weight)
    return np.where(np.isfinite(alone), alone * share, np.inf)


def smoothed_labels(context: Context, world: World) -> tuple[SmoothedRun, ...]:
    """Label smoothing 0.2."""
    found = []
    for seed in context.seeds("smoothing-delays", context.choose(1, 6)):
        params = stand_alone(seed, samples=20, neurons=14, label_smoothing=0.2, test_samples=4000)
        times, eps = _smoothed_times(params), params.label_smoothing
        first = float(np.min(times))
        steps = [int(first), int(10.0 * np.median(times))]
        simulated = world.of(params)
        run = record(simulated, steps, "signal_margin", "memorization", "robust_test_error", start=draw_gram(simulated))
        margins = run.values("signal_margin")[-2:]
        reached = run.values("memorization_time")
        noise = run.final("memorization")[np.isfinite(reached)]
        rests = resting_noise_margin(
            float(margins[1]),
            smoothing=eps,
            gap=params.gap,
            power=params.power,
            adversarial_weight=params.adversarial_weight,
        )
        earliest = float(np.nanmin(reached)) if len(noise) else np.inf
        found.append(
            SmoothedRun(
                params,
                first,
                earliest,
                rests,
                float(np.mean(noise)) if len(noise) else 0.0,
                float(run.final("robust_test_error")),
                params.test_samples,
                (float(margins[0]), float(margins[1])),
            )
        )
    return tuple(found)
