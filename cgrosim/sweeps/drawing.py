"""From a table to the numbers that its figures show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError, UserError
from cgrosim.figures.heading import parameter_line
from cgrosim.figures.style import number
from cgrosim.figures.sweep_curves import CurvesData, Panel
from cgrosim.figures.sweep_map import Axis, LineData, MapData, is_log
from cgrosim.files.words import shown, suggested
from cgrosim.sweeps.intervals import quantile_interval
from cgrosim.sweeps.layout import PREDICTED

if TYPE_CHECKING:
    import xarray

    from cgrosim.sweeps.table import Quantity, Table

Array = NDArray[np.float64]

EDGES = {
    "memorise / escape edge": f"{PREDICTED}memorise_escape_log_ratio",
    "overfitting edge": f"{PREDICTED}overfitting_log_ratio",
    "memory edge": f"{PREDICTED}decay_memory_log_ratio",
    "signal edge": f"{PREDICTED}decay_signal_log_ratio",
}
MOST_PANELS = 6
NEVER = 3.0  # a log-ratio that stands for never, in a figure: the edge lies somewhere before the next point
RESAMPLES = 400  # of the seeds, for the interval of a mean


def map_of(table: Table, quantity: Quantity, x: str | None, y: str | None) -> MapData:
    """The mean over seeds on two of the varied parameters, with the edges."""
    first, second = _axes(table, x, y)
    values = table.final(quantity).transpose(second, first, "seed").values
    middle, low, high = mean_interval(values)
    bad = np.isin(table.data["status"].transpose(second, first, "seed").values, ("failed", "diverged"))
    known = middle[np.isfinite(middle)]
    level = 0.5 * float(known.min() + known.max()) if known.size and known.max() > known.min() else None
    return MapData(
        _title(table, quantity), _heading(table), axis_of(table, first), axis_of(table, second),
        middle, low, high, level, _edges(table, second, first), bad.sum(axis=-1),
    )  # fmt: skip


def line_of(table: Table, quantity: Quantity) -> LineData:
    """The mean over seeds along the one varied parameter."""
    (name,) = table.varied
    values = table.final(quantity).transpose(name, "seed").values
    middle, low, high = mean_interval(values)
    axis = axis_of(table, name)
    told = f"{PREDICTED}{quantity}"
    predicted = mean_interval(_numbers(table, told, (name,)))[0] if told in table.data else None
    edges = {edge: crossing(axis, ratios) for edge, ratios in _edges(table, name).items()}
    return LineData(_title(table, quantity), _heading(table), axis, middle, low, high, values, predicted, edges)


def curves_of(table: Table, quantity: Quantity, points: int) -> CurvesData:
    """The quantity over steps at every point, thinned to so many steps."""
    values = table.values(quantity)
    if "step" not in values.dims:
        raise ParameterError(f"{shown(quantity)} was kept at the end only; give points=200 to the sweep.")
    inner = [dim for dim in values.dims if dim not in (*table.varied, "seed", "step")]
    values = values.mean(inner, keep_attrs=True) if inner else values
    known = np.isfinite(values.values).any(axis=tuple(k for k, dim in enumerate(values.dims) if dim != "step"))
    places = np.flatnonzero(known)
    if not len(places):
        raise ParameterError(f"{shown(quantity)} has no values yet; run the sweep first.")
    places = places[np.unique(np.round(np.linspace(0, len(places) - 1, max(points, 2))).astype(int))]
    names = table.varied
    ordered = values.isel(step=places).transpose(*names, "seed", "step").values
    first, others = (names[0], names[1:]) if names else ("", ())
    curves = ordered.reshape(len(table.data[first]) if names else 1, -1, *ordered.shape[len(names) :])
    combined = np.meshgrid(*(table.data[name].values for name in others), indexing="ij")
    rows = list(zip(*(column.reshape(-1) for column in combined), strict=True)) if others else [()]
    chosen = np.unique(np.round(np.linspace(0, len(rows) - 1, MOST_PANELS)).astype(int))
    panels = tuple(
        Panel(
            ", ".join(_told(name, value) for name, value in zip(others, rows[row], strict=True)),
            *quantile_interval(curves[:, row], 1, 0.9),
        )
        for row in chosen
    )
    labels = tuple(_word(value) for value in table.data[first].values) if names else ("all",)
    return CurvesData(
        _title(table, quantity), str(values.attrs.get("units", "1")), _heading(table), values["step"].values[places],
        first.replace("_", " "), labels, panels, len(rows) - len(chosen), ordered.shape[len(names)],
    )  # fmt: skip


def mean_interval(values: Array) -> tuple[Array, Array, Array]:
    """Mean over the last axis and the ends of its 95 % interval, by resampling the seeds; nan does not count.

    The same resamples everywhere, from a fixed seed, so that a figure is the same whenever it is drawn.
    """
    from cgrosim.model.streams import stream

    count = values.shape[-1]
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    draws = stream(0).multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (filled @ draws.T) / (known.astype(np.float64) @ draws.T)
        mean = filled.sum(axis=-1) / known.sum(axis=-1)
    low, _, high = quantile_interval(means, means.ndim - 1, 0.95)
    return mean, low, high


def crossing(axis: Axis, ratios: Array) -> float:
    """Where a sequence of log-ratios first changes its sign, between two places; nan where it does not."""
    places = np.log(axis.places) if axis.log else axis.places
    signs = np.sign(ratios)
    found = np.flatnonzero((signs[1:] * signs[:-1] < 0) & np.isfinite(ratios[1:]) & np.isfinite(ratios[:-1]))
    if not len(found):
        return float("nan")
    k = int(found[0])
    share = ratios[k] / (ratios[k] - ratios[k + 1])
    place = places[k] + share * (places[k + 1] - places[k])
    return float(np.exp(place) if axis.log else place)


def axis_of(table: Table, name: str) -> Axis:
    """One varied parameter as an axis of a figure."""
    values = table.data[name].values
    numbers = values.dtype.kind in "iuf"
    return Axis(name.replace("_", " "), values, numbers and is_log(values))


def _axes(table: Table, x: str | None, y: str | None) -> tuple[str, str]:
    names = table.varied
    for given in (x, y):
        if given is not None and given not in names:
            raise ParameterError(f"{shown(given)} is not varied in this table; {suggested(given, names, 'varied are')}")
    first = x or next((name for name in names if name != y), None)
    second = y or next((name for name in names if name != first), None)
    if first is None or second is None or first == second:
        raise ParameterError(f"a map needs two varied parameters, but this table has {', '.join(names) or 'none'}.")
    others = [name for name in names if name not in (first, second)]
    if others:
        raise ParameterError(f"the table also varies {', '.join(others)}; choose with table.sel({others[0]}=...).")
    return first, second


def _edges(table: Table, *dims: str) -> dict[str, Array]:
    """Mean over the seeds of the predicted log-ratios, for those that are there."""
    found = {}
    for label, name in EDGES.items():
        if name in table.data:
            values = _numbers(table, name, dims)
            clipped = np.clip(values, -NEVER, NEVER)
            if np.isfinite(clipped).any():
                found[label] = mean_interval(np.where(np.isnan(values), np.nan, clipped))[0]
    return found


def _numbers(table: Table, name: str, dims: tuple[str, ...]) -> Array:
    values: xarray.DataArray = table.data[name].transpose(*dims, "seed")
    return np.asarray(values.values, dtype=np.float64)


def _title(table: Table, quantity: Quantity) -> str:
    if callable(quantity):
        return str(table.values(quantity).attrs.get("long_name", "value"))
    return str(table.values(quantity).attrs.get("long_name", quantity))


def _heading(table: Table) -> str:
    """The parameters of the first cell, and what is varied."""
    sizes = table.data.sizes
    varied = ", ".join(f"{name.replace('_', ' ')} x {sizes[name]}" for name in table.varied)
    seeds = f"{sizes['seed']} seeds" if sizes.get("seed", 1) > 1 else "1 seed"
    try:
        line = parameter_line(table.params())
    except UserError:
        line = ""
    return f"varied: {varied}; {seeds}; at the first point:\n{line}"


def _told(name: str, value: Any) -> str:
    return f"{name.replace('_', ' ')} {_word(value)}"


def _word(value: Any) -> str:
    return number(float(value)) if isinstance(value, int | float | np.number) else str(value)
