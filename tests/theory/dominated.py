"""The law of the test noise where one neuron dominates it: the oracle of the general one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


def dominated_error(margin: ArrayLike, scale: float, power: float) -> Array:
    """Test error when one neuron dominates and P = 2: Phi(-h^(1/q)/scale), scale = noise_std |w_r|, h the signal
    margin.

    Clean error with h = alpha^q U, robust error under `signal_span` with h = (gap alpha)^q U. Kind: exact; margins of
    any sign.
    """
    margin = np.asarray(margin, dtype=float)
    return ndtr(-np.sign(margin) * np.abs(margin) ** (1.0 / power) / scale)
