"""Of which work the tables and figures in a folder of experiments are, so that none is replaced by another unasked.

Trainings and measurements look after themselves; what is drawn from them has the same names whatever the settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cgrosim.errors import FileError, UserError
from cgrosim.files.kinds import TROUBLES, Kind
from cgrosim.files.words import shown
from cgrosim.files.zarr_store import PLAN_NAME

if TYPE_CHECKING:
    from cgrosim.images.experiments.experiment import Experiment

RECORD = "experiment.json"
INTERRUPTED = "interrupted"
"""Folder below OUT for the conclusion of an interrupted experiment where a finished one stands."""
HALF = ("interrupted", "failed")
"""Statuses of work of which something is missing."""

DRAWN = (".json", ".nc", ".png")
WORK = Kind(
    "cgrosim experiment 1",
    "record of an experiment of cgrosim",
    "a folder that cgrosim images wrote",
    "give --overwrite to write it anew, or choose another --out",
)


def record_of(name: str, settings: Mapping[str, Any], data: str, status: str) -> dict[str, Any]:
    """What a folder says of the work in it: experiment, settings, digest of the images, how it ended."""
    return {"format": WORK.format, "experiment": name, "settings": dict(settings), "data": data, "status": status}


def check_work(out: Path, name: str, experiment: Experiment, overwrite: bool) -> str:
    """Refuse a folder with the conclusion of other work, unless that is to be replaced, or is a part of this one.

    Returns
    -------
    str
        The digest of the images of the same work that stands there; empty where there is none.

    Raises
    ------
    FileError
        Naming what stands there, or in which settings it differs.
    """
    if overwrite:
        return ""
    found = _standing(out)
    if found is None:
        drawn = sorted(entry.name for entry in out.iterdir() if entry.suffix in DRAWN and entry.name != PLAN_NAME)
        if drawn:
            raise FileError(
                f"{shown(out / drawn[0])} exists already, and nothing says of which work it is; choose another --out, "
                "or give --overwrite to replace it."
            )
        return ""
    if found["experiment"] != name:
        raise FileError(
            f"{shown(out)} holds results of cgrosim images {shown(found['experiment'])}; choose another --out, or give "
            "--overwrite to replace its tables and figures."
        )
    names = sorted(set(_differences(found["settings"], experiment.dump())))
    if names and not _is_part(found["settings"], experiment):
        raise FileError(
            f"{shown(out)} holds results of other settings ({', '.join(names)}); choose another --out, or give "
            "--overwrite to replace its tables and figures."
        )
    return str(found["data"])


def check_images(out: Path, standing: str, data: str) -> None:
    """Refuse a folder with the conclusion of the same work on other images.

    Raises
    ------
    FileError
        In one sentence.
    """
    if standing not in ("", data):
        raise FileError(
            f"{shown(out)} holds results of other images, whose trainings and table are never replaced; choose another "
            "--out."
        )


def place_of(out: Path, status: str) -> Path:
    """Where a conclusion goes: that of half the work never replaces that of all of it."""
    try:
        found = _standing(out)
    except FileError:
        found = None
    kept = status in HALF and found is not None and found["status"] not in HALF
    return out / INTERRUPTED if kept else out


def _standing(out: Path) -> dict[str, Any] | None:
    from cgrosim.files.records import read_record

    if not (out / RECORD).exists():
        return None
    found = read_record(out / RECORD, WORK)
    with WORK.judging(out / RECORD):
        if not all(isinstance(found[key], str) for key in ("experiment", "data", "status")):
            raise ValueError("it does not say of which work it is")
        found["settings"] = dict(found["settings"])
    return found


def _is_part(settings: Mapping[str, Any], experiment: Experiment) -> bool:
    """Whether every job of an experiment with these settings is one of another, so that it has only grown."""
    with suppress(UserError, *TROUBLES):
        jobs = {(job.name, job.digest()) for job in type(experiment).load(dict(settings)).jobs()}
        return jobs <= {(job.name, job.digest()) for job in experiment.jobs()}
    return False


def _differences(one: Any, other: Any, name: str = "") -> Iterator[str]:
    """The names of the settings in which two experiments differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            yield from _differences(one.get(key), other.get(key), str(key))
    elif one != other:
        yield name
