"""Exact growth of heavy-ball momentum along a linear force."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.momentum import check_momentum

Array = NDArray[np.float64]


def growth_per_step(rate: ArrayLike, momentum: float) -> Array:
    """Factor z of one step along a direction that grows like x' = rate x, eta in the rate; the larger root of

    ``z^2 - (1 + beta + rate) z + beta = 0``. Kind: exact for a linear force; log z = r - (1+beta)/(1-beta) r^2/2 + ...
    with r = rate/(1-beta). Not defined (nan) where the roots are complex: the step then oscillates.
    """
    beta = check_momentum(momentum)
    half = 0.5 * (1.0 + beta + np.asarray(rate, dtype=float))
    with np.errstate(invalid="ignore"):
        return np.asarray(half + np.sqrt(half**2 - beta))
