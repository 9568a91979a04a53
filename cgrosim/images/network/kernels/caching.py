"""When the compiled kernels of the image path may be reused from disk: see `cgrosim.kernels.caching`."""

from __future__ import annotations

import functools
from pathlib import Path

from cgrosim.kernels import microkernels
from cgrosim.kernels.caching import callback, entry, hash_sources

INNER = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}  # of what entry points call: compiled into them, so not cached on its own


@functools.cache
def fingerprint(variant: str) -> str:
    """Hash of the kernel sources, the lane count and the name of the variant."""
    return hash_sources(variant, [Path(microkernels.__file__), *sorted(Path(__file__).parent.glob("*.py"))])


__all__ = ["INNER", "callback", "entry", "fingerprint"]
