"""Versions of what computed a result."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

LIBRARIES = ("cgrosim", "numpy", "scipy", "numba", "xarray")


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    return dict(_versions())


@cache  # looking through the installed packages takes milliseconds
def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}
