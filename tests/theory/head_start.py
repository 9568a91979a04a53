"""How far both losses together carry a sample before the signal has grown: a closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.power_growth import growth_integral

Array = NDArray[np.float64]


def clean_head_start(
    largest_correlation: ArrayLike,
    plateau_correlation: ArrayLike,
    *,
    power: float,
    signal_strength: float,
    adversarial_weight: float,
    learning_rate: float,
) -> Array:
    """Steps by which the clean loss brings memorisation forward: 2 I(u_max(0), u_p) / (eta q lam alpha^q).

    The clean exposure (1-lam) * integral of s(alpha^q U) dt equals A/(eta q alpha^q), A = I(u_max(0), u(t)) being the
    signal's own clock when its attacked push is negligible; the plateau spends exposure at lam/2 per step. Hence T_i
    = 2 exposure / lam minus this; with u_p = 1/alpha it is ((1-lam)/lam) T_I. Kind: asymptotic, gap -> 0 (derived
    here). Infinite at lam = 0.
    """
    growth = growth_integral(largest_correlation, plateau_correlation, power)
    with np.errstate(divide="ignore"):
        return 2.0 * growth / (np.float64(learning_rate) * power * adversarial_weight * signal_strength**power)
