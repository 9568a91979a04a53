"""Curves of a sweep over the gradient steps: for every point the median over seeds and the band of the runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
MOST_NAMED = 8  # curves with a name in the legend; more are coloured in their order, with a bar


@dataclass(frozen=True)
class CurvesData:
    """What the figure shows.

    Attributes
    ----------
    steps : (K,) array
    labels : of the points, C of them
    low, middle, high : (C, K) arrays
    order : what the colours of many points count, in words
    places : (C,) numbers that colour them
    log : whether the colours follow the logarithm
    seeds : behind each band
    """

    title: str
    unit: str
    heading: str
    steps: NDArray[np.int64]
    labels: tuple[str, ...]
    low: Array
    middle: Array
    high: Array
    order: str
    places: Array
    log: bool
    seeds: int


def sweep_curves_figure(data: CurvesData) -> Figure:
    """Draw one line a point, and behind it the band in which 90 % of its runs lie."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    with style.styled():
        figure = style.new_figure(11.0, 6.6)
        figure.suptitle(data.heading, fontsize=style.FONT - 1, x=0.01, ha="left")
        axes = figure.subplots()
        few = len(data.labels) <= min(MOST_NAMED, len(style.CYCLE))
        low, high = float(np.min(data.places)), float(np.max(data.places))
        norm = (LogNorm if data.log else Normalize)(low, high if high > low else low + 1.0)
        shown = data.steps > 0 if np.any(data.steps > 0) else np.ones(len(data.steps), dtype=bool)
        steps = data.steps[shown]
        for place, label in enumerate(data.labels):
            colour = style.CYCLE[place] if few else colormaps["cividis"](norm(data.places[place]))
            if data.seeds > 1:
                axes.fill_between(
                    steps, data.low[place][shown], data.high[place][shown], color=colour, alpha=0.18, lw=0
                )
            axes.plot(steps, data.middle[place][shown], color=colour, label=label if few else None)
        axes.set(xscale="log", xlabel="gradient step", ylabel=data.unit, title=data.title)
        style.log_ticks(axes.xaxis)
        if few and any(data.labels):
            figure.legend(loc="outside right upper", title=data.order)
        elif not few:
            figure.colorbar(ScalarMappable(norm, colormaps["cividis"]), ax=axes, label=data.order)
        if data.seeds > 1:
            text = f"lines: median of {data.seeds} seeds; bands: 90 % of the runs"
            axes.text(0.01, 0.99, text, transform=axes.transAxes, va="top", fontsize=style.FONT - 2, color=style.GREY)
            low, high = axes.get_ylim()
            axes.set_ylim(low, high + 0.08 * (high - low))
    return figure
