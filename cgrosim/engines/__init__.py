"""Ways to advance the same state: on the weights, on the closed system, and as a gradient flow.

Which there are is the table `cgrosim.model.engine_kinds.ENGINES`; the engine of a name is ``ENGINE`` of the module of
that name here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from cgrosim.engines.base import Array, Engine
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem

__all__ = ["Engine", "make_engine"]

Evaluator = Callable[[Array], tuple[Array, Array, Array]]


def make_engine(params: Params, name: str, system: ClosedSystem) -> tuple[Engine, Evaluator | None]:
    """Make the planned engine, and the evaluator of explicitly attacked fresh samples where the threat needs one."""
    if not params.signal_only:
        from cgrosim.engines.searching import AttackedTest, SearchingEngine

        return SearchingEngine(params, system), AttackedTest(params, system) if params.test_samples else None
    return import_module(f"cgrosim.engines.{name}").ENGINE(params, system), None
