"""The three stages on real images: standard and adversarial training side by side on one time axis."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style
from cgrosim.figures.stage_strip import GROWTH, MEMORISATION, STAGNATION, Stage, draw_strip, shade
from cgrosim.figures.style import EndLabel, number
from cgrosim.files.words import last_part
from cgrosim.model.thresholds import MEMORISED, SIGNAL_GROWN

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
CLEAN, ADVERSARIAL, FRESH = style.BLUE, style.VERMILION, style.ORANGE
WIDTH, HEIGHT, RIGHT = 9.0, 15.5, 2.3  # inches of a column, of the figure, and of the room for labels in a column
LETTERS = 84  # of a line that fits a column


def image_stages_figure(runs: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw runs of `cgrosim.images.experiments.stage_training.run_stages`, one a column, on one scale.

    Parameters
    ----------
    runs
        Title of the column: run. The record at step 0 has no place on a logarithmic axis and is left out.
    """
    heading = _heading(next(iter(runs.values())))
    with style.styled():
        width = WIDTH * len(runs)
        figure = style.new_figure(width, HEIGHT, layout=None)
        figure.suptitle("\n".join(heading), fontsize=style.FONT, x=0.2 / width, y=0.997, ha="left", va="top")
        top = 1.0 - (0.2 + 0.24 * len(heading) + 1.75) / HEIGHT
        columns = []
        for k, (title, run) in enumerate(runs.items()):
            left = (k * WIDTH + 0.95) / width
            grid = figure.add_gridspec(
                6,
                1,
                height_ratios=[0.16, 1.0, 1.15, 1.0, 0.75, 0.9],
                left=left,
                right=((k + 1) * WIDTH - RIGHT) / width,
                bottom=0.65 / HEIGHT,
                top=top,
                hspace=0.27,
            )
            strip = figure.add_subplot(grid[0])
            panels = [figure.add_subplot(grid[row], sharex=strip) for row in range(1, 6)]
            figure.text(
                left - 0.55 / width, top + 1.72 / HEIGHT, title, fontsize=style.FONT + 3, weight="bold", va="top"
            )
            text = "\n".join(_verdict_lines(run))
            figure.text(left - 0.55 / width, top + 1.38 / HEIGHT, text, fontsize=style.FONT - 1.5, va="top")
            columns.append((run, strip, panels))
        _draw_columns(columns)
    return figure


def _heading(run: xarray.Dataset) -> list[str]:
    """The parameters that all columns share, and the attack of the measurements."""
    p = json.loads(run.attrs["params"])
    names = ", ".join(p["class_names"]) if len(p["class_names"]) > 2 else " against ".join(p["class_names"])
    readout = "summed" if len(p["class_names"]) == 2 else "summed by class"
    return [
        f"{last_part(p['dataset'])}: {names}, {run.sizes['sample']} training and {run.sizes['fresh']} fresh test "
        f"images; {p['filters']} filters on {p['patch']} × {p['patch']} patches, odd power {p['exponent']}, {readout}; "
        f"learning rate {p['learning_rate']:g}, $\\sigma_0$ = {number(p['initial_scale'])}, seed {p['seed']}",
        f"Attack of every robust number: {run.attrs['attack'].partition('; measured by ')[2]}",
    ]


def _verdict_lines(run: xarray.Dataset) -> list[str]:
    lines = []
    for verdict in json.loads(run.attrs["stages"]):
        text = f"{verdict['stage']}: {'seen' if verdict['seen'] else 'NOT seen'}. {verdict['reason']}"
        lines += textwrap.wrap(text, LETTERS + 12, subsequent_indent="      ")
    if run.attrs["status"] != "finished":
        lines += textwrap.wrap(f"{run.attrs['status'].upper()}. {run.attrs['message']}", LETTERS + 12)
    return lines


