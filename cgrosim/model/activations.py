"""Activations phi and their derivatives, by name, in plain NumPy.

``power``          phi(z) = sign(z) |z|^q, real q >= 2: the paper's ReLU(z)^q - ReLU(-z)^q (arXiv 2306.01271v4)
``relu``           phi(z) = max(z, 0)
``relu_power``     phi(z) = max(z, 0)^q
``smoothed_relu``  phi(z) = 0 for z <= 0, z^q / q on [0, 1], z - 1 + 1/q above (Allen-Zhu and Li, arXiv 2012.09816)
``linear``         phi(z) = z
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.model.params import ACTIVATIONS

Array = NDArray[np.float64]

CODES = {name: code for code, name in enumerate(ACTIVATIONS)}
ODD = frozenset({"power", "linear"})
HOMOGENEOUS = frozenset({"power", "relu", "relu_power", "linear"})


def _power(z: Array, exponent: float) -> Array:
    """z^exponent for z >= 0, by multiplication where the exponent is a small whole number (as the kernels do)."""
    if exponent == 1.0:
        return z
    if exponent == 2.0:
        return z * z
    if exponent == 3.0:
        return z * z * z
    return np.asarray(z**exponent)


def activate(name: str, z: Array, power: float) -> Array:
    """Return phi(z), elementwise; `power` is the exponent q (ignored by relu and linear)."""
    if name == "power":
        return np.asarray(z * _power(np.abs(z), power - 1.0))
    if name == "relu":
        return np.maximum(z, 0.0)
    if name == "relu_power":
        return _power(np.maximum(z, 0.0), power)
    if name == "smoothed_relu":
        below = _power(np.clip(z, 0.0, 1.0), power) / power
        return np.where(z > 1.0, z - 1.0 + 1.0 / power, below)
    if name == "linear":
        return z
    raise ParameterError(f"activation is {name!r}, but must be one of {', '.join(ACTIVATIONS)}.")


def derivative(name: str, z: Array, power: float) -> Array:
    """Return phi'(z), elementwise; 0 at the kink of relu."""
    if name == "power":
        return power * _power(np.abs(z), power - 1.0)
    if name == "relu":
        return (z > 0.0).astype(np.float64)
    if name == "relu_power":
        return power * _power(np.maximum(z, 0.0), power - 1.0)
    if name == "smoothed_relu":
        return _power(np.clip(z, 0.0, 1.0), power - 1.0)
    if name == "linear":
        return np.ones_like(z)
    raise ParameterError(f"activation is {name!r}, but must be one of {', '.join(ACTIVATIONS)}.")


def output_weights(neurons: int, sign: str) -> Array:
    """The fixed second layer: all +1 (``positive``), or the first half +1 and the rest -1 (``signed``)."""
    weights = np.ones(neurons)
    if sign == "signed":
        weights[(neurons + 1) // 2 :] = -1.0
    return weights
