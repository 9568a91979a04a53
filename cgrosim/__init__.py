"""cgrosim: simulate adversarial training neuron by neuron and check the theory of robust overfitting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgrosim.run.presenting import PRESENTERS

__version__ = "0.1.0"
__all__ = ["Params", "Run", "load", "predict", "resume", "simulate"]

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.model.params import Params
    from cgrosim.predictions.predict import predict
    from cgrosim.predictions.predicted import Predictions
    from cgrosim.run.results import Run, load
    from cgrosim.run.session import resume, simulate

# The theory stands beside this package in a checkout and inside it where it is installed.
if not (Path(__file__).parent / "theory").is_dir():
    __path__.append(str(Path(__file__).resolve().parents[1]))

_HOMES = {
    "Params": "cgrosim.model.params",
    "Run": "cgrosim.run.results",
    "load": "cgrosim.run.results",
    "predict": "cgrosim.predictions.predict",
    "resume": "cgrosim.run.session",
    "simulate": "cgrosim.run.session",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import cgrosim` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cgrosim' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def _plot(run: Run, predictions: Predictions | None) -> Figure:
    from cgrosim.figures.three_stages import three_stage_figure
    from cgrosim.predictions.predict import predict

    return three_stage_figure(run, predict(run) if predictions is None else predictions)


PRESENTERS["plot"] = _plot
