"""Sums whose bits neither a BLAS nor the vector unit that NumPy finds decides.

NumPy's ``sum`` adds in one fixed order whatever the processor, and a product of two numbers has one rounding; a BLAS
has a kernel for every processor, each with an order of its own, and NumPy's ``exp`` and ``**`` differ in the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
else:
    from cgrosim.model.lazy_numpy import np


def weighted_sum(values: Array, weights: Array) -> Array:
    """sum_r values[..., r] weights[r], for arrays (..., m) and (m,): (...)."""
    return np.asarray(np.sum(np.multiply(values, weights, order="C"), axis=-1))


def exponential(values: Array) -> Array:
    """exp of values of at most 0, by the C library."""
    return _each(math.exp, values)


def raised(values: Array, exponent: float) -> Array:
    """values^exponent for values of at least 0, by the C library."""
    return _each(lambda value: math.pow(value, exponent), values)


def _each(function: Callable[[float], float], values: Array) -> Array:
    return np.fromiter(map(function, values.ravel().tolist()), np.float64, values.size).reshape(values.shape)