def _stages(run: xarray.Dataset, last: float) -> list[Stage]:
    """The stages that were seen, between the recorded times; what lies between stages not seen stays white."""
    seen = {v["stage"].split()[0]: v["seen"] for v in json.loads(run.attrs["stages"])}
    grown, half = (float(run[name]) for name in ("signal_growth_time", "half_memorized_time"))
    half = half if np.isfinite(half) else np.inf
    found = []
    if seen["I"]:
        found.append(Stage("I", "signal growth", GROWTH, 0.0, min(grown, half)))
    if seen["II"]:
        end = half if seen["III"] else last
        found.append(Stage("II", "stagnation", STAGNATION, grown, min(end, last)))
    if seen["III"]:
        found.append(Stage("III", "memorisation", MEMORISATION, half, last))
    return [stage for stage in found if stage.last > stage.first]


def _draw_columns(columns: list[tuple[xarray.Dataset, Axes, list[Axes]]]) -> None:
    drawers = (_signal, _residuals, _correlations, _losses, _accuracies)
    labels: list[list[list[EndLabel]]] = []
    steps = []
    for run, strip, panels in columns:
        kept = run.isel(step=run["step"].values > 0) if run.sizes["step"] > 1 else run
        at = np.maximum(kept["step"].values.astype(np.float64), 1.0)
        strip.set_xscale("log")
        strip.set_xlim(at[0], max(at[-1], 2.0 * at[0]))
        steps.append(at)
        labels.append([draw(axes, at, kept) for draw, axes in zip(drawers, panels, strict=True)])
        style.log_ticks(strip.xaxis)
        for axes in panels[:-1]:
            axes.tick_params(labelbottom=False)
        rate = json.loads(run.attrs["params"])["learning_rate"]
        panels[-1].set_xlabel(f"gradient step      (time = {number(rate)} × step)")
    for row in zip(*(panels for _, _, panels in columns), strict=True):
        low, high = min(axes.get_ylim()[0] for axes in row), max(axes.get_ylim()[1] for axes in row)
        for axes in row:
            axes.set_ylim(low, high)
    for (run, strip, panels), ends, at in zip(columns, labels, steps, strict=True):
        stages = _stages(run, float(at[-1]))
        for axes, texts in zip(panels, ends, strict=True):
            shade(axes, stages)
            style.label_ends(axes, texts, size=style.FONT - 1.5)
        draw_strip(strip, stages)


def _signal(axes: Axes, steps: Array, run: xarray.Dataset) -> list[EndLabel]:
    """Panel (i): the margin of the class means, clean and attacked."""
    axes.set_title("Signal: margin U of the class mean image")
    axes.set_ylabel("margin")
    labels = []
    for name, colour, width, what in (
        ("signal_margin", CLEAN, 3.0, "clean U"),
        ("attacked_signal_margin", ADVERSARIAL, 2.2, "attacked"),
    ):
        values = run[name].mean("class").values
        axes.plot(steps, values, color=colour, lw=width)
        labels.append(EndLabel(f"{what} {number(values[-1])}", values[-1], colour))
    axes.axhline(SIGNAL_GROWN, color=style.GREY, lw=1.2, ls=":")
    return [*labels, EndLabel(f"grown: {SIGNAL_GROWN:g}", SIGNAL_GROWN, style.GREY)]


