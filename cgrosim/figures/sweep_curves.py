"""Curves of a sweep over the gradient steps: for every point the median over seeds and the band of the runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
MOST_NAMED = 5  # curves of a panel with a colour of their own; more are coloured in their order
MOST_BANDS = 3  # of a panel; of more curves the first and the last one have a band
COLUMNS = 2


@dataclass(frozen=True)
class Panel:
    """The curves of one panel.

    Attributes
    ----------
    title : what is the same for all of them
    low, middle, high : (C, K) arrays
    """

    title: str
    low: Array
    middle: Array
    high: Array


@dataclass(frozen=True)
class CurvesData:
    """What the figure shows.

    Attributes
    ----------
    title, unit : of the quantity
    steps : (K,) array
    order : the parameter that the curves of a panel differ in
    labels : its values, C of them
    panels : one for each combination of what else is varied
    left_out : combinations for which there is no panel
    seeds : behind each band
    """

    title: str
    unit: str
    heading: str
    steps: NDArray[np.int64]
    order: str
    labels: tuple[str, ...]
    panels: tuple[Panel, ...]
    left_out: int
    seeds: int


def sweep_curves_figure(data: CurvesData) -> Figure:
    """Draw one line a point, and behind it the band in which 90 % of its runs lie."""
    columns = min(len(data.panels), COLUMNS)
    rows = -(-len(data.panels) // columns)
    with style.styled():
        figure = style.new_figure(11.5, 2.4 + 3.6 * rows)
        figure.suptitle(data.heading, fontsize=style.FONT - 1, x=0.01, ha="left")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for panel, axes in zip(data.panels, grid.flat, strict=False):
            _panel(axes, data, panel)
        for axes in list(grid.flat)[len(data.panels) :]:
            axes.axis("off")
        for axes in list(grid.flat)[: len(data.panels)][-columns:]:  # those with nothing below them
            axes.set_xlabel("gradient step")
            axes.tick_params(labelbottom=True)
        for axes in grid[:, 0]:
            axes.set_ylabel(data.title if data.unit == "1" else f"{data.title} ({data.unit})", wrap=True)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", title=data.order)
        figure.supxlabel(_words(data), fontsize=style.FONT - 2, color=style.GREY, x=0.01, ha="left")
    return figure


def _words(data: CurvesData) -> str:
    bands = "bands" if len(data.labels) <= MOST_BANDS else "bands (first and last line)"
    parts = [f"lines: median of {data.seeds} seeds; {bands}: 90 % of the runs"] if data.seeds > 1 else ["single runs"]
    return "; ".join(parts + ([f"{data.left_out} more panels left out"] if data.left_out else []))


def _panel(axes: Axes, data: CurvesData, panel: Panel) -> None:
    shown = data.steps > 0 if np.any(data.steps > 0) else np.ones(len(data.steps), dtype=bool)
    steps, count = data.steps[shown], len(data.labels)
    for place, (label, colour) in enumerate(zip(data.labels, _colours(count), strict=True)):
        if data.seeds > 1 and (count <= MOST_BANDS or place in (0, count - 1)):
            ends = panel.low[place][shown], panel.high[place][shown]
            axes.fill_between(steps, *ends, color=colour, alpha=0.18, lw=0)
        axes.plot(steps, panel.middle[place][shown], color=colour, label=label)
    axes.set(xscale="log", title=panel.title)
    style.log_ticks(axes.xaxis)


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    if count <= MOST_NAMED:
        return list(style.CYCLE[:count])
    return [colormaps["viridis"](place / (count - 1) * 0.92) for place in range(count)]
