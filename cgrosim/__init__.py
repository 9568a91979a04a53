"""cgrosim: simulate adversarial training neuron by neuron and check the theory of robust overfitting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Params", "Run", "load", "resume", "simulate"]

if TYPE_CHECKING:
    from cgrosim.params import Params
    from cgrosim.results import Run, load
    from cgrosim.run import resume, simulate

_HOMES = {"Params": "params", "Run": "results", "load": "results", "resume": "run", "simulate": "run"}


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import cgrosim` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cgrosim' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"cgrosim.{_HOMES[name]}"), name)
