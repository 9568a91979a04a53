"""The one runner of experiments on images: order, progress, what is there already, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job
from cgrosim.interrupts import raising_interrupts
from cgrosim.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.executors.executor import Executor
    from cgrosim.images.data.datasets import Dataset


@dataclass(frozen=True)
class Outcome:
    """What came of an experiment.

    Attributes
    ----------
    results : by name of the job, as far as they came
    status : ``finished``; ``diverged`` if a job did; ``interrupted`` if there is something left to do
    data : digest of the images
    """

    results: dict[str, Any]
    status: str
    data: str = ""


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
    another call goes on, bit for bit as if nothing had happened. The folder holds NAME.npz for every training and
    ``measured/`` for what was measured.

    Raises
    ------
    FileError
        If a file in `folder` is damaged, or of other settings or other data.
    UserError
        If the workers of the executor ended over a job again and again.
    """
    results: dict[str, Any] = {}
    statuses = set()
    jobs = experiment.jobs()
    try:
        for job, result in work_through(jobs, data, folder, progress, executor):
            results[job.name] = result
            statuses.add(job.status(result))
    except KeyboardInterrupt:
        statuses.add("interrupted")
    status = next((each for each in ("interrupted", "diverged") if each in statuses), "finished")
    return Outcome({job.name: results[job.name] for job in jobs if job.name in results}, status, data.digest)


def work_through(
    jobs: tuple[Job, ...],
    data: Dataset,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Iterator[tuple[Job, Any]]:
    """Every job with its result, as it is done; nothing comes after one that was interrupted."""
    tell, place = progress or silent, None if folder is None else Path(folder)
    if executor is not None:
        from cgrosim.images.experiments.handing_out import work_elsewhere

        with raising_interrupts():  # what the workers are at goes on from its last whole epoch
            yield from work_elsewhere(jobs, data, place, tell, executor)
        tell("done", 1.0)
        return
    costs = [job.cost(data) for job in jobs]
    whole = sum(costs) or 1.0
    results: dict[str, Any] = {}
    for number, job in enumerate(jobs):
        part = part_of(tell, job.name, sum(costs[:number]) / whole, costs[number] / whole)
        results[job.name] = job.run(data, {name: results[name] for name in job.needs}, place, part)
        yield job, results[job.name]
        if job.status(results[job.name]) == "interrupted":
            return
    tell("done", 1.0)


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
