"""When the samples of one run were memorised, against the law that was predicted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.arguments import checked
from cgrosim.figures import style
from cgrosim.figures.heading import parameter_line, warnings_of
from cgrosim.figures.style import number
from cgrosim.files.words import counted
from cgrosim.model.thresholds import MEMORISED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cgrosim.predictions.predicted import Predictions
    from cgrosim.run.results import Run

Array = NDArray[np.float64]


@checked
def memorisation_law_figure(run: Run, predictions: Predictions | None = None) -> Figure:
    """Draw the share of samples memorised by each step, measured and predicted, over logarithmic time.

    Samples that were not memorised by the end of the run are censored: the measured steps stop below 1 at the last
    step, which is marked, and the figure says how many samples are missing.

    Parameters
    ----------
    run
        Any run.
    predictions
        The predicted time of each sample from its own start (dashed), and the law before the start is drawn (smooth).
    """
    measured = np.asarray(run.data["memorization_time"].values, dtype=np.float64)
    end = max(float(run.data["step"][-1]), 1.0)
    with style.styled():
        figure = style.new_figure(9.0, 6.2, layout=None)
        heading = [parameter_line(run.params), *warnings_of(run)]
        figure.suptitle("\n".join(heading), fontsize=style.FONT - 2, x=0.01, y=0.99, ha="left", va="top")
        axes = figure.add_axes((0.09, 0.12, 0.88, 0.76 - 0.035 * (len(heading) - 1)))
        axes.set_xscale("log")
        axes.set_xlim(_time_limits(measured, end, predictions))
        if predictions is not None:
            _predicted(axes, predictions)
        _steps(axes, measured, end, style.BLUE, "-", "measured", width=3.0)
        style.log_ticks(axes.xaxis)
        axes.set_ylim(-0.02, 1.04)
        _censoring(axes, measured, end)
        axes.set_title(f"Memorisation time of a training sample, first step with $V_i \\geq {MEMORISED}$")
        axes.set_xlabel(f"gradient step      (time = {number(run.params.learning_rate)} × step)")
        axes.set_ylabel("share of samples memorised")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right")
    return figure


def _predicted(axes: Axes, predictions: Predictions) -> None:
    """The a-priori law, the times from the starts of this run, and the a-priori band of the last sample."""
    law, times = (predictions.value(name) for name in ("memorization_law", "memorization_times"))
    if law is not None:
        axes.plot(law.steps, law.values, color=style.ORANGE, lw=4.0, label="predicted law, over random starts")
    if times is not None:
        label = "predicted from the starts of these samples"
        _steps(axes, times, np.inf, style.BLACK, "--", label, width=1.8)
    last = predictions.value("last_memorization_quantiles")
    if last is not None and np.isfinite(last.median):
        share = f"{100 * last.levels[0]:.0f} % to {100 * last.levels[2]:.0f} %"
        ends = [[last.median - last.low], [min(last.high, axes.get_xlim()[1]) - last.median]]
        label = f"predicted time of the last sample, {share}"
        axes.errorbar([last.median], [1.0], xerr=ends, fmt="D", color=style.ORANGE, capsize=5, ms=8, label=label)


def _steps(axes: Axes, times: ArrayLike, end: float, colour: str, dash: str, label: str, width: float) -> None:
    """The empirical distribution of the times, every sample counted, up to the time until which it was watched."""
    times = np.asarray(times, dtype=np.float64)
    ordered = np.sort(times[times <= end])  # false for nan
    ordered = ordered[np.isfinite(ordered)]
    shares = np.arange(1, len(ordered) + 1) / max(len(times), 1)
    if len(ordered):
        label = f"{label} ({len(ordered)} of {len(times)})"
        stop = end if np.isfinite(end) else ordered[-1]
        x = np.concatenate([[ordered[0]], ordered, [max(stop, ordered[-1])]])
        y = np.concatenate([[0.0], shares, [shares[-1]]])
        axes.step(np.maximum(x, 1.0), y, where="post", color=colour, ls=dash, lw=width, label=label)


def _censoring(axes: Axes, measured: Array, end: float) -> None:
    missing = int(np.sum(~(measured <= end)))
    if missing:
        axes.axvline(end, color=style.GREY, lw=1.5)
        text = f"end of the run:\n{missing} of {counted(len(measured), 'sample')}\nnot memorised"
        left = axes.transAxes.inverted().transform(axes.transData.transform((end, 0.5)))[0] < 0.5
        look: dict[str, Any] = {"textcoords": "offset points", "ha": "left" if left else "right", "va": "center"}
        look["bbox"] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2.0}
        axes.annotate(text, (end, 0.88 if left else 0.55), xytext=(8 if left else -8, 0), **look)


def _time_limits(measured: Array, end: float, predictions: Predictions | None) -> tuple[float, float]:
    """From the first to the last time there is anything to see, with room, and the end of a run that missed some."""
    times = [measured]
    if predictions is not None:
        each, law, last = (
            predictions.value(name)
            for name in ("memorization_times", "memorization_law", "last_memorization_quantiles")
        )
        times += [] if each is None else [each]
        times += [] if law is None else [law.steps]
        times += [] if last is None else [np.array([last.low, last.median, last.high])]
    every = np.concatenate(times)
    every = every[np.isfinite(every)]
    if len(every) == 0 or not np.all(measured <= end):
        every = np.append(every, end)
    low, high = max(float(every.min()), 1.0), max(float(every.max()), 1.0)
    return low / 1.3, high * 1.3
