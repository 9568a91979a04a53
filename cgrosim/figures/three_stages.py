"""The story of one run on one time axis: the signal grows, stagnates, and the noise of every sample is memorised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked
from cgrosim.figures import style
from cgrosim.figures.decay_marks import edge_lines, mark_cure, mark_rest
from cgrosim.figures.heading import parameter_line, warnings_of
from cgrosim.figures.stage_strip import draw_strip, shade, stages_of
from cgrosim.figures.style import EndLabel, number
from cgrosim.model.thresholds import MEMORISED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cgrosim.model.params import Params
    from cgrosim.predictions.predicted import Predictions
    from cgrosim.predictions.values import Quantiles
    from cgrosim.run.results import Run

Array = NDArray[np.float64]
CLEAN, ADVERSARIAL, NOISE = style.BLUE, style.VERMILION, style.VERMILION
HUGE = 1e100  # values of a run that blew up, beyond which an axis cannot be drawn


@checked
def three_stage_figure(run: Run, predictions: Predictions | None = None) -> Figure:
    """Draw a run: signal, memorised noise, losses and errors over the same logarithmic time axis.

    Parameters
    ----------
    run
        Any run: also one that diverged, was interrupted, learnt nothing or has no test errors. The record at step 0
        has no place on a logarithmic axis and is left out, unless it is the only one.
    predictions
        What the theory predicted for this run before it started; drawn in black beside the measurement.
    """
    heading = [parameter_line(run.params), *edge_lines(predictions), *warnings_of(run)]
    with style.styled():
        figure, strip, panels = _frame(len(heading))
        figure.suptitle("\n".join(heading), fontsize=style.FONT, x=0.01, y=0.995, ha="left", va="top")
        steps, data = _drawable(run)
        _time_axis(panels, steps, run.params)
        stages = stages_of(run, float(steps[-1]))
        labels = [
            _signal(panels[0], run, steps, data, predictions),
            _memorisation(panels[1], run, steps, data, predictions),
            _losses(panels[2], steps, data),
            _errors(panels[3], steps, data),
        ]
        mark_cure(panels[3], predictions)
        panels[3].set_title(f"Errors; robust: {run.params.attack_description}", fontsize=style.FONT)
        for axes, ends in zip(panels, labels, strict=True):
            shade(axes, stages)
            style.label_ends(axes, ends)
        draw_strip(strip, stages)
    return figure


def _frame(lines: int) -> tuple[Figure, Axes, list[Axes]]:
    """The figure, the strip of stages and the four panels below a heading of some lines; room for labels on the right.

    The margins are fixed because finding them costs longer than drawing.
    """
    width, height, heading = 11.0, 12.0, 0.15 + 0.24 * lines
    figure = style.new_figure(width, height, layout=None)
    grid = figure.add_gridspec(
        5,
        1,
        height_ratios=[0.16, 1.0, 1.0, 0.75, 0.9],
        left=0.95 / width,
        right=1.0 - 2.3 / width,
        bottom=0.65 / height,
        top=1.0 - heading / height,
        hspace=0.24,
    )
    strip = figure.add_subplot(grid[0])
    return figure, strip, [figure.add_subplot(grid[k], sharex=strip) for k in range(1, 5)]


def _drawable(run: Run) -> tuple[Array, dict[str, Array]]:
    """Steps of the records that fit on a logarithmic axis, and the records with what cannot be drawn as nan."""
    steps = np.asarray(run.data["step"].values, dtype=np.float64)
    kept = steps > 0 if np.any(steps > 0) else np.ones(len(steps), dtype=bool)
    data = {}
    for name, variable in run.data.data_vars.items():
        if variable.dims[:1] == ("step",):
            values = np.asarray(variable.values[kept], dtype=np.float64)
            data[str(name)] = np.where(np.abs(values) < HUGE, values, np.nan)
    return np.maximum(steps[kept], 1.0), data


def _time_axis(panels: list[Axes], steps: Array, params: Params) -> None:
    panels[0].set_xscale("log")
    low, high = float(steps[0]), float(steps[-1])
    panels[0].set_xlim((low, high) if high > low else (0.5 * low, 2.0 * high))
    style.log_ticks(panels[0].xaxis)
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel(f"gradient step      (time = {number(params.learning_rate)} × step)")


def _signal(
    axes: Axes, run: Run, steps: Array, data: dict[str, Array], predictions: Predictions | None
) -> list[EndLabel]:
    """Panel (i): what the true feature adds to the margins."""
    symbol = _power_symbol(run.params)
    axes.set_title(f"True feature: what it adds to the margin, {symbol}".removesuffix(", "))
    axes.set_ylabel("part of the margin")
    clean, attacked = data["signal_margin"], data["attacked_signal_margin"]
    axes.axhline(1.0, color=style.GREY, lw=1.2, ls=":")
    axes.plot(steps, clean, color=CLEAN, lw=3.0)
    labels = [EndLabel(f"clean {number(clean[-1])}", clean[-1], CLEAN)]
    if predictions is not None:
        _predicted_signal(axes, predictions)
    if np.any(np.isfinite(attacked)):
        axes.plot(steps, attacked, color=ADVERSARIAL)
        labels.append(EndLabel(f"attacked {number(attacked[-1])}", attacked[-1], ADVERSARIAL))
    labels.append(EndLabel("grown: 1", 1.0, style.GREY))
    _finite_limits(axes, [clean, attacked, np.array([0.0, 1.2])])
    _legend_above(axes)
    return labels


def _legend_above(axes: Axes) -> None:
    """The legend in the upper left corner, with room above the curves so that it covers none of them."""
    lines = len(axes.get_legend_handles_labels()[0])
    if lines:
        low, high = axes.get_ylim()
        height = 0.03 + 0.105 * min(lines, 3)  # of the panel
        axes.set_ylim(low, low + (high - low) / (1.0 - height))
        axes.legend(loc="upper left")


def _predicted_signal(axes: Axes, predictions: Predictions) -> None:
    """The plateau curve, the growth time with its a-priori band, and the escape time where it is within sight."""
    _band(axes, predictions.value("signal_growth_quantiles"), "growth time over random starts")
    for key, name in (("signal_growth_time", "growth time"), ("escape_time", "escape time")):
        time = predictions.value(key)
        if time is not None and axes.get_xlim()[0] < time < axes.get_xlim()[1]:
            dash = "--" if name == "growth time" else "-."
            axes.axvline(time, color=style.BLACK, lw=1.6, ls=dash, label=f"predicted {name} {number(time)}")
    mark_rest(axes, predictions, "signal_margin")
    curve = predictions.value("signal_margin_curve")
    if curve is not None:
        look: dict[str, Any] = {"color": style.BLACK, "lw": 1.8, "ls": (0, (1, 1.2)), "label": "predicted curve"}
        axes.plot(curve.steps, curve.values, **look)


def _band(axes: Axes, law: Quantiles | None, what: str) -> None:
    """A vertical band between the outer quantiles of an a-priori law, cut at the right end of the axis."""
    low, high = axes.get_xlim()
    if law is None or not law.low < high or law.high <= low:
        return
    share = f"{100 * law.levels[0]:.0f} % to {100 * law.levels[2]:.0f} %"
    ends = max(law.low, low), min(law.high, high)
    axes.axvspan(*ends, facecolor="none", edgecolor=style.GREY, hatch="//", lw=0.8, label=f"predicted {what}: {share}")


def _power_symbol(params: Params) -> str:
    return rf"$\alpha^{{{params.power:g}}} U$" if params.activation == "power" else ""


def _memorisation(
    axes: Axes, run: Run, steps: Array, data: dict[str, Array], predictions: Predictions | None
) -> list[EndLabel]:
    """Panel (ii): the memorised noise of all samples, and when each crossed the threshold."""
    memorised = data["memorization"]
    axes.set_title(rf"Noise: memorised margin $V_i$ of the {memorised.shape[1]} training samples")
    axes.set_ylabel("part of the margin")
    low, lower, median, upper, high = np.quantile(memorised, [0.0, 0.1, 0.5, 0.9, 1.0], axis=1)
    axes.fill_between(steps, low, high, color=NOISE, alpha=0.18, lw=0, label="smallest to largest")
    axes.fill_between(steps, lower, upper, color=NOISE, alpha=0.4, lw=0, label="10 % to 90 %")
    axes.plot(steps, median, color=NOISE, lw=3.0)
    axes.axhline(MEMORISED, color=style.GREY, lw=1.2, ls=":")
    _finite_limits(axes, [low, high, np.array([0.0, 1.0])])
    room = 0.055 * float(np.ptp(axes.get_ylim()))  # half the height of a tick: measured above, predicted below
    _rug(axes, run.data["memorization_time"].values, MEMORISED + room, NOISE, "measured times")
    if predictions is not None:
        times = predictions.value("memorization_times")
        if times is not None:
            _rug(axes, times, MEMORISED - room, style.BLACK, "predicted times")
        _band(axes, predictions.value("memorization_quantiles"), "time of one sample")
        mark_rest(axes, predictions, "noise_margins")
    axes.legend(loc="best")
    median_label = EndLabel(f"median {number(median[-1])}", median[-1], NOISE)
    return [median_label, EndLabel(f"memorised: {MEMORISED}", MEMORISED, style.GREY)]


def _rug(axes: Axes, times: Array, height: float, colour: str, label: str) -> None:
    """A tick for every time that came (or lies) within the axis."""
    low, high = axes.get_xlim()
    shown = np.maximum(times[times <= high], low)  # comparisons with nan, for never, are false
    if len(shown):
        text = f"{label} ({len(shown)} of {len(times)})"
        axes.plot(shown, np.full(len(shown), height), "|", color=colour, ms=11, mew=1.2, label=text, zorder=3)


def _losses(axes: Axes, steps: Array, data: dict[str, Array]) -> list[EndLabel]:
    """Panel (iii): clean and adversarial training loss."""
    axes.set_title("Training loss")
    axes.set_ylabel("loss (nat)")
    names, colours = ["clean", "adversarial"], [CLEAN, ADVERSARIAL]
    if np.all(np.isnan(data["adversarial_loss"])):  # nothing was attacked
        names, colours = names[:1], colours[:1]
    losses = [data[f"{name}_loss"] for name in names]
    positive = [np.where(loss > 0.0, loss, np.nan) for loss in losses]
    every = np.concatenate([*positive, [np.log(2.0)]])
    if np.nanmax(every) > 10.0 * np.nanmin(every):
        axes.set_yscale("log")
    for loss, colour, width in zip(positive, colours, (3.0, 2.2), strict=False):
        axes.plot(steps, loss, color=colour, lw=width)
    axes.axhline(np.log(2.0), color=style.GREY, lw=1.2, ls=":")
    if axes.get_yscale() == "log":
        style.log_ticks(axes.yaxis)
    floor = axes.get_ylim()[0]  # where a loss below the smallest float is labelled: it has no place on a log axis
    labels = [
        EndLabel(f"{name} {number(loss[-1])}", floor if loss[-1] == 0.0 else float(loss[-1]), colour)
        for name, loss, colour in zip(names, losses, colours, strict=True)
    ]
    return [*labels, EndLabel("undecided: log 2", float(np.log(2.0)), style.GREY)]


def _errors(axes: Axes, steps: Array, data: dict[str, Array]) -> list[EndLabel]:
    """Panel (iv): the four errors that are there, clean in blue and robust in red, training dashed."""
    axes.set_ylabel("error")
    axes.axhline(0.5, color=style.GREY, lw=1.2, ls=":")
    top, labels = 0.6, []
    colours = (("clean", CLEAN, style.DARK_BLUE), ("robust", ADVERSARIAL, style.DARK_VERMILION))
    for kind, colour, dark in colours:
        for where in ("test", "train"):
            error = data.get(f"{kind}_{where}_error")
            if error is None or np.all(np.isnan(error)):
                continue
            test = where == "test"
            look: dict[str, Any] = {"lw": 3.4} if test else {"lw": 2.2, "ls": (0, (4, 2))}
            shade_of = colour if test else dark
            axes.plot(steps, error, color=shade_of, **look)
            text = f"{'—' if test else '- -'} {kind} {where} {error[-1]:.3g}"
            labels.append(EndLabel(text, error[-1], shade_of))
            top = max(top, float(np.nanmax(error, initial=0.0)))
    axes.set_ylim(-0.04, min(top + 0.06, 1.04))
    return labels


def _finite_limits(axes: Axes, values: list[Array]) -> None:
    """Limits that hold all finite values with a margin."""
    every = np.concatenate([np.ravel(v) for v in values])
    every = every[np.isfinite(every)]
    room = 0.06 * max(float(np.ptp(every)), 1e-300)
    axes.set_ylim(float(every.min()) - room, float(every.max()) + room)
