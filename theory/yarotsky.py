"""Squares by ReLU networks: sawtooth functions after Yarotsky (2017, arXiv 1610.01145, Proposition 2).

``g(a) = 2a`` up to 1/2 and ``2 - 2a`` up to 1, ``g_s = g o ... o g`` (2^(s-1) teeth), and

    f_m(a) = a - sum_{s=1..m} g_s(a) / 4^s

interpolates a^2 linearly between the multiples of 2^-m, because a^2 on an interval of length h lies below its chord by
exactly ``t (h - t)`` and halving h adds one level of teeth. So ``a^2 <= f_m(a) <= a^2 + 2^(-2m-2)`` on [0, 1], with
equality on the right at every midpoint: halving the error costs half a level, a constant number of parameters. Kind:
exact.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cgrosim.theory.relu_composition import blocks, identity
from cgrosim.theory.relu_network import ReluNetwork

Array = NDArray[np.float64]


def sawtooth(position: ArrayLike, level: int) -> Array:
    """g_level on [0, 1], zero outside; level 0 is the position itself. Exact in float64 on [0, 1]."""
    value = np.asarray(position, dtype=np.float64)
    for _ in range(level):
        value = 2 * np.maximum(value, 0) - 4 * np.maximum(value - 0.5, 0) + 2 * np.maximum(value - 1, 0)
    return value


def square_error(levels: int) -> float:
    """Largest error 2^(-2m-2) of f_m on [0, 1]; it is attained. Kind: exact."""
    return math.ldexp(1.0, -2 * levels - 2)


def squared_norm_error(dimension: int, half_range: float, levels: int) -> float:
    """Largest error D R^2 2^(-2m-2) of `squared_norm_network` on [-R, R]^D; it is attained. Kind: exact."""
    return dimension * half_range**2 * square_error(levels)


def levels_for(error: float, dimension: int = 1, half_range: float = 1.0) -> int:
    """Fewest levels m >= 1 with ``D R^2 2^(-2m-2) <= error``. Kind: exact.

    Raises
    ------
    ValueError
        If the error is not a positive number.
    """
    if not (math.isfinite(error) and error > 0):
        raise ValueError(f"error is {error}, but only a positive error can be reached by finitely many levels.")
    levels = max(1, math.ceil(0.5 * math.log2(dimension * half_range**2 / (4 * error))))
    while levels > 1 and squared_norm_error(dimension, half_range, levels - 1) <= error:  # the logarithm is rounded
        levels -= 1
    while squared_norm_error(dimension, half_range, levels) > error:
        levels += 1
    return levels


def squared_norm_network(dimension: int, levels: int, half_range: float = 1.0) -> ReluNetwork:
    """Network R^D -> R that is ``sum_k R^2 f_m(|x_k| / R)`` on [-R, R]^D, with m hidden layers.

    Beyond R each square goes on as its tangent, ``R^2 + 2R (|x_k| - R)``, a lower bound of the square with which
    ``(x_k - c)^2``, computed as square - 2 c x_k + c^2, still is at least (R - |c|)^2 for |c| <= R. The output is
    never negative. One network serves any number of distances: |x - c|^2 needs only linear terms besides.

    The first hidden layer has ReLU(+-x), ReLU(+-x - R/2) and ReLU(+-x - R) a coordinate, every later one the two kinks
    of the next tooth and, once for all coordinates, the sum so far.

    Parameters
    ----------
    dimension, levels
        D and m, both at least 1.
    half_range
        R, a power of two, so that every weight but the input's is exact and the teeth are computed without rounding.

    Raises
    ------
    ValueError
        If a parameter is outside its range.
    """
    if dimension < 1 or levels < 1:
        raise ValueError(f"dimension and levels must be at least 1, got {dimension} and {levels}.")
    if not half_range > 0 or math.frexp(half_range)[0] != 0.5:
        raise ValueError(f"half_range must be a power of two, got {half_range}; take the next larger one.")
    size, reach = dimension, half_range
    sides = [[identity(size, sign)] for _ in range(3) for sign in (1.0, -1.0)]
    weights = [blocks(sides)]
    biases = [-np.repeat([0.0, reach / 2, reach], 2 * size)]
    tooth = blocks([[identity(size, slope / reach) for slope in (2, 2, -4, -4, 2, 2)]])  # g_1 of what was computed
    total = row(np.repeat([reach / 2, reach, reach / 2], 2 * size))  # f_1, and the tangent beyond R
    for level in range(2, levels + 1):
        weights.append(blocks([[tooth], [tooth], [total]]))
        biases.append(np.concatenate([np.zeros(size), np.full(size, -0.5), [0.0]]))
        tooth = blocks([[identity(size, 2.0), identity(size, -4.0), sparse.csr_array((size, 1))]])
        drop = reach**2 * 0.25**level
        total = row(np.concatenate([np.full(size, -2.0 * drop), np.full(size, 4.0 * drop), [1.0]]))
    return ReluNetwork([*weights, total], [*biases, np.zeros(1)])


def squared_norm_parameters(dimension: int, levels: int) -> int:
    """Parameters of `squared_norm_network`: 18D + 1 at m = 1, else 34D + 3 + (m - 2)(8D + 2). Kind: exact."""
    if levels == 1:
        return 18 * dimension + 1
    return 34 * dimension + 3 + (levels - 2) * (8 * dimension + 2)


def row(values: Array) -> sparse.csr_array:
    """A matrix of one row that stores every value."""
    count = np.array([0, values.size], dtype=np.int32)
    return sparse.csr_array((values, np.arange(values.size, dtype=np.int32), count), shape=(1, values.size))
