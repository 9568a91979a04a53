"""How far work is: a text and a share, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with what is going on and the share that is done, between 0 and 1."""


def silent(what: str, share: float) -> None:
    """Progress that nobody sees."""


def part_of(progress: Progress, name: str, begin: float, share: float) -> Progress:
    """Progress of one part of the work, which begins at `begin` of the whole and is `share` of it."""
    return lambda what, done: progress(f"{name}, {what}", begin + share * done)
