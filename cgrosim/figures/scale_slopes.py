"""Quantities against the dimension: single runs, the prediction from their starts, and both slopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ScalePanel:
    """One panel.

    Attributes
    ----------
    title : what is shown, with its unit
    table : (rows, 4) dimension, measured, predicted, seed
    fit : with ``slope``, ``slope_95_percent`` and ``slope_predicted_with_logarithms``
    """

    title: str
    table: NDArray[np.float64]
    fit: Mapping[str, Any]


def draw_scales(figure: Figure, panels: list[ScalePanel]) -> None:
    """Draw up to five panels, and the legend in the place of the sixth."""
    places = list(figure.subplots(2, 3).flat)
    for axes, panel in zip(places, panels, strict=False):
        _draw(axes, panel)
    for axes in places[len(panels) :]:
        axes.axis("off")
    places[-1].legend(handles=places[0].get_legend_handles_labels()[0], loc="center", fontsize=style.FONT + 1)


def _draw(axes: Any, panel: ScalePanel) -> None:
    d, measured, predicted = panel.table[:, :3].T
    sizes = np.unique(d)
    line = [np.exp(np.mean(np.log(predicted[d == size]))) for size in sizes]
    axes.plot(d, measured, "o", color=style.BLUE, alpha=0.6, label="single runs")
    axes.plot(sizes, line, color=style.BLACK, lw=2, label="predicted from the starts (mean)")
    low, high = panel.fit["slope_95_percent"]
    told = panel.fit["slope_predicted_with_logarithms"]
    slope = f"slope {panel.fit['slope']:.3f} [{low:.3f}, {high:.3f}]\npredicted {told:.3f}"
    axes.set(xscale="log", yscale="log", xlabel="patch dimension d", title=panel.title)
    axes.text(0.04, 0.04, slope, transform=axes.transAxes, bbox={"facecolor": "white", "edgecolor": "none"})
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** 0.3, high)
    style.log_ticks(axes.xaxis)
