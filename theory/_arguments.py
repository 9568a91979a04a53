"""What a formula may be called with: words are one of a few, and numbers that mean nothing are refused."""

from difflib import get_close_matches
from math import isfinite
from typing import Any, get_args


def one_of(name: str, value: object, choices: Any) -> None:
    """Refuse a word that is none of a `Literal`'s: a formula with two branches would take the other one silently."""
    known = get_args(choices)
    if not isinstance(value, str) or value not in known:
        near = get_close_matches(str(value)[:100].casefold().replace("-", "_"), known, 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise ValueError(f"{name} is {str(value)[:100]!r}, but must be {' or '.join(known)}{hint}")


def share(name: str, value: float) -> float:
    """Return a number after refusing what lies outside [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must lie in [0, 1], got {value!r}")
    return float(value)


def finite(name: str, value: float) -> float:
    """Return a number after refusing infinity and what is none."""
    if not isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def whole(name: str, value: float, least: int, largest: int) -> int:
    """Return a whole number as Python's own, which knows no overflow, after refusing any other."""
    if not least <= value <= largest or value != int(value):
        raise ValueError(f"{name} is {str(value)[:100]}, but must be a whole number from {least} to {largest}")
    return int(value)
