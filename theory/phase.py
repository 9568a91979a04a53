"""The phase diagram before any run: memorise or escape, and memorised yet robust or overfitting.

Three regions: robust overfitting (T_mem < T_esc and attacked margin << sd(S)), memorised yet robust (T_mem < T_esc,
attacked margin >> sd(S)), robust by signal (T_mem > T_esc). Derived here; not in arXiv 2306.01271. Times are
gradient-descent steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.power_growth import check_power
from cgrosim.theory.thresholds import ESCAPED

Array = NDArray[np.float64]


def memorise_escape_ratio(
    largest_noise: ArrayLike,
    plateau_correlation: ArrayLike,
    *,
    power: float,
    signal_strength: float,
    gap: float,
    samples: float,
    patch_energy: ArrayLike,
) -> Array:
    """T_mem/T_esc = N (gap alpha)^q u_p^(q-2) / (kappa v_max^(q-2)): below 1 memorises, above 1 escapes.

    Independent of eta and lam. Kind: order (ratio of blow-up times; derived here). `memorise_escape_log_ratio` uses the
    exact times instead.
    """
    excess = check_power(power)
    with np.errstate(divide="ignore"):
        log_signal = power * np.log(np.float64(gap) * signal_strength) + excess * np.log(plateau_correlation)
        log_noise = np.log(patch_energy) + (excess * np.log(np.maximum(largest_noise, 0.0)) if excess else 0.0)
    return np.asarray(samples * np.exp(log_signal - log_noise))


def memorise_escape_log_ratio(exposure: ArrayLike, signal: SignalFlow, threshold: float = ESCAPED) -> Array:
    """log(T_mem/T_esc) from `required_exposure` of the samples and the flow of the signal; negative: memorises first.

    Kind: asymptotic, decoupled noise, until the first of the two happens (afterwards each slows the other down). +inf
    for a sample that cannot be memorised, -inf when escape is impossible.
    """
    exposure = np.asarray(exposure, dtype=float)
    escape = signal.escape_time(threshold)
    with np.errstate(divide="ignore"):
        if np.isinf(escape):
            return np.where(np.isinf(exposure), np.inf, -np.inf)
        # Only exposures spent before the escape matter for the sign; later ones continue on the same flow.
        return np.log(signal.time_of_exposure(exposure)) - np.log(escape)


def memorise_escape_gap(
    largest_noise: float,
    plateau_correlation: float,
    *,
    power: float,
    signal_strength: float,
    samples: float,
    patch_energy: float,
) -> float:
    """Gap of the memorise/escape edge: (kappa v_max^(q-2) / (N alpha^q u_p^(q-2)))^(1/q); larger gaps escape. Kind:
    order.
    """
    at_one = memorise_escape_ratio(
        largest_noise,
        plateau_correlation,
        power=power,
        signal_strength=signal_strength,
        gap=1.0,
        samples=samples,
        patch_energy=patch_energy,
    )
    return float(at_one ** (-1.0 / power))


def overfitting_gap(margin: ArrayLike, deviation: ArrayLike, power: float) -> Array:
    """Gap of the overfitting edge, (sd(S)/a)^(1/q) with a = alpha^q U: below it the attacked margin drowns in S.
    Kind: order.
    """
    return (np.asarray(deviation, dtype=float) / np.asarray(margin, dtype=float)) ** (1.0 / power)


def weight_gram(initial_gram: ArrayLike, initial_noise: ArrayLike, noise: ArrayLike, *, patch_gram: ArrayLike) -> Array:
    """Gram matrix of the weights off w_star after training: G(0) + V K^-1 V^T - V_0 K^-1 V_0^T.

    Equals G(0) + B V_0^T + V_0 B^T + B K B^T because V = V_0 + B K: the coefficients are not needed, only the
    projections. Kind: exact for weights in w_r(0) + span of w_star and the patches (derived here).

    Parameters
    ----------
    initial_gram : array_like, shape (m, m)
    initial_noise, noise : array_like, shape (m, M)
        Raw projections <w_r, X_k> at time 0 and now.
    patch_gram : array_like, shape (M, M)
        K, the Gram matrix of the noise patches.
    """
    before, after = np.asarray(initial_noise, dtype=float), np.asarray(noise, dtype=float)
    factor = np.linalg.cholesky(np.asarray(patch_gram, dtype=float))
    old, new = np.linalg.solve(factor, before.T), np.linalg.solve(factor, after.T)
    return np.asarray(initial_gram, dtype=float) + new.T @ new - old.T @ old


class PhaseCoordinates(NamedTuple):
    """Log-distances to the two edges; both negative is robust overfitting.

    `memorise_escape` is log(T_mem/T_esc): negative memorises, positive becomes robust by signal. `overfitting` is
    log(gap^q a / sd(S)): negative, robust test error near 1/2; positive, memorised yet robust. Distances well inside
    +-1 are undecided: both things happen at once.
    """

    memorise_escape: Array
    overfitting: Array


def phase_coordinates(
    log_time_ratio: ArrayLike, margin: ArrayLike, deviation: ArrayLike, *, power: float, gap: float
) -> PhaseCoordinates:
    """Place a setting in the phase diagram from log(T_mem/T_esc), the clean margin a = alpha^q U and sd(S). Kind:
    order.
    """
    with np.errstate(divide="ignore"):
        attacked = power * np.log(np.float64(gap)) + np.log(np.asarray(margin, dtype=float))
        return PhaseCoordinates(np.asarray(log_time_ratio, dtype=float), attacked - np.log(deviation))
