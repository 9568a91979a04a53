"""Which of the theory's three stages a run on real images went through, by rules stated here and not by eye.

The thresholds are those of the simulator: the signal has grown when its share of the margin reaches 1, a residual is
memorised when its share reaches 0.7. Times are the first recorded steps; records are a tenth of a decade or less apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.thresholds import MEMORISED, SIGNAL_GROWN

if TYPE_CHECKING:
    import xarray

Array = NDArray[np.float64]

STALLED = 0.5  # exponent in U ~ step^exponent: above 1 in the theory's growth, about 1 / U on its plateau
SOLVED = 0.95  # clean training accuracy from which the clean loss counts as solved
CONFIDENCE = 0.975  # of the bound on the median over fresh samples

RULES = (
    f"I: the signal margin U reaches {SIGNAL_GROWN:g}. "
    f"II: after that there is a step from which U grows slower than step^{STALLED:g} over a doubling of the steps, "
    f"with at least {100 * SOLVED:g} % of the training samples classified correctly; at the first such step fewer than "
    f"half are memorised (residual margin R >= {MEMORISED:g}). "
    f"III: at the end at least half of the training samples are memorised, and the median of R over them exceeds the "
    f"upper {100 * CONFIDENCE:g} % confidence bound of the median over fresh samples by {MEMORISED:g} or more."
)


@dataclass(frozen=True)
class StageVerdict:
    """Whether a stage was seen, and a sentence with the numbers the rule looked at."""

    stage: str
    seen: bool
    reason: str


@dataclass(frozen=True)
class Times:
    """First recorded steps (nan: never).

    Attributes
    ----------
    growth : the signal margin, averaged over the classes, reaches 1
    stall : after that, it grows slower than the square root of the steps and the clean loss is solved
    memorisation : (samples,), the residual margin of a training sample reaches 0.7
    half : half of the training samples are memorised
    """

    growth: float
    stall: float
    memorisation: Array
    half: float


def times_of(steps: NDArray[np.int64], signal: Array, residual: Array, accuracy: Array) -> Times:
    """Hitting times of recorded courses.

    Parameters
    ----------
    steps : (records,), increasing
    signal : (records,), signal margin
    residual : (records, samples), residual margins of the training samples
    accuracy : (records,), clean training accuracy
    """
    growth = _first(steps, signal >= SIGNAL_GROWN)
    exponent = growth_exponent(steps, signal)
    with np.errstate(invalid="ignore"):
        stall = _first(steps, (steps >= growth) & (exponent < STALLED) & (accuracy >= SOLVED))
    reached = residual >= MEMORISED
    memorisation = np.array([_first(steps, column) for column in reached.T])
    return Times(growth, stall, memorisation, _first(steps, reached.mean(axis=1) >= 0.5))


def growth_exponent(steps: NDArray[np.int64], signal: Array) -> Array:
    """``log(U(s') / U(s)) / log(s' / s)`` with s' the first record at 2 s or later; nan where there is none."""
    found = np.full(len(steps), np.nan)
    for k, step in enumerate(steps):
        later = int(np.searchsorted(steps, 2 * step))
        if step > 0 and later < len(steps) and signal[k] > 0.0 and signal[later] > 0.0:
            found[k] = np.log(signal[later] / signal[k]) / np.log(steps[later] / step)
    return found


def verdicts(data: xarray.Dataset) -> tuple[StageVerdict, StageVerdict, StageVerdict]:
    """Judge a run (see `cgrosim.images.experiments.stage_training.run_stages`) by `RULES`."""
    return _growth(data), _stagnation(data), _memorisation(data)


def _growth(data: xarray.Dataset) -> StageVerdict:
    time, last = float(data["signal_growth_time"]), float(data["signal_margin"].mean("class")[-1])
    if np.isfinite(time):
        return StageVerdict(
            "I signal growth", True, f"U reaches {SIGNAL_GROWN:g} at step {time:g} and ends at {last:.3g}"
        )
    return StageVerdict("I signal growth", False, f"U ends at {last:.3g}, below {SIGNAL_GROWN:g}")


def _stagnation(data: xarray.Dataset) -> StageVerdict:
    name, time = "II stagnation", float(data["signal_stall_time"])
    if not np.isfinite(time):
        return StageVerdict(name, False, _no_stall(data))
    memorised = float((data["residual_margin"].sel(step=int(time)) >= MEMORISED).mean())
    told = f"U grows slower than step^{STALLED:g} from step {time:g}, with {100 * memorised:.3g} % memorised"
    return StageVerdict(name, memorised < 0.5, told)


def _no_stall(data: xarray.Dataset) -> str:
    """Why there is no stall time."""
    steps, growth = data["step"].values, float(data["signal_growth_time"])
    if not np.isfinite(growth):
        return "the signal has not grown"
    after = growth_exponent(steps, data["signal_margin"].mean("class").values)[steps >= growth]
    if not np.isfinite(after).any():
        return "the run ends before the steps have doubled since the signal has grown"
    if np.nanmin(after) >= STALLED:
        return f"U never grows slower than step^{np.nanmin(after):.2g}"
    return (
        f"fewer than {100 * SOLVED:g} % of the training samples are correct where U grows slower than step^{STALLED:g}"
    )


def _memorisation(data: xarray.Dataset) -> StageVerdict:
    train, fresh = data["residual_margin"].values[-1], data["fresh_residual_margin"].values[-1]
    share = float(np.mean(train >= MEMORISED))
    bound = median_bound(fresh)
    told = (
        f"{100 * share:.3g} % of the training samples end memorised; median R {np.median(train):.3g}, on fresh samples "
        f"{np.median(fresh):.3g} (at most {bound:.3g})"
    )
    if share >= 0.5 and np.median(train) - bound < MEMORISED <= np.median(train) - np.median(fresh):
        told += ", too few fresh samples to tell"
    half = float(data["half_memorized_time"])
    if np.isfinite(half):
        told += f"; half at step {half:g}"
    return StageVerdict("III memorisation", share >= 0.5 and np.median(train) - bound >= MEMORISED, told)


def median_bound(values: Array, confidence: float = CONFIDENCE) -> float:
    """Distribution-free upper confidence bound of the median.

    The (k + 1)-th smallest of n values lies above the median with probability P(Binomial(n, 1/2) <= k), so the
    smallest k for which that is at least `confidence` gives the bound (David and Nagaraja 2003, Section 7.1).
    """
    from scipy.stats import binom

    rank = int(binom.ppf(confidence, len(values), 0.5))  # 0-based place of the bound
    return float(np.sort(values)[rank]) if rank < len(values) else np.inf


def _first(steps: NDArray[np.int64], reached: NDArray[np.bool_]) -> float:
    return float(steps[np.argmax(reached)]) if np.any(reached) else np.nan
