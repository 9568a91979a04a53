"""Density of the test-time noise at zero for independent Gaussian inputs: how far the robust error is from 1/2.

S = sum_k s_k^q phi(g_k), phi(z) = sign(z)|z|^q, independent standard normal g_k, more than q of them. Then S has a
bounded density and P(0 <= S <= h) = h f(0) (1 - o(1)) as h/sd -> 0: unlike one dominating neuron, whose density is
infinite at 0 and whose small ball scales as h^(1/q) (`theory.chaos`), many neurons give a distance proportional to h.
Derived here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.special import gammaln

Array = NDArray[np.float64]

# Gauss-Legendre panels in log-space: the integrands below are analytic in log rho and log t, so that panels over which
# an exponent changes by a factor of e^1.5 (half a unit wide for the power 3) with eight nodes are good to about 1e-8.
WIDTH = 1.5
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)


def _log_grid(low: float, high: float, width: float = 0.5) -> tuple[Array, Array]:
    """Nodes x and weights of the integral over dx from e^low to e^high, in panels of that width in log x."""
    edges = np.linspace(low, high, int(np.ceil((high - low) / width)) + 1)
    half = 0.5 * np.diff(edges)[:, None]
    points = np.exp(edges[:-1, None] + half * (NODES + 1.0))
    return points.ravel(), (half * WEIGHTS * points).ravel()


def power_characteristic_function(frequency: ArrayLike, power: float) -> Array:
    """E cos(t phi(g)) of a standard normal g, t >= 0, real q > 1.

    Along the ray z = e^(i pi/2q) rho the oscillation exp(i t z^q) becomes the decay exp(-t rho^q):
    Re sqrt(2/pi) e^(i pi/2q) integral over rho > 0 of exp(-rho^2 e^(i pi/q)/2 - t rho^q). The rotated Gaussian decays
    for q > 2. Kind: exact (quadrature error about 1e-8); t -> infinity like t^(-1/q).
    """
    if not power > 2:
        raise ValueError(f"power must exceed 2, where the rotated integral converges, got {power!r}.")
    turn = np.exp(0.5j * np.pi / power)
    # rho from 1e-16 of the shortest scale (left out: a relative 1e-16) to where the rotated Gaussian is below e^-100
    reach = np.sqrt(200.0 / np.cos(np.pi / power))
    frequency = np.asarray(frequency, dtype=float)
    shortest = min(1.0, float(np.max(frequency, initial=1.0)) ** (-1.0 / power))
    rho, weight = _log_grid(float(np.log(1e-16 * shortest)), float(np.log(reach)), min(0.5, WIDTH / power))
    gaussian = weight * np.exp(-0.5 * rho**2 * turn**2)
    decay = np.exp(-np.minimum(frequency[..., None] * rho**power, 745.0))
    return np.asarray(np.real(np.sqrt(2.0 / np.pi) * turn * (decay @ gaussian)))


TERMS = 48  # of the series in 1/t below: at t >= CLOSED they fall faster than 1e-1 a term for every q
CLOSED = 1e4  # of t in units of the smallest amplitude, from where on the series is used


def power_characteristic_series(power: float) -> Array:
    """Coefficients c_j of E cos(t phi(g)) = sum_j c_j t^(-(2j+1)/q), t > 0, shape (TERMS,).

    Termwise from the series of the normal density: ``sqrt(2/pi) (-1)^j / (2^j j!) integral over z > 0 of z^(2j)
    cos(t z^q) dz``, each integral by the ray of `power_characteristic_function`. Kind: exact; converges for q > 2,
    because Gamma((2j+1)/q) / j! falls.
    """
    j = np.arange(TERMS)
    order = (2.0 * j + 1.0) / power
    sizes = np.exp(gammaln(order) - j * np.log(2.0) - gammaln(j + 1.0))
    return np.asarray(np.sqrt(2.0 / np.pi) / power * (-1.0) ** j * sizes * np.cos(0.5 * np.pi * order))


def _tail(amplitudes: Array, last: float, power: float) -> float:
    """Integral over t > last of the product of E cos(t a_k phi(g)): the product of their series, term by term."""
    coefficients, j = power_characteristic_series(power), np.arange(TERMS)
    product = np.zeros(TERMS)
    product[0] = 1.0
    for amplitude in amplitudes:
        factor = coefficients * (amplitude * last) ** (-(2.0 * j + 1.0) / power)
        product = np.convolve(product, factor)[:TERMS]
    return float(last * np.sum(product / ((amplitudes.size + 2.0 * j) / power - 1.0)))


@lru_cache(maxsize=8)
def _tabulated(power: float) -> CubicSpline:
    """The characteristic function against log t; a spline of step 0.05 is good to about 1e-7."""
    grid = np.arange(-60.0, 80.0, 0.05)
    return CubicSpline(grid, power_characteristic_function(np.exp(grid), power))


def density_at_zero(scales: ArrayLike, power: float) -> float:
    """f_S(0) = (1/pi) integral over t > 0 of the product of E cos(t s_k^q phi(g_k)); infinite for q or fewer scales.

    Kind: exact (quadrature up to a large t, relative error below 1e-6; convergent series beyond). Units: 1 over those
    of S, that is scales^-q.

    Parameters
    ----------
    scales : array_like, shape (n,)
        noise_std * |w_r| for every neuron and noise patch (repeat a neuron P-1 times).
    power : float
        q > 2.
    """
    scales = np.atleast_1d(np.asarray(scales, dtype=float))
    if scales.ndim != 1 or not np.all(scales > 0):
        raise ValueError("scales must be a vector of positive numbers.")
    if not power * np.log(np.max(scales) / np.min(scales)) < 60.0:
        raise ValueError("scales must lie within a factor of e^(60/q) of each other; leave out the negligible ones.")
    if scales.size <= power:
        return float("inf")
    amplitude = (scales / np.max(scales)) ** power
    last = np.log(CLOSED / np.min(amplitude))  # beyond it every factor is in its series
    frequency, weight = _log_grid(-35.0, float(last))
    distinct, index = np.unique(amplitude, return_inverse=True)
    factors = _tabulated(float(power))(np.log(distinct)[:, None] + np.log(frequency))
    product = np.prod(factors[index], axis=0)
    tail = _tail(amplitude, float(np.exp(last)), power)
    return float((weight @ product + tail) / np.pi / np.max(scales) ** power)
