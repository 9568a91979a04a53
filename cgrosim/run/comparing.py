"""Two runs side by side: what differs in their parameters, where they part, and where they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.arguments import checked
from cgrosim.errors import UnknownNameError
from cgrosim.files.words import quoted, suggested
from cgrosim.model.hitting_times import HITTING_TIMES
from cgrosim.run.presenting import PRESENTERS
from cgrosim.run.results import Run
from cgrosim.run.tables import as_html, as_text, in_short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOLERANCE = 1e-9
"""What rounding may do: two orders of summation of 1e6 products differ by up to 1e6 eps = 2.2e-10 of their size, and
runs that learn the same add such differences over their steps."""


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side; print it, show it in a notebook, or draw it with `plot`.

    Attributes
    ----------
    first, second : the runs
    tolerance : what counts as rounding, relative to the largest magnitude of a variable at a step
    """

    first: Run
    second: Run
    tolerance: float = TOLERANCE

    @property
    def parameters(self) -> dict[str, tuple[Any, Any]]:
        """The parameters that differ, with both values."""
        one, other = (run.params.model_dump() for run in (self.first, self.second))
        return {name: (one[name], other[name]) for name in one if one[name] != other[name]}

    @property
    def variables(self) -> list[str]:
        """The recorded variables that both runs have, in the order of the first."""
        data = self.first.data
        return [str(name) for name in data.data_vars if "step" in data[name].dims and name in self.second.data]

    @property
    def common_steps(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The steps that both runs recorded."""
        return np.intersect1d(self.first.data["step"].values, self.second.data["step"].values)

    @checked
    def parts_at(self, name: str) -> int | str | None:
        """The first common step at which a variable differs by more than rounding.

        None where it never does; a word where there is nothing to compare.

        Raises
        ------
        UnknownNameError
            If not both runs recorded it.
        """
        if name not in self.variables:
            hint = suggested(name, self.variables, "they are")
            raise UnknownNameError(f"{quoted(name)} is not a variable that both runs recorded; {hint}")
        steps = self.common_steps
        one, other = (run.data[name].sel(step=steps).values for run in (self.first, self.second))
        if one.shape != other.shape:
            return f"sizes {one.shape[1:]} and {other.shape[1:]}"
        if not len(steps):
            return "no common step"
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.fmax(np.abs(one), np.abs(other)).reshape(len(steps), -1)
            bound = self.tolerance * np.nanmax(np.where(np.isnan(size), 0.0, size), axis=1, initial=0.0)
            near = np.abs(one - other).reshape(len(steps), -1) <= np.where(np.isfinite(bound), bound, 0.0)[:, None]
        apart = ~np.all(near | same.reshape(len(steps), -1), axis=1)
        return int(steps[np.argmax(apart)]) if np.any(apart) else None

    def rows(self) -> list[tuple[str, ...]]:
        """The whole comparison as rows of a table: what, first run, second run, where they part."""
        found: list[tuple[str, ...]] = [("", "first run", "second run", "they part at")]
        found += [(name, _value(a), _value(b), "parameter") for name, (a, b) in self.parameters.items()]
        runs = (self.first, self.second)
        found.append(("status", runs[0].status, runs[1].status, ""))
        lasts = [run.data["step"].values[-1:] for run in runs]
        found.append(("last recorded step", *(in_short(last) if len(last) else "none" for last in lasts), ""))
        for name in (entry.variable for entry in HITTING_TIMES.values()):
            if all(name in run.data for run in runs):
                found.append((name, *(in_short(run.data[name].values) for run in runs), ""))
        for name in self.variables:
            ends = [in_short(run.data[name].values[-1:]) if run.data.sizes["step"] else "none" for run in runs]
            step = self.parts_at(name)
            found.append((name, *ends, step if isinstance(step, str) else "never" if step is None else f"step {step}"))
        return found

    def plot(self) -> Figure:
        """Draw both runs over one axis of steps."""
        figure: Figure = PRESENTERS["compare"](self)
        return figure

    def __str__(self) -> str:
        return as_text(self.rows())

    def _repr_html_(self) -> str:
        return as_html(self.rows())


@checked
def compare(first: Run, second: Run, *, tolerance: float = TOLERANCE) -> Comparison:
    """Put two runs side by side: parameters, hitting times, last records, and the step at which each variable parts.

    Parameters
    ----------
    first, second
        Any two runs; seeds, sizes, engines and grids may differ.
    tolerance
        What counts as rounding, relative to the largest magnitude of a variable at a step.
    """
    return Comparison(first, second, tolerance)


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
