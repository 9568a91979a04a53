"""Measurements in files of their own, as the first release kept them: read once, and kept in the table from then on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cgrosim.errors import FileError
from cgrosim.files.archive import read_archive
from cgrosim.files.kinds import Kind
from cgrosim.images.experiments.experiment import Measurement

MEASURED = "measured"  # their folder, beside the trainings
RESULT = Kind("cgrosim measurement 1", "measurement of cgrosim", "the .npz file of one", "remove it and measure again")


def first_format(folder: Path, job: Measurement, data: str, given: Mapping[str, str]) -> dict[str, Any] | None:
    """What the file of a measurement holds; None where there is none, or it is of other results on the same images.

    Parameters
    ----------
    data : digest of the images
    given : fingerprints of the results it needs

    Raises
    ------
    FileError
        If the file is damaged, or its result is of other images.
    """
    path = folder / MEASURED / f"{job.name}-{job.digest()}.npz"
    if not path.exists():
        return None
    archive = read_archive(path, RESULT)
    with RESULT.judging(path):
        key, values = dict(archive.header["key"]), dict(archive.header["values"])
    if key.get("data") != data:
        raise FileError(
            f"{path} holds a measurement on other images; choose another place (--out), or remove the file."
        )
    if key != {"job": job.dump(), "data": data, "given": dict(given)}:
        return None
    found = {**values, **archive.arrays}
    with RESULT.judging(path):
        job.check(found)
    return found
