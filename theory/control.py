"""The control: how far noise can grow under standard training (lam = 0), and how much attack memorisation needs.

Derived here (not in arXiv 2306.01271). Idea: under the clean loss, signal and noise are driven by the same weights
s(alpha^q U + V_i), and the signal's clock A can never pass its blow-up value u_max(0)^(2-q)/(q-2). Gradient flow,
decoupled noise (chi << 1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.theory.power_growth import check_power, grow, growth_integral

Array = NDArray[np.float64]


def control_ratio(
    largest_correlation: ArrayLike,
    largest_noise: ArrayLike,
    *,
    power: float,
    signal_strength: float,
    samples: float,
    patch_energy: ArrayLike,
) -> Array:
    """R = N alpha^q u_max(0)^(q-2) / (kappa v_max(0)^(q-2)): exposure a sample needs over the clean exposure the
    signal allows.

    R > 1: to leading order noise is never memorised by standard training. Kind: order (the bound is `noise_limit`).
    Infinite when no noise start is positive, 0 when no signal start is.
    """
    excess = check_power(power)
    signal = np.maximum(np.asarray(largest_correlation, dtype=float), 0.0)
    noise = np.maximum(np.asarray(largest_noise, dtype=float), 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_ratio = np.log(samples) + power * np.log(signal_strength) - np.log(np.asarray(patch_energy, dtype=float))
        return np.exp(log_ratio + np.where(excess > 0, excess * (np.log(signal) - np.log(noise)), 0.0))


def noise_limit(
    noise: ArrayLike,
    patch_energy: ArrayLike,
    largest_correlation: float,
    *,
    final_correlation: float = np.inf,
    power: float,
    signal_strength: float,
    samples: float,
    margin_spread: float = 0.0,
) -> Array:
    """Upper bound of v(t) while max V - min V <= `margin_spread`, at any time u_max <= `final_correlation`.

    Proof: A' = eta q alpha^q mean_i s(alpha^q U + V_i) and B_i' = (eta q/N) s(alpha^q U + V_i), and s(z + V)/s(z +
    V') <= e^|V - V'|, so B_i <= e^spread A / (N alpha^q); A = I(u_max(0), u_max(t)) < u_max(0)^(2-q)/(q-2) for ever.
    Then v^(2-q) = v_0^(2-q) - (q-2) kappa B_i: v <= v_0 (1 - e^spread / R)^(-1/(q-2)), for q = 3 v_0 / (1 - e^spread
    kappa v_0/(N alpha^3 u_max(0))). Infinite where that blows up: no claim. At q = 2, A is unbounded: give a finite
    `final_correlation`. Kind: bound for lam = 0.
    """
    clock = growth_integral(largest_correlation, final_correlation, power)
    energy = np.asarray(patch_energy, dtype=float)
    with np.errstate(over="ignore"):
        exposure = np.exp(margin_spread) * clock / (samples * np.float64(signal_strength) ** power)
        return grow(noise, energy * exposure, power)


class ControlBound(NamedTuple):
    """Self-consistent bound on standard training: limits of v, of V, and the spread of margins that closes the
    argument.
    """

    noise: Array
    margins: Array
    spread: float


def self_consistent_limit(
    noise: ArrayLike,
    patch_energy: ArrayLike,
    largest_correlation: float,
    *,
    final_correlation: float = np.inf,
    power: float,
    signal_strength: float,
    samples: float,
) -> ControlBound:
    """Bound of every v and V for all time with no assumption on the margins: the least spread D with spread(bound(D))
    <= D.

    Continuity: margins start within D; were the spread to reach D first at some time, the bound would hold until then
    and keep it strictly below. V_i never falls (every v rises), so spread(t) <= max V_bound - min V(0). Iterating D
    upwards from the initial spread converges to the least fixed point, or leaves every range: then all entries are
    infinite, no claim. Kind: bound for lam = 0 (derived here).

    Parameters
    ----------
    noise : array_like, shape (N, F)
        v_{r,i,j}(0), all features of a sample on the last axis; `patch_energy` broadcasts to it.
    """
    start = np.asarray(noise, dtype=float)

    def margins(values: Array) -> Array:
        return np.sum(np.sign(values) * np.abs(values) ** power, axis=-1)

    floor = float(np.min(margins(start)))
    spread = float(np.max(margins(start))) - floor
    for _ in range(500):
        # Slightly above the last bound, so that rounding cannot stand between the iteration and a closed argument.
        spread *= 1.0 + 1e-9
        bound = noise_limit(
            start,
            patch_energy,
            largest_correlation,
            final_correlation=final_correlation,
            power=power,
            signal_strength=signal_strength,
            samples=samples,
            margin_spread=spread,
        )
        with np.errstate(over="ignore", invalid="ignore"):
            limit = margins(bound)
        reached = float(np.max(limit)) - floor
        if reached <= spread:
            return ControlBound(bound, limit, spread)
        if not np.isfinite(reached) or reached > 700.0:
            break
        spread = reached
    infinite = np.full(start.shape, np.inf)
    return ControlBound(infinite, np.full(start.shape[:-1], np.inf), np.inf)


def required_adversarial_weight(exposure: ArrayLike, clean_exposure: ArrayLike, steps: float) -> Array:
    """Attack weight lam that memorises a sample within `steps`: 2 (E - E_clean)/steps, in (0, 1]; above 1: not within
    `steps`.

    E is `required_exposure`, E_clean = I(u_max(0), u_p)/(eta q alpha^q) the clean exposure the signal leaves, and the
    plateau adds lam/2 a step. Zero where E <= E_clean (R <= 1: standard training memorises too). So for lam from 0 to
    1 memorisation sets in at lam proportional to 1/steps, not at a fixed lam. Kind: asymptotic (gap -> 0, clean
    exposure at weight 1 - lam ~ 1).
    """
    need = np.asarray(exposure, dtype=float) - np.asarray(clean_exposure, dtype=float)
    return np.maximum(2.0 * need / steps, 0.0)
