"""The activation functions, as five numbers that one formula turns into phi and phi'.

With x = max(z, lower) and p = min(x, upper):
    phi(z)  = scale sign(p) |p|^q + (x - p)
    phi'(z) = slope |p|^(q-1)       (for q = 1: slope where z > lower, else 0)
so one loop serves all of them, without a branch per element.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

POWER, RELU, RELU_POWER, SMOOTHED_RELU, LINEAR = range(5)

LOWER, UPPER, EXPONENT, SCALE, SLOPE = range(5)


def activation_shape(kind: int, power: float) -> NDArray[np.float64]:
    """Return (lower, upper, exponent, scale, slope) of an activation.

    Parameters
    ----------
    kind : int
        POWER sign(z)|z|^q; RELU; RELU_POWER ReLU(z)^q; SMOOTHED_RELU 0, z^q/q, z - 1 + 1/q (Cao et al. 2022); LINEAR.
    power : float
        q > 1; ignored by RELU and LINEAR.

    Raises
    ------
    ValueError
        If the kind is unknown or the power is not a finite number above 1.
    """
    if kind not in (POWER, RELU, RELU_POWER, SMOOTHED_RELU, LINEAR):
        raise ValueError(f"activation code is {kind!r}; it must be one of 0, 1, 2, 3, 4")
    if kind in (RELU, LINEAR):
        return np.array([0.0 if kind == RELU else -math.inf, math.inf, 1.0, 1.0, 1.0])
    if not (math.isfinite(power) and power > 1):
        raise ValueError(f"the power of the activation is {power!r}; it must be a finite number above 1")
    lower = -math.inf if kind == POWER else 0.0
    if kind == SMOOTHED_RELU:
        return np.array([lower, 1.0, power, 1.0 / power, 1.0])
    return np.array([lower, math.inf, power, 1.0, power])


def power_case(shape: NDArray[np.float64]) -> int:
    """Exponent of the multiplication chain (1 to 5), or 0 if the exponent needs pow."""
    exponent = float(shape[EXPONENT])
    return int(exponent) if exponent in (1.0, 2.0, 3.0, 4.0, 5.0) else 0


@njit(inline="always", error_model="numpy")
def raised(base, exponent):  # type: ignore[no-untyped-def]
    """base**exponent for base >= 0, by multiplication if the exponent is 0, 1, 2, 3, 4 or 5."""
    if exponent == 3.0:
        return base * base * base
    if exponent == 2.0:
        return base * base
    if exponent == 1.0:
        return base
    if exponent == 0.0:
        return 1.0
    if exponent == 4.0:
        return base * base * base * base
    if exponent == 5.0:
        return base * base * base * base * base
    return base**exponent


@njit(error_model="numpy", nogil=True)
def phi(z, shape):  # type: ignore[no-untyped-def]
    """Activation of one number."""
    above = shape[0] if z <= shape[0] else z
    inside = shape[1] if above >= shape[1] else above
    return shape[3] * math.copysign(raised(abs(inside), shape[2]), inside) + (above - inside)


@njit(error_model="numpy", nogil=True)
def dphi(z, shape):  # type: ignore[no-untyped-def]
    """Derivative of the activation at one number (0 at the kink of ReLU)."""
    if shape[2] == 1.0:
        return 0.0 if z <= shape[0] else shape[4]
    above = shape[0] if z <= shape[0] else z
    inside = shape[1] if above >= shape[1] else above
    return shape[4] * raised(abs(inside), shape[2] - 1.0)
