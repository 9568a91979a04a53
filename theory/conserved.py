"""Conserved differences of the gradient flow (Lemma L6): all coordinates under one force run on one clock.

Along x_r' = F(t) |x_r|^(q-1) with any common force F, h(x) = sign(x)|x|^(2-q) / (2-q) (log|x| sign(x) at q = 2)
advances by the same amount for every r, so differences are constant. Signal correlations share F in every setting;
noise correlations of one patch do when off-diagonal Gram entries vanish (kappa times the clock of their sample).
Derived here; stage II of arXiv 2306.01271. Exact for the flow; gradient descent violates it at first order in the
step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.power_growth import check_power, grow

Array = NDArray[np.float64]


def clock_drift(start: ArrayLike, end: ArrayLike, power: float) -> Array:
    """Advance of each coordinate's own clock between two states, (q-2) x_0^(q-2) scaled out of nothing: h(x_1) -
    h(x_0).

    Computed from log(x_1/x_0) with expm1, so that q -> 2 and small changes keep their digits. Coordinates must not
    change sign. Under one force all entries agree; their spread measures what breaks the lemma. Kind: exact (L6).
    """
    excess = check_power(power)
    start, end = np.broadcast_arrays(np.asarray(start, dtype=float), np.asarray(end, dtype=float))
    if np.any(start * end <= 0):
        raise ValueError("a coordinate is zero or changed sign, which the flow never does; compare states of one run.")
    ratio = np.log(end / start)
    grown = ratio if excess == 0.0 else -np.expm1(-excess * ratio) / excess
    return np.sign(start) * np.abs(start) ** -excess * grown


def advance(start: ArrayLike, clock: ArrayLike, power: float, *, patch_energy: ArrayLike = 1.0) -> Array:
    """The reduction: x(t)^(2-q) = x(0)^(2-q) - (q-2) kappa clock, for every coordinate from one number. Kind: exact
    (L6).
    """
    return grow(start, np.asarray(patch_energy, dtype=float) * clock, power)
