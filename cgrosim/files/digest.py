"""Checksums of content: names, types, shapes and bytes of arrays, and plain values beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def canonical(value: Any) -> str:
    """One text for one plain value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def content_digest(header: Any, arrays: Mapping[str, NDArray[Any]]) -> str:
    """``sha256:`` and the digest of a plain value and of named arrays; byte order and layout in memory do not count."""
    digest = hashlib.sha256(canonical(header).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1)
        digest.update(canonical([name, plain.dtype.str, list(array.shape)]).encode())
        if plain.nbytes:
            digest.update(plain.view(np.uint8))
    return f"sha256:{digest.hexdigest()}"
