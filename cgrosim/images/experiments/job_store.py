"""The folder of an experiment's table: the store of a sweep, with a row a job in the place of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cgrosim.files.cells import MemoryStore, Store, Variable
from cgrosim.files.kinds import Kind
from cgrosim.files.lock import Held, only_here_in
from cgrosim.files.marks import MARKS
from cgrosim.files.zarr_arrays import installed
from cgrosim.files.zarr_store import ZarrStore
from cgrosim.images.experiments.job_plan import JobPlan

UNKEPT = (
    "Zarr is not installed, so that trainings are kept but what is measured of them is not, and is measured again when "
    "the same command is given again; run pip install '.[sweep]' in the checkout of cgrosim to keep it."
)


class JobStore(ZarrStore[JobPlan]):
    """What the jobs of experiments on the same images found, in a folder."""

    PLAN = Kind(
        "cgrosim experiment table 1",
        "table of an experiment on images",
        "the folder of one (--out)",
        "choose another place (--out), or remove it and the folder cells.zarr: trainings stay",
    )
    MARK = Kind(
        "cgrosim job mark 2", "mark of a job", "the folder of an experiment", "remove it, and run the command again"
    )
    MISSING = (
        "the table of an experiment is kept in Zarr, which is not installed; run pip install '.[sweep]' in the "
        "checkout of cgrosim."
    )

    @staticmethod
    def load(content: Mapping[str, Any]) -> JobPlan:
        """The plan in a record."""
        return JobPlan.load(content)

    @staticmethod
    def dump(plan: JobPlan) -> dict[str, Any]:
        """A plan as plain values."""
        return plan.dump()

    @staticmethod
    def joined(before: JobPlan, wanted: JobPlan, folder: Path) -> JobPlan:
        """The plan when more is asked for.

        Raises
        ------
        FileError
            If it is about other images.
        """
        return before.joined(wanted, folder, fresh=not any((folder / MARKS).glob("*.json")))

    @property
    def rows(self) -> int:
        """How many jobs there are in all."""
        return len(self.plan.entries)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every array."""
        return self.plan.variables

    @property
    def lengths(self) -> Mapping[str, int]:
        """Lengths of the dimensions inside a cell."""
        return self.plan.lengths


@contextmanager
def opened(folder: Path | None, plan: JobPlan, held: Held | None) -> Iterator[Store]:
    """The store of an experiment, nobody else's for the block: in a folder, or in memory where there is none, or no
    Zarr.

    Raises
    ------
    FileError
        If another program is at it, if it is of other images, or if the place cannot be written to.
    """
    if folder is None:
        yield _in_memory(plan)
    elif not installed():
        with only_here_in(folder) if held is None else _nothing():
            yield _in_memory(plan)
    else:
        with JobStore.holding(folder, plan, held) as store:
            yield store


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _in_memory(plan: JobPlan) -> MemoryStore:
    return MemoryStore(plan, len(plan.entries), plan.variables, plan.lengths)
