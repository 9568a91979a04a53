"""What a simulation returns: labelled arrays with their parameters, saved as netCDF and drawn as figures."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError, UnknownNameError
from cgrosim.files.words import quoted, suggested
from cgrosim.model.hitting_times import HITTING_TIMES, hitting_time
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.run.dataset import Recorded, dataset_of, header
from cgrosim.run.grids import on_grid
from cgrosim.run.presenting import PRESENTERS
from cgrosim.run.quantities import recorded
from cgrosim.run.run_file import read_run, write_run
from cgrosim.run.start import start_of
from cgrosim.run.tables import as_html, in_short

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

    from cgrosim.predictions.predicted import Predictions


class Run:
    """One simulation.

    Parameters
    ----------
    data : xarray.Dataset
        The records, or what a session recorded, of which the dataset is made when it is first asked for.
    params : Params
        What was simulated.
    start : ClosedSystem, optional
        What it began from, where that was not drawn from the parameters.
    """

    def __init__(self, data: xarray.Dataset | Recorded, params: Params, *, start: ClosedSystem | None = None) -> None:
        self._recorded = data if isinstance(data, Recorded) else None
        self.params = params
        if not isinstance(data, Recorded):
            self.data = data
        if start is not None:
            self.start = start

    @cached_property
    def data(self) -> xarray.Dataset:
        """Dimensions ``step``, ``neuron``, ``sample`` (and ``patch``, ``coordinate`` on request).

        Every variable has a long name and units; parameters, seed, versions, timings and status are attributes. The
        variables ``signal_growth_time``, ``escape_time`` and ``memorization_time`` hold the first step at which
        alpha^q U >= 1, (gap alpha)^q U >= 0.7 and V_i >= 0.7 (nan: not reached).
        """
        assert self._recorded is not None
        return dataset_of(self._recorded, self.params)

    @cached_property
    def start(self) -> ClosedSystem:
        """The system the run began from; one that was drawn is drawn again from the parameters when asked for.

        Raises
        ------
        ParameterError
            If it was given and not saved with the run.
        """
        if self.attributes.get("start") == "given":
            raise ParameterError("This run's file does not hold the start it was given; save it with with_start=True.")
        return start_of(self.params, str(self.attributes["sampling"]), str(self.attributes["engine"]))

    @property
    def attributes(self) -> dict[str, Any]:
        """Status, message, plan, versions and the like: the attributes of `data`, without making it."""
        if "data" in self.__dict__ or self._recorded is None:
            return self.data.attrs
        return {**header(self.params), **self._recorded.attributes}

    def _brief(self, *names: str) -> Any:
        """The first attribute that is there, of those that the session set, without the others."""
        made = "data" in self.__dict__ or self._recorded is None
        found = self.data.attrs if made or self._recorded is None else self._recorded.attributes
        return next(found[name] for name in names if name in found)

    @property
    def status(self) -> str:
        """``finished``, ``diverged`` or ``interrupted``."""
        return str(self._brief("status"))

    @property
    def message(self) -> str:
        """What a reader must know about this run: why it stopped, or that no neuron can learn the signal."""
        return str(self._brief("message"))

    @property
    def steps_taken(self) -> int:
        """Gradient steps taken, also of a run that diverged or was interrupted."""
        return int(self._brief("steps_taken", "steps"))

    @checked
    def final(self, name: str) -> Any:
        """The last record of a variable.

        Raises
        ------
        UnknownNameError
            If the run has no variable of this name.
        """
        return self.values(name)[-1][()]

    @checked
    def on_grid(self, steps: ArrayLike) -> xarray.Dataset:
        """The records at given steps: see `cgrosim.run.grids.on_grid` for what is between two records.

        Raises
        ------
        ParameterError
            If the steps are not increasing whole numbers from 0 on.
        """
        return on_grid(self.data, steps)

    @checked
    def values(self, name: str) -> NDArray[Any]:
        """All records of a variable over the recorded steps (or a hitting time), without making `data`.

        Raises
        ------
        UnknownNameError
            If the run has no variable of this name; it is a KeyError, too.
        """
        try:
            if "data" in self.__dict__ or self._recorded is None:
                return np.asarray(self.data[name].values)
            if name in self._recorded.records:
                return self._recorded.records[name]
            return np.asarray(getattr(self._recorded.crossings, hitting_time(name)))
        except KeyError:
            hint = suggested(name, map(str, self.data.variables), "it recorded")
            raise UnknownNameError(f"{quoted(name)} is not recorded in this run; {hint}") from None

    @checked
    def save(self, path: str | Path, *, with_start: bool = False) -> Path:
        """Write the run as netCDF, atomically: the file is either the old one or the whole new one.

        Parameters
        ----------
        path
            Where to.
        with_start
            Write what the run began from as well (vectors and Gram matrices, so that the file may be large).

        Raises
        ------
        FileError
            If the place cannot be written to.
        """
        return write_run(path, self.data, self.start if with_start else None)

    def __repr__(self) -> str:
        p, last = self.params, self.steps_taken
        return f"<Run {self.status}: d={p.dimension} N={p.samples} m={p.neurons} {p.threat} seed={p.seed}, step {last}>"

    def _repr_html_(self) -> str:
        return as_html(self.rows())

    def rows(self) -> list[tuple[str, str]]:
        """The run in short: parameters that are not the defaults, how it ended, hitting times and last errors."""
        default = type(self.params).model_fields
        given = self.params.model_dump()
        parts = [f"{name}={value}" for name, value in given.items() if value != default[name].default]
        found = [("Run", self.status), ("parameters", ", ".join(parts))]
        found += [(name, str(self.attributes[name])) for name in ("engine", "attack", "steps", "message")]
        for entry in HITTING_TIMES.values():
            found.append((f"{entry.variable} (step)", in_short(self.values(entry.variable))))
        errors = [q.name for q in recorded(self.params) if q.name.endswith("_error") and self._kept(q.name)]
        return found + [(f"last {name}", in_short(self.final(name))) for name in errors if len(self.values("step"))]

    def _kept(self, name: str) -> bool:
        return name in (self.data if "data" in self.__dict__ or self._recorded is None else self._recorded.records)

    @checked
    def plot(self, predictions: Predictions | None = None) -> matplotlib.figure.Figure:
        """Draw the three-stage figure; without `predictions` they are computed, where the theory applies."""
        try:
            figure: matplotlib.figure.Figure = PRESENTERS["plot"](self, predictions)
        except KeyError:
            missing = [q.name for q in recorded(self.params) if q.name not in self.data]
            if not missing:
                raise
            raise ParameterError(
                f"The figure needs records left out by keep ({', '.join(missing)}); keep them."
            ) from None
        return figure


@checked
def load(path: str | Path) -> Run:
    """Read a run that `Run.save` wrote.

    Raises
    ------
    FileError
        If the file is missing, cut, changed, or was not written by cgrosim.
    """
    data, params, start = read_run(path)
    return Run(data, params, start=start)
