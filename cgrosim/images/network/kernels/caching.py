"""When the compiled kernels of the image path may be reused from disk: see `cgrosim.kernels.caching`."""

from __future__ import annotations

import functools
from pathlib import Path

from cgrosim.kernels import microkernels
from cgrosim.kernels.caching import INNER, callback, entry, hash_sources


@functools.cache
def fingerprint(variant: str) -> str:
    """Hash of the kernel sources, the lane count and the name of the variant."""
    return hash_sources(variant, [Path(microkernels.__file__), *sorted(Path(__file__).parent.glob("*.py"))])


__all__ = ["INNER", "callback", "entry", "fingerprint"]
