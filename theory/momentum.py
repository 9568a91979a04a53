"""Heavy-ball momentum: the same flow on a clock that runs 1/(1 - beta) times faster, with its first-order correction.

``w_{n+1} = w_n + beta (w_n - w_{n-1}) - eta grad L(w_n)``, started at rest (w_{-1} = w_0). With h = eta/(1-beta) and
the time tau = h n the Taylor expansion reads ``w' + eps w'' = -grad L``, ``eps = h (1+beta)/(2(1-beta))``, so the
trajectory is that of gradient descent with the step h, up to O(h): momentum moves T_mem and cures nothing. Source: B.
Polyak (1964); the modified equation and the delays are derived here. Times are gradient steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.power_growth import check_power

Array = NDArray[np.float64]


def check_momentum(momentum: float) -> float:
    """Return beta after refusing what lies outside [0, 1)."""
    if not 0.0 <= momentum < 1.0:
        raise ValueError(f"momentum must lie in [0, 1), got {momentum!r}")
    return float(momentum)


def largest_stable_rate(momentum: float) -> float:
    """eta times curvature below which a minimum attracts: 2 (1 + beta). Kind: exact for a quadratic (Polyak 1964)."""
    return 2.0 * (1.0 + check_momentum(momentum))


def delay(force_ratio: ArrayLike, momentum: float) -> Array:
    """Steps by which a monotone path is later than its flow at first order:

    ``beta/(1-beta) + (1+beta)/(2(1-beta)) log(F_end/F_start)``. The first part is the velocity that the start lacks,
    the second the modified equation along x' = F(x); at beta = 0 it is the known delay of Euler's method. Kind:
    asymptotic, eta -> 0 at fixed beta; the error is of order eta.

    Parameters
    ----------
    force_ratio : array_like
        F_end / F_start of the coordinate that is watched.
    """
    beta = check_momentum(momentum)
    slope = (1.0 + beta) / (2.0 * (1.0 - beta))
    return np.asarray(beta / (1.0 - beta) + slope * np.log(np.asarray(force_ratio, dtype=float)))


def growth_delay(start: ArrayLike, target: ArrayLike, power: float, *, momentum: float) -> Array:
    """`delay` of x' = c x^(q-1) from `start` to `target`: log(F_end/F_start) = (q-1) log(target/start)."""
    check_power(power)
    ratio = np.asarray(target, dtype=float) / np.asarray(start, dtype=float)
    return delay(ratio ** (power - 1.0), momentum)
