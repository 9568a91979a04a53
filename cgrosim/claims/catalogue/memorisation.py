"""Memorisation times sample by sample where chi << 1: the decoupled time of each, and the law of all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.memorisation_runs import MEMORISATION_HYPOTHESES, Measured, kick_deviation, measure_times
from cgrosim.predictions.laws import memorisation_law
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.memorisation import live_seeds, small_coupling
from cgrosim.studies.world import World, plus, times

Array = NDArray[np.float64]


def _runs(context: Context, name: str, dimensions: list[float], repeats: int, world: World) -> list[Measured]:
    seeds = live_seeds(context, name, repeats * len(dimensions))
    chosen = [d for d in dimensions for _ in range(repeats)]
    return [measure_times(small_coupling(d, seed), world) for d, seed in zip(chosen, seeds, strict=True)]


def _kept(run: Measured) -> NDArray[np.bool_]:
    return np.isfinite(run.times) & np.isfinite(run.predicted)


def measure_decoupled(context: Context, world: World) -> Evidence:
    """Ratio and rank correlation of measured and decoupled times; wrong world: predictions shuffled among samples."""
    dimensions = [1e5, 1e6, 1e8, 1e10, 1e12] if context.full else [1e6, 1e9]
    runs = _runs(context, "memorisation-times", dimensions, context.choose(2, 6), world)
    generator = context.generator("memorisation-times")
    measured, predicted, kick = [], [], []
    for run in runs:
        order = (
            generator.permutation(run.params.samples)
            if world.number("shuffled", False)
            else np.arange(run.params.samples)
        )
        guess, deviation = run.predicted[order], kick_deviation(run)[order]
        kept = np.isfinite(run.times) & np.isfinite(guess)
        measured.append(np.log(run.times[kept]))
        predicted.append(np.log(guess[kept]))
        kick.append(deviation[kept])
    error = [a - b for a, b in zip(measured, predicted, strict=True)]
    tested = [_ratio_check(error, kick), *_correlation_checks(runs, measured, predicted, kick, generator)]
    if context.full:
        tested.append(_order_check(runs, error, kick))
    return Evidence(
        checks=tuple(tested),
        hypotheses=slacks(runs[0].params, *MEMORISATION_HYPOTHESES, "decoupled-memorisation"),
        params=runs[0].params,
        seeds=tuple(run.params.seed for run in runs),
        tested_range=f"d = {dimensions[0]:g} to {dimensions[-1]:g}, init_std = d^-0.33, N = 100, P = 2, m = 10, q = 3, "
        f"lam = 1/2: chi = {_chi(runs[0]):.3f} down to {_chi(runs[-1]):.3f}",
        panels=(_times_panel(measured[0], predicted[0], kick[0], _chi(runs[0])),),
    )


def _chi(run: Measured) -> float:
    return setting_of(run.params).coupling


def _ratio_check(error: list[Array], kick: list[Array]) -> Check:
    everything = np.concatenate(error)
    median, low, high = checks.median_interval(everything)
    region = float(np.median(np.concatenate(kick)))
    return checks.inside(
        f"median of log(measured / predicted), {len(everything)} samples",
        "0",
        median,
        (-region, region),
        "the kicks move log T symmetrically at first order, so its median less than their own typical size "
        f"{region:.3g} (first-order standard deviation, computed from the starts)",
        (low, high),
    )


def _correlation_checks(
    runs: list[Measured],
    measured: list[Array],
    predicted: list[Array],
    kick: list[Array],
    generator: np.random.Generator,
) -> list[Check]:
    found = []
    for dimension in sorted({run.params.dimension for run in runs}):
        at = [k for k, run in enumerate(runs) if run.params.dimension == dimension]
        times, guess, size = (np.concatenate([rows[k] for k in at]) for rows in (measured, predicted, kick))
        value, low, high = checks.rank_correlation(times, guess)
        least, *_ = checks.rank_correlation(guess, guess + 2.0 * size * generator.standard_normal(size.shape))
        found.append(
            checks.inside(
                f"rank correlation at d = {dimension:.0e}, chi = {_chi(runs[at[0]]):.3f}",
                f"at least {least:.4f}",
                value,
                (least, 1.0),
                "what twice the first-order kicks would leave (twice: the kicks of the features that come second)",
                (low, high),
            )
        )
    return found


def _order_check(runs: list[Measured], error: list[Array], kick: list[Array]) -> Check:
    """The order of the error in chi: in units of the kicks of its own start, which scatter with it, it has none."""
    sizes = [
        float(np.median(np.abs(off[size > 0.0]) / size[size > 0.0])) for off, size in zip(error, kick, strict=True)
    ]
    slope, low, high = checks.slope_interval(np.log([_chi(run) for run in runs]), np.log(sizes))
    return checks.inside(
        "slope of log(median |log ratio| in units of a first-order kick) in log chi",
        "0: the error of the decoupled time is one kick",
        slope,
        (-0.5, 0.5),
        "the order in chi is a whole number; this region holds the one of a kick and excludes those beside it",
        (low, high),
    )


def _times_panel(measured: Array, predicted: Array, kick: Array, chi: float) -> Panel:
    line = np.array([predicted.min(), predicted.max()])
    order = np.argsort(predicted)
    return Panel(
        title=f"each sample's memorisation time, chi = {chi:.2g}",
        x_label="predicted from its start (steps)",
        y_label="measured (steps)",
        series=(
            Series("points", "one sample", np.exp(predicted[order]), np.exp(measured[order])),
            Series("line", "decoupled prediction", np.exp(line), np.exp(line)),
        ),
        x_scale="log",
        y_scale="log",
    )


def measure_law(context: Context, world: World) -> Evidence:
    """Kolmogorov-Smirnov distance to the a-priori law; wrong world: half as many competing neurons in the law."""
    dimensions = [1e6, 1e8, 1e10, 1e12] if context.full else [1e6, 1e8]
    runs = _runs(context, "memorisation-law", dimensions, context.choose(3, 6), world)
    levels, smoothing = [], []
    for run in runs:
        times = run.times[~np.isnan(run.times)]
        finite = np.where(np.isfinite(times), times, 1e3 * np.median(times))
        levels.append(memorisation_law(run.params, run.clock, finite))
        smoothing.append(_smoothed_distance(run))
    never = 0.5 ** runs[0].params.neurons
    systematic = float(np.mean(smoothing)) + never
    pooled = np.concatenate(levels)
    check = checks.law(
        "P(T_i <= t) at the measured times is uniform",
        pooled,
        lambda value: np.clip(value, 0.0, 1.0),
        0.25,
        f"systematic: first-order kicks smear the law by {systematic - never:.2g} (computed from the starts), and "
        f"2^-m = {never:.2g} are never memorised; resolution: the distance between 10 and 5 competing features",
        systematic,
    )
    ordered = np.sort(pooled)
    grid = np.linspace(0.0, 1.0, 201)
    ranks = np.searchsorted(ordered, grid, side="right") / len(ordered)
    band = float((check.high - check.low) / 2.0)
    return Evidence(
        checks=(check,),
        hypotheses=slacks(runs[0].params, *MEMORISATION_HYPOTHESES, "decoupled-memorisation"),
        params=runs[0].params,
        seeds=tuple(run.params.seed for run in runs),
        tested_range=f"d = {dimensions[0]:g} to {dimensions[-1]:g}, init_std = d^-0.33, chi <= {_chi(runs[0]):.2g}, "
        f"N = 100, P = 2, m = 10, q = 3, {len(pooled)} samples",
        panels=(
            Panel(
                "a-priori law of the memorisation time",
                "predicted P(T <= t) at the measured time",
                "share of the samples",
                (
                    Series("steps", "measured", grid, ranks),
                    Series("line", "predicted law", grid, grid),
                    Series(
                        "band", "sampling error", grid, grid, np.clip(grid - band, 0, 1), np.clip(grid + band, 0, 1)
                    ),
                ),
            ),
        ),
    )


def _smoothed_distance(run: Measured) -> float:
    """Kolmogorov distance between the predicted times and the same times moved by their first-order kicks."""
    from scipy.special import ndtr

    predicted = run.predicted[np.isfinite(run.predicted)]
    deviation = kick_deviation(run)[np.isfinite(run.predicted)]
    time = np.sort(np.log(predicted))[:, None]
    width = np.maximum(deviation, 1e-12)  # a sample that nothing kicks keeps its step
    moved = ndtr((time - np.log(predicted)) / width).mean(axis=1)
    plain = (np.log(predicted) <= time).mean(axis=1) - 0.5 / len(predicted)
    return float(np.max(np.abs(moved - plain)))


CLAIMS = (
    Claim(
        name="memorisation-times",
        title="memorisation time of each sample",
        statement="Where chi = 1/(sigma_0 sigma_p d) << 1, sample i is memorised (V_i = 0.7) at the decoupled time "
        "from its own start, T_i ~ 2N / ((q-2) eta q lam kappa v_max^(q-2)), with an error of first order in chi.",
        source="arXiv 2306.01271 stage III; exposure, finite-threshold correction and size of the kicks derived here",
        kind="asymptotic",
        measure=measure_decoupled,
        worlds=(
            World("the samples of each run shuffled", shuffled=True),
            World("noise 5 % stronger", noise_std=times(1.05)),
            World("starts 10 % larger", init_std=times(1.1)),
            World("power q + 0.05", power=plus(0.05)),
        ),
        cost=6.0,
    ),
    Claim(
        name="memorisation-law",
        title="a-priori law of the memorisation times",
        statement="P(T_i <= t) = 1 - Phi(v_t / (sigma_0 sigma_p sqrt(d-1)))^(m(P-1)), v_t being the start that "
        "needs t steps.",
        source="derived here from arXiv 2306.01271 stage III and v(0) ~ N(0, sigma_0^2 kappa)",
        kind="law",
        measure=measure_law,
        worlds=(
            World("twice as many competing neurons", neurons=times(2.0)),
            World("noise 10 % stronger", noise_std=times(1.1)),
        ),
        cost=4.0,
    ),
)
