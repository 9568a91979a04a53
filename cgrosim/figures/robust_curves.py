"""Clean and robust accuracy on training and test images over the epochs, one panel a training."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style
from cgrosim.figures.style import EndLabel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = (  # name in the history, colour, line
    ("clean_train", style.DARK_BLUE, {"lw": 2.0, "ls": (0, (4, 2))}),
    ("clean_test", style.BLUE, {"lw": 3.2}),
    ("robust_train", style.DARK_VERMILION, {"lw": 2.0, "ls": (0, (4, 2))}),
    ("robust_test", style.VERMILION, {"lw": 3.2}),
)
AVERAGED = ("averaged_robust_test", style.GREEN, {"lw": 2.4, "ls": "-."})  # where weights were averaged


@dataclass(frozen=True)
class RobustCurves:
    """One panel: a title, the history of a training, the epoch that validation selected (None: not asked), a note."""

    title: str
    history: Mapping[str, NDArray[np.float64]]
    best_epoch: int | None = None
    note: str = ""


def robust_curves_figure(panels: Sequence[RobustCurves], heading: Sequence[str], columns: int = 2) -> Figure:
    """Draw trainings side by side.

    Parameters
    ----------
    panels : the trainings, for instance standard beside adversarial, row by row
    heading : lines above: data, network and seed, and the attacks of training and measurement
    columns : panels in a row, at most
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    note = 0.25 * max(len(_note_lines(panel)) for panel in panels)
    with style.styled():
        width = 0.9 + 6.6 * columns
        lines = [part for line in heading for part in textwrap.wrap(line, int(9.2 * width))]
        above, row, between = 0.65 + note + 0.24 * len(lines), 3.8, 1.25 + note
        height = above + rows * row + (rows - 1) * between + 0.65
        figure = style.new_figure(width, height, layout=None)
        grid = figure.add_gridspec(
            rows,
            columns,
            left=0.85 / width,
            right=1.0 - 1.95 / width,
            bottom=0.65 / height,
            top=1.0 - above / height,
            wspace=0.62,
            hspace=between / row,
        )
        figure.suptitle("\n".join(lines), fontsize=style.FONT, x=0.01, y=1.0 - 0.06 / height, ha="left", va="top")
        for place, panel in enumerate(panels):
            axes = figure.add_subplot(grid[place // columns, place % columns])
            draw_robust_curves(axes, panel)
            if place % columns == 0:
                axes.set_ylabel("accuracy (%)")
        return figure


def _note_lines(panel: RobustCurves) -> list[str]:
    return textwrap.wrap(panel.note, 66)


def draw_robust_curves(axes: Axes, panel: RobustCurves) -> None:
    """The four curves with their last values; the layout of the figure must be fixed."""
    from matplotlib.ticker import MaxNLocator

    note = "\n".join(_note_lines(panel))
    axes.set_title(panel.title, pad=6.0 + 18.0 * len(_note_lines(panel)))
    axes.text(0.0, 1.015, note, transform=axes.transAxes, fontsize=style.FONT - 2, color=style.GREY, va="bottom")
    epochs = panel.history["epoch"]
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(-3.0, 103.0)
    if not len(epochs):
        axes.text(0.5, 0.5, "no whole epoch", transform=axes.transAxes, ha="center")
        return
    axes.set_xlim(min(epochs[0], epochs[-1] - 1.0), epochs[-1])
    if panel.best_epoch is not None:
        _mark(axes, panel.best_epoch, panel.history)
    labels = []
    for name, colour, look in curves_of(panel.history):
        values = 100.0 * panel.history[name]
        line: dict[str, Any] = look
        axes.plot(epochs, values, color=colour, **line)
        dash = "—" if name.endswith("test") else "- -"
        word = f"{dash} {name.replace('_', ' ')}" if name != AVERAGED[0] else "-·- averaged\nrobust test"
        labels.append(EndLabel(f"{word} {values[-1]:.1f}", float(values[-1]), colour))
    style.label_ends(axes, labels)


def curves_of(history: Mapping[str, NDArray[np.float64]]) -> list[tuple[str, str, dict[str, Any]]]:
    """The curves that a history has."""
    there = AVERAGED[0] in history and np.isfinite(history[AVERAGED[0]]).any()
    return [*CURVES, AVERAGED] if there else [*CURVES]


def _mark(axes: Axes, best: int, history: Mapping[str, NDArray[np.float64]]) -> None:
    """The epoch that validation selected, with its robust test accuracy, where no curve runs through the words."""
    epochs = history["epoch"]
    place = int(np.flatnonzero(epochs == best)[0])
    curves = [name for name, _, _ in curves_of(history) if name.endswith("robust_test")]  # the average's is the last
    value = 100.0 * next(float(history[name][place]) for name in curves[::-1] if np.isfinite(history[name][place]))
    axes.axvline(best, color=style.GREY, lw=1.2, ls=":")
    axes.plot([best], [value], "o", ms=9, mfc="white", mec=style.VERMILION, mew=2, zorder=4, clip_on=False)
    low, high = axes.get_xlim()
    right = best < low + 0.5 * (high - low)
    reach = 0.55 * (high - low)  # of the words
    beside = (epochs >= best) & (epochs <= best + reach) if right else (epochs <= best) & (epochs >= best - reach)
    axes.annotate(
        f"selected by validation:\nepoch {best}, robust test {value:.1f}",
        xy=(best, _free_height([100.0 * history[name][beside] for name, _, _ in curves_of(history)])),
        xytext=(7 if right else -7, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=style.FONT - 2,
        color=style.GREY,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
    )


def _free_height(curves: Sequence[NDArray[np.float64]]) -> float:
    """The lowest height that is ten points away from all curves, or the one farthest away from them."""
    heights = np.arange(8.0, 96.0, 2.0)
    points = np.concatenate(curves)
    distance = np.abs(heights[:, None] - points[np.isfinite(points)]).min(axis=1)
    free = heights[distance >= 10.0]
    return float(free[0] if len(free) else heights[distance.argmax()])
