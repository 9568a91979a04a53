"""When the compiled kernels of the image path may be reused from disk: see `cgrosim.kernels.caching`."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from cgrosim.kernels import microkernels

ENTRY = {"cache": True, "nogil": True, "error_model": "numpy"}  # options of every entry point
INNER = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}  # of what they call: compiled into them, so not cached on its own


@functools.cache
def fingerprint(variant: str) -> str:
    """Hash of the kernel sources, the lane count and the name of the variant."""
    digest = hashlib.sha256(f"{variant} {microkernels.lanes()} {microkernels.fuses()}".encode())
    for source in [Path(microkernels.__file__), *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(source.read_bytes())
    return digest.hexdigest()
