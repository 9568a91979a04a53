"""The control: how far noise can grow under standard training, for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.claims.control_runs import HYPOTHESES, LATE, control_experiment, live_starts, standard_limit
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.starts import starts_of_system
from cgrosim.studies.recording import projections, record
from cgrosim.studies.world import World, plus

Array = NDArray[np.float64]


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
        cost=1.0,
    ),
)
