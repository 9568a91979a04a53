"""The figure of a claim: what was predicted and what was measured, as its evidence gives them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.arguments import checked
from cgrosim.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from cgrosim.claims.claim import Panel, Series

Array = NDArray[np.float64]
MARKERS = "osD^vP"
DASHES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1.2)))
HATCHES = ("", "///", "...", "xx", "\\\\\\", "++")


@checked
def panel_figure(panel: Panel) -> Figure:
    """Draw a panel of a claim; sets of marks differ in shape or dash as well as in colour.

    A ``map`` has ``values[i, j]`` at ``(x[i], y[j])``: indices of `categories` where there are any, numbers otherwise.
    """
    with style.styled():
        figure, axes = _frame(panel)
        axes.set_xscale(panel.x_scale)
        axes.set_yscale(panel.y_scale)
        mapped = _has_map(panel)
        if not mapped:  # the cells of a map set the limits
            axes.set_xlim(_limits([s.x for s in panel.series], panel.x_scale == "log"))
            heights = [end for s in panel.series for end in (s.y, s.low, s.high) if end is not None]
            axes.set_ylim(_limits(heights, panel.y_scale == "log"))
        counts: dict[str, int] = {}
        for index, series in enumerate(s for s in panel.series if s.kind != "map"):
            nth = counts.setdefault(series.kind, 0)
            counts[series.kind] += 1
            colour = style.BLACK if mapped else style.CYCLE[index % len(style.CYCLE)]
            _draw(axes, series, colour, nth)
        cells = [patch for s in panel.series if s.kind == "map" for patch in _map(figure, axes, s)]
        for scale, axis in ((panel.x_scale, axes.xaxis), (panel.y_scale, axes.yaxis)):
            if scale == "log":
                style.log_ticks(axis)
        handles = [*cells, *axes.get_legend_handles_labels()[0]]
        if handles and _legend_rows(panel):
            corner: dict[str, Any] = {"bbox_to_anchor": (0.01, 0.0), "bbox_transform": figure.transFigure}
            axes.legend(handles=handles, loc="lower left", ncols=2, **corner)
        elif handles:
            axes.legend(handles=handles, loc="best")
    return figure


def _frame(panel: Panel) -> tuple[Figure, Axes]:
    """A figure with room for its labels and, below the panel, for a long legend.

    The margins follow from the numbers of lines, because measuring the labels takes longer than drawing.
    """
    title, below, beside = (
        textwrap.wrap(text, width) or [""]
        for text, width in ((panel.title, 58), (panel.x_label, 72), (panel.y_label, 44))
    )
    rows = _legend_rows(panel)
    bottom, top = 0.5 + 0.22 * len(below) + 0.26 * rows, 0.12 + 0.26 * len(title)
    left = 0.85 + 0.22 * len(beside)
    width, height = 8.0, 4.2 + bottom + top
    figure = style.new_figure(width, height, layout=None)
    axes = figure.add_axes((left / width, bottom / height, 1.0 - (left + 0.2) / width, 4.2 / height))
    axes.set_title("\n".join(title), y=1.0)  # a place given is one that no labels have to be measured for
    axes.set_xlabel("\n".join(below))
    axes.set_ylabel("\n".join(beside))
    return figure, axes


def _legend_rows(panel: Panel) -> int:
    """Rows of a legend of two columns below the panel, for a map or many series; none where it finds room inside."""
    keys = sum(len(s.categories) if s.kind == "map" else bool(s.label) for s in panel.series)
    return (keys + 1) // 2 if keys > 5 or _has_map(panel) else 0


def _has_map(panel: Panel) -> bool:
    return any(series.kind == "map" for series in panel.series)


def _draw(axes: Axes, series: Series, colour: str, nth: int) -> None:
    """One set of marks; `nth` of its kind picks the marker or dash."""
    x, y, label = np.asarray(series.x), np.asarray(series.y), series.label or None
    bottom, top = axes.get_ylim()
    # an interval without an end, or with one at or below zero on a logarithmic axis, runs to the edge of the panel
    low, high = (y if end is None else np.clip(end, bottom, top) for end in (series.low, series.high))
    if series.kind == "points":
        bars = None if series.low is None or series.high is None else np.maximum([y - low, high - y], 0.0)
        marker = MARKERS[nth % len(MARKERS)]
        axes.errorbar(x, y, yerr=bars, fmt=marker, color=colour, ms=6, capsize=3, lw=1.6, label=label, zorder=3)
    elif series.kind == "line":
        axes.plot(x, y, color=colour, ls=DASHES[nth % len(DASHES)], label=label)
    elif series.kind == "band":
        axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0, hatch=HATCHES[nth % 2], label=label)
    else:
        axes.step(x, y, where="post", color=colour, ls=DASHES[nth % len(DASHES)], label=label)


def _limits(values: Sequence[ArrayLike], logarithmic: bool) -> tuple[float, float]:
    """Limits that hold every finite value (every positive one on a logarithmic axis) with a margin."""
    every = np.concatenate([np.ravel(np.asarray(v, dtype=np.float64)) for v in values])
    every = every[np.isfinite(every) & ((every > 0.0) | (not logarithmic))]
    if len(every) == 0:
        return (1.0, 10.0) if logarithmic else (0.0, 1.0)
    ends = np.log(every) if logarithmic else every
    low, high = float(ends.min()), float(ends.max())
    room = 0.06 * (high - low) or max(0.05 * abs(low), 0.05)
    limits = np.array([low - room, high + room])
    low, high = np.exp(np.clip(limits, -700.0, 700.0)) if logarithmic else limits
    return float(low), float(high)


def _map(figure: Figure, axes: Axes, series: Series) -> list[Patch]:
    """Coloured cells: with a letter each and a legend of named categories, or with a bar for numbers."""
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    x, y = np.asarray(series.x, dtype=np.float64), np.asarray(series.y, dtype=np.float64)
    values = np.asarray(series.values, dtype=np.float64)
    if values.shape != (len(x), len(y)):
        raise ValueError(
            f"the map {series.label!r} has values of shape {values.shape}, but needs one a point of x by y, "
            f"{(len(x), len(y))}."
        )
    across, up = _edges(x, axes.get_xscale() == "log"), _edges(y, axes.get_yscale() == "log")
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(up[0], up[-1])
    if not series.categories:
        cells = axes.pcolormesh(across, up, values.T, cmap="cividis", zorder=0)
        figure.colorbar(cells, ax=axes, label=series.label)
        return []
    count = len(series.categories)
    colours = ListedColormap([style.CELLS[k % len(style.CELLS)] for k in range(count)])
    norm = BoundaryNorm(np.arange(count + 1) - 0.5, count)
    axes.pcolormesh(across, up, values.T, cmap=colours, norm=norm, edgecolor="white", lw=1.0, zorder=0)
    for k in range(count):  # letters tell the categories apart where colours do not
        for i, j in zip(*np.nonzero(values == k), strict=True):
            axes.text(x[i], y[j], style.LETTERS[k], ha="center", va="center", fontsize=style.FONT - 2, alpha=0.8)
    return [
        Patch(facecolor=colours(k), label=f"{style.LETTERS[k]}  {name}") for k, name in enumerate(series.categories)
    ]


def _edges(centres: Array, logarithmic: bool) -> Array:
    """Edges of cells around ascending centres: halfway between them, on the scale of the axis."""
    c = np.log(centres) if logarithmic else centres
    if len(c) == 1:
        edges = np.array([c[0] - 0.5, c[0] + 0.5])
    else:
        middle = 0.5 * (c[1:] + c[:-1])
        edges = np.concatenate([[2.0 * c[0] - middle[0]], middle, [2.0 * c[-1] - middle[-1]]])
    return np.exp(edges) if logarithmic else edges
