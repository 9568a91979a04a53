"""Errors a user can cause: each carries one sentence that says what is wrong, the value, and what to do."""

LONGEST_SENTENCE = 2000
"""Characters; a list of all names may be long, but no value is worth more."""


def printable(text: str, longest: int) -> str:
    """A text on one line, cut in the middle, with what a terminal would obey or could not print escaped."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]}...{text[-half:]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class UserError(ValueError):
    """A mistake in what was asked for; the command line prints its sentence and exits with status 2."""

    def __init__(self, sentence: object = "") -> None:
        super().__init__(printable(str(sentence), LONGEST_SENTENCE))


class ParameterError(UserError):
    """A parameter, or a combination of parameters, that no experiment can have."""


class UnknownNameError(ParameterError, KeyError):
    """A name that is none of those there are."""

    __str__ = ValueError.__str__  # a KeyError writes what it is given as Python does


class FileError(UserError):
    """A file that is missing, truncated, foreign or not writable."""
