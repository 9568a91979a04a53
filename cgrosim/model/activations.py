"""The table of activations: phi, phi' and phi'' in plain NumPy, and what the rest of the package has to know of each.

``power``          phi(z) = sign(z) |z|^q, real q >= 2: the paper's ReLU(z)^q - ReLU(-z)^q (arXiv 2306.01271v4)
``relu``           phi(z) = max(z, 0)
``relu_power``     phi(z) = max(z, 0)^q
``smoothed_relu``  phi(z) = 0 for z <= 0, z^q / q on [0, 1], z - 1 + 1/q above (Allen-Zhu and Li, arXiv 2012.09816)
``linear``         phi(z) = z

A new one is an entry of `ACTIVATIONS` here and its shape in `cgrosim.kernels.activation`; nothing else names them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cgrosim.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
else:
    from cgrosim.model.lazy_numpy import np


SecondLayerSign = Literal["positive", "signed"]


@dataclass(frozen=True)
class Activation:
    """One activation; its name in the table is also that of its shape in the compiled kernels.

    Attributes
    ----------
    value, slope, curvature : callables of (z, q)
        phi(z), phi'(z) (0 at the kink of relu) and phi''(z) (away from the kinks), elementwise.
    degree : callable of q, or None
        Degree of positive homogeneity, phi(c z) = c^degree phi(z) for c > 0; None where there is none.
    knee : float
        Where phi turns from a multiple of z^q into a straight line, for the activations without a degree, which are 0
        below 0.
    odd : bool
        Whether phi(-z) = -phi(z).
    least_power : float or None
        Smallest exponent q there is; None where q means nothing.
    second_layer : {"positive", "signed"}
        Fixed output weights in use where none are asked for.
    """

    value: Callable[[Array, float], Array]
    slope: Callable[[Array, float], Array]
    curvature: Callable[[Array, float], Array]
    degree: Callable[[float], float] | None
    knee: float = math.inf
    odd: bool = False
    least_power: float | None = None
    second_layer: SecondLayerSign = "signed"

    @property
    def has_power(self) -> bool:
        """Whether the exponent q means something."""
        return self.least_power is not None


def _power(z: Array, exponent: float) -> Array:
    """z^exponent for z >= 0, by multiplication where the exponent is a small whole number (as the kernels do)."""
    if exponent == 1.0:
        return z
    if exponent == 2.0:
        return z * z
    if exponent == 3.0:
        return z * z * z
    return np.asarray(z**exponent)


def _smoothed_value(z: Array, q: float) -> Array:
    return np.where(z > 1.0, z - 1.0 + 1.0 / q, _power(np.clip(z, 0.0, 1.0), q) / q)


def _smoothed_curvature(z: Array, q: float) -> Array:
    return np.where((z > 0.0) & (z < 1.0), (q - 1.0) * np.clip(z, 0.0, 1.0) ** (q - 2.0), 0.0)


def _straight(z: Array, q: float) -> Array:
    return np.zeros_like(z)


ACTIVATIONS: dict[str, Activation] = {
    "power": Activation(
        value=lambda z, q: np.asarray(z * _power(np.abs(z), q - 1.0)),
        slope=lambda z, q: q * _power(np.abs(z), q - 1.0),
        curvature=lambda z, q: q * (q - 1.0) * np.sign(z) * np.abs(z) ** (q - 2.0),
        degree=lambda q: q,
        odd=True,
        least_power=2,
        second_layer="positive",
    ),
    "relu": Activation(
        value=lambda z, q: np.maximum(z, 0.0),
        slope=lambda z, q: (z > 0.0).astype(np.float64),
        curvature=_straight,
        degree=lambda q: 1.0,
    ),
    "relu_power": Activation(
        value=lambda z, q: _power(np.maximum(z, 0.0), q),
        slope=lambda z, q: q * _power(np.maximum(z, 0.0), q - 1.0),
        curvature=lambda z, q: np.where(z > 0.0, q * (q - 1.0) * np.maximum(z, 0.0) ** (q - 2.0), 0.0),
        degree=lambda q: q,
        least_power=2,
    ),
    "smoothed_relu": Activation(
        value=_smoothed_value,
        slope=lambda z, q: _power(np.clip(z, 0.0, 1.0), q - 1.0),
        curvature=_smoothed_curvature,
        degree=None,
        knee=1.0,
        least_power=2,
    ),
    "linear": Activation(
        value=lambda z, q: z,
        slope=lambda z, q: np.ones_like(z),
        curvature=_straight,
        degree=lambda q: 1.0,
        odd=True,
    ),
}


def activation(name: str) -> Activation:
    """The entry of the table.

    Raises
    ------
    ParameterError
        If there is none of this name.
    """
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise ParameterError(f"activation is {name!r}, but must be one of {', '.join(ACTIVATIONS)}.") from None


def activate(name: str, z: Array, power: float) -> Array:
    """Return phi(z), elementwise; `power` is the exponent q (ignored by relu and linear)."""
    return activation(name).value(z, power)


def derivative(name: str, z: Array, power: float) -> Array:
    """Return phi'(z), elementwise; 0 at the kink of relu."""
    return activation(name).slope(z, power)


def curvature(name: str, z: Array, power: float) -> Array:
    """Return phi''(z), elementwise, away from the kinks."""
    return activation(name).curvature(z, power)


def output_weights(neurons: int, sign: str) -> Array:
    """The fixed second layer: all +1 (``positive``), or the first half +1 and the rest -1 (``signed``)."""
    weights = np.ones(neurons)
    if sign == "signed":
        weights[(neurons + 1) // 2 :] = -1.0
    return weights
