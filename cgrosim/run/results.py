"""What a simulation returns: labelled arrays with their parameters, saved as netCDF and drawn as figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.files.versions import versions
from cgrosim.model.params import Params
from cgrosim.run.presenting import PRESENTERS
from cgrosim.run.recorder import VARIABLES
from cgrosim.run.run_file import RUN, read_run, write_run

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

    from cgrosim.predictions.predicted import Predictions


@dataclass(frozen=True)
class Run:
    """One simulation.

    Attributes
    ----------
    data : xarray.Dataset
        Dimensions ``step``, ``neuron``, ``sample`` (and ``patch``, ``coordinate`` on request); every variable has a
        long name and units; parameters, seed, versions, timings and status are attributes. The variables
        ``signal_growth_time``, ``escape_time`` and ``memorization_time`` hold the first step at which alpha^q U >= 1,
        (gap alpha)^q U >= 0.7 and V_i >= 0.7 (nan: not reached).
    params : Params
        What was simulated.
    """

    data: xarray.Dataset
    params: Params

    @property
    def status(self) -> str:
        """``finished``, ``diverged`` or ``interrupted``."""
        return str(self.data.attrs["status"])

    @property
    def message(self) -> str:
        """What a reader must know about this run: why it stopped, or that no neuron can learn the signal."""
        return str(self.data.attrs["message"])

    def final(self, name: str) -> Any:
        """The last record of a variable."""
        return self.data[name].isel(step=-1).values[()]

    def save(self, path: str | Path) -> Path:
        """Write the run as netCDF, atomically: the file is either the old one or the whole new one.

        Raises
        ------
        FileError
            If the place cannot be written to.
        """
        return write_run(path, self.data)

    def plot(self, predictions: Predictions | None = None) -> matplotlib.figure.Figure:
        """Draw the three-stage figure; without `predictions` they are computed, where the theory applies."""
        figure: matplotlib.figure.Figure = PRESENTERS["plot"](self, predictions)
        return figure


def load(path: str | Path) -> Run:
    """Read a run that `Run.save` wrote.

    Raises
    ------
    FileError
        If the file is missing, cut, changed, or was not written by cgrosim.
    """
    return Run(*read_run(path))


def assemble(params: Params, records: dict[str, list[Any]], crossings: Any, attributes: dict[str, Any]) -> Run:
    """Build a Run from the recorder's lists, the crossing times and the attributes."""
    import xarray

    variables: dict[str, Any] = {}
    for name, values in records.items():
        if name == "step":
            continue
        dimensions, long_name, units = VARIABLES[name]
        variables[name] = (("step", *dimensions), np.stack(values), {"long_name": long_name, "units": units})
    times = {
        "signal_growth_time": ((), crossings.grown, "first step at which alpha^q U >= 1"),
        "escape_time": ((), crossings.escaped, "first step at which the attacked signal margin >= 0.7"),
        "memorization_time": (("sample",), crossings.memorised, "first step at which V_i >= 0.7"),
    }
    for name, (dims, value, long_name) in times.items():
        variables[name] = (dims, np.asarray(value, dtype=np.float64), {"long_name": long_name, "units": "step"})
    steps = np.asarray(records["step"], dtype=np.int64)
    data = xarray.Dataset(
        variables,
        coords={"step": ("step", steps, {"long_name": "gradient steps", "units": "step"})},
        attrs={
            "format": RUN.format,
            "params": params.model_dump_json(),
            "seed": params.seed,
            "attack": params.attack_description,
            "versions": json.dumps(versions()),
            **attributes,
        },
    )
    return Run(data, params)
