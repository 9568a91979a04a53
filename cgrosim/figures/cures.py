"""The table of cures beside the plane of weight decay and gap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cgrosim.figures import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from cgrosim.studies.cures import DecayPlane, Row

COLUMNS = ("all memorised\nat step", "robust train\nerror", "robust test\nerror", "clean test\nerror")
NAMES, FIRST, WIDTH = 3.2, 3.6, 1.35  # widths: of the names, of the first pair of columns, of one half of the others
CURED, OVERFITTED = "#BFE3D3", "#F3D0BC"
MARKERS = (("o", "all", 1.0), ("D", "some", 0.5), ("s", "no sample", 0.0))
SIZE = style.FONT + 3


def draw_cures(figure: Figure, rows: Sequence[Row], plane: DecayPlane) -> None:
    """Fill a figure: left the table, predicted beside measured; right the robust test error over decay and gap."""
    left, right = list(figure.subfigures(1, 2, squeeze=False, width_ratios=(1.3, 1.0))[0])
    _table(left.subplots(), rows)
    _plane(right, plane)


def _table(axes: Axes, rows: Sequence[Row]) -> None:
    """Two numbers a column, predicted and measured; the robust test error shaded where it is cured or a half."""
    axes.set_axis_off()
    edges = np.cumsum([NAMES, FIRST, *[2.0 * WIDTH] * (len(COLUMNS) - 1)])
    axes.set(xlim=(0.0, edges[-1]), ylim=(len(rows) + 0.05, -1.55))
    for k, name in enumerate(COLUMNS):
        begin, end = edges[k], edges[k + 1]
        axes.text(0.5 * (begin + end), -1.05, name, ha="center", va="center", fontweight="bold", fontsize=SIZE)
        for place, word in ((0.25, "predicted"), (0.75, "measured")):
            at = begin + place * (end - begin)
            axes.text(at, -0.28, word, ha="center", va="center", fontsize=SIZE - 2, color=style.GREY)
    for i, row in enumerate(rows):
        axes.axhline(i, color="#C8C8C8", lw=0.8)
        axes.text(0.0, i + 0.5, row.label, va="center", fontsize=SIZE)
        for k, pair in enumerate(zip(_values(row, True), _values(row, False), strict=True)):
            begin, half = edges[k], 0.5 * (edges[k + 1] - edges[k])
            for side, value in enumerate(pair):
                middle = begin + (side + 0.5) * half
                axes.text(middle, i + 0.5, _text(value), ha="center", va="center", fontsize=SIZE)
                if k == 2 and not math.isnan(value):
                    colour = CURED if value < 0.05 else OVERFITTED
                    axes.fill_between([begin + side * half, begin + (side + 1) * half], i, i + 1, color=colour, lw=0)
    axes.axhline(len(rows), color="#C8C8C8", lw=0.8)


def _plane(figure: SubFigure, plane: DecayPlane) -> None:
    axes = figure.subplots()
    decay, gap = np.meshgrid(plane.decays, plane.gaps, indexing="ij")
    for marker, name, share in MARKERS:
        chosen = np.ceil(plane.memorised) + np.floor(plane.memorised) == 2.0 * share
        marks = axes.scatter(
            decay[chosen], gap[chosen], c=plane.robust_test[chosen], vmin=0.0, vmax=0.5, cmap="viridis", marker=marker,
            s=190, edgecolor=style.BLACK, linewidth=0.8, zorder=3,
        )  # fmt: skip
        axes.scatter(
            [], [], marker=marker, s=130, color="white", edgecolor=style.BLACK, label=f"measured: {name} memorised"
        )
    low, high = plane.sample_edges
    axes.axvspan(low, high, color="#DADADA", lw=0, label="predicted: edges of the samples")
    axes.axvline(plane.signal_edge, color=style.BLACK, ls="-.", label="predicted: the signal is lost from here on")
    axes.plot(plane.free, plane.gaps, color=style.VERMILION, label="predicted: left of it the signal escapes")
    ends = plane.decays[0] / 2.0, 2.0 * plane.decays[-1]
    axes.set(xscale="log", yscale="log", xlim=ends)
    axes.set_xlabel("weight decay", fontsize=SIZE)
    axes.set_ylabel("gap = 1 - radius / signal strength", fontsize=SIZE)
    axes.tick_params(labelsize=SIZE - 1)
    bar = figure.colorbar(marks, ax=axes, pad=0.02, aspect=30)
    bar.set_label("robust test error", fontsize=SIZE)
    bar.ax.tick_params(labelsize=SIZE - 1)
    # below the axes, where no point can be
    figure.legend(loc="outside lower center", ncols=2, fontsize=SIZE - 2, columnspacing=1.0)


def _values(row: Row, predicted: bool) -> tuple[float, ...]:
    found = row.predicted if predicted else row.measured
    return found.memorised, found.robust_train, found.robust_test, found.clean_test


def _text(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "never" if math.isinf(value) else style.number(float(f"{value:.2g}"))
