"""Images before and after an attack: clean image, perturbation, attacked image, and what the network says of both."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style
from cgrosim.figures.image_mistakes import draw_image, frame
from cgrosim.figures.network_filters import signed_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL, GAP, BARS = 1.55, 0.25, 3.0  # inches
MOST_CLASSES = 6  # in the bars: the largest of either
TITLES = ("clean image", "perturbation", "attacked image", "probability (%)")


@dataclass(frozen=True, eq=False)
class AttackedImage:
    """One row.

    Attributes
    ----------
    clean, attacked : (height, width, channels) in [0, 1]
    label : true class
    clean_probabilities, attacked_probabilities : (classes,)
    """

    clean: NDArray[Any]
    attacked: NDArray[Any]
    label: int
    clean_probabilities: NDArray[np.float64]
    attacked_probabilities: NDArray[np.float64]


def attacked_images_figure(
    images: Sequence[AttackedImage], class_names: Sequence[str], heading: Sequence[str]
) -> Figure:
    """Draw a row for every image; perturbations are drawn to the largest of all rows, which stands below them."""
    rows = max(1, len(images))
    longest = min(14, max(map(len, class_names)))
    with style.styled():
        names = 0.35 + 0.1 * longest
        width = 0.3 + 3 * (CELL + GAP) + names + BARS + 1.35
        lines = [part for line in heading for part in textwrap.wrap(line, int(9.8 * width))]
        above, below = 0.95 + 0.24 * len(lines), 0.75
        height = above + rows * (CELL + GAP) + below
        figure = style.new_figure(width, height, layout=None)
        title = "What the worst attack makes of an image"
        figure.text(0.3 / width, 1.0 - 0.32 / height, title, weight="bold", size=style.FONT + 1)
        for number, line in enumerate(lines):
            figure.text(0.3 / width, 1.0 - (0.58 + 0.24 * number) / height, line, size=style.FONT - 2)
        if not images:
            figure.text(0.5, 0.3, "no image was attacked", ha="center", size=style.FONT)
            return figure
        largest = max(float(np.abs(each.attacked - each.clean).max()) for each in images) or 1.0
        for row, each in enumerate(images):
            bottom = 1.0 - (above + row * (CELL + GAP) + CELL) / height
            cells = [
                figure.add_axes(((0.3 + at * (CELL + GAP)) / width, bottom, CELL / width, CELL / height))
                for at in range(3)
            ]
            draw_image(cells[0], each.clean)
            _draw_perturbation(cells[1], each.attacked - each.clean, largest)
            draw_image(cells[2], each.attacked)
            left = 0.3 + 3 * (CELL + GAP) + names
            bars = figure.add_axes((left / width, bottom, BARS / width, CELL / height))
            _draw_bars(bars, each, class_names, last=row == len(images) - 1)
            if row == 0:
                for axes, text in zip((*cells, bars), TITLES, strict=True):
                    axes.set_title(text, size=style.FONT - 1, loc="center")
                _explain(bars)
        colours = "blue darker, orange brighter" if images[0].clean.shape[2] == 1 else "around grey"
        figure.text(0.3 / width, 0.22 / height, f"perturbation: {colours}, full colour at {largest:.3g}; pixels in "
                    "[0, 1]; true class bold", size=style.FONT - 2)  # fmt: skip
    return figure


def _draw_perturbation(axes: Axes, perturbation: NDArray[Any], largest: float) -> None:
    if perturbation.shape[2] == 1:
        axes.imshow(perturbation[..., 0], cmap=signed_colours(), vmin=-largest, vmax=largest, interpolation="nearest")
    else:
        axes.imshow(np.clip(0.5 + 0.5 * perturbation / largest, 0.0, 1.0), interpolation="nearest")
    frame(axes)


def _draw_bars(axes: Axes, each: AttackedImage, class_names: Sequence[str], last: bool) -> None:
    before, after = 100.0 * each.clean_probabilities, 100.0 * each.attacked_probabilities
    chosen = sorted(np.argsort(-np.maximum(before, after), kind="stable")[:MOST_CLASSES].tolist())
    chosen = chosen if each.label in chosen else [*chosen[:-1], each.label]
    places = np.arange(len(chosen))
    axes.barh(places - 0.2, before[chosen], 0.38, color=style.SKY, label="clean")
    axes.barh(places + 0.2, after[chosen], 0.38, color=style.VERMILION, hatch="////", edgecolor="white", linewidth=0,
              label="attacked")  # fmt: skip
    axes.set_ylim(len(chosen) - 0.45, -0.55)
    axes.set_xlim(0.0, 100.0)
    axes.set_xticks([0, 50, 100], ["0", "50", "100"] if last else [], size=style.FONT - 3)
    axes.set_yticks(places, [_short(class_names[label]) for label in chosen], size=style.FONT - 3)
    for tick, label in zip(axes.get_yticklabels(), chosen, strict=True):
        tick.set_fontweight("bold" if label == each.label else "normal")


def _explain(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=style.FONT - 3, handlelength=1.2)


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"
