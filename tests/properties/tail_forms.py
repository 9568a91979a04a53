"""Weaker forms of the tail bound of the test noise, and the constant that none of them can exceed (Lemma L7)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from cgrosim.theory.noise_moments import _check_odd

Array = NDArray[np.float64]


def log_tail_bound_simple(ratio: ArrayLike, power: int) -> Array:
    """Logarithm of P(|S| >= t sd) <= exp(-(q/2e) t^(2/q)), valid for t >= (2e)^(q/2); 0 (no claim) below.

    Proof: t^-p (p-1)^(qp/2) <= (p^(q/2)/t)^p, minimised at p = t^(2/q)/e, which must be at least 2. Kind: bound.
    """
    power = _check_odd(power)
    ratio = np.asarray(ratio, dtype=float)
    scaled = np.maximum(ratio, 0.0) ** (2.0 / power)
    return np.where(scaled >= 2.0 * math.e, -0.5 * power * scaled / math.e, 0.0)


def log_tail_bound_shifted(ratio: ArrayLike, power: int) -> Array:
    """Logarithm of P(|S| >= t sd) <= exp(-(q/2)(1 + t^(2/q)/e)), valid for t >= e^(q/2); 0 below. Kind: bound.

    Proof: p = 1 + t^(2/q)/e in t^-p (p-1)^(qp/2). Sharper than the simple form by e^(-q/2), and valid from smaller t.
    """
    power = _check_odd(power)
    ratio = np.asarray(ratio, dtype=float)
    scaled = np.maximum(ratio, 0.0) ** (2.0 / power) / math.e
    return np.where(scaled >= 1.0, -0.5 * power * (1.0 + scaled), 0.0)


def asymptotic_tail_constant(power: int) -> float:
    """Largest c with limsup log P(|S| >= t sd) / t^(2/q) <= -c over all weights: (q!)^(1/q) / 2 (0.909 at q = 3).

    The tail of a homogeneous chaos with symmetric tensor A is exp(-(t sd/||A||_op)^(2/q)/2), and sd^2 >= q! |A|_F^2
    >= q! ||A||_op^2 with near equality for one direction whose traces other neurons cancel. The proved constant
    q/(2e) (0.552) is below by Stirling's factor; nothing above (q!)^(1/q)/2 can be true. Kind: asymptotic (derived
    here).
    """
    power = _check_odd(power)
    return float(0.5 * np.exp(gammaln(power + 1.0) / power))
