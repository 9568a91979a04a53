"""The clock of Lemma L6 as a reading, and how far a step of gradient descent may break it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.power_growth import check_power

Array = NDArray[np.float64]


def clock_reading(values: ArrayLike, power: float) -> Array:
    """Reading h(x): x^(2-q)/(2-q) for x > 0, its negative for x < 0, log at q = 2; grows at rate F for every r.

    Kind: exact.

    A difference of two readings is a conserved quantity: u_r^(2-q) - u_s^(2-q) divided by 2-q. At 0, which never
    moves, it is infinite.
    """
    excess = check_power(power)
    values = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", over="ignore"):
        size = np.log(np.abs(values))
        reading = size if excess == 0.0 else -np.exp(-excess * size) / excess
    return np.where(values >= 0, reading, -reading)


def drift_defect_bound(relative_growth: ArrayLike, power: float) -> Array:
    """Relative defect of one gradient-descent step: its clock advances between (1+g)^-(q-1) and 1 times the flow's.

    A step x -> x + c x^(q-1) with g = c x^(q-2) has drift = integral of z^(1-q) over [x, x(1+g)], between (1+g)^(1-q)
    c and c. The spread of the drifts of all positive coordinates after any number of steps is therefore at most 1 -
    (1+g_max)^-(q-1) of the clock. Returns that fraction; first order in the step. Kind: bound (derived here; the
    argument of L1).
    """
    check_power(power)
    return -np.expm1(-(power - 1.0) * np.log1p(np.asarray(relative_growth, dtype=float)))