def _residuals(axes: Axes, steps: Array, run: xarray.Dataset) -> list[EndLabel]:
    """Panel (ii): the residual margins R of the training samples against those of fresh samples; V dashed."""
    axes.set_title(r"Residuals: margin $R_i$ of image − class mean; $V_i$ = margin − U")
    axes.set_ylabel("margin")
    train, fresh = run["residual_margin"].values, run["fresh_residual_margin"].values
    v = np.median(run["memorization"].values, axis=1)
    low, median, high = np.quantile(fresh, [0.1, 0.5, 0.9], axis=1)
    look: dict[str, Any] = {"color": FRESH, "ls": (0, (4, 1.5)), "zorder": 2.5}
    for edge, label in ((low, "fresh, 10 % and 90 %"), (high, None)):
        axes.plot(steps, edge, lw=1.4, label=label, **look)
    axes.plot(steps, median, lw=3.0, **look)
    labels = [EndLabel(f"fresh, median {number(median[-1])}", median[-1], "#9A6A00")]
    low, median, high = np.quantile(train, [0.1, 0.5, 0.9], axis=1)
    axes.fill_between(steps, low, high, color=style.SKY, alpha=0.5, lw=0, label="training, 10 % to 90 %")
    axes.plot(steps, median, color=CLEAN, lw=3.0)
    labels.append(EndLabel(f"training, median {number(median[-1])}", median[-1], CLEAN))
    axes.plot(steps, v, color=style.BLACK, lw=1.8, ls=(0, (1, 1.2)))
    labels.append(EndLabel(f"$V_i$, median {number(v[-1])}", v[-1], style.BLACK))
    axes.axhline(MEMORISED, color=style.GREY, lw=1.2, ls=":")
    axes.set_yscale("symlog", linthresh=1.0, linscale=1.0)
    axes.legend(loc="upper left")
    return [*labels, EndLabel(f"memorised: {MEMORISED}", MEMORISED, style.GREY)]


def _correlations(axes: Axes, steps: Array, run: xarray.Dataset) -> list[EndLabel]:
    """Panel (iii): every filter's largest correlation with a class-mean part, and with a residual."""
    axes.set_title("Largest correlations, each filter (thin) and the largest")
    axes.set_ylabel("correlation")
    labels = []
    for name, colour, what in (
        ("filter_signal_max", CLEAN, "class mean, |µ| u"),
        ("filter_noise_max", style.PURPLE, "residual, v"),
    ):
        values = run[name].values
        axes.plot(steps, values, color=colour, lw=1.0, alpha=0.5)
        top = values.max(axis=1)
        axes.plot(steps, top, color=colour, lw=2.6)
        labels.append(EndLabel(f"{what} {number(top[-1])}", top[-1], colour))
    return labels


def _losses(axes: Axes, steps: Array, run: xarray.Dataset) -> list[EndLabel]:
    """Panel (iv): clean and adversarial training loss."""
    axes.set_title("Training loss")
    axes.set_ylabel("loss (nat)")
    axes.set_yscale("log")
    chance = float(np.log(run.sizes["class"]))
    labels = []
    for name, colour, width in (("clean", CLEAN, 3.0), ("adversarial", ADVERSARIAL, 2.2)):
        values = run[f"{name}_loss"].values
        axes.plot(steps, np.where(values > 0.0, values, np.nan), color=colour, lw=width)
        labels.append(EndLabel(f"{name} {number(values[-1])}", values[-1], colour))
    axes.axhline(chance, color=style.GREY, lw=1.2, ls=":")
    return [*labels, EndLabel(f"undecided: log {run.sizes['class']}", chance, style.GREY)]


def _accuracies(axes: Axes, steps: Array, run: xarray.Dataset) -> list[EndLabel]:
    """Panel (v): clean accuracy in blue, robust in red, training dashed."""
    axes.set_title("Accuracy")
    axes.set_ylabel("accuracy")
    labels = []
    for kind, colour, dark in (
        ("clean", CLEAN, style.DARK_BLUE),
        ("robust", ADVERSARIAL, style.DARK_VERMILION),
    ):
        for where in ("test", "train"):
            values = run[f"{kind}_{where}_accuracy"].values
            test = where == "test"
            look: dict[str, Any] = {"lw": 3.2} if test else {"lw": 2.0, "ls": (0, (4, 2))}
            axes.plot(steps, values, color=colour if test else dark, **look)
            text = f"{'—' if test else '- -'} {kind} {where} {values[-1]:.3g}"
            labels.append(EndLabel(text, values[-1], colour if test else dark))
    axes.axhline(1.0 / run.sizes["class"], color=style.GREY, lw=1.2, ls=":")
    axes.set_ylim(-0.03, 1.05)
    return labels
