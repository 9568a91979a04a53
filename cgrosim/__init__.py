"""cgrosim: simulate adversarial training neuron by neuron and check the theory of robust overfitting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgrosim.run.presenting import PRESENTERS

__version__ = "0.1.0"
__all__ = [
    "ClosedSystem",
    "Comparison",
    "Params",
    "Run",
    "Table",
    "UserError",
    "compare",
    "escaped",
    "grown",
    "load",
    "load_table",
    "memorised",
    "predict",
    "resume",
    "simulate",
    "stack",
    "sweep",
    "verify",
]

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.claims.runner import verify
    from cgrosim.errors import UserError
    from cgrosim.model.params import Params
    from cgrosim.model.sampling import ClosedSystem
    from cgrosim.predictions.predict import predict
    from cgrosim.predictions.predicted import Predictions
    from cgrosim.run.comparing import Comparison, compare
    from cgrosim.run.grids import stack
    from cgrosim.run.results import Run, load
    from cgrosim.run.session import resume, simulate
    from cgrosim.run.stopping import escaped, grown, memorised
    from cgrosim.sweeps.sweep import sweep
    from cgrosim.sweeps.table import Table, load_table

# The theory stands beside this package in a checkout and inside it where it is installed.
if not (Path(__file__).parent / "theory").is_dir():
    __path__.append(str(Path(__file__).resolve().parents[1]))

_HOMES = {
    "ClosedSystem": "cgrosim.model.sampling",
    "Comparison": "cgrosim.run.comparing",
    "Params": "cgrosim.model.params",
    "Run": "cgrosim.run.results",
    "Table": "cgrosim.sweeps.table",
    "UserError": "cgrosim.errors",
    "compare": "cgrosim.run.comparing",
    "escaped": "cgrosim.run.stopping",
    "grown": "cgrosim.run.stopping",
    "load": "cgrosim.run.results",
    "load_table": "cgrosim.sweeps.table",
    "memorised": "cgrosim.run.stopping",
    "predict": "cgrosim.predictions.predict",
    "resume": "cgrosim.run.session",
    "simulate": "cgrosim.run.session",
    "stack": "cgrosim.run.grids",
    "sweep": "cgrosim.sweeps.sweep",
    "verify": "cgrosim.claims.runner",
}
_ROOMS = ("claims", "classroom", "figures", "images", "model", "predictions", "run", "sweeps", "testing", "theory")


def __getattr__(name: str) -> Any:
    """Import the public names and rooms on first use, so that `import cgrosim` costs nothing."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return import_module(f"cgrosim.{name}")
    raise AttributeError(f"module 'cgrosim' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names and rooms, without what this module imports for itself."""
    return sorted([*__all__, *_ROOMS, *(name for name in globals() if name.startswith("__"))])


def _plot(run: Run, predictions: Predictions | None) -> Figure:
    from cgrosim.figures.three_stages import three_stage_figure
    from cgrosim.predictions.predict import predict

    return three_stage_figure(run, predict(run) if predictions is None else predictions)


def _compare(compared: Comparison) -> Figure:
    from cgrosim.figures.comparison import comparison_figure

    return comparison_figure(compared)


PRESENTERS.update(plot=_plot, compare=_compare)
