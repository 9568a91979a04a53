"""Is the robust gap confounded with clean accuracy? Networks compared at the same clean test error.

Few dimensions and many samples, so that memorising costs clean accuracy: adversarial training ends with a clean test
error of about one per cent. Standard training, and adversarial training itself while the signal was growing, pass
through the same clean test error (read at the first record not above it); there the same attack is measured. Look for:
at equal clean test error (right) the robust test errors do not differ, but only the memorising network has no robust
training error. The gap belongs to memorisation, not to clean accuracy. Left: the whole way. Fifteen seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start
from matplotlib.ticker import FormatStrFormatter

from cgrosim import Params, Run, simulate
from cgrosim.claims.checks import mean_interval
from cgrosim.figures import style

COMMON = {"dimension": 200, "patches": 2, "neurons": 10, "signal_strength": 1.0, "noise_std": 200**-0.5, "gap": 0.02,
          "init_std": 0.05, "learning_rate": 0.05, "engine": "flow", "flow_tolerance": 1e-6}  # fmt: skip
SAMPLES, STEPS, RECORDS, TEST_SAMPLES, SEEDS = 200, 1_000_000, 60, 10_000, 5
POINTS = ("standard,\nstopped there", "adversarial,\non the way", "adversarial,\nmemorised")
MEASURED = ("clean_test_error", "robust_train_error", "robust_test_error")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train pairs, read them where their clean test errors agree, and draw the ways and the readings."""
    experiment = start(__file__, __doc__, argv)
    sizes = experiment.choose((SAMPLES, RECORDS, TEST_SAMPLES), (20, 10, 200))
    seeds = experiment.seeds(experiment.choose(SEEDS, 2))
    settings = {"samples": sizes[0], "records": sizes[1], "test_samples": sizes[2], "steps": STEPS}
    pairs = []
    for seed in experiment.track(seeds, "pairs"):
        adversarial = Params(**COMMON, **settings, seed=seed)
        pairs.append((simulate(adversarial.replace(adversarial_weight=0.0)), simulate(adversarial)))
    table = np.array([_readings(*pair) for pair in pairs])  # (pair, point, measured)
    with experiment.figure(14.5, 6.6) as figure:
        left, right = figure.subplots(1, 2)
        _ways(left, pairs[0])
        _bars(right, table)
    numbers = {
        point.replace("\n", " "): {
            name: dict(zip(("mean", "low_95", "high_95"), mean_interval(table[:, k, j], 0.05), strict=True))
            for j, name in enumerate(MEASURED)
        }
        for k, point in enumerate(POINTS)
    }
    gap = table[:, :, 2] - table[:, :, 1]
    numbers["robust gap (test - train)"] = dict(zip(POINTS, gap.mean(axis=0), strict=True))
    return experiment.write({"adversarial": pairs[0][1].params, "standard": pairs[0][0].params}, seeds, numbers)


def _readings(standard: Run, adversarial: Run) -> list[list[float]]:
    """Both errors where the clean test error has first come down to the final one of adversarial training."""
    target = adversarial.final("clean_test_error")
    first = [int(np.flatnonzero(run.data.clean_test_error.values <= target)[0]) for run in (standard, adversarial)]
    places = [(standard, first[0]), (adversarial, first[1]), (adversarial, -1)]
    return [[float(run.data[name][at]) for name in MEASURED] for run, at in places]


def _ways(axes: Any, pair: tuple[Run, Run]) -> None:
    floor = 0.5 / pair[0].params.test_samples  # where an error of 0 is drawn
    looks = ((style.SKY, 6.0), (style.VERMILION, 2.5))  # apart in grey as well: light and wide, dark and narrow
    for name, run, (colour, width) in zip(("standard", "adversarial"), pair, looks, strict=True):
        clean = 100.0 * np.maximum(run.data.clean_test_error.values, floor)
        axes.plot(clean, run.data.robust_test_error, color=colour, lw=width, label=f"{name}, robust test")
        axes.plot(clean, run.data.robust_train_error, color=colour, lw=width, ls=":", label=f"{name}, robust train")
    final = 100.0 * float(pair[1].final("clean_test_error"))
    axes.axvline(final, color=style.BLACK, ls="--", label=f"compared at {final:.2g} %")
    axes.set(xscale="log", xlabel="clean test error (%), decreasing", ylabel="robust error", title="way of one pair")
    axes.invert_xaxis()
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.legend(loc="upper right")


def _bars(axes: Any, table: np.ndarray) -> None:
    place = np.arange(len(POINTS))
    for j, (name, colour, hatch) in enumerate(
        zip(MEASURED, (style.BLUE, style.DARK_VERMILION, style.VERMILION), ("", "", "//"), strict=True)
    ):
        mean, low, high = np.array([mean_interval(table[:, k, j], 0.05) for k in place]).T
        label = name.replace("_error", "").replace("_", " ")
        bars = axes.bar(place + 0.27 * (j - 1), mean, 0.27, yerr=[mean - low, high - mean], color=colour, hatch=hatch,
                 capsize=4, label=label)  # fmt: skip
        axes.bar_label(bars, [f"{100 * value:.2g} %" for value in mean], padding=2, fontsize=style.FONT - 1)
    axes.set_xticks(place, POINTS)
    axes.set(ylabel="error", ylim=(0.0, 0.75), title=f"at the same clean test error, {len(table)} pairs (95 %)")
    axes.legend(loc="upper right", ncols=3)


if __name__ == "__main__":
    run_script(main)
