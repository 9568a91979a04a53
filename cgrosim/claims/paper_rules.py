"""Rules for runs at the paper's exponents: measured over predicted from the start alone, as a factor and as a slope."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.paper_predictions import Predicted, predicted_of
from cgrosim.predictions.regime import Slack, slacks
from cgrosim.studies.paper_scale import PaperRun

Array = NDArray[np.float64]
Measured = Callable[[PaperRun], float]
Said = Callable[[PaperRun, Predicted], float]

HYPOTHESES = (
    "some-live-filter", "small-initialisation", "signal-beats-noise", "signal-wins-race", "signal-grows-first",
    "attack-hides-signal", "memorises-before-escape", "gram-nearly-orthogonal", "radius-below-signal",
)  # fmt: skip


def worst_slacks(runs: tuple[PaperRun, ...], names: tuple[str, ...] = HYPOTHESES) -> tuple[Slack, ...]:
    """The smallest slack of every hypothesis over the dimensions simulated."""
    found: dict[str, Slack] = {}
    for run in {run.dimension: run for run in runs}.values():
        for slack in slacks(run.trained.params, *names):
            if slack.name not in found or slack.slack < found[slack.name].slack:
                found[slack.name] = slack
    return tuple(found.values())


def range_of(runs: tuple[PaperRun, ...]) -> str:
    """The tested range in words."""
    p, dims = runs[0].trained.params, sorted({run.dimension for run in runs})
    return (
        f"d = {dims[0]:.0e} ... {dims[-1]:.0e}, N = {p.samples}, P = {p.patches}, m = {p.neurons}, q = {p.power:g}, "
        f"lam = {p.adversarial_weight:g}, gap = 1/(sqrt(d) log d), T = 10 predicted median memorisation times"
    )


def alive(run: PaperRun) -> bool:
    """Whether a filter can learn the true feature; with probability 2^-m none can."""
    return bool(np.any(run.trained.system.signal > 0.0))


def log_ratios(runs: tuple[PaperRun, ...], measured: Measured, said: Said) -> tuple[Array, Array, Array]:
    """(log d, log measured / predicted, log predicted) of the live runs in which both are positive and finite."""
    rows = [
        (run.dimension, measured(run), said(run, predicted))
        for run in runs
        if alive(run) and (predicted := predicted_of(run))
    ]
    kept = [row for row in rows if row[1] > 0.0 and 0.0 < row[2] < np.inf]
    d, value, expected = np.log(np.array(kept, dtype=np.float64).reshape(-1, 3)).T
    return d, value - expected, expected


def prefactor_check(
    name: str, runs: tuple[PaperRun, ...], measured: Measured, said: Said, room: float, reason: str
) -> Check:
    """Geometric mean over independent runs of measured over predicted against 1 to `room`."""
    ratios = log_ratios(runs, measured, said)[1]
    region = (1.0 - room, 1.0 + room)
    if len(ratios) < 3:
        return checks.inside(f"prefactor of {name}", "1", np.nan, region, "needs three runs that reach it")
    mean, low, high = np.exp(checks.mean_interval(ratios))
    return checks.inside(
        f"prefactor of {name}, measured over predicted ({len(ratios)} runs)",
        f"1 to {100 * room:.0f} %, the prediction from the start of each run alone",
        mean,
        region,
        f"{reason}; Student interval over independent runs",
        (low, high),
    )


def slope_check(
    name: str, runs: tuple[PaperRun, ...], measured: Measured, said: Said, pure: float, share: float = 0.5
) -> Check:
    """Slope of log(measured) on log d against that of the prediction, for independent runs.

    The least-squares slope is linear, so the measured slope is the predicted one plus that of the residuals
    log(measured / predicted): the spread of the starts cancels.
    """
    d, residual, expected = log_ratios(runs, measured, said)
    if len(np.unique(d)) < 2 or len(d) < 4:
        return checks.inside(f"slope of {name}", f"{pure:.3f}", np.nan, (pure, pure), "needs four runs that reach it")
    told = float(np.polyfit(d, expected, 1)[0])
    slope, low, high = checks.slope_interval(d, residual)
    half = share * abs(told - pure)
    part = {0.5: "half", 0.25: "a quarter of"}[share]
    return checks.inside(
        f"slope of {name}",
        f"d^({told:.4f}) with the logarithms at these sizes; {pure:.3f} as d tends to infinity",
        told + slope,
        (told - half, told + half),
        f"{part} the distance to the pure power law: the region tells the predicted logarithms from their absence; "
        "Student interval of the slope over independent runs",
        (told + low, told + high),
    )
