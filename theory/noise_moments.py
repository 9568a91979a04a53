"""Moments of the test-time noise S = sum over noise patches j and neurons r of a_r phi(<w_r, xi_j>), phi(z) =
sign(z)|z|^q.

Given the weights, (<w_r, xi_j>)_r is Gaussian with covariance noise_std^2 G, G the Gram matrix of the weights
projected off w_star, independent over the P-1 noise patches. Lemma L7. Exact, derived here (Isserlis' theorem;
Hermite expansion; hypergeometric form of the bivariate moment). Everything is scaled by the largest neuron first:
dimension 1e15 is safe.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, hyp2f1

Array = NDArray[np.float64]


def log_absolute_moment(order: ArrayLike) -> Array:
    """Logarithm of E|z|^p of a normal: (p/2) log 2 + log Gamma((p+1)/2) - (1/2) log pi. Kind: exact, p > -1."""
    order = np.asarray(order, dtype=float)
    return 0.5 * order * np.log(2.0) + gammaln(0.5 * (order + 1.0)) - 0.5 * np.log(np.pi)


def _split(gram: ArrayLike) -> tuple[Array, Array]:
    """Standard deviations and correlations of a Gram matrix; neurons of norm zero get correlation zero."""
    gram = np.asarray(gram, dtype=float)
    if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2]:
        raise ValueError(f"gram must be a square matrix, got shape {gram.shape}.")
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    if np.any(diagonal < 0) or not np.all(np.isfinite(gram)):
        raise ValueError("gram must be finite with a non-negative diagonal.")
    deviation = np.sqrt(diagonal)
    inverse = np.where(deviation > 0, 1.0 / np.where(deviation > 0, deviation, 1.0), 0.0)
    correlation = np.clip(gram * inverse[..., :, None] * inverse[..., None, :], -1.0, 1.0)
    return deviation, correlation


def correlated_activation_moment(correlation: ArrayLike, power: float) -> Array:
    """E[phi(x) phi(y)] of standard normals with the given correlation, for real q > 0, by one closed form.

    (2^(q+1) Gamma(q/2+1)^2 / pi) rho 2F1((1-q)/2, (1-q)/2; 3/2; rho^2); q = 3 gives 9 rho + 6 rho^3. Kind: exact
    (derived here: c_k^2/k! of the Hermite coefficients of sign(z)|z|^q summed over odd k; odd integer q terminates).
    """
    correlation = np.asarray(correlation, dtype=float)
    scale = np.exp((power + 1.0) * np.log(2.0) + 2.0 * gammaln(0.5 * power + 1.0)) / np.pi
    half = 0.5 * (1.0 - power)
    return scale * correlation * hyp2f1(half, half, 1.5, correlation**2)


def hermite_activation_moment(correlation: ArrayLike, power: int) -> Array:
    """E[phi(x) phi(y)] for odd integer q: sum over odd k of q!^2 / (k! ((q-k)/2)!^2 2^(q-k)) rho^k. Kind: exact."""
    _check_odd(power)
    correlation = np.asarray(correlation, dtype=float)
    terms = [
        factorial(power) ** 2 / (factorial(k) * factorial((power - k) // 2) ** 2 * 2 ** (power - k)) * correlation**k
        for k in range(1, power + 1, 2)
    ]
    return np.sum(terms, axis=0)


def _check_odd(power: float) -> int:
    if power != int(power) or int(power) % 2 == 0 or power < 1:
        raise ValueError(
            f"power must be an odd integer here, got {power!r}; only then is the noise a Gaussian polynomial."
        )
    return int(power)


def gram_test_noise_std(
    gram: ArrayLike, *, power: float, noise_std: float, patches: int, output_signs: ArrayLike | None = None
) -> Array:
    """Standard deviation of S: sqrt((P-1) noise_std^(2q) sum_{r,s} a_r a_s (G_rr G_ss)^(q/2) M_q(rho_rs)).

    M_q is `correlated_activation_moment`; q = 3: Var S = (P-1) noise_std^6 sum (9 G_rr G_ss G_rs + 6 G_rs^3). Kind:
    exact.

    Parameters
    ----------
    gram : array_like, shape (..., m, m)
        Gram matrix of the weights projected off w_star; leading axes are batched.
    noise_std, patches : float, int
        Standard deviation of a noise coordinate; number P of patches, one of which carries the signal.
    output_signs : array_like, shape (m,), optional
        Second layer a_r (all +1 when left out).
    """
    deviation, correlation = _split(gram)
    scale = np.max(deviation, axis=-1)
    safe = np.where(scale > 0, scale, 1.0)
    signs = np.ones(deviation.shape[-1]) if output_signs is None else np.asarray(output_signs, dtype=float)
    amplitude = signs * (deviation / safe[..., None]) ** power
    moment = correlated_activation_moment(correlation, power)
    variance = np.einsum("...r,...rs,...s->...", amplitude, moment, amplitude)
    return np.sqrt(np.maximum(variance, 0.0) * (patches - 1)) * (noise_std * scale) ** power


@cache
def _pairings(power: int) -> list[tuple[float, tuple[int, ...], dict[tuple[int, int], int]]]:
    """All ways to pair 4 x q factors (Isserlis): multiplicity, loops at each vertex, edges between vertices."""
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    found = []
    for edges in product(range(power + 1), repeat=6):
        degree = [sum(n for n, pair in zip(edges, pairs, strict=True) if v in pair) for v in range(4)]
        if any(d > power or (power - d) % 2 for d in degree):
            continue
        loops = tuple((power - d) // 2 for d in degree)
        count = float(factorial(power)) ** 4
        for n in edges:
            count /= factorial(n)
        for loop in loops:
            count /= factorial(loop) * 2**loop
        found.append((count, loops, {p: n for p, n in zip(pairs, edges, strict=True) if n}))
    return found


def noise_kurtosis(
    gram: ArrayLike, *, power: int = 3, patches: int = 2, output_signs: ArrayLike | None = None
) -> float:
    """E S^4 / (E S^2)^2 for odd integer q, by Isserlis' theorem over all pairings of four phi's; 46.2 for one neuron,
    q = 3.

    With P-1 independent patches the excess over 3 is divided by P-1. Kind: exact (derived here). Cost O(m^3) to O(m^4):
    meant for m up to about 60 at q = 3 (q = 5 is slower to set up).
    Where neurons of opposite sign cancel, digits are lost to the fourth power of the cancellation.
    """
    power = _check_odd(power)
    deviation, correlation = _split(gram)
    signs = np.ones(deviation.size) if output_signs is None else np.asarray(output_signs, dtype=float)
    weight = signs * (deviation / np.max(deviation)) ** power
    variance = float(weight @ correlated_activation_moment(correlation, power) @ weight)
    letters = "abcd"
    fourth = 0.0
    for count, _, edges in _pairings(power):
        operands: list[Array] = [weight] * 4
        subscripts = list(letters)
        for (first, second), n in edges.items():
            operands.append(correlation**n)
            subscripts.append(letters[first] + letters[second])
        fourth += count * float(np.einsum(",".join(subscripts) + "->", *operands, optimize="greedy"))
    return 3.0 + (fourth / variance**2 - 3.0) / (patches - 1)
