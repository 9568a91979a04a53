"""The one runner of experiments on images: order, progress, what is there already, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgrosim.arguments import checked
from cgrosim.executors.executor import Executor, Lost
from cgrosim.files.cells import Store
from cgrosim.files.lock import Held
from cgrosim.files.zarr_arrays import installed
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job
from cgrosim.images.experiments.handing_out import Known, done, nothing_known, work_elsewhere
from cgrosim.images.experiments.job_plan import plan_of
from cgrosim.images.experiments.job_store import UNKEPT, opened
from cgrosim.images.experiments.keeping import Keeping
from cgrosim.interrupts import raising_interrupts
from cgrosim.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.experiments.job_table import ExperimentTable

NO_IDENTITY: Mapping[str, str] = {}
WORST_FIRST = ("interrupted", "failed", "diverged", "finished")


@dataclass(frozen=True)
class Outcome:
    """What came of an experiment.

    Attributes
    ----------
    results : by name of the job, as far as they came
    status : ``finished``; ``diverged`` or ``failed`` if a job did; ``interrupted`` if there is something left to do
    messages : a sentence for every job that failed
    data : digest of the images
    notes : sentences about what is kept of it
    store : of its table
    """

    results: dict[str, Any]
    status: str
    data: str = ""
    messages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    store: Store | None = None

    @property
    def table(self) -> ExperimentTable:
        """What every job found, labelled.

        Raises
        ------
        ParameterError
            If this is no outcome of `run_experiment`.
        """
        from cgrosim.errors import ParameterError
        from cgrosim.images.experiments.job_table import ExperimentTable, dataset_of

        if self.store is None:
            raise ParameterError("this outcome has no store, and so no table; take one that run_experiment gives.")
        return ExperimentTable(dataset_of(self.store))


@checked
def run_experiment(
    experiment: Experiment,
    data: Dataset,
    folder: str | Path | None = None,
    *,
    progress: Progress | None = None,
    executor: Executor | None = None,
    held: Held | None = None,
) -> Outcome:
    """Do all jobs in their order, or take up what is already in `folder`.

    With an executor (of `cgrosim.executors`) jobs that do not need one another are done side by side, with the same
    bits; its workers have to see the folder. Finished jobs and whole epochs are kept there: after Ctrl-C or a kill
    another call goes on, bit for bit as if nothing had happened. A job that fails does not stop those that do not need
    it. The folder holds NAME.npz for every training, and a table as that of a sweep (``plan.json``, ``cells.zarr``,
    ``marks``) with a row a job: how it ended, and what it measured. More jobs on the same images add rows.

    Parameters
    ----------
    held : the lock of the folder, where the caller has it already

    Raises
    ------
    FileError
        If a file in `folder` is damaged, or of other settings or other data, or if another program works there.
    """
    jobs, place = experiment.jobs(), None if folder is None else Path(folder)
    plan, results = plan_of(experiment, jobs, data.digest), dict[str, Any]()
    messages, statuses = list[str](), set[str]()
    with opened(place, plan, held) as store:
        keeping = Keeping(store, plan.identity, place)
        try:
            for job, result in work_through(jobs, data, place, progress, executor, keeping.known, plan.identity):
                failed = isinstance(result, Lost)
                statuses.add("failed" if failed else job.status(result))
                if failed:
                    messages.append(f"{job.name} has failed: {result.reason}.")
                else:
                    results[job.name] = result
                keeping.keep(job, result)
        except KeyboardInterrupt:
            statuses.add("interrupted")
    status = next((each for each in WORST_FIRST if each in statuses), "finished")
    found = {job.name: results[job.name] for job in jobs if job.name in results}
    notes = (*keeping.notes, *((UNKEPT,) if place is not None and not installed() else ()))
    return Outcome(found, status, data.digest, tuple(messages), notes, store)


def work_through(
    jobs: tuple[Job, ...],
    data: Dataset,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    known: Known = nothing_known,
    identity: Mapping[str, str] = NO_IDENTITY,
) -> Iterator[tuple[Job, Any]]:
    """Every job with its result, as it is done, `Lost` for one that failed; nothing comes after an interrupted one."""
    tell, place = progress or silent, None if folder is None else Path(folder)
    if executor is not None:
        with raising_interrupts():  # what the workers are at goes on from its last whole epoch
            yield from work_elsewhere(jobs, data, place, tell, executor, known, identity)
        tell("done", 1.0)
        return
    costs = [job.cost(data) for job in jobs]
    behind = [0.0, *accumulate(costs)]
    whole = behind[-1] or 1.0
    results: dict[str, Any] = {}
    for number, job in enumerate(jobs):
        if any(name not in results for name in job.needs):
            continue
        part = part_of(tell, job.name, behind[number] / whole, costs[number] / whole)
        given = {name: results[name] for name in job.needs}
        found = known(job, given)
        if found is None:
            found = done(job, data, given, place, part)
        yield job, found
        if not isinstance(found, Lost):
            results[job.name] = found
            if job.status(found) == "interrupted":
                return
    tell("done", 1.0)


@checked
def write_conclusion(
    conclusion: Conclusion, folder: str | Path, dpi: float = 100.0, *, data: str | None = None
) -> list[Path]:
    """Write records and datasets first, then the figures.

    Parameters
    ----------
    data : digest of the images, as `Outcome.data`; it stands in every record and dataset

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    written = write_numbers(conclusion, folder, data)
    return written + write_figures(conclusion.figures, folder, dpi)


def write_numbers(conclusion: Conclusion, folder: str | Path, data: str | None = None) -> list[Path]:
    """Write records and datasets, each with the digest of the images where that is given.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    from cgrosim.files.netcdf import write_netcdf
    from cgrosim.files.records import write_record

    place, digest = Path(folder), {} if data is None else {"data": data}
    written = [
        write_record(place / f"{name}.json", {**digest, **content}) for name, content in conclusion.records.items()
    ]
    return written + [
        write_netcdf(place / f"{name}.nc", kind, found.assign_attrs(digest))
        for name, (found, kind) in conclusion.datasets.items()
    ]


def write_figures(figures: Mapping[str, Callable[[], Figure]], folder: str | Path, dpi: float = 100.0) -> list[Path]:
    """Draw and write figures by their names without suffix."""
    from cgrosim.figures import save_figure

    return [save_figure(draw(), Path(folder) / f"{name}.png", dpi=dpi) for name, draw in figures.items()]


def plain(value: Any) -> Any:
    """Plain values for a record: what is not finite is null, tuples are lists."""
    import math

    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
