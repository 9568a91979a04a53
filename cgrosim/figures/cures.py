"""The table of cures beside the planes of weight decay and gap, and of weight decay and samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cgrosim.figures import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    from cgrosim.studies.cures import DecayPlane, Row

COLUMNS = ("all memorised\nat step", "robust train\nerror", "robust test\nerror", "clean test\nerror")
NAMES, FIRST, WIDTH = 3.2, 3.6, 1.35  # widths: of the names, of the first pair of columns, of one half of the others
CURED, OVERFITTED = "#BFE3D3", "#F3D0BC"
MARKERS = (("o", "all", 1.0), ("D", "some", 0.5), ("s", "no sample", 0.0))
SIZE = style.FONT + 3
NAMES_OF = {"gap": "gap = 1 - radius / signal strength", "samples": "training samples N"}


def draw_cures(figure: Figure, rows: Sequence[Row], planes: Sequence[DecayPlane]) -> None:
    """Fill a figure: left the table, predicted beside measured; right the robust test error in each plane."""
    left, right = list(figure.subfigures(1, 2, squeeze=False, width_ratios=(1.3, 1.0))[0])
    _table(left.subplots(), rows)
    each = list(right.subplots(len(planes), 1, sharex=True, squeeze=False)[:, 0])
    for axes, plane in zip(each, planes, strict=True):
        marks = _plane(axes, plane)
    each[-1].set_xlabel("weight decay", fontsize=SIZE)
    bar = right.colorbar(marks, ax=each, pad=0.02, aspect=20 * len(planes))
    bar.set_label("robust test error", fontsize=SIZE)
    bar.ax.tick_params(labelsize=SIZE - 1)
    # below the axes, where no point can be
    handles, labels = each[0].get_legend_handles_labels()
    right.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=SIZE - 2, columnspacing=1.0)


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


def _plane(axes: Axes, plane: DecayPlane) -> PathCollection:
    decay, value = np.meshgrid(plane.decays, plane.values, indexing="ij")
    for marker, name, share in MARKERS:
        chosen = np.ceil(plane.memorised) + np.floor(plane.memorised) == 2.0 * share
        marks = axes.scatter(
            decay[chosen], value[chosen], c=plane.robust_test[chosen], vmin=0.0, vmax=0.5, cmap="viridis",
            marker=marker, s=190, edgecolor=style.BLACK, linewidth=0.8, zorder=3,
        )  # fmt: skip
        axes.scatter(
            [], [], marker=marker, s=130, color="white", edgecolor=style.BLACK, label=f"measured: {name} memorised"
        )
    low, high = plane.sample_edges.T
    axes.fill_betweenx(plane.values, low, high, color="#DADADA", lw=0, label="predicted: edges of the samples")
    lost = "predicted: the signal is lost from here on"
    axes.plot(plane.signal_edges, plane.values, color=style.BLACK, ls="-.", label=lost)
    axes.plot(plane.free, plane.values, color=style.VERMILION, label="predicted: the signal can escape left of it")
    axes.set(xscale="log", yscale="log", xlim=(plane.decays[0] / 2.0, 2.0 * plane.decays[-1]))
    axes.set_ylabel(NAMES_OF[plane.across], fontsize=SIZE)
    axes.tick_params(labelsize=SIZE - 1)
    return marks


def _values(row: Row, predicted: bool) -> tuple[float, ...]:
    found = row.predicted if predicted else row.measured
    return found.memorised, found.robust_train, found.robust_test, found.clean_test


def _text(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "never" if math.isinf(value) else style.number(float(f"{value:.2g}"))
