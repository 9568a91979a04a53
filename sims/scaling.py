"""Do U, V, T_I, T_mem and the distance of the robust test error from 1/2 scale with d as predicted, from 1e3 to 1e14?

Networks at the paper's exponents, drawn exactly in law and trained by gradient flow, several seeds. Every panel shows
the measured values (dots), the prediction from the same starts (line), and the measured slope with its 95 % interval
beside the predicted one, logarithms included. Look for: slopes agree to a few thousandths, the intervals are even
narrower than that, because the starts cancel; V and the distance from 1/2 move by logarithms of d only: at these
exponents the theorem's 1/2 - o(1) is a polylog statement. A minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim.claims.checks import slope_over_seeds
from cgrosim.claims.claim import Context
from cgrosim.claims.paper_distances import distance_of
from cgrosim.claims.paper_predictions import Predicted, distance_from_start, predicted_of
from cgrosim.figures import style
from cgrosim.studies.paper_scale import PaperRun, paper_runs
from cgrosim.theory.scaling import exponents

SIZES, SEEDS = tuple(10.0 ** np.arange(3, 15)), 6
PURE = exponents()
QUANTITIES: dict[str, tuple[str, float, Callable[[PaperRun], float], Callable[[PaperRun, Predicted], float]]] = {
    "U": ("learnt signal U", PURE.signal_sum, lambda r: r.trained.learnt_signal,
          lambda r, p: p.signal_margin / r.claimed.signal_strength**r.claimed.power),
    "V": ("memorised noise V (mean)", PURE.noise_margin, lambda r: _mean(r.trained.memorization),
          lambda r, p: _mean(p.memorization)),
    "T_I": ("signal growth time (steps)", PURE.signal_growth_time, lambda r: r.trained.growth_time,
            lambda r, p: p.growth_time),
    "T_mem": ("last memorisation time (steps)", PURE.memorisation_time,
              lambda r: float(np.max(r.trained.memorization_times)), lambda r, p: float(np.max(p.memorization_times))),
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train at every dimension, fit the slopes, and draw each quantity against d."""
    experiment = start(__file__, __doc__, argv)
    sizes, context = experiment.choose(SIZES, SIZES[1::5]), Context(seed=experiment.seed)
    runs: list[PaperRun] = []
    for size in experiment.track(sizes, "dimensions"):
        runs += paper_runs(context, "scaling", experiment.choose(SEEDS, 3), sizes=(size,))
    alive = [(run, said) for run in runs if (said := predicted_of(run))]
    generator = context.generator("scaling")
    rows = {
        name: [(r.dimension, measured(r), told(r, p), r.seed) for r, p in alive]
        for name, (_, _, measured, told) in QUANTITIES.items()
    }
    rows["distance"] = [
        (r.dimension, found.measured, distance_from_start(r, p), r.seed)
        for r, p in alive
        if (found := distance_of(r, generator)) is not None
    ]
    labels = {name: (text, pure) for name, (text, pure, _, _) in QUANTITIES.items()}
    labels["distance"] = ("|robust test error - 1/2|", PURE.attacked_signal_margin_to_noise)
    numbers: dict[str, Any] = {"d": sizes, "runs": len(runs), "runs_with_a_live_filter": len(alive)}
    with experiment.figure(16.0, 9.5) as figure:
        panels = figure.subplots(2, 3).flat
        for axes, (name, (text, pure)) in zip(panels, labels.items(), strict=False):
            table = np.array(rows[name])
            kept = table[np.all(np.isfinite(table) & (table > 0.0), axis=1)]  # T_I = 0: a start at the loss's scale
            numbers[name] = _slopes(kept, pure)
            _draw(axes, kept, text, numbers[name])
        handles = axes.get_legend_handles_labels()[0]
        last = list(figure.axes)[-1]
        last.axis("off")
        last.legend(handles=handles, loc="center", fontsize=style.FONT + 1)
    return experiment.write({"smallest d": runs[0].claimed}, sorted({run.seed for run in runs}), numbers)


def _mean(values: np.ndarray) -> float:
    return float(np.exp(np.nanmean(np.log(np.maximum(values, 1e-300)))))


def _slopes(kept: np.ndarray, pure: float) -> dict[str, Any]:
    """Measured slope as the predicted one plus that of the residual, so that the spread of starts cancels.

    The 95 % interval is over seeds, one slope each: the sizes of one seed share its starts and are no replicates.
    """
    x, measured, predicted = np.log(kept[:, :3]).T
    seeds = np.unique(kept[:, 3], return_inverse=True)[1]
    told = slope_over_seeds(x, predicted, seeds)[0]
    slope, low, high = (told + end for end in slope_over_seeds(x, measured - predicted, seeds, 0.05))
    return {
        "slope": slope,
        "slope_95_percent": [low, high],
        "slope_predicted_with_logarithms": told,
        "slope_without_logarithms": pure,
        "median_measured_over_predicted": float(np.exp(np.median(measured - predicted))),
        "runs_used": len(kept),
        "mean_by_dimension": {f"{d:.0e}": _mean(kept[kept[:, 0] == d, 1]) for d in np.unique(kept[:, 0])},
    }


def _draw(axes: Any, table: np.ndarray, text: str, fit: dict[str, Any]) -> None:
    sizes = np.unique(table[:, 0])
    line = [_mean(table[table[:, 0] == d, 2]) for d in sizes]
    axes.plot(table[:, 0], table[:, 1], "o", color=style.BLUE, alpha=0.6, label="single runs")
    axes.plot(sizes, line, color=style.VERMILION, lw=3, label="predicted from the starts (mean)")
    low, high = fit["slope_95_percent"]
    slope = f"slope {fit['slope']:.3f} [{low:.3f}, {high:.3f}]\npredicted {fit['slope_predicted_with_logarithms']:.3f}"
    axes.set(xscale="log", yscale="log", xlabel="patch dimension d", title=text)
    axes.text(0.04, 0.04, slope, transform=axes.transAxes, bbox={"facecolor": "white", "edgecolor": "none"})
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** 0.3, high)
    style.log_ticks(axes.xaxis)


if __name__ == "__main__":
    run_script(main)
