"""Results of jobs in a store: what is there already is taken up, everything else is kept as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cgrosim.executors.executor import Lost
from cgrosim.files.cells import Found, Store, Variable
from cgrosim.files.words import counted
from cgrosim.images.experiments.experiment import Job, Measurement, fingerprint
from cgrosim.images.experiments.job_plan import STATUS, STATUSES, JobPlan
from cgrosim.images.experiments.job_store import JobStore
from cgrosim.images.experiments.results import first_format
from cgrosim.run.identity import check_kept

AGAIN = ("missing", "failed", "interrupted")
"""Statuses of jobs that are done again."""


class Keeping:
    """What the store of an experiment knows of its jobs.

    Parameters
    ----------
    store : of the table
    now : versions and kind of processor
    place : the folder, where measurements of the first format may be; None for no folder
    """

    def __init__(self, store: Store, now: Mapping[str, str], place: Path | None) -> None:
        self.store, self._now, self._place = store, now, place
        self.plan: JobPlan = store.plan
        self._fingerprints: dict[str, str] = {}
        done = store.done()
        damaged = getattr(store, "damaged", 0)
        self.notes = (f"{counted(damaged, 'damaged result')} in {place} will be found again.",) if damaged else ()
        if np.any(done):
            asked = np.array(self.plan.asked)
            again = [STATUSES.index(word) for word in AGAIN]
            if np.any(~done[asked]) or np.isin(store.read(STATUS, asked), again).any():
                self._check_now()

    def _check_now(self) -> None:
        check_kept(self.plan.identity, self._now, self._place, "results")

    def known(self, job: Job, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a measurement found before on the same results; None where it has to be done, as trainings have, which
        look into files of their own.

        Raises
        ------
        FileError
            If what is there cannot be such a result, or if results of other versions would be added to.
        """
        if not isinstance(job, Measurement):
            return None
        row, of = self.plan.row(job), self._of(job)
        about, status = self.store.about().get(row, {}), self._status(row)
        if status == "finished" and about.get("given") == of:
            with JobStore.MARK.judging(f"the mark of {job.name}"):
                found = job.found(self._arrays(row, about["shapes"]), about["plain"])
                job.check(found)
            return found
        if status not in AGAIN:  # of another training
            self._check_now()
        return (
            None if self._place is None or status != "missing" else first_format(self._place, job, self.plan.data, of)
        )

    def keep(self, job: Job, result: Any) -> None:
        """Write the cell of a job, `Lost` for one that failed; nothing where it stands there already.

        Raises
        ------
        FileError
            If the place cannot be written to.
        """
        row, failed = self.plan.row(job), isinstance(result, Lost)
        arrays: dict[str, Any] = {}
        about: dict[str, Any] = {"given": self._of(job)}
        if failed:
            status, message = "failed", f"{result.reason[:1].upper()}{result.reason[1:]}."
        else:
            self._fingerprints[job.name] = about["result"] = fingerprint(result)
            status, message = job.status(result), job.message(result)
            before = self.store.about().get(row, {})
            if self._status(row) == status and all(before.get(name) == value for name, value in about.items()):
                return
            arrays, about["plain"] = job.cell(result)
            about["shapes"] = {name: list(np.shape(values)) for name, values in arrays.items()}
        padded = {v.name: self._padded(v, arrays) for v in self.plan.kinds[job.kind]}
        odd = sorted({*arrays} - {*padded})
        if odd:
            raise TypeError(f"{job.name} found {odd[0]}, an array that is none of its variables")
        padded[STATUS] = np.array([STATUSES.index(status)], dtype=np.int8)
        self.store.write(row, row + 1, Found(padded, {0: message} if message else {}, about=about))

    def _of(self, job: Job) -> dict[str, str]:
        """Fingerprints of the results that a job needs."""
        return {name: self._fingerprints[name] for name in job.needs}

    def _status(self, row: int) -> str:
        done = bool(self.store.done()[row])
        return STATUSES[int(self.store.read(STATUS, np.array([row]))[0])] if done else "missing"

    def _padded(self, variable: Variable, arrays: Mapping[str, Any]) -> Any:
        whole = np.full((1, *(self.plan.lengths[d] for d in variable.dimensions)), variable.missing, variable.dtype)
        if variable.name in arrays:
            values = np.asarray(arrays[variable.name])
            if values.dtype != variable.dtype or values.ndim != len(variable.dimensions):
                raise TypeError(f"{variable.name} is {values.dtype} over {values.ndim} dimensions, not as declared")
            inside: tuple[Any, ...] = tuple(slice(0, length) for length in values.shape)
            whole[(0, *inside)] = values
        return whole

    def _arrays(self, row: int, shapes: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the variables as they were before they were padded."""
        rows = np.array([row])
        return {
            name: self.store.read(name, rows)[0][tuple(slice(0, int(length)) for length in shape)]
            for name, shape in shapes.items()
        }
