"""Jobs of an experiment in other processes: the images go through a file, everything else with the job."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from cgrosim.errors import FileError, UserError
from cgrosim.executors.executor import Executor, Lost
from cgrosim.files.atomic import write_atomically
from cgrosim.files.words import shown
from cgrosim.images.data.datasets import Dataset
from cgrosim.images.experiments.experiment import Job
from cgrosim.progress import Progress, silent
from cgrosim.run.identity import check_worker

Known = Callable[[Job, Mapping[str, Any]], Any]
"""What was found before by a job that was given these results; None where it has to be done."""
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels", "class_names")


def nothing_known(job: Job, given: Mapping[str, Any]) -> None:
    """For work that is kept nowhere."""


@dataclass(frozen=True)
class Handed:
    """A job with what it needs.

    Attributes
    ----------
    images, digest : file of the images, and what they must be
    given, folder : as `Job.run` takes them
    identity : versions and kind of processor that the worker must have
    """

    job: Job
    images: Path
    digest: str
    given: Mapping[str, Any]
    folder: Path | None
    identity: Mapping[str, str]


def work_elsewhere(
    jobs: tuple[Job, ...],
    data: Dataset,
    folder: Path | None,
    tell: Progress,
    executor: Executor,
    known: Known,
    identity: Mapping[str, str],
) -> Iterator[tuple[Job, Any]]:
    """Every job with its result, as it is done: all that need nothing more at once, then those that need them.

    `Lost` stands for the result of one that failed; what needs it is left out.

    Raises
    ------
    UserError
        If the workers do not see the folder.
    """
    costs = {job.name: job.cost(data) for job in jobs}
    whole, behind = sum(costs.values()) or 1.0, 0.0
    results: dict[str, Any] = {}
    left = list(jobs)
    with _images_in_a_file(data, folder) as images:
        while left:
            ready = [job for job in left if all(name in results for name in job.needs)]
            if not ready:  # what they need was interrupted, or failed
                return
            begun = {job.name for job in ready}
            left = [job for job in left if job.name not in begun]
            asked, there = list[Handed](), list[tuple[Job, Any]]()
            for job in ready:
                given = {name: results[name] for name in job.needs}
                kept = known(job, given)
                if kept is None:
                    asked.append(Handed(job, images, data.digest, given, folder, identity))
                else:
                    there.append((job, kept))
            done_elsewhere = ((handed.job, found) for handed, found in executor.map(do, asked))
            for job, found in chain(there, done_elsewhere if asked else ()):
                if not isinstance(found, Lost) and job.status(found) != "interrupted":
                    results[job.name] = found
                behind += costs[job.name]
                tell(f"{job.name} done", behind / whole)
                yield job, found


def do(handed: Handed) -> Any:
    """Do a job, in the worker.

    Raises
    ------
    UserError
        If this process would not give the bits that the rest has, or does not see the images.
    """
    check_worker(handed.identity)
    return done(handed.job, _images(handed.images, handed.digest), handed.given, handed.folder, silent)


def done(job: Job, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> Any:
    """The result of a job, or why it has none; what is wrong with a file or the machine concerns every job.

    Raises
    ------
    FileError
        If a file in the folder is damaged, or of other work.
    """
    try:
        return job.run(data, given, folder, tell)
    except FileError:
        raise
    except (UserError, ArithmeticError) as error:
        return Lost(str(error).rstrip("."))


@contextmanager
def _images_in_a_file(data: Dataset, folder: Path | None) -> Iterator[Path]:
    """The images beside the results, where every worker has to see them in any case, as long as the work goes on."""
    with tempfile.TemporaryDirectory() as spare:
        place = Path(spare if folder is None else folder).absolute()
        place.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {name: np.asarray(getattr(data, name)) for name in ARRAYS}
        path = write_atomically(
            place / f".images-{data.digest[-12:]}.npz", lambda file: np.savez(file, name=np.array(data.name), **arrays)
        )
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _images(path: Path, digest: str) -> Dataset:
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in ARRAYS}
            names = tuple(str(name) for name in arrays.pop("class_names"))
            data = Dataset(str(found["name"]), class_names=names, **arrays)
    except FileNotFoundError:
        raise FileError(f"a worker does not see {shown(path)}; give an --out that all of them share.") from None
    if data.digest != digest:
        raise FileError(f"{shown(path)} has changed while workers read it; run the command again.")
    return data
