"""The heat map of a sweep over two parameters, and its curve over one, with measured and predicted edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.figures import style
from cgrosim.figures.heading import wrapped
from cgrosim.figures.style import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

MOST_TICKS = 9
BEHIND = "#D5D5D5"  # behind a legend with white lines
LOOKS: tuple[dict[str, Any], ...] = tuple({"linestyles": dash} for dash in ("--", "-.", ":", "-"))
HIGH = 45  # letters of a line up the side of a figure
LINES = ("--", "-.", ":", (0, (7, 1, 1, 1, 1, 1)))


@dataclass(frozen=True)
class Axis:
    """One direction of a figure.

    Attributes
    ----------
    label : name and unit
    values : numbers, or words; words stand at 0, 1, 2
    log : whether its values have even ratios
    """

    label: str
    values: NDArray[Any]
    log: bool = False

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.values.dtype.kind in "iuf"

    @property
    def places(self) -> Array:
        """Where the values stand."""
        if self.numeric:
            return np.asarray(self.values, dtype=np.float64)
        return np.arange(len(self.values), dtype=np.float64)


@dataclass(frozen=True)
class MapData:
    """What a heat map shows.

    Attributes
    ----------
    title, heading : the quantity; the parameters that are not varied
    x, y : axes
    values : (y, x) array
    low, high : (y, x) arrays, ends of the interval of the values
    level : value of the measured edge; None draws none
    edges : predicted, by name: (y, x) arrays that change their sign there
    failed : (y, x) array of how many runs failed or diverged
    """

    title: str
    heading: str
    x: Axis
    y: Axis
    values: Array
    low: Array
    high: Array
    level: float | None
    edges: dict[str, Array]
    failed: NDArray[np.int64]


@dataclass(frozen=True)
class LineData:
    """What a curve over one parameter shows: values with intervals, single runs, predicted places of the edges.

    Attributes
    ----------
    runs : (x, seed) array
    predicted : the same quantity as the theory predicts it, where it does
    edges : predicted, by name: places on the axis
    """

    title: str
    heading: str
    x: Axis
    values: Array
    low: Array
    high: Array
    runs: Array
    predicted: Array | None = None
    edges: dict[str, float] = field(default_factory=dict)


def sweep_map_figure(data: MapData) -> Figure:
    """Draw the map: colour the value, white lines the measured edge, dark lines the predicted ones."""
    with style.styled():
        figure = style.new_figure(10.5, 7.4)
        figure.suptitle(data.heading, fontsize=style.FONT - 1, x=0.01, ha="left")
        axes = figure.subplots()
        image, handles = draw_map(axes, data)
        figure.colorbar(image, ax=axes, label=data.title)
        if handles:
            figure.legend(handles=handles, loc="outside lower left", ncols=2, facecolor=BEHIND)
    return figure


def draw_map(axes: Axes, data: MapData) -> tuple[Any, list[Any]]:
    """Draw a map into axes; what a colour bar needs, and the lines for a legend (on `BEHIND`: some are white)."""
    axes.set_title(data.title)
    places = borders(data.x), borders(data.y)
    image = axes.pcolormesh(*places, data.values, cmap="cividis", shading="flat", rasterized=True)
    for each, axis in ((data.x, axes.xaxis), (data.y, axes.yaxis)):
        _scale(axes, axis, each)
    lines = data.x.numeric and data.y.numeric  # between two words there is nothing to draw a line through
    handles = _measured(axes, data) + _predicted(axes, data) if lines else []
    if np.any(data.failed):
        rows, columns = np.nonzero(data.failed)
        cross: dict[str, Any] = {"color": style.VERMILION, "marker": "x", "ls": "", "ms": 9, "mew": 2.5}
        axes.plot(data.x.places[columns], data.y.places[rows], **cross)
        handles.append(_line("some runs failed or diverged", **cross))
    return image, handles


def sweep_line_figure(data: LineData) -> Figure:
    """Draw the curve with its interval, the single runs, and where the theory puts the edges."""
    with style.styled():
        figure = style.new_figure(10.5, 6.4)
        figure.suptitle(data.heading, fontsize=style.FONT - 1, x=0.01, ha="left")
        axes = figure.subplots()
        draw_line(axes, data)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return figure


def draw_line(axes: Axes, data: LineData, colour: str = style.BLUE) -> None:
    """Draw a curve into axes, everything with its name for a legend."""
    axes.set(title=data.title, ylabel="\n".join(wrapped(data.title, HIGH)))
    places = data.x.places
    axes.fill_between(places, data.low, data.high, color=colour, alpha=0.22, lw=0, label="95 % of the mean")
    axes.plot(places, data.runs, "o", color=colour, ms=4, alpha=0.35, label=_once("single runs", data.runs))
    axes.plot(places, data.values, color=colour, lw=3, label="mean over seeds")
    if data.predicted is not None and np.any(np.isfinite(data.predicted)):
        axes.plot(places, data.predicted, color=style.BLACK, lw=2.2, ls="--", label="predicted")
    for (name, place), dash in zip(data.edges.items(), LINES, strict=False):
        if np.isfinite(place):
            axes.axvline(place, color=style.BLACK, ls=dash, lw=2, label=f"predicted {name}, {number(place)}")
    _scale(axes, axes.xaxis, data.x)


def _once(label: str, columns: Array) -> list[str]:
    return [label, *[f"_{place}" for place in range(columns.shape[1] - 1)]]


def _measured(axes: Axes, data: MapData) -> list[Any]:
    """The measured edge, and where its interval puts it."""
    if data.level is None or min(data.values.shape) < 2:
        return []
    drawn = False
    for values, look in ((data.values, {"linewidths": 3.0}), (data.low, _DOTTED), (data.high, _DOTTED)):
        if _crosses(values, data.level):
            axes.contour(data.x.places, data.y.places, values, [data.level], colors="white", **look)
            drawn = True
    if not drawn:
        return []
    return [
        _line(f"measured edge, {number(data.level)}", color="white", lw=3),
        _line("where the 95 % interval of the mean puts it", color="white", lw=1.6, ls=":"),
    ]


_DOTTED: dict[str, Any] = {"linewidths": 1.6, "linestyles": ":"}


def _predicted(axes: Axes, data: MapData) -> list[Any]:
    handles = []
    for (name, values), look in zip(data.edges.items(), LOOKS, strict=False):
        if min(values.shape) >= 2 and _crosses(values, 0.0):
            # a light line below the dark one is seen on every colour
            axes.contour(data.x.places, data.y.places, values, [0.0], colors="white", linewidths=4.5)
            axes.contour(data.x.places, data.y.places, values, [0.0], colors=style.VERMILION, linewidths=2.6, **look)
            handles.append(_line(f"predicted {name}", color=style.VERMILION, lw=2.6, ls=look["linestyles"]))
    return handles


def _crosses(values: Array, level: float) -> bool:
    known = values[np.isfinite(values)]
    return bool(known.size) and bool(known.min() < level < known.max())


def _line(label: str, **look: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **look)


def borders(axis: Axis) -> Array:
    """Borders of the cells around the values of an axis, half-way between them."""
    places = np.log(axis.places) if axis.log else axis.places
    if len(places) == 1:
        found = np.array([places[0] - 0.5, places[0] + 0.5])
    else:
        middle = 0.5 * (places[1:] + places[:-1])
        found = np.concatenate([[2.0 * places[0] - middle[0]], middle, [2.0 * places[-1] - middle[-1]]])
    return np.exp(found) if axis.log else found


def _scale(axes: Axes, axis: Any, each: Axis) -> None:
    horizontal = axis is axes.xaxis
    (axes.set_xlabel if horizontal else axes.set_ylabel)(each.label)
    if each.log:
        (axes.set_xscale if horizontal else axes.set_yscale)("log")
        style.log_ticks(axis)
    few = len(each.values) <= MOST_TICKS
    if few or each.values.dtype.kind not in "iuf":
        axis.set_ticks(each.places, labels=[_word(value) for value in each.values])
        axis.set_ticks([], minor=True)


def _word(value: Any) -> str:
    return number(float(value)) if isinstance(value, int | float | np.integer | np.floating) else str(value)


def is_log(values: Sequence[float] | NDArray[Any]) -> bool:
    """Whether numbers are positive and reach over at least a factor of four in even ratios rather than steps."""
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 3 or array.min() <= 0 or array.max() < 4.0 * array.min():
        return False
    ratios, steps = np.diff(np.log(array)), np.diff(array)
    return bool(np.std(ratios) / abs(np.mean(ratios)) < np.std(steps) / abs(np.mean(steps)))
