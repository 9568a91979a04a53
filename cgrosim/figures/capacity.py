"""Accuracies against the capacity of the network, one panel a kind of training, with the collapse marked."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.figures import style
from cgrosim.figures.style import EndLabel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cgrosim.images.experiments.capacity_statistics import WidthSummary

CURVES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (  # name, colour, marker, line
    ("clean_test", style.BLUE, "o", {"lw": 3.0}),
    ("robust_train", style.DARK_VERMILION, "^", {"lw": 2.0, "ls": (0, (4, 2))}),
    ("robust_test", style.VERMILION, "s", {"lw": 3.0}),
)
ASIDE = {"clean_test": 0.94, "robust_train": 1.0, "robust_test": 1.06}  # so that error bars do not cover each other
NOT_FITTED = "#E4E4E4"


@dataclass(frozen=True)
class CapacityPanel:
    """One panel: a title, the summaries by width, and numbers of somebody else to compare with.

    Attributes
    ----------
    compared : accuracies by number of parameters, each by the names of `CURVES`; drawn open, without line
    compared_label : what they are
    """

    title: str
    summaries: Sequence[WidthSummary]
    compared: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    compared_label: str = ""


def capacity_figure(panels: Sequence[CapacityPanel], heading: Sequence[str]) -> Figure:
    """Draw mean and range over seeds against the number of parameters, and every seed as a dot.

    Parameters
    ----------
    panels : for instance adversarial beside standard training
    heading : lines above: data, training, and the attacks of training and measurement
    """
    with style.styled():
        width, height = 0.9 + 6.6 * len(panels), 5.9
        lines = [part for line in heading for part in textwrap.wrap(line, int(9.2 * width))]
        figure = style.new_figure(width, height, layout=None)
        room = 0.9 if any(panel.compared for panel in panels) else 0.6
        top = 1.0 - (room + 0.24 * len(lines)) / height
        grid = figure.add_gridspec(
            1, len(panels), left=0.85 / width, right=1.0 - 1.75 / width, bottom=0.95 / height, top=top, wspace=0.5
        )
        figure.suptitle("\n".join(lines), fontsize=style.FONT, x=0.01, y=0.99, ha="left", va="top")
        collapsed = any(summary.collapsed.any() for panel in panels for summary in panel.summaries)
        for place, panel in enumerate(panels):
            axes = figure.add_subplot(grid[place])
            _draw(axes, panel, 119.0 if collapsed else 103.0)  # room for the words above what can be reached
            if place == 0:
                axes.set_ylabel("accuracy (%)")
        return figure


def _draw(axes: Axes, panel: CapacityPanel, top: float) -> None:
    axes.set_title(panel.title, pad=24.0 if panel.compared else 6.0)
    axes.set_ylim(-3.0, top)
    axes.set_yticks(range(0, 101, 20))
    axes.set_xlabel("trained parameters      (below: width)")
    if not panel.summaries:
        axes.text(0.5, 0.5, "no finished training", transform=axes.transAxes, ha="center")
        return
    sizes = [summary.parameters for summary in panel.summaries]
    axes.set_xscale("log")
    axes.set_xlim(min(sizes) / 1.5, max(sizes) * 1.3)
    _width_ticks(axes, panel.summaries)
    _mark_collapse(axes, panel.summaries)
    labels = [_curve(axes, panel.summaries, *curve) for curve in CURVES]
    for size, accuracies in panel.compared.items():
        for name, colour, marker, _ in CURVES:
            look: dict[str, Any] = {"mfc": "white", "mec": colour, "mew": 2.0, "ms": 11.0, "ls": "none", "zorder": 1}
            axes.plot([size * ASIDE[name] ** 2], [100.0 * accuracies[name]], marker, **look)
    if panel.compared:
        look = {"transform": axes.transAxes, "fontsize": style.FONT - 2, "color": style.GREY}
        axes.text(0.0, 1.025, f"open: {panel.compared_label}", **look)
    style.label_ends(axes, labels)


def _curve(
    axes: Axes, summaries: Sequence[WidthSummary], name: str, colour: str, marker: str, line: dict[str, Any]
) -> EndLabel:
    sizes = np.array([summary.parameters for summary in summaries]) * ASIDE[name]
    means = 100.0 * np.array([summary.mean[name] for summary in summaries])
    axes.plot(sizes, means, color=colour, marker=marker, ms=8.0, zorder=3, **line)
    for size, summary in zip(sizes, summaries, strict=True):
        low, high = (100.0 * float(end(summary.accuracies[name])) for end in (np.min, np.max))
        axes.plot([size, size], [low, high], "_-", color=colour, ms=9.0, lw=1.6, zorder=3)
    for size, summary in zip(sizes, summaries, strict=True):
        values = 100.0 * summary.accuracies[name]
        axes.plot(np.full(len(values), size * 1.03), values, ".", color=colour, ms=5.0, alpha=0.6, zorder=2)
    dash = "- -" if name.endswith("train") else "—"
    return EndLabel(f"{dash} {name.replace('_', ' ')}", float(means[-1]), colour)


def _mark_collapse(axes: Axes, summaries: Sequence[WidthSummary]) -> None:
    """A grey band behind every width at which trainings ended at a constant prediction, which says how many did."""
    sizes = np.array([summary.parameters for summary in summaries], dtype=np.float64)
    edges = np.sqrt(sizes[1:] * sizes[:-1])
    low, high = axes.get_xlim()
    borders = np.concatenate([[low], edges, [high]])
    for place, summary in enumerate(summaries):
        count = int(summary.collapsed.sum())
        if not count:
            continue
        axes.axvspan(borders[place], borders[place + 1], color=NOT_FITTED, lw=0, zorder=-2)
        middle = float(np.sqrt(borders[place] * borders[place + 1]))
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.FONT - 2, "zorder": 5}
        axes.text(middle, 110.0, f"{count} of {len(summary.collapsed)}\nconstant", **look)


def _width_ticks(axes: Axes, summaries: Sequence[WidthSummary]) -> None:
    """Every width, below its number of parameters; where two are too near, the size of the wider one is left out."""
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = np.log10(axes.get_xlim())
    texts, last = [], -np.inf
    for summary in summaries:
        place = (np.log10(summary.parameters) - low) / (high - low)
        room = place - last > 0.1
        texts.append(f"{short(summary.parameters) if room else ''}\n×{summary.width}")
        last = place if room else last
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([summary.parameters for summary in summaries]))
    axes.set_xticklabels(texts)


def short(count: int) -> str:
    """A number of parameters in two digits: 14k, 3.3M."""
    for unit, size in (("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.2g}{unit}" if count < 99.5 * size else f"{count / size:.0f}{unit}"
    return str(count)
