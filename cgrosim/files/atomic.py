"""Files that are either the old one or the whole new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from cgrosim.errors import FileError


def write_atomically(path: str | Path, write: Any) -> Path:
    """Call ``write(partial)`` on a temporary file beside `path`, then move it into place."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
        os.close(handle)
    except OSError as error:
        raise FileError(f"{target} cannot be written ({error.strerror}); choose another place.") from None
    try:
        write(partial)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, target)
    except OSError as error:
        raise FileError(f"{target} cannot be written ({error.strerror or error}); choose another place.") from None
    finally:
        Path(partial).unlink(missing_ok=True)
    return target


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
