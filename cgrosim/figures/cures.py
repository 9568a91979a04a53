"""The table of cures beside the plane of weight decay and gap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cgrosim.figures import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from cgrosim.studies.cures import DecayPlane, Row

COLUMNS = ("all memorised at step", "robust train error", "robust test error", "clean test error")


def draw_cures(figure: Figure, rows: Sequence[Row], plane: DecayPlane) -> None:
    """Fill a figure: left the table, predicted / measured; right the robust test error over decay and gap."""
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    left.set_axis_off()
    cells = [
        [f"{_text(p)} / {_text(m)}" for p, m in zip(_values(row, True), _values(row, False), strict=True)]
        for row in rows
    ]
    table = left.table(cells, rowLabels=[row.label for row in rows], colLabels=COLUMNS, loc="center", cellLoc="center")
    table.auto_set_font_size(False)
    table.set_fontsize(style.FONT - 1)
    table.scale(1.0, 2.0)
    left.set_title("predicted / measured (-: not predicted)")
    for i, decay in enumerate(plane.decays):
        for j, gap in enumerate(plane.gaps):
            error, share = plane.robust_test[i, j], plane.memorised[i, j]
            marker = "o" if share == 1.0 else "D" if share > 0.0 else "s"
            right.scatter(decay, gap, c=[error], vmin=0.0, vmax=0.5, cmap="viridis", marker=marker, s=60, zorder=3)
    for edge, dash, name in (
        (plane.sample_edges[0], "--", "first and last sample not memorised"),
        (plane.sample_edges[1], "--", ""),
        (plane.signal_edge, "-.", "signal lost"),
    ):
        right.axvline(edge, color=style.BLACK, ls=dash, lw=1.5, label=name or None)
    right.plot(plane.free, plane.gaps, color=style.VERMILION, lw=1.5, label="left of it the signal escapes")
    ends = plane.decays[0] / 2.0, 2.0 * plane.decays[-1]
    right.set(xscale="log", yscale="log", xlabel="weight decay", ylabel="gap = 1 - radius / alpha", xlim=ends)
    right.set_title("robust test error: dark 0, light 1/2\n(circle all, diamond some, square no sample memorised)")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize=style.FONT - 3)


def _values(row: Row, predicted: bool) -> tuple[float, ...]:
    found = row.predicted if predicted else row.measured
    return found.memorised, found.robust_train, found.robust_test, found.clean_test


def _text(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "never" if math.isinf(value) else f"{value:.2g}"
