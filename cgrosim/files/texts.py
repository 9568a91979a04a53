"""Texts that people write: read whole, but never without an end."""

from __future__ import annotations

from pathlib import Path

LARGEST = 64 * 2**20
"""Bytes, far more than any of ours has; a device may have no end."""


class TooLarge(ValueError):
    """A file that goes on after as many bytes as no text of ours has."""


def read_text(path: str | Path) -> str:
    """The text of a file, or of a pipe; universal newlines become line feeds.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not UTF-8, or `TooLarge`.
    """
    with Path(path).open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise TooLarge(f"it has more than {LARGEST / 2**20:g} MiB")
    return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
