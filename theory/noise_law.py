"""The exact distribution of the test-time noise when its Gaussian inputs are independent, by repeated one-dimensional
quadrature.

S = sum_k s_k^q phi(g_k), phi(z) = sign(z)|z|^q with independent standard normal g_k. Exact for one neuron and any
number of patches, and for several neurons whose weights are orthogonal off w_star; derived here. Tail probabilities
keep their relative accuracy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.special import log_ndtr

Array = NDArray[np.float64]

# The tabulated tail ends 32 standard deviations of the largest input out, where a normal tail is below 1e-224.
REACH = 32.0
# A normal factor has fallen by e^-45 (rounding) at sqrt(g^2 + 90).
DECAY = 90.0
# exp(-g^2/2) underflows where g^2 exceeds this.
UNDERFLOW = 1490.0


def _tanh_sinh(nodes: int = 48, extent: float = 3.4) -> tuple[Array, Array, Array]:
    """Distances from both ends of [0, 1] and weights; endpoint singularities z^(1/q) cost nothing."""
    step = extent / nodes
    t = step * np.arange(-nodes, nodes + 1)
    u = 0.5 * np.pi * np.sinh(t)
    from_left, from_right = 1.0 / (1.0 + np.exp(-2.0 * u)), 1.0 / (1.0 + np.exp(2.0 * u))
    weights = step * np.pi * np.cosh(t) * from_left * from_right
    return from_left, from_right, weights


class IndependentNoiseLaw:
    """Distribution of S = sum_k scales_k^q phi(g_k). Kind: exact up to quadrature and interpolation (relative error
    below 1e-6).

    Parameters
    ----------
    scales : array_like, shape (n,)
        noise_std * |w_r| for every neuron and noise patch (repeat a neuron P-1 times).
    power : float
        q >= 1. Signs of the second layer do not matter: each term is symmetric.
    points : int
        Size of the table in x^(1/q).
    """

    def __init__(self, scales: ArrayLike, power: float, points: int = 800) -> None:
        scales = np.sort(np.atleast_1d(np.asarray(scales, dtype=float)))[::-1]
        if scales.ndim != 1 or not scales[0] > 0 or scales[-1] < 0:
            raise ValueError("scales needs at least one positive and no negative entry.")
        self.power, self.unit = float(power), float(scales[0])
        relative = scales[scales > 0] / self.unit
        # Denser near zero: the density of few terms is singular there and small terms live there.
        self._roots = REACH * np.linspace(0.0, 1.0, points) ** 3
        self._log_survival = log_ndtr(-self._roots)
        self._spline = CubicSpline(self._roots, self._log_survival)
        self._exact = True
        for scale in relative[1:]:
            self._log_survival = self._convolve(scale)
            self._spline = CubicSpline(self._roots, self._log_survival)
            self._exact = False

    def _survival_root(self, root: Array) -> Array:
        """P(S > x) for x = sign(root)|root|^q in units of the largest scale."""
        size = np.minimum(np.abs(root), REACH)
        # Beyond the table the largest input alone carries the tail: continue with its normal decay.
        beyond = log_ndtr(-np.abs(root)) - log_ndtr(-size)
        tail = np.exp(log_ndtr(-np.abs(root)) if self._exact else self._spline(size) + beyond)
        return np.where(root >= 0, tail, 1.0 - tail)

    def _convolve(self, scale: float) -> Array:
        left, right, weights = _tanh_sinh()
        root = self._roots[:, None]
        corner = root / scale  # input at which scale^q phi(g) = x
        density = np.sqrt(0.5 / np.pi)

        def shifted(value: Array) -> Array:
            return self._survival_root(np.sign(value) * np.abs(value) ** (1.0 / self.power))

        level = root**self.power
        far = np.sqrt(DECAY) * left
        below = np.sqrt(DECAY) * (
            weights * density * np.exp(-0.5 * far**2) * shifted(level + (scale * far) ** self.power)
        ).sum(1)
        reach = np.minimum(corner, np.sqrt(UNDERFLOW))
        inner = reach * left
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(
                reach < corner,
                1.0 - (inner / corner) ** self.power,
                -np.expm1(self.power * np.log1p(-right)),
            )
        between = reach[:, 0] * (
            weights * density * np.exp(-0.5 * inner**2) * shifted(level * np.maximum(gap, 0.0))
        ).sum(1)
        length = np.sqrt(corner**2 + DECAY) - corner
        outer = corner + length * left
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(
                corner > 0,
                level * np.expm1(self.power * np.log1p(length * left / corner)),
                (scale * outer) ** self.power,
            )
        beyond = length[:, 0] * (weights * density * np.exp(-0.5 * outer**2) * shifted(-excess)).sum(1)
        with np.errstate(divide="ignore"):
            return np.log(below + between + beyond)

    def survival(self, level: ArrayLike) -> Array:
        """P(S > level), any sign of level; 0 beyond the table (below 1e-200)."""
        level = np.asarray(level, dtype=float)
        root = np.sign(level) * np.abs(level) ** (1.0 / self.power) / self.unit
        outside = np.abs(root) > REACH
        return np.where(outside, np.where(root > 0, 0.0, 1.0), self._survival_root(root))

    def error_at(self, margin: ArrayLike) -> Array:
        """P(margin + S < 0): the test error at a deterministic signal margin."""
        return self.survival(margin)
