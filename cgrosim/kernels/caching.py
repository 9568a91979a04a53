"""When compiled kernels may be reused from disk.

Numba's cache looks only at the file of the function that is compiled: it does not notice changes in the modules it
calls, nor the lane count. Entry points are therefore closures over `fingerprint(...)`: the values a function
closes over are part of the key.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from cgrosim.kernels import microkernels

ENTRY = {"cache": True, "nogil": True, "error_model": "numpy"}  # options of every entry point
INNER = {"nogil": True, "error_model": "numpy"}  # of what they call: compiled into them, so not cached on its own


@functools.cache
def fingerprint(variant: str = "serial") -> str:
    """Hash of the kernel sources, the lane count and the name of the variant."""
    digest = hashlib.sha256(f"{variant} {microkernels.lanes()} {microkernels.fuses()}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
