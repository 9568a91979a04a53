"""What a sweep returns: one labelled dataset over what was varied, with its intervals and figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.files.encoding import decoded
from cgrosim.files.kinds import Kind
from cgrosim.files.netcdf import read_netcdf
from cgrosim.files.words import quoted, shown, suggested
from cgrosim.model.params import Params
from cgrosim.model.settings import plain
from cgrosim.run.labelled import Labelled
from cgrosim.run.quantities import QUANTITIES
from cgrosim.sweeps.base import Base
from cgrosim.sweeps.cells import STATUSES
from cgrosim.sweeps.dataset import dataset_of
from cgrosim.sweeps.intervals import quantile_interval, share_interval
from cgrosim.sweeps.store import SweepStore

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from cgrosim.files.cells import Store

TABLE = Kind(
    "cgrosim table 1",
    "table of a sweep",
    "a file that to_netcdf wrote, or the folder of a sweep",
    "run the sweep again",
)
ENDS = ("low", "middle", "high")
Quantity = str | Callable[[Any], Any]


class Table(Labelled):
    """The results of a sweep.

    Parameters
    ----------
    data : xarray.Dataset
        Dimensions: what was varied and ``seed``, then ``step``, ``neuron``, ``sample`` where they are kept.
        Variables: ``status`` and ``message`` of every run, what was kept, the hitting times, and the theory's numbers
        under ``predicted_...``. Every variable has a long name and units.
    again : callable, optional
        What runs the same cells once more and keeps a quantity over so many steps; a table that is read has none.
    """

    KIND = TABLE

    def __init__(self, data: xarray.Dataset, again: Callable[[str, int], Table] | None = None) -> None:
        self.data, self._again = data, again

    @classmethod
    def of_store(cls, store: Store) -> Table:
        """The table of what a store holds of the grid that was asked for last."""
        return cls(dataset_of(store))

    @property
    def base(self) -> Base:
        """What was not varied."""
        return Base(json.loads(self.data.attrs["base"]), bool(self.data.attrs["from_paper"]))

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """Names of the dimensions that are varied, in their order, without the seed."""
        dims = json.loads(self.data.attrs["varied"])
        return tuple(name for name in dims if name in self.data.dims)

    @property
    def cells(self) -> tuple[str, ...]:
        """Names of the dimensions that number the cells: what is varied, and the seed."""
        return (*self.varied, "seed")

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of what was kept, without the hitting times and the theory's numbers that every table has."""
        return tuple(json.loads(self.data.attrs["kept"]))

    @property
    def status(self) -> str:
        """``finished``, or ``interrupted`` while cells are missing; cells that failed are finished."""
        return "interrupted" if self.counts.get("missing") else "finished"

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have which status."""
        found, numbers = np.unique(self.data["status"].values, return_counts=True)
        return dict(zip((str(each) for each in found), (int(number) for number in numbers), strict=True))

    @property
    def failures(self) -> list[str]:
        """What happened in cells that failed or diverged, each sentence once."""
        bad = np.isin(self.data["status"].values, ("failed", "diverged"))
        return list(dict.fromkeys(str(text) for text in self.data["message"].values[bad]))

    def sel(self, **where: Any) -> Table:
        """The part of the table at some values of what was varied; a number takes the nearest value.

        Raises
        ------
        ParameterError
            If a name is not varied, or takes no such value.
        """
        data = self.data
        for name, value in where.items():
            if name not in (*self.varied, "seed"):
                hint = suggested(name, (*self.varied, "seed"), "varied are")
                raise ParameterError(f"{shown(name)} is not varied in this table; {hint}")
            values = data[name].values
            try:
                if name != "seed" and values.dtype.kind in "if" and np.ndim(value) == 0 and np.isfinite(value):
                    data = data.isel({name: int(np.argmin(np.abs(values - value)))})
                else:
                    data = data.sel({name: value})
                if not all(data.sizes.values()):
                    raise KeyError
            except (KeyError, TypeError, ValueError):
                known = ", ".join(map(str, values[:20]))
                raise ParameterError(f"{name} takes the values {known}, but not {quoted(value)}.") from None
        return Table(data)

    def params(self, **where: Any) -> Params:
        """The parameters of one cell, from which `cgrosim.simulate` makes the very run; by default of the first.

        Raises
        ------
        ParameterError
            If a name is not varied, or takes no such value.
        """
        data = self.sel(**where).data
        data = data.isel({dim: 0 for dim in (*self.varied, "seed") if dim in data.dims})
        names = [name for name in data.coords if name in {*Params.model_fields, *json.loads(data.attrs["names"])}]
        return self.base.params({str(name): plain(data[name].values[()]) for name in names})

    @checked
    def values(self, quantity: Quantity) -> xarray.DataArray:
        """A variable by its name, or what a function of the dataset gives.

        Raises
        ------
        ParameterError
            If there is no variable of this name.
        """
        if callable(quantity):
            found: xarray.DataArray = quantity(self.data)
            return found
        if quantity not in self.data.data_vars:
            names = [str(name) for name in self.data.data_vars]
            raise ParameterError(f"{shown(quantity)} was not kept; {suggested(quantity, names, 'kept are')}")
        return self.data[quantity]

    @checked
    def final(self, quantity: Quantity) -> xarray.DataArray:
        """One number a cell: the last of the steps that was reached, and the mean over samples or neurons.

        Raises
        ------
        ParameterError
            If there is no variable of this name, or if it holds words.
        """
        values = self.values(quantity)
        if values.dtype.kind not in "biuf":
            raise ParameterError(f"{shown(quantity)} holds words; take a quantity that is a number.")
        if "step" in values.dims:
            whole = values.transpose("step", ...).values
            last = np.max(
                np.where(np.isfinite(whole), np.arange(len(whole)).reshape(-1, *[1] * (whole.ndim - 1)), 0), 0
            )
            taken = np.take_along_axis(whole, last[None], axis=0)[0]
            values = values.isel(step=-1, drop=True).copy(data=taken)
        inner = [dim for dim in values.dims if dim not in (*self.varied, "seed")]
        return values.mean(inner, keep_attrs=True) if inner else values

    @checked
    def intervals(self, quantity: Quantity, *, confidence: float = 0.95, kind: str | None = None) -> xarray.Dataset:
        """Intervals over seeds: variables ``low``, ``middle`` and ``high``.

        Parameters
        ----------
        quantity
            A variable by its name, or a function of the dataset, such as
            ``lambda data: data.last_memorization_time.notnull()``.
        confidence
            Of the interval.
        kind
            ``share``: of something that is true or not (0 or 1), the exact interval of its probability by Clopper and
            Pearson; ``quantiles``: the median, and between the quantiles lie the runs themselves. By default shares for
            truth values, else quantiles.

        Raises
        ------
        ParameterError
            If there is no such variable, or no such kind, or confidence is not between 0 and 1.
        """
        import xarray

        if not 0.0 < confidence < 1.0:
            raise ParameterError(f"confidence is {confidence!r}, but must lie between 0 and 1, such as 0.95.")
        values = self.values(quantity)
        kind = kind or ("share" if values.dtype.kind == "b" else "quantiles")
        kinds = {"share": share_interval, "quantiles": quantile_interval}
        if kind not in kinds:
            raise ParameterError(f"kind is {quoted(kind)}; {suggested(kind, kinds, 'take one of')}")
        if "seed" not in values.dims:
            raise ParameterError("these values have no seeds to make an interval over; take the whole table.")
        if kind == "share" and not np.isin(values.values[np.isfinite(values.values)], (0, 1)).all():
            raise ParameterError("share is for what is true or not (0 or 1); take kind quantiles.")
        ends = kinds[kind](values.values, values.dims.index("seed"), confidence)
        dims = [dim for dim in values.dims if dim != "seed"]
        coords = {name: values[name] for name in values.coords if "seed" not in values[name].dims}
        arrays = {name: (dims, end, values.attrs) for name, end in zip(ENDS, ends, strict=True)}
        return xarray.Dataset(arrays, coords=coords, attrs={"kind": kind, "confidence": confidence})

    @checked
    def plot(self, quantity: Quantity, *, x: str | None = None, y: str | None = None) -> Figure:
        """A heat map over two of the varied parameters, or a curve over one, with the predicted edges.

        Colour is the mean over seeds; contours are its measured edge (half-way between the extremes, dotted where the
        95 % interval of the mean puts it) and the edges that the theory predicts.

        Raises
        ------
        ParameterError
            If there is no such variable, or more than what is drawn is varied (choose with `sel`).
        """
        from cgrosim.figures.sweep_map import sweep_line_figure, sweep_map_figure
        from cgrosim.sweeps.drawing import line_of, map_of

        if len(self.varied) == 1 and y is None:
            return sweep_line_figure(line_of(self, quantity))
        return sweep_map_figure(map_of(self, quantity, x, y))

    @checked
    def curves(self, quantity: Quantity, *, points: int = 200) -> Figure:
        """A quantity over steps: for each point the median over seeds, and the band in which 90 % of them lie.

        What `cgrosim.sweep` kept at the end only, or not at all, is got by running the same cells once more, which
        takes as long as the sweep did: by as many workers, or on the cluster at the same address, if the sweep was
        given those, else in this process. Give ``points`` to the sweep to keep it at once.

        Raises
        ------
        ParameterError
            If it was not kept over steps, and the table was read or is a part of one.
        """
        from cgrosim.figures.sweep_curves import sweep_curves_figure
        from cgrosim.sweeps.drawing import curves_of

        table = self
        if self._again is not None and isinstance(quantity, str):
            kept = self.data.data_vars.get(quantity)
            if quantity in (*QUANTITIES, *self.kept) and (kept is None or "step" not in kept.dims):
                table = self._again(quantity, points)
        return sweep_curves_figure(curves_of(table, quantity, points))

    def __repr__(self) -> str:
        sizes = " x ".join(
            f"{name} {self.data.sizes[name]}" for name in (*self.varied, "seed") if name in self.data.dims
        )
        counts = ", ".join(f"{self.counts[word]} {word}" for word in STATUSES if self.counts.get(word))
        return f"<Table {sizes}: {counts}>"


@checked
def load_table(path: str | Path) -> Table:
    """The table of a sweep's folder, or of a file that `Table.to_netcdf` wrote.

    Raises
    ------
    FileError
        If there is none, or it is damaged.
    """
    if Path(path).is_dir():
        return Table.of_store(SweepStore.reading(Path(path)))
    data = read_netcdf(path, TABLE)
    with TABLE.judging(path):
        table = Table(decoded(data))
        _ = table.varied, table.counts
        named = [*table.kept, *json.loads(data.attrs["names"])]
        told = json.loads(data.attrs["base"]), json.loads(data.attrs["versions"])
        if not all(isinstance(each, str) for each in named) or not all(isinstance(each, dict) for each in told):
            raise ValueError("it does not say what was varied and kept")
    return table
