"""The filters of a network's first layer as small images."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style
from cgrosim.files.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 64  # filters that are drawn
COLUMNS = 8
CELL, GAP = 0.9, 0.12  # inches


def network_filters_figure(filters: NDArray[Any], heading: Sequence[str]) -> Figure:
    """Draw the first 64 filters.

    Parameters
    ----------
    filters : (height, width, channels, n), weights; of one channel they are drawn from blue (negative) over white (0)
        to orange-red (positive), of three as colours around grey (0), each scaled to its own largest weight
    heading : lines above
    """
    height, width, channels, count = filters.shape
    shown = min(count, MOST)
    columns = min(COLUMNS, max(shown, 4))
    rows = math.ceil(shown / columns)
    cell = CELL * height / width
    with style.styled():
        across = max(5.2, columns * (CELL + GAP) + 0.6)
        lines = [part for line in heading for part in textwrap.wrap(line, int(10.0 * across))]
        told = (
            "each filter: blue negative, white 0, orange positive, to its own largest weight"
            if channels == 1
            else "each filter: grey 0, colours to its own largest weight"
        )
        lines += textwrap.wrap(told, int(10.0 * across))
        above = 0.5 + 0.24 * len(lines)
        down = above + rows * (cell + GAP) + 0.15
        figure = style.new_figure(across, down, layout=None)
        title = f"First layer: {counted(count, 'filter')} of {height} × {width}"
        title += "" if shown == count else f", {shown} of them shown"
        figure.text(0.25 / across, 1.0 - 0.32 / down, title, weight="bold", size=style.FONT + 1)
        for number, line in enumerate(lines):
            figure.text(0.25 / across, 1.0 - (0.58 + 0.24 * number) / down, line, size=style.FONT - 2)
        left = (across - columns * (CELL + GAP) + GAP) / 2
        for number in range(shown):
            row, column = divmod(number, columns)
            place = (
                (left + column * (CELL + GAP)) / across,
                1.0 - (above + row * (cell + GAP) + cell) / down,
                CELL / across,
                cell / down,
            )
            axes = figure.add_axes(place)
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set(visible=True, color=style.GREY, linewidth=0.6)
            image, options = _image(filters[..., number])
            axes.imshow(image, interpolation="nearest", aspect="auto", **options)
    return figure


def _image(one: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
    largest = float(np.abs(one).max()) or 1.0
    if one.shape[2] == 1:
        return one[..., 0] / largest, {"cmap": signed_colours(), "vmin": -1.0, "vmax": 1.0}
    return np.clip(0.5 + 0.5 * one[..., :3] / largest, 0.0, 1.0), {}


def signed_colours() -> Any:
    """Blue below zero, white at zero, orange-red above: told apart by every colour-blind reader."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", [style.BLUE, "#FFFFFF", style.VERMILION])
