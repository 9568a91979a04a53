"""One comparison of a prediction with a measurement, and the rules that decide it three ways.

A rule compares the interval of the measurement with a region derived from the prediction: inside is ``supported``,
disjoint is ``violated``, and an interval that sticks out is ``underpowered``: too wide to decide. No rule retries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Outcome = Literal["supported", "violated", "underpowered"]

STATISTICAL_BUDGET = 1e-3  # false alarms of one whole `verify`, statistical part
EXACT_BUDGET = 1e-6  # and of its exact part (round-off beyond the derived bound)
ERROR_RATE = 5e-6  # of one statistical check: at most two hundred fit the budget; the report adds up


@dataclass(frozen=True)
class Check:
    """A decided comparison.

    Attributes
    ----------
    name : what is compared
    prediction : the predicted value or region, in words and numbers
    measured : the estimate
    low, high : its interval at confidence 1 - error_rate (equal to `measured` where nothing is random)
    allowed_low, allowed_high : the region that supports the claim
    reason : where the region comes from
    error_rate : probability that a true claim is called violated by this check
    cannot_fail : why no wrong world violates it, where none can: it is then shown, and is no evidence
    """

    name: str
    prediction: str
    measured: float
    low: float
    high: float
    allowed_low: float
    allowed_high: float
    reason: str
    error_rate: float
    outcome: Outcome
    cannot_fail: str = ""


def decide(low: float, high: float, allowed_low: float, allowed_high: float) -> Outcome:
    """Inside the region: supported; disjoint from it: violated; otherwise underpowered. A nan is never supported."""
    if any(math.isnan(value) for value in (low, high)):
        return "violated"
    if allowed_low <= low and high <= allowed_high:
        return "supported"
    if high < allowed_low or low > allowed_high:
        return "violated"
    return "underpowered"


def exact(name: str, prediction: str, error: float, tolerance: float, reason: str) -> Check:
    """An identity: the largest error met must not exceed the derived round-off bound."""
    outcome = decide(error, error, 0.0, tolerance)
    return Check(name, prediction, error, error, error, 0.0, tolerance, reason, 0.0, outcome)


def inside(
    name: str,
    prediction: str,
    measured: float,
    allowed: tuple[float, float],
    reason: str,
    interval: tuple[float, float] | None = None,
    error_rate: float = ERROR_RATE,
) -> Check:
    """A measurement with its interval against a region; without an interval the measurement is deterministic."""
    low, high = (measured, measured) if interval is None else interval
    rate = 0.0 if interval is None else error_rate
    return Check(name, prediction, measured, low, high, *allowed, reason, rate, decide(low, high, *allowed))


def success_rate(
    name: str, successes: int, trials: int, at_least: float, reason: str, error_rate: float = ERROR_RATE
) -> Check:
    """A success rate over seeds, with its exact (Clopper-Pearson) interval, against a least rate."""
    interval = clopper_pearson(successes, trials, error_rate)
    prediction = f"succeeds on at least {at_least:.3g} of the seeds"
    rate = successes / trials
    return inside(f"{name} ({successes} of {trials})", prediction, rate, (at_least, 1.0), reason, interval, error_rate)


def proportion(
    name: str, successes: int, trials: int, allowed: tuple[float, float], reason: str, error_rate: float = ERROR_RATE
) -> Check:
    """A proportion with its Clopper-Pearson interval against a region."""
    interval = clopper_pearson(successes, trials, error_rate)
    text = f"between {allowed[0]:.4g} and {allowed[1]:.4g}"
    return inside(f"{name} ({successes} of {trials})", text, successes / trials, allowed, reason, interval, error_rate)


def law(
    name: str,
    sample: ArrayLike,
    cdf: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    resolution: float,
    reason: str,
    systematic: float = 0.0,
    error_rate: float = ERROR_RATE,
) -> Check:
    """A one-sample Kolmogorov-Smirnov test against a law that is known up to a distance `systematic`.

    The interval of the distance is ``D -+ critical`` with the exact Kolmogorov critical value at `error_rate`.
    Supported: the distance is consistent with at most `systematic`, and the test would have seen a distance of
    `systematic + resolution`; violated: it exceeds `systematic` beyond chance.
    """
    from scipy.stats import kstwo

    values = np.sort(np.asarray(sample, dtype=np.float64))
    n = len(values)
    predicted = np.asarray(cdf(values), dtype=np.float64)
    ranks = np.arange(1, n + 1) / n
    distance = float(np.max(np.maximum(ranks - predicted, predicted - ranks + 1.0 / n)))
    critical = float(kstwo.isf(error_rate, n))
    low, high = max(0.0, distance - critical), min(1.0, distance + critical)
    if math.isnan(distance) or low > systematic:  # a sample or a law that is no number fits nothing
        outcome: Outcome = "violated"
    else:
        outcome = "supported" if 2.0 * critical <= resolution else "underpowered"
    text = f"Kolmogorov distance at most {systematic:.3g} (n = {n}, sees {2 * critical:.3g} and more)"
    return Check(name, text, distance, low, high, 0.0, systematic + resolution, reason, error_rate, outcome)


def same_law(
    name: str, first: ArrayLike, second: ArrayLike, resolution: float, reason: str, error_rate: float = ERROR_RATE
) -> Check:
    """A two-sample Kolmogorov-Smirnov test, with the distance it is able to see."""
    from scipy.stats import kstwobign

    a, b = (np.sort(np.asarray(x, dtype=np.float64)) for x in (first, second))
    both = np.concatenate([a, b])
    gap = np.searchsorted(a, both, side="right") / len(a) - np.searchsorted(b, both, side="right") / len(b)
    distance = math.nan if np.isnan(both).any() else float(np.max(np.abs(gap)))
    critical = float(kstwobign.isf(error_rate)) * math.sqrt(1.0 / len(a) + 1.0 / len(b))
    low, high = max(0.0, distance - critical), min(1.0, distance + critical)
    apart = math.isnan(distance) or low > 0.0
    outcome: Outcome = "violated" if apart else "supported" if 2.0 * critical <= resolution else "underpowered"
    text = f"the same law (n = {len(a)} and {len(b)}, sees a distance of {2 * critical:.3g} and more)"
    return Check(name, text, distance, low, high, 0.0, resolution, reason, error_rate, outcome)


def clopper_pearson(successes: int, trials: int, error_rate: float = ERROR_RATE) -> tuple[float, float]:
    """The exact two-sided interval of a proportion (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    if trials == 0:
        return 0.0, 1.0
    low = 0.0 if successes == 0 else float(beta.ppf(error_rate / 2, successes, trials - successes + 1))
    high = 1.0 if successes == trials else float(beta.isf(error_rate / 2, successes + 1, trials - successes))
    return low, high


def slope_interval(x: ArrayLike, y: ArrayLike, error_rate: float = ERROR_RATE) -> tuple[float, float, float]:
    """Least-squares slope of y on x with its Student interval: (slope, low, high); needs at least three points."""
    from scipy.stats import linregress, t

    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    fit = linregress(x, y)
    half = float(t.isf(error_rate / 2, len(x) - 2)) * float(fit.stderr)
    return float(fit.slope), float(fit.slope) - half, float(fit.slope) + half


def median_interval(values: ArrayLike, error_rate: float = ERROR_RATE) -> tuple[float, float, float]:
    """Median with its distribution-free (binomial order statistic) interval; infinite where there are too few."""
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    rank = int(binom.ppf(error_rate / 2, n, 0.5))  # P(B < rank) <= error_rate / 2
    if rank == 0:
        return float(np.median(ordered)), -math.inf, math.inf
    return float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[n - rank])


