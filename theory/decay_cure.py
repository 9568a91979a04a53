"""What weight decay does to the test error: the part of the weights off w_star dies away, the signal stays.

Above the memorisation edge of every sample, and below the edge of the signal, each filter off w_star shrinks like
e^(-rho t), so the test noise S, of degree q in the weights, shrinks like e^(-q rho t) while alpha^q U rests on its
plateau. At any gap > 0 the network then becomes robust on fresh samples, which stopping early cannot bring about:
before memorisation S covers (gap alpha)^q U just as well. A statement about this model and an attack on the signal
patch only. Derived here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from cgrosim.theory.decay import check_decay, discounted_time
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.power_growth import check_power, grow

Array = NDArray[np.float64]


class Window(NamedTuple):
    """Weight decays between which training is cured: above `lower` nobody is memorised, below `upper` the signal grows.

    Empty where lower >= upper: too little decay then already kills the signal.
    """

    lower: float
    upper: float


def cure_window(memorisation_edges: ArrayLike, signal_edge: float) -> Window:
    """The decays that cure: from the largest edge of a sample to the edge of the signal. Kind: as the edges."""
    return Window(float(np.max(memorisation_edges, initial=0.0)), float(signal_edge))


def filter_norms(
    initial_norms: ArrayLike,
    starts: ArrayLike,
    energies: ArrayLike,
    *,
    time: float,
    rate: ArrayLike,
    decay: float,
    power: float,
) -> Array:
    """Squared norms of the filters off w_star while the rate of the noise is constant and no sample is memorised.

    ``|w_r|^2 = e^(-2 rho t) [ |w_r(0)|^2 + sum_k (y_k^2 - v_k(0)^2) / kappa_k ]``, y_k the plain growth of v_k(0) over
    the discounted time: what decay leaves of the start, and what was learnt meanwhile. Kind: exact for decoupled noise.

    Parameters
    ----------
    initial_norms : array_like, shape (m,)
    starts : array_like, shape (m, M)
        y_i <w_r(0), X_k>.
    energies : array_like, shape (M,)
        |X_k|^2.
    rate : array_like, broadcastable to `starts`
        c_k = q kappa_k / (2N) times lam, or 1 before the signal has grown; the unit of time is its own.
    """
    starts = np.asarray(starts, dtype=float)
    grown = grow(starts, np.asarray(rate, dtype=float) * discounted_time(time, decay, power), power)
    learnt = np.sum((grown**2 - starts**2) / np.asarray(energies, dtype=float), axis=-1)
    return np.exp(-2.0 * check_decay(decay) * time) * (np.asarray(initial_norms, dtype=float) + learnt)


def noise_quantile(scales: ArrayLike, error: float, power: float) -> float:
    """The margin z with P(S < -z) = `error` < 1/2 for orthogonal filters: the margin a robust error asks for.

    Kind: exact for independent terms (`noise_law`). `scales` are sigma_p |w_r|, one a neuron and noise patch.
    """
    if not 0.0 < error < 0.5:
        raise ValueError(f"the error must lie between 0 and 1/2, got {error!r}")
    law = IndependentNoiseLaw(scales, power, points=200)
    low, high = -40.0 * power, 5.0 * power + np.log(np.size(scales))
    unit = float(np.max(scales)) ** power

    def shortfall(logarithm: float) -> float:
        return float(law.error_at(unit * np.exp(logarithm))) - error

    if shortfall(low) <= 0.0:
        return 0.0
    return float(unit * np.exp(brentq(shortfall, low, high, xtol=1e-10)))


def robust_time(
    scales: ArrayLike, attacked_margin: float, *, weight_decay: float, power: float, error: float = 0.05
) -> float:
    """Flow time at which the robust test error has fallen to `error`: ``log(z / b) / (q rho)``.

    z is the `noise_quantile` of the start and b = (gap alpha)^q U on the plateau: S shrinks by e^(-q rho t). Counted
    from the start; not before the signal has grown, whose time is to be compared. 0 where the start is already small
    enough, infinite at b = 0 (an attack that leaves nothing). Kind: asymptotic, decay well above every memorisation
    edge (what the noise gains meanwhile is in `filter_norms`).
    """
    check_power(power)
    if not check_decay(weight_decay) > 0.0:
        raise ValueError("without weight decay the noise of the start stays, so the robust error does not fall")
    if attacked_margin <= 0.0:
        return np.inf
    return max(float(np.log(noise_quantile(scales, error, power) / attacked_margin)), 0.0) / (power * weight_decay)


def robust_error(
    scales: ArrayLike, attacked_margin: ArrayLike, time: float, *, weight_decay: float, power: float
) -> Array:
    """Robust test error after a flow time: P(S(0) < -e^(q rho t) b). Kind and hypotheses: as `robust_time`."""
    law = IndependentNoiseLaw(scales, power, points=200)
    grown = np.asarray(attacked_margin, dtype=float) * np.exp(power * check_decay(weight_decay) * time)
    return np.asarray(law.error_at(grown))
