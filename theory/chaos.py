"""Tails and small balls of the test-time noise S (Lemma L7). Bounds hold for every weight matrix; derived here.

For odd integer q, S is a polynomial of degree q in Gaussians, so ||S||_p <= (p-1)^(q/2) ||S||_2 for p >= 2
(hypercontractivity: Nelson 1973; Bonami; Janson, Gaussian Hilbert Spaces, 1997, Thm 5.10 and 6.7). Markov's
inequality in p does the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, lambertw

from cgrosim.theory.noise_moments import _check_odd, log_absolute_moment

Array = NDArray[np.float64]


def log_tail_bound(ratio: ArrayLike, power: int) -> Array:
    """Logarithm of the best hypercontractive bound, min over p >= 2 of t^-p (p-1)^(qp/2); 0 for t <= 1.

    The minimiser x = p - 1 solves log x + 1/x = (2/q) log t - 1, i.e. x = -1/W_0(-e^-k) with k the right side; it
    exceeds 1 for t > e^q. Below, p = 2 (Chebyshev, t^-2) is the best moment, better than the shifted form there.
    Kind: bound.
    """
    power = _check_odd(power)
    ratio = np.asarray(ratio, dtype=float)
    log_ratio = np.log(np.maximum(ratio, 1.0))
    key = np.maximum(2.0 * log_ratio / power - 1.0, 1.0)
    # W_0(-e^-k) underflows for k > 700, i.e. t > e^(350 q): there x = e^k to all digits, capped to keep it finite.
    moment = 1.0 - 1.0 / np.real(lambertw(-np.exp(-np.minimum(key, 690.0)), 0))
    moment = np.where(key <= 1.0, 2.0, np.maximum(moment, 2.0))
    with np.errstate(over="ignore"):
        return np.where(log_ratio <= 0, 0.0, moment * (0.5 * power * np.log(moment - 1.0) - log_ratio))


def small_ball_one_neuron(ratio: ArrayLike, power: float) -> Array:
    """P(|S| <= eps sd) when one neuron dominates and P = 2: erf((eps sqrt(E z^(2q)))^(1/q) / sqrt 2). Kind: exact.

    q = 3: erf((eps sqrt 15)^(1/3) / sqrt 2).
    """
    log_deviation = 0.5 * log_absolute_moment(2.0 * power)
    reach = (np.asarray(ratio, dtype=float) * np.exp(log_deviation)) ** (1.0 / power)
    return erf(reach / np.sqrt(2.0))


def small_ball_bound(
    level: ArrayLike, gram: ArrayLike, *, power: float, noise_std: float, conditional: ArrayLike | None = None
) -> Array:
    """P(|S| <= h) <= min_r erf(h^(1/q) / (sqrt 2 noise_std s_r)), s_r^2 = 1/(G^-1)_rr. Kind: bound, any real q >= 1,
    any P >= 2.

    Given all other neurons and patches, <w_r, xi> is normal with standard deviation noise_std s_r, and the preimage
    under phi of an interval of length 2h is an interval no longer than 2 h^(1/q); of these the centred one is the
    most likely. An equality for one neuron, P = 2. Weaker than the truth when neurons are nearly parallel. Derived
    here.

    Parameters
    ----------
    level : array_like
        h >= 0.
    gram : array_like, shape (m, m)
        Positive definite Gram matrix of the weights projected off w_star.
    conditional : array_like, optional
        Precomputed s_r; saves the factorisation.
    """
    reach = np.asarray(level, dtype=float) ** (1.0 / power)
    width = np.max(conditional_deviations(gram) if conditional is None else np.asarray(conditional, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(reach <= 0, 0.0, erf(reach / (np.sqrt(2.0) * noise_std * width)))


def conditional_deviations(gram: ArrayLike) -> Array:
    """Deviations s_r = (G^-1)_rr^(-1/2) of each neuron given the others; 0 for singular matrices. Kind: exact."""
    gram = np.asarray(gram, dtype=float)
    scale = np.sqrt(np.diagonal(gram))
    if np.any(scale <= 0):
        return np.zeros(scale.shape)
    try:
        factor = np.linalg.cholesky(gram / scale[:, None] / scale[None, :])
    except np.linalg.LinAlgError:
        return np.zeros(scale.shape)
    inverse = np.linalg.solve(factor, np.eye(scale.size))
    return scale / np.sqrt(np.sum(inverse**2, axis=0))