def mean_interval(values: ArrayLike, error_rate: float = ERROR_RATE) -> tuple[float, float, float]:
    """Mean with its Student interval."""
    from scipy.stats import t

    x = np.asarray(values, dtype=np.float64)
    half = float(t.isf(error_rate / 2, len(x) - 1)) * float(np.std(x, ddof=1)) / math.sqrt(len(x))
    return float(np.mean(x)), float(np.mean(x)) - half, float(np.mean(x)) + half


def slope_over_seeds(
    x: NDArray[np.float64], y: NDArray[np.float64], seed: NDArray[np.int64], error_rate: float = ERROR_RATE
) -> tuple[float, float, float]:
    """Mean over the seeds of the least-squares slope of each, with its Student interval: (slope, low, high).

    The runs of one seed share their starts, so what a prediction leaves out is nearly the same at every size: their
    residuals are no independent replicates, the slopes of different seeds are. Without limits below three seeds with
    two sizes or more.
    """
    groups = [seed == one for one in np.unique(seed)]
    slopes = [float(np.polyfit(x[g], y[g], 1)[0]) for g in groups if len(np.unique(x[g])) > 1]
    if len(slopes) < 3:
        return (float(np.mean(slopes)) if slopes else np.nan, -np.inf, np.inf)
    return mean_interval(slopes, error_rate)


def rank_correlation(first: ArrayLike, second: ArrayLike, error_rate: float = ERROR_RATE) -> tuple[float, float, float]:
    """Spearman's correlation with its interval: Fisher's transform, variance 1.06/(n-3) (Fieller et al. 1957).

    Without limits for three points or fewer; nan where one side is constant.
    """
    from scipy.stats import norm, spearmanr

    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return math.nan, math.nan, math.nan
    value, spare = float(spearmanr(x, y).statistic), len(x) - 3
    if spare < 1:
        return value, -1.0, 1.0
    half = float(norm.isf(error_rate / 2)) * np.sqrt(1.06 / spare)
    centre = np.arctanh(np.clip(value, -1.0 + 1e-12, 1.0 - 1e-12))
    return value, float(np.tanh(centre - half)), float(np.tanh(centre + half))


def guard(check: Check, why: str) -> Check:
    """A check that is shown and must hold, but that no wrong world is able to violate, for a reason in words.

    It guards what the others rest on, such as a hypothesis at the parameters used, and is no evidence of its own.
    """
    return replace(check, cannot_fail=why)


def combine(checks: Sequence[Check]) -> Outcome:
    """The outcome of several checks together: all must be supported, one violation violates."""
    outcomes = {check.outcome for check in checks}
    if "violated" in outcomes:
        return "violated"
    return "supported" if outcomes == {"supported"} else "underpowered"
