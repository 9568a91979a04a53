"""Stage III with the overlaps of noise patches: how growing features of a neuron delay one another, to first order.

What a memorised one does to the others at once is a kick (`memorisation.coupling`); this is what growing ones do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cgrosim.theory._quadrature import panel_nodes
from cgrosim.theory.power_growth import check_power, grow, growth_integral
from cgrosim.theory.thresholds import MEMORISED


def overlap_delay(
    start: float,
    others: ArrayLike,
    *,
    rate: float,
    rates: ArrayLike,
    overlaps: ArrayLike,
    power: float,
    until: ArrayLike = np.inf,
    threshold: float = MEMORISED,
) -> float:
    """Time by which growing features of the same neuron delay a memorisation, to first order in their overlaps.

    With ``v' = c v^(q-1) + sum_j g_j x_j'`` and ``x_j' = c_j |x_j|^(q-1)``, each on its own, v^(2-q) falls by
    ``(q-2) (c t + sum_j g_j integral of v^(1-q) dx_j)``, so the threshold is met later by
    ``- (1/c) sum_j g_j integral of v(t(x_j))^(1-q) dx_j``; x_j runs until v gets there, or its own push ends, at the
    latest at the threshold. Derived here. Kind: asymptotic, up to the second order in the overlaps; negative where they
    help.

    Parameters
    ----------
    start : v(0), positive and below the threshold
    others : (J,) array, x_j(0) of either sign
    rate, rates : c and (J,) array of c_j, as of `noise_growth_rate`, per step
    overlaps : (J,) array g_j = y y_j <X, X_j> / |X_j|^2
    until : (J,) array, steps after which the push of j ends (twice its exposure, of a sample whose weight falls early)
    threshold : margin at which a sample is memorised
    """
    check_power(power)
    end = threshold ** (1.0 / power)
    if not 0.0 < start < end:
        raise ValueError(f"start must be between 0 and the threshold's {end:.6g}, got {start!r}.")
    given = np.broadcast_arrays(*(np.asarray(each, dtype=float) for each in (others, rates, overlaps, until)))
    moving = (given[0] != 0.0) & (given[0] < end)
    x, speeds, shares, ends = (each[moving] for each in given)
    ends = np.minimum(
        ends, np.minimum(growth_integral(x, end, power) / speeds, growth_integral(start, end, power) / rate)
    )
    last = grow(x, speeds * ends, power)
    nodes, weights = panel_nodes(0.0, 1.0, 0.25)
    length = np.log(last / x)[:, None]
    place = np.abs(x)[:, None] * np.exp(length * nodes)  # |x_j|, which falls where x_j is negative
    size = np.broadcast_to(np.abs(x)[:, None], place.shape)
    passed = growth_integral(np.minimum(size, place), np.maximum(size, place), power) / speeds[:, None]
    moved = np.sum(weights * length * place * grow(start, rate * passed, power) ** (1.0 - power), axis=1)
    return -float(np.sum(shares * np.sign(x) * moved)) / rate
