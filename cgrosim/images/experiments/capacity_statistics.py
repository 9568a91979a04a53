"""What a capacity sweep says: accuracies by width, and whether they order as claimed, with intervals.

Three statements are measured. Robust train accuracy increases with width (`ordering`, `widest_minus_narrowest`).
Clean test accuracy is high wherever training did not collapse (`least_clean_test`). The robust generalisation gap is
there wherever the training images are fitted (`least_gap`).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ConfigDict

from cgrosim.errors import ParameterError
from cgrosim.images.training.final import FinalAccuracies
from cgrosim.model.settings import SettingsBase

MOST_WIDTHS = 8  # 8! orders are enumerated in a second
CURVES = ("clean_test", "robust_test", "robust_train")


class Result(SettingsBase):
    """One training of the sweep and its networks: the last one, and the one selected on validation images (or None).

    Attributes
    ----------
    parameters : number of trained numbers
    status, message, seconds : of the training; a diverged one is measured after its last whole epoch
    """

    width: int
    seed: int
    adversarial: bool
    parameters: int
    last: FinalAccuracies
    selected: FinalAccuracies | None
    status: str
    message: str
    seconds: float


class Interval(SettingsBase):
    """An estimate with its confidence interval; nan where there is none."""

    model_config = ConfigDict(allow_inf_nan=True, ser_json_inf_nan="constants")

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class WidthSummary:
    """All seeds of one width.

    Attributes
    ----------
    accuracies : arrays over the seeds, by name (`CURVES`, ``clean_train`` and ``robust_gap``)
    mean, deviation : over the seeds; the deviation (of one seed, n - 1 in the denominator) is nan for a single one
    collapsed : which seeds ended at a constant prediction
    """

    width: int
    parameters: int
    accuracies: dict[str, NDArray[np.float64]]
    mean: dict[str, float]
    deviation: dict[str, float]
    collapsed: NDArray[np.bool_]


def summarise(results: Sequence[Result], adversarial: bool = True, selected: bool = False) -> list[WidthSummary]:
    """Summaries by increasing width, of the last networks or of those selected on validation images.

    Diverged trainings are left out: after divergence there is no network to speak of.
    """
    found = []
    kept = [r for r in results if r.adversarial == adversarial and r.status != "diverged" and _network(r, selected)]
    for width in sorted({result.width for result in kept}):
        of_width = [result for result in kept if result.width == width]
        networks = [network for result in of_width if (network := _network(result, selected)) is not None]
        values = {
            name: np.array([getattr(m, name) for m in networks]) for name in (*CURVES, "clean_train", "robust_gap")
        }
        found.append(
            WidthSummary(
                width,
                of_width[0].parameters,
                values,
                {name: float(np.mean(value)) for name, value in values.items()},
                {n: float(np.std(v, ddof=1)) if len(v) > 1 else math.nan for n, v in values.items()},
                np.array([network.collapsed for network in networks]),
            )
        )
    return found


def _network(result: Result, selected: bool) -> FinalAccuracies | None:
    return result.selected if selected else result.last


def table_by_seed(results: Sequence[Result], name: str, adversarial: bool = True) -> NDArray[np.float64]:
    """An accuracy of the last networks, ``(seeds, widths)``, for the seeds whose trainings are all there and whole."""
    kept = {
        (r.seed, r.width): float(getattr(r.last, name))
        for r in results
        if r.adversarial == adversarial and r.status != "diverged"
    }
    widths = sorted({r.width for r in results})
    seeds = [s for s in sorted({r.seed for r in results}) if all((s, w) in kept for w in widths)]
    return np.array([[kept[seed, width] for width in widths] for seed in seeds]).reshape(len(seeds), len(widths))


def ordering(values: ArrayLike, error_rate: float) -> Interval:
    """Mean over seeds of Kendall's tau between width and value, with its exact interval of chance.

    Every pair of widths of one seed counts +1 if the value grows with the width, -1 if it falls, 0 if it is equal;
    the sum over all pairs and seeds is divided by their number. If the width did not matter, all orders of the values
    of one seed would be equally likely, and seeds are independent: the distribution of the sum, given the values, is
    enumerated, ties included (a blocked Kendall test; compare Page 1963, J. Am. Stat. Assoc. 58:216). The interval is
    tau -+ c, cut to [-1, 1], with P(|tau| > c) <= error_rate under this distribution. Where the values do grow with
    the width (stochastically), an interval below zero is rarer than `error_rate`.

    Parameters
    ----------
    values : ``(seeds, widths)``, by increasing width
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 1 or not 2 <= table.shape[1] <= MOST_WIDTHS:
        raise ParameterError(
            f"The ordering is found from a table of seeds and 2 to {MOST_WIDTHS} widths, not from {table.shape}."
        )
    most = len(table) * math.comb(table.shape[1], 2)
    tau = sum(concordance(row) for row in table) / most
    chance = {0: 1.0}
    for row in table:
        one = _chance(tuple(np.unique(row, return_inverse=True)[1].tolist()))
        summed: Counter[int] = Counter()
        for (a, p), (b, q) in itertools.product(chance.items(), one.items()):
            summed[a + b] += p * q  # type: ignore[assignment]  # a Counter of probabilities
        chance = dict(summed)
    critical = _critical(chance, error_rate) / most
    return Interval(tau, max(tau - critical, -1.0), min(tau + critical, 1.0))


