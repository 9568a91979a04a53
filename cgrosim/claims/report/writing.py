"""The files of a report: one self-contained page, and the same as data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cgrosim.claims.claim import Verdict
from cgrosim.claims.report.data import report_text
from cgrosim.claims.report.page import report_page
from cgrosim.claims.report.power import read_power
from cgrosim.files.atomic import write_text


def write_report(
    verdicts: Sequence[Verdict], directory: str | Path, *, seconds: float | None = None
) -> tuple[Path, Path]:
    """Write ``index.html`` and ``verdicts.json`` into a directory, each atomically, and return their paths.

    The page shows the power of the claims where ``power.json`` stands in that directory.

    Parameters
    ----------
    verdicts
        In the order in which the page shows them.
    directory
        Made if it does not exist.
    seconds
        How long the whole verification took.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    place = Path(directory)
    data, page = report_text(verdicts, seconds), report_page(verdicts, seconds, read_power(place))
    written = write_text(place / "verdicts.json", data)
    return write_text(place / "index.html", page), written
