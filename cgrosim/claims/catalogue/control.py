"""The control: how far noise can grow under standard training, for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.starts import starts_of_system
from cgrosim.studies.recording import projections, record
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.world import World, plus
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
    limits = noise_limit(starts.noise, starts.energy, largest, reached, **constants)
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


def _measure_limit(context: Context, world: World) -> Evidence:
    seeds = context.seeds("control-limit", 200)
    starts = live_starts(control_experiment(), seeds, context.choose(4, 30))
    errors, excesses, ratios, growth, predicted, sharpness = [], [], [], [], [], []
    for params, system in starts:
        standard = params.replace(adversarial_weight=0.0)
        limit = standard_limit(standard, system, LATE)
        simulated = world.of(standard)
        late = record(
            simulated.replace(flow_tolerance=1e-10), [int(LATE)], "noise_correlation", "memorization", start=system
        )
        noise = starts_of_system(params, replace(system, noise=projections(late)[-1])).noise
        error = float(np.max(np.abs(noise - limit.values))) / limit.tolerance
        errors.append(error if np.isfinite(limit.tolerance) else np.nan)  # a bound that says nothing supports nothing
        excesses.append(float(np.max(late.final("memorization") - limit.margins) / np.max(np.abs(limit.margins))))
        sharpness.append(limit.tolerance / float(np.max(limit.values - starts_of_system(params, system).noise)))
        start = starts_of_system(params, system).noise
        top = np.unravel_index(np.argmax(start), start.shape)
        ratios.append(limit.ratio)
        growth.append(noise[top] / start[top] - 1.0)
        predicted.append(limit.values[top] / start[top] - 1.0)
    order = np.argsort(ratios)
    x = np.array(ratios)[order]
    checks = (
        inside(
            f"largest |v(t) - predicted v(inf)|, in units of its tolerance ({len(starts)} starts)",
            f"at most 1 (the tolerance is {np.max(sharpness):.2g} of the largest growth or less)",
            float(np.max(errors)),
            (0.0, 1.0),
            "v(inf) = v_0 (1 - 1/R_v)^(-1/(q-2)) up to the couplings of noise patches and the spread of the margins, "
            "bounded with Gronwall's lemma; the integrator's 1e-10 is far below",
        ),
        inside(
            "largest excess of V_i over its bound, in units of the largest bound",
            "at most 0",
            float(np.max(excesses)),
            (-np.inf, 0.0),
            "noise_limit summed over the features of a sample, plus the tolerance above",
        ),
    )
    panel = Panel(
        "Standard training: growth of the largest noise correlation for ever",
        "exposure ratio R",
        "v(inf) / v(0) - 1",
        (
            Series("points", "simulated, 1e12 steps", x, np.array(growth)[order]),
            Series("line", "1/(1 - 1/R) - 1", x, np.array(predicted)[order]),
        ),
        x_scale="log",
        y_scale="log",
    )
    params = starts[0][0].replace(adversarial_weight=0.0)
    exposure = Slack("exposure-ratio", "R > 1: standard training cannot memorise", float(np.log(np.min(ratios))))
    return Evidence(
        checks=checks,
        hypotheses=(exposure, *slacks(params, *HYPOTHESES)),
        params=params,
        seeds=tuple(p.seed for p, _ in starts),
        tested_range=f"R from {x[0]:.3g} to {x[-1]:.3g}, 1e12 steps, d = 10^8, N = 10, q = 3",
        panels=(panel,),
    )


CLAIMS = (
    Claim(
        name="control-limit",
        title="standard training: limit of the noise",
        statement="Under lam = 0 every v stays below v_0 (1 - 1/R_v)^(-1/(q-2)) for ever and tends to it, R_v = N "
        "alpha^q u_max(0)^(q-2) / (kappa v_0^(q-2)), up to the couplings of the noise patches.",
        source="derived here: the signal's clock cannot pass its blow-up, and noise runs on the same clock",
        kind="derived here",
        measure=_measure_limit,
        worlds=(
            World("the control is trained with adversarial weight 0.02", adversarial_weight=0.02),
            World("and with 0.001", adversarial_weight=0.001),
            World("power q + 0.05", power=plus(0.05)),
        ),
        cost=2.0,
    ),
)
