"""Versions of what computed a result."""

from __future__ import annotations

import platform
from importlib import metadata

LIBRARIES = ("cgrosim", "numpy", "scipy", "numba", "xarray")


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        found[name] = metadata.version(name)
    return found
