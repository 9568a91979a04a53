"""Atomic writing."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any


def write_atomically(path: str | Path, write: Callable[[IO[bytes]], Any]) -> Path:
    """Call ``write(file)`` on a temporary file beside `path`, then move it into place.

    Raises
    ------
    ValueError
        If the place cannot be written to.
    """
    target = Path(path)
    partial: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
        with os.fdopen(handle, "wb") as file:
            write(file)
        mask = os.umask(0)  # reading the mask is only possible by setting it
        os.umask(mask)
        os.chmod(partial, 0o666 & ~mask)
        os.replace(partial, target)
    except OSError as error:
        raise ValueError(f"{target} cannot be written ({error.strerror or error}); choose another place.") from None
    finally:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
    return target
