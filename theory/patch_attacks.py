"""Attacks that may move every patch of a sample: which radius is safe, and at which one it falls.

A two-layer network of odd power filters has the margin ``sum_rj y psi(<w_r, X_j>)``. An l2 attack of radius delta over
all patches splits its budget between the filter that sees the feature and the direction in which the filters together
reach furthest; both enter inside the power, so the best split is that of a linear function. Derived here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.power_growth import check_power

Array = NDArray[np.float64]

TURNS = 1000  # of the power method at most; no turn lowers the value
STILL = 1e-15  # relative change of the value at which it ends
ROUNDING = 1e-12  # of a sum of powers and its root, against a norm


class Reach(NamedTuple):
    """How far the filters reach together, and in which direction of length 1: ``sum_r weights[r] w_r``."""

    size: float
    weights: Array


def furthest_reach(gram: ArrayLike, power: float) -> Reach:
    """Largest ``(sum_r max(<w_r, e>, 0)^q)^(1/q)`` over unit vectors e, from every filter on uphill.

    A filter alone reaches as far as it is long; two that have learnt the same sample reach 2^(1/q) times as far. The
    sum is convex in e, so that the step to its gradient's direction never lowers it (the power method for symmetric
    tensors: Kofidis and Regalia, SIAM J. Matrix Anal. Appl. 23, 2002). Kind: lower bound, exact for orthogonal filters.

    Parameters
    ----------
    gram : array_like, shape (m, m)
        ``<w_r, w_s>``, of whole filters; at least one is not 0.
    power : float
        q, above 1.
    """
    products = np.asarray(gram, dtype=float)
    best = Reach(-np.inf, np.zeros(len(products)))
    for start in np.flatnonzero(np.diag(products) > 0.0):
        weights, size = np.eye(len(products))[start], -np.inf
        for _ in range(TURNS):
            weights = weights / np.sqrt(weights @ products @ weights)
            seen = np.maximum(products @ weights, 0.0)
            before, size = size, float(np.sum(seen**power) ** (1.0 / power))
            if size > best.size:
                best = Reach(size, weights)
            if size <= before * (1.0 + STILL):
                break
            weights = (seen / seen.max()) ** (power - 1.0)
    if not np.isfinite(best.size):
        raise ValueError("gram must have a filter with a norm above 0.")
    return best


def falling_radius(signal: ArrayLike, seeing: ArrayLike, furthest: ArrayLike) -> Array:
    """Radius ``p / sqrt(|w_s|^2 + n^2)`` from which a sample falls to an attack on all patches.

    A move a against w_s leaves ``(p - |w_s| a)^q`` of the feature, a move b in the direction of the furthest reach n in
    another patch costs ``(n b)^q``; the two are equal where ``|w_s| a + n b = p``, and ``a^2 + b^2`` is least on the
    normal of that line. Kind: exact where the filters are orthogonal and see nothing else of the sample.

    Parameters
    ----------
    signal : p, what the filter that sees the feature has as its argument, ``alpha u_s``
    seeing : |w_s|, its norm, the part along the noise included
    furthest : n of `furthest_reach`, at least |w_s|: that filter may be attacked in a patch without the feature too
    """
    p, along, across = (np.asarray(x, dtype=float) for x in (signal, seeing, furthest))
    if not (np.all(along >= 0.0) and np.all(across >= along * (1.0 - ROUNDING))):
        raise ValueError("furthest must be at least seeing, and both at least 0: w_s is one of the filters.")
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(p, 0.0) / np.hypot(along, across))


def safe_radius(projections: ArrayLike, gram: ArrayLike, power: float) -> Array:
    """A radius below which no l2 perturbation of all patches makes the margin of a sample 0 or less.

    With z_rj the moves along ``w_r / |w_r|`` in patch j, ``sum z^2 <= Lambda delta^2``, Lambda the largest eigenvalue
    of the cosines of the filters. The largest argument p falls to ``p - |w_s| z_s`` at worst; all others together cost
    at most ``(|c|_q + n |z|_2)^q`` by Minkowski's inequality and ``|z|_q <= |z|_2``, c those that are negative before
    the attack (a positive one costs less than one at 0). So the margin is positive while ``|w_s| z_s + n |z| < p -
    |c|_q``: up to ``(p - |c|_q) / sqrt(Lambda (|w_s|^2 + n^2))``. Kind: bound (derived here); for q >= 2 and any odd
    power activation; `falling_radius` where Lambda = 1 and c = 0.

    Parameters
    ----------
    projections : array_like, shape (..., patches, m)
        ``y <w_r, X_j>`` of every sample.
    gram : array_like, shape (m, m)
        ``<w_r, w_s>``, of whole filters.
    power : float
        q, at least 2.

    Returns
    -------
    ndarray, shape (...)
        0 where the bound proves nothing.
    """
    check_power(power)
    seen, products = np.asarray(projections, dtype=float), np.asarray(gram, dtype=float)
    norms = np.sqrt(np.diag(products))
    if seen.ndim < 2 or seen.shape[-1] != len(norms) or not np.all(norms > 0.0):
        raise ValueError("projections must have one entry a filter, and every filter a norm above 0.")
    spread = float(np.linalg.eigvalsh(products / np.outer(norms, norms))[-1])
    flat = seen.reshape(*seen.shape[:-2], -1)
    place = np.argmax(flat, axis=-1)
    largest = np.take_along_axis(flat, place[..., None], axis=-1)[..., 0]
    against = np.sum(np.maximum(-flat, 0.0) ** power, axis=-1) ** (1.0 / power)
    reach = np.hypot(norms[place % len(norms)], norms.max())
    return np.asarray(np.maximum(largest - against, 0.0) / (np.sqrt(spread) * reach))
