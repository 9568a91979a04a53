"""Two runs over one axis of steps: the true feature, the memorised noise, the training loss and the errors of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.figures import style
from cgrosim.figures.style import EndLabel, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cgrosim.run.comparing import Comparison
    from cgrosim.run.results import Run

HUGE = 1e100  # values of a run that blew up, beyond which an axis cannot be drawn
PANELS = (
    ("signal_margin", "True feature: what it adds to the clean margin", "part of the margin"),
    ("memorization", "Noise: median memorised margin of the training samples", "part of the margin"),
    ("training_loss", "Training loss", "loss (nat)"),
    ("robust_test_error", "Robust test error", "error"),
)
LOOKS: tuple[dict[str, Any], ...] = ({"color": style.BLUE, "lw": 3.2}, {"color": style.VERMILION, "lw": 1.8})
LETTERS = 100  # of a heading that fits the width


def comparison_figure(compared: Comparison) -> Figure:
    """Draw the variables of `PANELS` that both runs have; without any of them, the first variables they share."""
    shared = compared.variables
    panels = [panel for panel in PANELS if panel[0] in shared]
    data = compared.first.data
    panels = panels or [(name, str(data[name].attrs.get("long_name", name)), name) for name in shared[:4]]
    differing = ", ".join(f"{name} {a} / {b}" for name, (a, b) in compared.parameters.items()) or "same parameters"
    heading = differing if len(differing) <= LETTERS else f"{len(compared.parameters)} parameters differ"
    height = 1.1 + 2.3 * max(len(panels), 1)
    with style.styled():
        figure = style.new_figure(11.0, height, layout=None)
        figure.suptitle(f"first (blue) / second (red): {heading}", fontsize=style.FONT, x=0.01, ha="left")
        grid = figure.add_gridspec(
            max(len(panels), 1), 1, left=0.09, right=0.8, bottom=0.6 / height, top=1.0 - 0.75 / height, hspace=0.35
        )
        axes: Axes | None = None
        for place, (name, title, unit) in enumerate(panels):
            axes = figure.add_subplot(grid[place], sharex=axes)
            axes.set_title(title)
            axes.set_ylabel(unit)
            _panel(axes, compared, name)
            axes.tick_params(labelbottom=place == len(panels) - 1)
        if axes is not None:
            axes.set_xlabel("gradient step")
    return figure


def _panel(axes: Axes, compared: Comparison, name: str) -> None:
    """Both runs, and a line where they part."""
    curves = [_curve(run, name) for run in (compared.first, compared.second)]
    steps = np.concatenate([places for places, _ in curves])
    values = np.concatenate([heights for _, heights in curves])
    values = values[np.isfinite(values)]
    axes.set_xscale("log")
    if len(steps):
        low, high = float(steps.min()), float(steps.max())
        axes.set_xlim((low, high) if high > low else (0.5 * low, 2.0 * high))
    style.log_ticks(axes.xaxis)
    if name.endswith("_loss") and len(values) and 0.0 < 10.0 * values.min() < values.max():
        axes.set_yscale("log")
        axes.set_ylim(0.7 * float(values.min()), 1.5 * float(values.max()))
        style.log_ticks(axes.yaxis)
    elif len(values):
        room = max(0.06 * float(np.ptp(values)), 1e-3 * float(np.abs(values).max()), 1e-300)
        axes.set_ylim(float(values.min()) - room, float(values.max()) + room)
    labels = []
    for (places, heights), look in zip(curves, LOOKS, strict=True):
        axes.plot(places, heights, **look)
        if len(heights):
            labels.append(EndLabel(number(float(heights[-1])), float(heights[-1]), look["color"]))
    parts = compared.parts_at(name)
    if isinstance(parts, int):
        axes.axvline(max(parts, axes.get_xlim()[0]), color=style.GREY, lw=1.2, ls=":", label=f"part at step {parts}")
        axes.legend(loc="best")
    style.label_ends(axes, labels)


def _curve(run: Run, name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Steps and values that fit on a logarithmic axis; of several values a step, the median."""
    steps, values = run.data["step"].values, np.asarray(run.data[name].values, dtype=np.float64)
    kept = steps > 0 if np.any(steps > 0) else np.ones(len(steps), dtype=bool)
    values = np.where(np.abs(values[kept]) < HUGE, values[kept], np.nan).reshape(int(kept.sum()), -1)
    return np.maximum(steps[kept], 1).astype(np.float64), np.median(values, axis=1)
