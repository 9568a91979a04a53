"""The look of every figure: colours safe for colour-blind readers, type legible on a projector and at half size.

Figures are made without pyplot, so drawing opens no window, needs no display and leaves no global state behind.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.arguments import checked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008), "Color universal design"
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#5F5F5F"
DARK_BLUE, DARK_VERMILION = "#00324F", "#6B2F00"  # of the same hue, for a dashed line over a solid one
CELLS = ("#A6CEE8", "#F2C27E", "#9FD9C4", "#E8BFD6", "#F7F1A8", "#BFBFBF")  # of a map, light enough for letters
LETTERS = "ABCDEF"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)  # yellow is too pale for a line on white

FONT = 13.0
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": FONT,
    "axes.titlesize": FONT + 1,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": FONT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "xtick.labelsize": FONT - 1,
    "ytick.labelsize": FONT - 1,
    "legend.fontsize": FONT - 2,
    "legend.frameon": True,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.framealpha": 0.85,
    "legend.borderpad": 0.3,
    "hatch.color": "#9A9A9A",
    "lines.linewidth": 2.2,
    "svg.fonttype": "path",
    "svg.hashsalt": "cgrosim",  # the same figure is the same file
    "savefig.facecolor": "white",
    "hatch.linewidth": 0.6,
}

_LEADER = {"arrowstyle": "-", "lw": 0.8, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}


@contextmanager
def styled() -> Iterator[None]:
    """Settings of the figures, for the duration of a block; wrap drawing and saving in it."""
    matplotlib = _matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a user's matplotlibrc must not change the figures of a report
        matplotlib.rcParams.update(_SETTINGS)
        yield


def _matplotlib() -> Any:
    """Matplotlib, whatever window MPLBACKEND asks for: our figures open none, and an unknown one stops the import."""
    import os
    import sys

    asked = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib

        return matplotlib
    finally:
        if asked is not None:
            os.environ["MPLBACKEND"] = asked


def new_figure(width: float, height: float, *, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return an empty figure of the given size in inches; call it inside `styled`.

    The constrained layout makes room for labels of any size, for about a second a figure of five panels; None
    leaves the margins to the caller.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from cgrosim.figures.shown import ShownFigure

    figure = ShownFigure(figsize=(width, height), layout=layout, facecolor="white")
    figure.styled = styled
    FigureCanvasAgg(figure)
    return figure


@checked
def save_figure(figure: Figure, path: str | Path, *, dpi: float = 150.0) -> Path:
    """Write a figure atomically; the suffix of `path` (.png, .svg, .pdf) gives the format.

    Raises
    ------
    FileError
        If the format is unknown or the place cannot be written to.
    """
    from cgrosim.errors import FileError
    from cgrosim.files.atomic import write_bytes

    form = Path(path).suffix.lstrip(".").lower() or "png"
    if form not in figure.canvas.get_supported_filetypes():
        raise FileError(f"{path} asks for the figure format {form!r}, which does not exist; take .png, .svg or .pdf.")
    # no date inside: the same figure is the same file
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)

    drawn = io.BytesIO()  # drawing takes seconds, in which a signal may end it; writing is not left halfway
    with styled():
        figure.savefig(drawn, format=form, dpi=dpi, metadata=metadata)
    return write_bytes(path, drawn.getvalue())


@dataclass(frozen=True)
class EndLabel:
    """A label at the right end of a curve: its text, the height it belongs to, its colour."""

    text: str
    height: float
    colour: str


def label_ends(axes: Axes, labels: Sequence[EndLabel], *, size: float = FONT - 1) -> None:
    """Write labels in the right margin beside the ends of the curves, pushed apart where they would overlap.

    A thin line leads from the end of the curve to a label that had to move. Set the limits of the axes first; the
    layout must be fixed, because the places depend on the height of the axes.
    """
    kept = [label for label in labels if np.isfinite(label.height)]
    if not kept:
        return
    heights = np.array([_fraction(axes, label.height) for label in kept])
    line = 1.25 * size / 72.0 / _height_in_inches(axes)
    lines = np.array([label.text.count("\n") + 1 for label in kept])
    places = spread(heights, line * lines)
    for label, height, place in zip(kept, heights, places, strict=True):
        axes.annotate(
            label.text,
            xy=(1.0, height),
            xycoords="axes fraction",
            xytext=(1.03, place),
            textcoords="axes fraction",
            color=label.colour,
            fontsize=size,
            va="center",
            ha="left",
            arrowprops={
                "arrowstyle": "-",
                "color": label.colour,
                "lw": 0.8,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def spread(wanted: ArrayLike, sizes: ArrayLike) -> NDArray[np.float64]:
    """Places in [0, 1], in the order of `wanted` and as near to it as possible, that keep boxes of `sizes` apart.

    Where the boxes do not fit into [0, 1] they overflow it evenly.
    """
    wanted, sizes = np.asarray(wanted, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    order = np.argsort(wanted, kind="stable")
    centres, extent = np.clip(wanted[order], 0.0, 1.0), sizes[order]
    offset = np.concatenate([[0.0], np.cumsum(0.5 * (extent[1:] + extent[:-1]))])
    # least squares under c[k+1] - c[k] >= distance is the isotonic regression of c - offset (pool adjacent violators)
    blocks: list[list[float]] = []
    for value in centres - offset:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value_last, count_last = blocks.pop()
            total = blocks[-1][1] + count_last
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + value_last * count_last) / total, total]
    fitted = np.concatenate([np.full(int(count), value) for value, count in blocks])
    lowest, highest = 0.5 * extent[0], 1.0 - 0.5 * extent[-1] - offset[-1]
    if lowest <= highest:
        placed = np.clip(fitted, lowest, highest) + offset  # the bounded regression is the clipped one
    else:
        placed = np.full(len(fitted), 0.5 * (lowest + highest)) + offset
    result = np.empty_like(placed)
    result[order] = placed
    return result


def number(value: float) -> str:
    """A number for a label: three digits, and powers of ten as such from ten thousand on."""
    value = float(value)  # a whole number may be beyond what NumPy has
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    factor = "" if mantissa == "1.0" else rf"{mantissa} \times "
    return rf"${factor}10^{{{int(exponent)}}}$"


def log_ticks(axis: Any) -> None:
    """Decades as ticks, thinned out where there are many; 1, 2 and 5 times them where there are fewer than two.

    Set the limits of the axis first.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = sorted(axis.get_view_interval())
    if high > 100.0 * low:
        axis.set_major_locator(LogLocator(base=10.0, numticks=9))
        axis.set_major_formatter(FuncFormatter(lambda value, _: decade(value)))
    else:
        axis.set_major_locator(LogLocator(base=10.0, subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_locator(NullLocator())


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def decade(value: float) -> str:
    """A power of ten with its exponent raised, as plain text: mathematical text takes ten times as long to set."""
    return f"10{str(round(float(np.log10(value)))).translate(RAISED)}" if value > 0.0 else ""


def _fraction(axes: Axes, height: float) -> float:
    point = axes.transData.transform((axes.get_xlim()[1], height))
    return float(np.clip(axes.transAxes.inverted().transform(point)[1], 0.0, 1.0))


def _height_in_inches(axes: Axes) -> float:
    return float(axes.get_window_extent().height / axes.figure.dpi)
