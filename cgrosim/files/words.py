"""How a path or a value of a user is shown in a sentence: short, on one line, without control characters."""

from __future__ import annotations

LONGEST = 200


def shown(value: object) -> str:
    """The text of a value, at most 200 characters, with what a terminal would obey or could not print escaped."""
    text = str(value)
    if len(text) > LONGEST:
        half = LONGEST // 2
        text = f"{text[:half]}...{text[-half:]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
