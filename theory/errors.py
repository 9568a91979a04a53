"""Clean and robust test error given the weights: bounds that always hold, and the Gaussian figure for comparison.

A fresh sample has margin h + S with h = alpha^q U (clean) or (gap alpha)^q U (attacked by `signal_span`, U > 0), and
S symmetric about 0 (`noise_moments`, `chaos`); exact laws are in `noise_law`. Source: theorem of arXiv 2306.01271 (v1
Thm 4.1, v4 Thm 5.9); bounds with these constants derived here. Every function takes h and sd(S) in the same unit,
however small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from cgrosim.theory.chaos import conditional_deviations, log_tail_bound, small_ball_bound
from cgrosim.theory.plateau import Threat, attacked_ratio_log

Array = NDArray[np.float64]


def signal_margin(signal_sum: ArrayLike, *, signal_strength: float, power: float) -> Array:
    """Signal part h = alpha^q U, the deterministic part of a clean test margin. Kind: exact."""
    return np.float64(signal_strength) ** power * np.asarray(signal_sum, dtype=float)


def attacked_signal_margin(
    signal_sum: ArrayLike, *, signal_strength: float, power: float, gap: float, threat: Threat = "signal_span"
) -> Array:
    """Part h under attack: (gap alpha)^q U, and for `signal_span` ((2 - gap) alpha)^q U for U < 0. Kind: exact."""
    total = np.asarray(signal_sum, dtype=float)
    return np.exp(power * attacked_ratio_log(total, gap, threat)) * np.float64(signal_strength) ** power * total


def gaussian_error(margin: ArrayLike, deviation: ArrayLike) -> Array:
    """Phi(-h/sd): the error if S were Gaussian. Kind: asymptotic in the number of comparable terms; S is
    heavy-tailed, so no bound.
    """
    with np.errstate(over="ignore", divide="ignore"):
        return ndtr(-np.asarray(margin, dtype=float) / deviation)


def _one_sided(log_two_sided: Array, margin: Array) -> Array:
    """P(S <= -h) = P(|S| >= h)/2 for h > 0; trivial bound otherwise."""
    half = 0.5 * np.exp(np.minimum(log_two_sided, 0.0))
    return np.where(margin <= 0, 1.0, half)


def chebyshev_error_bound(margin: ArrayLike, deviation: ArrayLike) -> Array:
    """P(h + S <= 0) <= min(1, sd^2/h^2)/2 for h > 0, 1 otherwise. Kind: bound.

    The symmetry of S halves Chebyshev, which beats the one-sided inequality sd^2/(sd^2 + h^2) for every h.
    """
    margin = np.asarray(margin, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_ratio = 2.0 * (np.log(np.asarray(deviation, dtype=float)) - np.log(np.maximum(margin, 0.0)))
    return _one_sided(log_ratio, margin)


def fourth_moment_error_bound(margin: ArrayLike, deviation: ArrayLike, kurtosis: ArrayLike) -> Array:
    """P(h + S <= 0) <= min(1, kurtosis sd^4/h^4)/2 for h > 0: better than Chebyshev once h > sqrt(kurtosis) sd. Kind:
    bound.
    """
    margin = np.asarray(margin, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_ratio = 4.0 * (np.log(np.asarray(deviation, dtype=float)) - np.log(np.maximum(margin, 0.0)))
        return _one_sided(log_ratio + np.log(np.asarray(kurtosis, dtype=float)), margin)


def chaos_error_bound(margin: ArrayLike, deviation: ArrayLike, power: int) -> Array:
    """P(h + S <= 0) <= half the best hypercontractive tail at h/sd, for odd integer q; never above Chebyshev. Kind:
    bound.
    """
    margin = np.asarray(margin, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = np.where(margin <= 0, 0.0, margin / np.asarray(deviation, dtype=float))
    return _one_sided(log_tail_bound(np.minimum(ratio, 1e300), power), margin)


def robust_error_lower_bound(margin: ArrayLike, gram: ArrayLike, *, power: float, noise_std: float) -> Array:
    """Robust test error >= 1/2 - P(0 <= S <= h) >= 1/2 - P(|S| <= h)/2, h the attacked margin: the theorem's 1/2 -
    o(1).

    The first step is an equality when S has no atom; the small ball is bounded by `small_ball_bound`, an equality for
    one neuron and two patches. Kind: bound, any real q. For h < 0 the error is at least 1/2.
    """
    margin = np.asarray(margin, dtype=float)
    widths = conditional_deviations(gram)
    ball = small_ball_bound(np.maximum(margin, 0.0), gram, power=power, noise_std=noise_std, conditional=widths)
    return 0.5 - 0.5 * ball
