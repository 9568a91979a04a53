"""Which class is taken for which: test images by true and by predicted class."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMBERED = 12  # classes, at most, whose counts are written into the cells
NAMED = 40  # classes, at most, that all have their names
LONGEST = 14  # letters of a class name


def confusion_figure(confusion: NDArray[np.int64], class_names: Sequence[str], heading: Sequence[str]) -> Figure:
    """Draw the counts as shares of every true class.

    Parameters
    ----------
    confusion : (classes, classes), images by true class (rows) and predicted class
    class_names : of the classes
    heading : lines above
    """
    classes = len(confusion)
    counts = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, counts, where=counts > 0, out=np.zeros(confusion.shape))
    names = [_short(name) for name in class_names]
    longest = max(map(len, names))
    with style.styled():
        side = min(max(0.52 * classes, 3.0), 7.0)
        margin = 0.75 + 0.095 * longest
        width, below = margin + side + 1.35, 0.55 + 0.095 * longest
        lines = [part for line in heading for part in textwrap.wrap(line, int(9.6 * width))]
        above = 0.62 + 0.24 * len(lines)
        height = above + side + below
        figure = style.new_figure(width, height, layout=None)
        figure.text(0.15 / width, 1.0 - 0.32 / height, "What is taken for what", weight="bold", size=style.FONT + 1)
        for number, line in enumerate(lines):
            figure.text(0.15 / width, 1.0 - (0.58 + 0.24 * number) / height, line, size=style.FONT - 2)
        axes = figure.add_axes((margin / width, below / height, side / width, side / height))
        drawn = axes.imshow(100.0 * shares, cmap=_colours(), vmin=0.0, vmax=100.0, aspect="auto")
        every = max(1, -(-classes // NAMED))
        ticks = range(0, classes, every)
        size = style.FONT - 2 if classes <= 20 else 7.0
        axes.set_xticks(ticks, [names[tick] for tick in ticks], rotation=90, size=size)
        axes.set_yticks(ticks, [names[tick] for tick in ticks], size=size)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        for spine in axes.spines.values():
            spine.set_visible(True)
        if classes <= NUMBERED:
            _write(axes, confusion, shares)
        bar = figure.add_axes(((margin + side + 0.15) / width, below / height, 0.16 / width, side / height))
        figure.colorbar(drawn, cax=bar).set_label("share of the true class (%)")
    return figure


def _write(axes: Any, confusion: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    digits = len(str(int(confusion.max())))
    for row, column in np.argwhere(confusion > 0).tolist():
        dark = shares[row, column] > 0.5
        axes.text(
            column, row, str(confusion[row, column]), ha="center", va="center", color="white" if dark else "black",
            size=style.FONT - 2 if digits < 4 else style.FONT - 4,
        )  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("share", ["#FFFFFF", style.SKY, style.BLUE, style.DARK_BLUE])
