"""The one runner of experiments on images: order, progress, what is there already, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgrosim.arguments import checked
from cgrosim.executors.executor import Executor, Lost
from cgrosim.files.kinds import Kind
from cgrosim.files.lock import only_here
from cgrosim.files.marks import MARKS, whole_marks, write_mark
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job, fingerprint
from cgrosim.images.experiments.handing_out import done, work_elsewhere
from cgrosim.interrupts import raising_interrupts
from cgrosim.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.images.data.datasets import Dataset

MARK = Kind(
    "cgrosim job mark 1", "mark of a job", "the folder of an experiment", "remove it, and run the command again"
)
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
    """

    results: dict[str, Any]
    status: str
    data: str = ""
    messages: tuple[str, ...] = ()


@checked
def run_experiment(
    experiment: Experiment,
    data: Dataset,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Outcome:
    """Do all jobs in their order, or take up what is already in `folder`.

    With an executor (of `cgrosim.executors`) jobs that do not need one another are done side by side, with the same
    bits; its workers have to see the folder. Finished jobs and whole epochs are kept there: after Ctrl-C or a kill
    another call goes on, bit for bit as if nothing had happened. A job that fails does not stop those that do not need
    it. The folder holds NAME.npz for every training, ``measured/`` for what was measured, and in ``marks/`` how every
    job ended, as that of a sweep does for its cells; it is nobody else's meanwhile.

    Raises
    ------
    FileError
        If a file in `folder` is damaged, or of other settings or other data, or if another program works there.
    """
    results, messages, statuses = dict[str, Any](), list[str](), set[str]()
    jobs, place = experiment.jobs(), None if folder is None else Path(folder)
    with only_here(None if place is None else place / MARKS):
        try:
            for job, result in work_through(jobs, data, place, progress, executor):
                failed = isinstance(result, Lost)
                status = "failed" if failed else job.status(result)
                statuses.add(status)
                if failed:
                    messages.append(f"{job.name} has failed: {result.reason}.")
                else:
                    results[job.name] = result
                if place is not None:
                    _mark(place, job, data.digest, status, result)
        except KeyboardInterrupt:
            statuses.add("interrupted")
    status = next((each for each in WORST_FIRST if each in statuses), "finished")
    found = {job.name: results[job.name] for job in jobs if job.name in results}
    return Outcome(found, status, data.digest, tuple(messages))


def statuses_of(folder: str | Path) -> dict[str, str]:
    """How every job in a folder ended that was begun there, by its name: finished, diverged, interrupted or failed."""
    marks, _ = whole_marks(Path(folder), MARK, _judge)
    return {str(mark["job"]): str(mark["status"]) for mark in marks}


def _judge(mark: Mapping[str, Any]) -> None:
    if mark["status"] not in WORST_FIRST:
        raise ValueError("its status is none")


def _mark(folder: Path, job: Job, data: str, status: str, result: Any) -> None:
    failed = isinstance(result, Lost)
    content = {
        "job": job.name,
        "settings": job.digest(),
        "data": data,
        "status": status,
        "message": result.reason if failed else str(getattr(result, "message", "")),
        "result": "" if failed else fingerprint(result),
    }
    write_mark(folder, MARK, f"{job.name}-{job.digest()}", content)


def work_through(
    jobs: tuple[Job, ...],
    data: Dataset,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Iterator[tuple[Job, Any]]:
    """Every job with its result, as it is done, `Lost` for one that failed; nothing comes after an interrupted one."""
    tell, place = progress or silent, None if folder is None else Path(folder)
    if executor is not None:
        with raising_interrupts():  # what the workers are at goes on from its last whole epoch
            yield from work_elsewhere(jobs, data, place, tell, executor)
        tell("done", 1.0)
        return
    costs = [job.cost(data) for job in jobs]
    whole = sum(costs) or 1.0
    results: dict[str, Any] = {}
    for number, job in enumerate(jobs):
        if any(name not in results for name in job.needs):
            continue
        part = part_of(tell, job.name, sum(costs[:number]) / whole, costs[number] / whole)
        found = done(job, data, {name: results[name] for name in job.needs}, place, part)
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
