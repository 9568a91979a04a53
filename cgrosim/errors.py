"""Errors a user can cause: each carries one sentence that says what is wrong, the value, and what to do."""


class UserError(ValueError):
    """A mistake in what was asked for; the command line prints its sentence and exits with status 2."""


class ParameterError(UserError):
    """A parameter, or a combination of parameters, that no experiment can have."""


class FileError(UserError):
    """A file that is missing, truncated, foreign or not writable."""
