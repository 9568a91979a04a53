"""The activation functions, as five numbers that one formula turns into phi and phi'.

With x = max(z, lower) and p = min(x, upper):
    phi(z)  = scale sign(p) |p|^q + (x - p)
    phi'(z) = slope |p|^(q-1)       (for q = 1: slope where z > lower, else 0)
so one loop serves all of them, without a branch per element. The names are those of `cgrosim.model.activations`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

Shape = tuple[float, float, float, float, float]

LOWER, UPPER, EXPONENT, SCALE, SLOPE = range(5)

# name: (lower, upper, exponent, scale, slope) at the power q
SHAPES: dict[str, Callable[[float], Shape]] = {
    "power": lambda q: (-math.inf, math.inf, q, 1.0, q),
    "relu": lambda q: (0.0, math.inf, 1.0, 1.0, 1.0),
    "relu_power": lambda q: (0.0, math.inf, q, 1.0, q),
    "smoothed_relu": lambda q: (0.0, 1.0, q, 1.0 / q, 1.0),
    "linear": lambda q: (-math.inf, math.inf, 1.0, 1.0, 1.0),
}


def activation_shape(name: str, power: float) -> NDArray[np.float64]:
    """Return (lower, upper, exponent, scale, slope) of an activation.

    Parameters
    ----------
    name : str
        A key of `SHAPES`.
    power : float
        q > 1; means nothing to relu and linear.

    Raises
    ------
    ValueError
        If the name is unknown, the power is not a finite number above 1, or the shape is none the kernels can follow.
    """
    if name not in SHAPES:
        raise ValueError(f"the kernels know no activation {name!r}, only {', '.join(SHAPES)}")
    has_power = SHAPES[name](2.0)[EXPONENT] != 1.0
    if has_power and not (math.isfinite(power) and power > 1):
        raise ValueError(f"the power of the activation is {power!r}; it must be a finite number above 1")
    lower, upper, exponent, scale, slope = SHAPES[name](power)
    # A knee: the exact attack needs 0 below 0, and a slope that does not jump where the straight part begins.
    if upper < math.inf and not (lower == 0.0 and math.isclose(slope * upper ** (exponent - 1.0), 1.0, rel_tol=1e-12)):
        raise ValueError(f"the activation {name!r} with a knee at {upper} must be 0 below 0 and have slope 1 above it")
    return np.array([lower, upper, exponent, scale, slope])


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
