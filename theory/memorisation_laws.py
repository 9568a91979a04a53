"""Laws of the memorisation times before any run: one sample, the last sample, quantiles, with finite-threshold
correction.

Source: stage III of arXiv 2306.01271; laws derived here from v_{r,i,j}(0) ~ N(0, init_std^2 kappa). All functions
speak of exposure in steps; convert with time = 2 exposure / lam on an ideal plateau, or with
`SignalFlow.time_of_exposure`, which adds the pre-phase. `features` is the number m (P-1) of features of a sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

from cgrosim.theory.initial_laws import MaximumLaw
from cgrosim.theory.power_growth import check_power, growth_integral, growth_start
from cgrosim.theory.thresholds import MEMORISED

Array = NDArray[np.float64]


def saturation_series(margin: ArrayLike, power: float) -> Array:
    """Extra clock spent because s(V) < s(0): C(z) = (1/2q) sum_{n>=1} z^(n-1+2/q) / (n! (n-1+2/q)), z = V.

    Equals the integral over v in (0, z^(1/q)) of v^(1-q) (e^(v^q) - 1)/2. Kind: exact (termwise integration). Margins
    up to 30.
    """
    check_power(power)
    margin = np.asarray(margin, dtype=float)
    if np.any(~((margin >= 0) & (margin <= 30))):
        raise ValueError("margin must lie in [0, 30]; for larger margins use noise_margin_after_memorisation.")
    # z^n/n! < 1e-17 of the largest term from n = 20 + 4.7 z on, up to z = 30.
    order = np.arange(1, 21 + int(np.ceil(4.7 * float(np.max(margin, initial=0.0)))))
    log_factorials = np.cumsum(np.log(order))
    exponent = order - 1 + 2.0 / power
    with np.errstate(divide="ignore"):
        terms = np.exp(exponent * np.log(margin)[..., None] - log_factorials) / exponent
    return np.sum(terms, axis=-1) / (2.0 * power)


def clock_of_start(start: ArrayLike, power: float, threshold: float = MEMORISED) -> Array:
    """Clock I(v_0, v_thr) + C(threshold) - C(v_0^q) that one feature needs to bring V to `threshold`; times N/(eta q
    kappa): exposure.

    Kind: exact for one decoupled feature with weight proportional to s(V). Infinite for starts that are not positive.
    """
    start = np.asarray(start, dtype=float)
    end = threshold ** (1.0 / power)
    begin = np.clip(start, 0.0, end)
    spent = saturation_series(threshold, power) - saturation_series(begin**power, power)
    return np.where(start > 0, growth_integral(np.where(start > 0, begin, end), end, power) + spent, np.inf)


def start_of_clock(clock: ArrayLike, power: float, threshold: float = MEMORISED) -> Array:
    """Inverse of `clock_of_start`: the start that needs exactly the given clock; `threshold`^(1/q) at 0."""
    clock = np.asarray(clock, dtype=float)
    # The series part lies in [0, C(threshold)], which brackets the start between two inverses of I.
    end = threshold ** (1.0 / power)
    total = saturation_series(threshold, power)
    low = growth_start(end, np.maximum(clock, 0.0), power)
    high = growth_start(end, np.maximum(clock - total, 0.0), power)
    with np.errstate(divide="ignore"):
        low, high = np.log(low), np.log(high)
    state = low
    for _ in range(12):  # Newton in log v: the slope is v^(2-q) s(0)/s(V), quadratic from a bracket of width <= 0.4
        start = np.exp(state)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            slope = start ** (2.0 - power) * (1.0 + 0.5 * np.expm1(start**power))
            step = (clock_of_start(start, power, threshold) - clock) / slope
            state = np.where(np.isfinite(step), np.clip(state + step, low, high), state)
    return np.exp(state)


def memorisation_cdf(
    exposure: ArrayLike,
    *,
    power: float,
    samples: float,
    learning_rate: float,
    patch_energy: float,
    init_std: float,
    features: float,
    threshold: float = MEMORISED,
) -> Array:
    """P(a sample is memorised within `exposure`) = 1 - Phi(v / (init_std sqrt(kappa)))^features, v the start needing
    that exposure.

    Kind: exact for decoupled noise, one dominating feature and patches of equal energy kappa; off-diagonal Gram
    entries and the spread of kappa (relative sqrt(2/d)) correct it at order d^(-1/2). Mass 1 - 2^-features: with no
    positive start, never.
    """
    clock = _clock(exposure, power, samples, learning_rate, patch_energy)
    start = start_of_clock(np.maximum(clock, 0.0), power, threshold)
    return np.where(clock >= 0, MaximumLaw(features, init_std * np.sqrt(patch_energy)).sf(start), 0.0)


def _clock(exposure: ArrayLike, power: float, samples: float, learning_rate: float, patch_energy: ArrayLike) -> Array:
    return np.asarray(exposure, dtype=float) * (learning_rate * power / samples) * np.asarray(patch_energy, dtype=float)


def memorisation_cdf_random_energy(
    exposure: ArrayLike,
    *,
    power: float,
    samples: float,
    learning_rate: float,
    noise_std: float,
    dimension: float,
    init_std: float,
    neurons: float,
    patches: float,
    threshold: float = MEMORISED,
) -> Array:
    """As `memorisation_cdf` with random patch norms: kappa = noise_std^2 chi^2_{d-1}, shared by the m neurons of a
    patch.

    P = 1 - (E_kappa[Phi(v(kappa)/(init_std sqrt(kappa)))^m])^(P-1). Kind: exact for one dominating decoupled feature;
    the expectation by 48-point Gauss-Legendre in the probability of kappa (error below 1e-4 of the correction).
    """
    points, weights = np.polynomial.legendre.leggauss(48)
    energy = noise_std**2 * chdtri(dimension - 1.0, 0.5 * (1.0 - points))
    clock = _clock(np.asarray(exposure, dtype=float)[..., None], power, samples, learning_rate, energy)
    start = start_of_clock(np.maximum(clock, 0.0), power, threshold)
    missed = MaximumLaw(neurons).sf(start / (init_std * np.sqrt(energy)))
    hit = np.clip(np.sum(0.5 * weights * missed, axis=-1), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.where(np.asarray(exposure) >= 0, -np.expm1((patches - 1.0) * np.log1p(-hit)), 0.0)


def memorisation_quantile(
    probability: ArrayLike,
    *,
    power: float,
    samples: float,
    learning_rate: float,
    patch_energy: float,
    init_std: float,
    features: float,
    threshold: float = MEMORISED,
) -> Array:
    """Exposure within which a sample is memorised with the given probability; infinite above the mass 1 - 2^-features.
    Kind: exact.
    """
    probability = np.asarray(probability, dtype=float)
    if np.any(~((probability >= 0) & (probability <= 1))):
        raise ValueError("probability must lie in [0, 1].")
    start = MaximumLaw(features, init_std * np.sqrt(patch_energy)).isf(probability)
    return clock_of_start(start, power, threshold) * samples / (learning_rate * power * patch_energy)


def probability_for_last(probability: ArrayLike, samples: float) -> Array:
    """Probability p^(1/N) one sample must have for all N to be done with probability p; feed it to
    `memorisation_quantile`.
    """
    with np.errstate(divide="ignore"):
        return np.exp(np.log(np.asarray(probability, dtype=float)) / samples)
