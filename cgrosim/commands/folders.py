"""Folders of results."""

from __future__ import annotations

from pathlib import Path


def check_directory(out: Path) -> None:
    """Refuse a place that cannot be written to before the work, not after it.

    Raises
    ------
    FileError
        If it cannot be made a directory, in one sentence.
    """
    from cgrosim.errors import FileError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{out} cannot be made a directory ({error.strerror}); choose another --out.") from None
