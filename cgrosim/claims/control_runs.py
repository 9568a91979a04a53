"""Runs of the control, standard training, that several claims start from, and what bounds the noise in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.starts import starts_of_system
from cgrosim.studies.starts import chosen_starts
from cgrosim.theory.control import control_ratio, noise_limit
from cgrosim.theory.power_growth import grow, growth_integral

Array = NDArray[np.float64]

LATE = 1e12  # steps at which v is compared with its limit
HYPOTHESES = ("signal-beats-noise", "small-initialisation", "stable-step-signal", "power-above-two")


def control_experiment(**changes: float | str | int) -> Params:
    """Ten samples whose exposure ratio R is about forty; d = 1e8 keeps the noise patches nearly orthogonal."""
    values: dict[str, float | str | int] = {
        "dimension": 10**8, "samples": 10, "patches": 3, "neurons": 8, "signal_strength": 2.0, "noise_std": 1e-4,
        "init_std": 5e-3, "gap": 1e-4, "adversarial_weight": 0.5, "learning_rate": 0.05, "sampling": "gram",
        "engine": "flow",
    }  # fmt: skip
    return Params(**{**values, **changes})


class Limit(NamedTuple):
    """What standard training allows the noise of one start, all per sample and feature (N, F) or per sample (N,)."""

    ratio: float
    values: Array  # predicted v at the horizon, leading order
    tolerance: float  # of that prediction, from the couplings and the spread of the margins
    bound: Array  # of v for ever
    margins: Array  # bound of V_i for ever


def standard_limit(params: Params, system: ClosedSystem, steps: float) -> Limit:
    """Limits of the noise under lam = 0, with everything the decoupled formula leaves out bounded.

    Derived here. With E = A/(N alpha^q), A = I(u_max(0), u_max(t)), the clock of every sample is E up to e^(+-D), D the
    spread of the V_i, and ``v' = K_kk |v|^(q-1)`` in that clock up to the off-diagonal row sum rho of the Gram matrix.
    So every |v| stays below ``y = grow(max|v(0)|, (K + rho) e^D E)``, and Gronwall's lemma bounds the distance from
    the decoupled solution by ``[rho e^D + K (e^D - 1)] y^(q-1) E exp((q-1) K e^D y^(q-2) E)``, K the
    largest patch energy.
    """
    assert system.gram is not None
    starts, q = starts_of_system(params, system), params.power
    diagonal = np.diag(system.gram)
    off = float(np.max(np.sum(np.abs(system.gram), axis=1) - diagonal))
    energy, largest = float(np.max(diagonal)), float(np.max(starts.signal))
    reached = float(np.max(signal_flow(params, starts.signal).correlations_at(steps)))
    constants = {"power": q, "signal_strength": params.signal_strength, "samples": float(params.samples)}
    features, top = starts.noise.shape[1], float(np.max(np.abs(starts.noise)))
    spread = 2.0 * features * (2.0 * top) ** q  # of any margins while |v| at most doubles: checked below
    exposure = float(growth_integral(largest, np.inf, q)) / (params.samples * params.signal_strength**q)
    highest = float(grow(top, (energy + off) * np.exp(spread) * exposure, q))
    if not highest <= 2.0 * top:
        highest = np.inf
    slack = (off * np.exp(spread) + energy * np.expm1(spread)) * highest ** (q - 1.0) * exposure
    tolerance = slack * np.exp((q - 1.0) * energy * np.exp(spread) * highest ** (q - 2.0) * exposure)
    limits = noise_limit(starts.noise, starts.energy, largest, final_correlation=reached, **constants)
    ceiling = noise_limit(starts.noise, starts.energy, largest, margin_spread=spread, **constants) + tolerance
    margins = np.sum(np.sign(ceiling) * np.abs(ceiling) ** q, axis=1)
    ratio = float(control_ratio(largest, np.max(starts.noise), patch_energy=energy, **constants))
    return Limit(ratio, limits, float(tolerance), ceiling, margins)


def live_starts(params: Params, seeds: list[int], count: int) -> list[tuple[Params, ClosedSystem]]:
    """The first `count` seeds whose starts have R > 4, so that the couplings leave the bound finite."""
    standard = params.replace(adversarial_weight=0.0)

    def live(system: ClosedSystem) -> bool:
        return float(np.max(system.signal)) > 0.0 and standard_limit(standard, system, LATE).ratio > 4.0

    return chosen_starts(params, seeds, count, live)
