"""Is the robust generalization gap larger where the loss around fresh samples is sharper?

The patch model, over training time, attack radii and widths, several starts. Flatness is the largest slope of the loss
along w_star within the radius of the attack, in closed form, averaged over samples. Look for: the gap rises with the
flatness of fresh samples (left: every network; rank correlation with a 95 % interval over starts); training samples
become flat while fresh ones stay sharp (middle, mean over starts); the gap stays below W_1 between fresh and memorised
noise margins, the bound with a constant (right). The paper's own bound has an unknown constant. A minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim.claims.checks import mean_interval
from cgrosim.claims.flatness_runs import Moment, follow, order_by, slices
from cgrosim.figures import style
from cgrosim.studies.flatness import experiment
from cgrosim.theory.transport import wasserstein_line

WIDTHS, GAPS, STARTS, FRESH = (4, 8, 16), (0.02, 0.1, 0.3, 0.6), 20, 2000
STEPS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
COLOURS = (style.BLUE, style.GREEN, style.ORANGE, style.VERMILION)
NAMES = {"step": "time alone", "gap": "radius alone", "neurons": "width alone"}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every network, draw flatness against the gap, and write correlations and bounds."""
    run = start(__file__, __doc__, argv)
    seeds = run.seeds(run.choose(STARTS, 3))
    widths, gaps = run.choose(WIDTHS, WIDTHS[:2]), run.choose(GAPS, GAPS[1::2])
    steps, fresh = run.choose(STEPS, STEPS[::4]), run.choose(FRESH, 200)
    starts = []
    for seed in run.track(seeds, "starts"):
        networks = [experiment(seed, neurons=m, gap=gap, steps=steps[-1]) for m in widths for gap in gaps]
        starts.append([moment for params in networks for moment in follow(params, tuple(steps), fresh)])
    correlations = {"all": [order_by(each) for each in starts]}
    correlations["all, training samples"] = [order_by(each, "train_flatness") for each in starts]
    for name, text in NAMES.items():
        correlations[text] = [float(np.nanmean(slices(each, name))) for each in starts]
    found = {text: mean_interval(values, 0.05) for text, values in correlations.items()}
    moments = [moment for each in starts for moment in each]
    bounds = np.array([wasserstein_line(moment.fresh, moment.memorised) for moment in moments])
    with run.figure(16.0, 5.6) as figure:
        axes = figure.subplots(1, 3)
        _draw_order(axes[0], moments, gaps, found["all"])
        _draw_time(axes[1], moments, gaps[min(1, len(gaps) - 1)], widths[-1])
        _draw_bound(axes[2], moments, gaps, bounds)
    ratio = np.array([moment.robust_gap for moment in moments]) / bounds
    numbers = {
        "networks_and_times": len(moments),
        "rank_correlation_with_95_percent_interval": found,
        "largest_gap_over_wasserstein_bound": float(ratio.max()),
        "median_gap_over_wasserstein_bound": float(np.median(ratio)),
        "fresh_samples": fresh,
        "steps": steps,
        "widths": widths,
        "gaps": gaps,
    }
    params = {f"m = {m}, gap {gap}": experiment(seeds[0], neurons=m, gap=gap) for m in widths for gap in gaps}
    return run.write(params, seeds, numbers)


def _draw_order(axes: Any, moments: list[Moment], gaps: Sequence[float], found: tuple[float, float, float]) -> None:
    for gap, colour in zip(gaps, COLOURS, strict=False):
        chosen = [moment for moment in moments if moment.gap == gap]
        axes.plot([moment.test_flatness for moment in chosen], [moment.robust_gap for moment in chosen], "o", ms=3.5,
                  color=colour, alpha=0.6, label=f"radius {1 - gap:.2g} alpha")  # fmt: skip
    axes.set(xscale="log", xlabel="global flatness, fresh samples", ylabel="robust generalization gap (loss, nat)",
             title=f"Rank correlation {found[0]:.2f} [{found[1]:.2f}, {found[2]:.2f}]")  # fmt: skip
    axes.legend(loc="upper left", markerscale=2)


def _draw_time(axes: Any, moments: list[Moment], gap: float, width: int) -> None:
    chosen = [moment for moment in moments if moment.gap == gap and moment.neurons == width]
    steps = sorted({moment.step for moment in chosen})
    for name, text, colour, mark in (
        ("test_flatness", "global flatness, fresh samples", style.VERMILION, "o"),
        ("train_flatness", "global flatness, training samples", style.BLUE, "s"),
        ("robust_gap", "robust generalization gap", style.BLACK, "^"),
    ):
        values = [np.mean([getattr(moment, name) for moment in chosen if moment.step == step]) for step in steps]
        axes.plot(steps, values, marker=mark, color=colour, label=text)
    axes.set(xscale="log", xlabel="gradient steps", ylabel="mean over starts",
             title=f"Over time, m = {width}, radius {1 - gap:.2g} alpha")  # fmt: skip
    axes.set_ylim(0.0, 1.35 * axes.get_ylim()[1])
    axes.legend(loc="upper left")


def _draw_bound(axes: Any, moments: list[Moment], gaps: Sequence[float], bounds: np.ndarray) -> None:
    gap_of, size = np.array([moment.gap for moment in moments]), np.array([moment.robust_gap for moment in moments])
    for gap, colour in zip(gaps, COLOURS, strict=False):
        axes.plot(bounds[gap_of == gap], size[gap_of == gap], "o", ms=3.5, color=colour, alpha=0.6)
    ends = np.array([bounds.min(), bounds.max()])
    axes.plot(ends, ends, color=style.GREY, ls="--", label="gap = bound")
    axes.set(xscale="log", xlabel="$W_1$(fresh S, memorised V)", ylabel="robust generalization gap (loss, nat)",
             ylim=(-0.05, 1.3 * size.max()), title="Below the bound with a constant")  # fmt: skip
    axes.legend(loc="upper left")


if __name__ == "__main__":
    run_script(main)