def concordance(values: ArrayLike) -> int:
    """Number of pairs in increasing order minus number of pairs in decreasing order."""
    x = np.asarray(values)
    return int(sum(np.sign(x[k + 1 :] - x[k]).sum() for k in range(len(x) - 1)))


def _chance(ranks: tuple[int, ...]) -> dict[int, float]:
    """Distribution of the concordance over all orders of the values."""
    counts = Counter(_concordance_of_ranks(order) for order in itertools.permutations(ranks))
    total = math.factorial(len(ranks))
    return {value: count / total for value, count in counts.items()}


def _concordance_of_ranks(order: tuple[int, ...]) -> int:
    return sum((b > a) - (b < a) for a, b in itertools.combinations(order, 2))


def _critical(chance: dict[int, float], error_rate: float) -> float:
    """Least c with P(|S| > c) <= error_rate."""
    tail = 0.0
    for size in sorted({abs(value) for value in chance}, reverse=True):
        tail += sum(p for value, p in chance.items() if abs(value) == size)
        if tail > error_rate:
            return float(size)
    return 0.0


def widest_minus_narrowest(values: ArrayLike, error_rate: float) -> tuple[Interval, Interval]:
    """The paired difference: its mean over seeds (Student interval), and how often it is positive (Clopper-Pearson).

    Parameters
    ----------
    values : ``(seeds, widths)``, by increasing width
    """
    from scipy.stats import t

    table = np.asarray(values, dtype=np.float64)
    difference, n = table[:, -1] - table[:, 0], len(table)
    mean = float(np.mean(difference))
    half = math.inf
    if n > 1:
        half = float(t.isf(error_rate / 2, n - 1) * np.std(difference, ddof=1) / math.sqrt(n))
    positive = int(np.sum(difference > 0))
    return Interval(mean, mean - half, mean + half), proportion_interval(positive, n, error_rate)


