"""A sweep's folder: its table with a row a run, and a mark for every batch whose data are there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from cgrosim.files.cells import MemoryStore, Variable
from cgrosim.files.kinds import Kind
from cgrosim.files.zarr_store import ZarrStore
from cgrosim.sweeps.layout import sizes, variables
from cgrosim.sweeps.plan import Plan


class SweepStore(ZarrStore[Plan]):
    """Runs of a grid in a folder."""

    PLAN = Kind("cgrosim sweep 1", "sweep of cgrosim", "the folder of one (--out)", "take another --out (out=...)")
    MARK = Kind("cgrosim sweep mark 1", "mark of a sweep", "a sweep's folder", "remove it, and its cells are run again")
    MISSING = "a sweep is kept in Zarr, which is not installed; run pip install '.[sweep]' in the checkout of cgrosim."

    @staticmethod
    def load(content: Mapping[str, Any]) -> Plan:
        """The plan in a record."""
        plan = Plan.load(content)
        variables(plan.measured)
        return plan

    @staticmethod
    def dump(plan: Plan) -> dict[str, Any]:
        """A plan as plain values."""
        return plan.dump()

    @staticmethod
    def joined(before: Plan, wanted: Plan, folder: Path) -> Plan:
        """The plan when another grid of the same sweep is asked for.

        Raises
        ------
        FileError
            If it is another sweep.
        """
        before.check_same_sweep(wanted, folder)
        return before.grown(wanted.asked)

    @property
    def rows(self) -> int:
        """How many cells there are in all."""
        return self.plan.rows

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Every array."""
        return variables(self.plan.measured)

    @cached_property
    def lengths(self) -> Mapping[str, int]:
        """Lengths of the dimensions inside a cell."""
        return sizes(self.plan)


def in_memory(plan: Plan) -> MemoryStore:
    """A store for a sweep that is not kept in a folder."""
    return MemoryStore(plan, plan.rows, variables(plan.measured), sizes(plan))
