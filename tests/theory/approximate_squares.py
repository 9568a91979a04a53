"""The square of a number as the sawtooth network of Yarotsky computes it, without the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.yarotsky import sawtooth

Array = NDArray[np.float64]


def approximate_square(position: ArrayLike, levels: int) -> Array:
    """f_m at positions in [0, 1]."""
    position = np.asarray(position, dtype=np.float64)
    teeth, total = position, position.copy()
    for level in range(1, levels + 1):
        teeth = sawtooth(teeth, 1)
        total = total - teeth * 0.25**level
    return total
