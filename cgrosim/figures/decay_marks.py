"""What weight decay adds to the figure of a run: edges in words, resting margins, and the time of the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cgrosim.figures import style
from cgrosim.figures.heading import wrapped
from cgrosim.figures.style import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cgrosim.predictions.predicted import Predictions


def edge_lines(predictions: Predictions | None) -> list[str]:
    """Lines for the heading: the weight decay in use between its predicted edges; none without weight decay."""
    if predictions is None or not predictions.params.weight_decay:
        return []
    parts = [f"Weight decay {number(predictions.params.weight_decay)}; predicted edges:"]
    edges, signal = predictions.value("decay_edges"), predictions.value("decay_signal_edge")
    if isinstance(edges, np.ndarray) and edges.size:
        low, high = float(edges.min()), float(edges.max())
        parts.append(f"samples are no longer memorised from {number(low)} to {number(high)} on,")
    if isinstance(signal, float):
        parts.append(f"the signal is not learnt from {number(signal)} on")
    return wrapped(" ".join(parts).rstrip(",:"))


def mark_rest(axes: Axes, predictions: Predictions | None, name: str) -> None:
    """A horizontal line where the margin of this name is predicted to rest under weight decay."""
    if predictions is None or not predictions.params.weight_decay:
        return
    value = predictions.value(name)
    height = float(np.nanmax(value)) if value is not None and np.any(np.isfinite(value)) else np.nan
    if np.isfinite(height):
        axes.axhline(height, color=style.BLACK, lw=1.6, ls=(0, (6, 2)), label=f"predicted rest {number(height)}")


def mark_cure(axes: Axes, predictions: Predictions | None) -> None:
    """A vertical line at the step at which the robust test error is predicted to have fallen to 5 per cent."""
    time = None if predictions is None else predictions.value("decay_robust_time")
    if isinstance(time, float) and axes.get_xlim()[0] < time < axes.get_xlim()[1]:
        text = f"predicted: robust test error 5 % at {number(time)}"
        axes.axvline(time, color=style.BLACK, lw=1.6, ls="--", label=text)
        axes.legend(loc="best")
