"""The largest rise of the loss along the true feature in closed form: the oracle of searches for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.flatness import odd_power

Array = NDArray[np.float64]


def largest_rise(
    radius: ArrayLike, signal_sum: ArrayLike, noise_margin: ArrayLike, *, signal_strength: float, power: float
) -> Array:
    """Largest rise of the loss within radius r along w_star, ``max_c l(c) - l(alpha)``. Kind: exact.

    The loss is monotone in c: the worst point is alpha - r for U > 0 and alpha + r for U < 0.
    """
    total, noise = np.asarray(signal_sum, dtype=np.float64), np.asarray(noise_margin, dtype=np.float64)
    worst = signal_strength - np.sign(total) * np.asarray(radius, dtype=np.float64)
    there = odd_power(worst, power) * total + noise
    here = signal_strength**power * total + noise
    return np.logaddexp(0.0, -there) - np.logaddexp(0.0, -here)
