"""How what a user gave is shown in a sentence, and what else she may have meant."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable

from cgrosim.errors import printable

LONGEST = 200


def shown(value: object) -> str:
    """The text of a path or value, at most 200 characters, with control characters escaped."""
    try:
        text = str(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        text = "a number of thousands of digits"
    except RecursionError:
        text = "a value nested too deeply"
    return printable(text, LONGEST)


def quoted(value: object) -> str:
    """A value as Python writes it, at most 200 characters."""
    try:
        return printable(repr(value), LONGEST)
    except (ValueError, RecursionError):
        return shown(value)


def last_part(name: object) -> str:
    """What a heading calls something that may be a path: its last part."""
    text = str(name)
    return shown(os.path.basename(os.path.normpath(text)) or text) if text else ""


def suggested(word: object, known: Iterable[str], otherwise: str) -> str:
    """Ends a sentence about an unknown name: the known one that it resembles, else ``otherwise`` and all of them."""
    near = nearest(word, names := list(known))
    return f"did you mean {near}?" if near else f"{otherwise} {', '.join(names)}."


def or_rather(word: object, known: Iterable[str]) -> str:
    """Ends a sentence that lists the known names already: with a full stop, or with the one that was meant."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else "."


def nearest(word: object, known: Iterable[str]) -> str:
    """The known name that a mistyped one resembles; empty if there is none. Case, - and _ make no difference."""

    def plain(text: str) -> str:
        return text.casefold().replace("-", "_")

    names = {plain(name): name for name in known}
    near = difflib.get_close_matches(plain(str(word)[:LONGEST]), names, 1)
    return names[near[0]] if near else ""


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 claim, 2 claims."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