def proportion_interval(successes: int, trials: int, error_rate: float) -> Interval:
    """A proportion with its exact two-sided interval (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    low = 0.0 if successes == 0 else float(beta.ppf(error_rate / 2, successes, trials - successes + 1))
    high = 1.0 if successes == trials else float(beta.isf(error_rate / 2, successes + 1, trials - successes))
    return Interval(successes / trials, low, high)


def least_clean_test(results: Sequence[Result], error_rate: float) -> Interval:
    """The least clean test accuracy of the adversarially trained networks that did not collapse.

    All intervals hold together with probability 1 - error_rate over the draw of the test images (Bonferroni).
    Without such a network the interval is [0, 1].
    """
    kept = _not_collapsed(results)
    return _least(
        [
            proportion_interval(
                round(r.last.clean_test * r.last.test_samples), r.last.test_samples, error_rate / len(kept)
            )
            for r in kept
        ]
    )


def least_gap(results: Sequence[Result], fitted: float, error_rate: float) -> Interval:
    """The least robust train minus robust test accuracy among networks with a robust train accuracy from `fitted` on.

    Each accuracy has its own Clopper-Pearson interval at half of the rate, all together by Bonferroni. Without such a
    network the interval is [-1, 1].
    """
    kept = [r for r in _not_collapsed(results) if r.last.robust_train >= fitted]
    gaps = []
    for result in kept:
        train, test = (
            proportion_interval(round(accuracy * samples), samples, error_rate / (2 * len(kept)))
            for accuracy, samples in (
                (result.last.robust_train, result.last.train_samples),
                (result.last.robust_test, result.last.test_samples),
            )
        )
        gaps.append(Interval(train.value - test.value, train.low - test.high, train.high - test.low))
    return _least(gaps, lowest=-1.0)


def _not_collapsed(results: Sequence[Result]) -> list[Result]:
    return [r for r in results if r.adversarial and r.status != "diverged" and not r.last.collapsed]


def _least(intervals: Sequence[Interval], lowest: float = 0.0) -> Interval:
    """The least of several quantities whose intervals hold together."""
    if not intervals:
        return Interval(math.nan, lowest, 1.0)
    value, low, high = (min(getattr(each, name) for each in intervals) for name in ("value", "low", "high"))
    return Interval(value, low, high)


class Statements(SettingsBase):
    """What a sweep says, each with its interval at `error_rate`; None where too little was trained to say it.

    Attributes
    ----------
    ordering : mean Kendall tau of robust train accuracy with width
    difference, share_positive : of robust train accuracy, widest minus narrowest, over seeds
    clean_test : least clean test accuracy without collapse
    gap : least robust generalisation gap of the networks that fit at least `fitted` of the attacked training images
    seeds : number of seeds of which all widths are there
    """

    ordering: Interval | None
    difference: Interval | None
    share_positive: Interval | None
    clean_test: Interval
    gap: Interval
    fitted: float
    seeds: int
    error_rate: float


def statements(results: Sequence[Result], fitted: float = 0.9, error_rate: float = 0.05) -> Statements:
    """Measure the three statements of the sweep."""
    table = table_by_seed(results, "robust_train")
    enough = table.shape[0] >= 1 and 2 <= table.shape[1] <= MOST_WIDTHS
    difference, positive = widest_minus_narrowest(table, error_rate) if enough else (None, None)
    return Statements(
        ordering(table, error_rate) if enough else None,
        difference,
        positive,
        least_clean_test(results, error_rate),
        least_gap(results, fitted, error_rate),
        fitted,
        len(table),
        error_rate,
    )


def sentences(found: Statements) -> list[str]:
    """The statements in words."""
    rate = f"{100 * (1 - found.error_rate):g} %"
    told = []
    if found.ordering is not None and found.difference is not None and found.share_positive is not None:
        tau, difference = found.ordering, found.difference
        grows = "increases with width" if tau.low > 0 else "decreases with width" if tau.high < 0 else "is undecided"
        chance = max(tau.value - tau.low, tau.high - tau.value)
        spread = ""
        if math.isfinite(difference.low):
            spread = f" ({rate} interval {100 * difference.low:.1f} to {100 * difference.high:.1f})"
        told.append(
            f"Robust train accuracy {grows}: Kendall tau {tau.value:.2f}, by chance within {chance:.2f} "
            f"({rate}); widest minus narrowest {100 * difference.value:.1f} points{spread}, positive for "
            f"{round(found.share_positive.value * found.seeds)} of {found.seeds} seeds."
        )
    if not math.isnan(found.clean_test.value):
        told.append(
            f"Without collapse clean test accuracy is at least {100 * found.clean_test.value:.1f} % "
            f"({rate} interval from {100 * found.clean_test.low:.1f} %)."
        )
    if math.isnan(found.gap.value):
        told.append(f"No network fits {100 * found.fitted:g} % of the attacked training images.")
    else:
        told.append(
            f"Where {100 * found.fitted:g} % of the attacked training images are fitted, the robust gap is at least "
            f"{100 * found.gap.value:.1f} points ({rate} interval from {100 * found.gap.low:.1f})."
        )
    return told
