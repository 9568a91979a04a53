"""The errors a network is most sure of: the images, what they are and what they are taken for."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
CELL, GAP, WORDS = 1.75, 0.3, 0.75  # inches


@dataclass(frozen=True, eq=False)
class ShownMistake:
    """An image (height, width, channels) in [0, 1] and what is written below it."""

    image: NDArray[Any]
    label: str
    predicted: str
    probability: float
    place: int


def image_mistakes_figure(mistakes: Sequence[ShownMistake], heading: Sequence[str]) -> Figure:
    """Draw wrongly classified images, the surest first; an empty figure says that there is none."""
    columns = min(COLUMNS, max(len(mistakes), 3))
    rows = max(1, -(-len(mistakes) // columns))
    with style.styled():
        width = 0.4 + columns * (CELL + GAP)
        lines = [part for line in heading for part in textwrap.wrap(line, int(9.6 * width))]
        above = 0.62 + 0.24 * len(lines)
        height = above + rows * (CELL + WORDS)
        figure = style.new_figure(width, height, layout=None)
        figure.text(0.3 / width, 1.0 - 0.32 / height, "The most confident errors", weight="bold", size=style.FONT + 1)
        for number, line in enumerate(lines):
            figure.text(0.3 / width, 1.0 - (0.58 + 0.24 * number) / height, line, size=style.FONT - 2)
        if not mistakes:
            figure.text(0.5, 0.4, "no test image is classified wrongly", ha="center", size=style.FONT)
        for number, mistake in enumerate(mistakes):
            row, column = divmod(number, columns)
            left, top = 0.35 + column * (CELL + GAP), above + row * (CELL + WORDS)
            axes = figure.add_axes((left / width, 1.0 - (top + CELL) / height, CELL / width, CELL / height))
            draw_image(axes, mistake.image)
            told = f"{_short(mistake.predicted)}: {100 * mistake.probability:.1f} %"
            below = f"is {_short(mistake.label)} (image {mistake.place})"
            for text, down, look in (
                (told, -4, {"color": style.DARK_VERMILION, "weight": "bold", "size": style.FONT - 3}),
                (below, -19, {"size": style.FONT - 3}),
            ):
                axes.annotate(text, (0.5, 0.0), (0, down), xycoords="axes fraction", textcoords="offset points",
                              ha="center", va="top", annotation_clip=False, **look)  # fmt: skip
    return figure


def draw_image(axes: Axes, image: NDArray[Any]) -> None:
    """One image, grey or in colour, in a thin frame."""
    grey = image.shape[2] == 1
    if grey:
        axes.imshow(image[..., 0], cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    else:
        axes.imshow(np.clip(image[..., :3], 0.0, 1.0), interpolation="nearest")
    frame(axes)


def frame(axes: Axes) -> None:
    """No ticks, a thin frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=style.GREY, linewidth=0.6)


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"
