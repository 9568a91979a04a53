"""The order of the stages: when the true feature has been learnt, all noise is still small (Lemma L4)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import guard, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.claims.growth_runs import long_growth, window_of
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_gram
from cgrosim.predictions.regime import slacks
from cgrosim.run.stopping import grown
from cgrosim.studies.recording import record, whole_steps
from cgrosim.studies.world import World
from cgrosim.theory.growth_window import state_rate
from cgrosim.theory.tensor_power import comparison_bound, comparison_log_margin

Array = NDArray[np.float64]

SMALL_MARGIN = 1e-2  # bound on |V_i| during stage I that enters the rate ratio; checked in every run


class Comparison(NamedTuple):
    """One run: the largest |v| at the start and at T_I, the bound and log margin of L4, the largest |V_i| at T_I."""

    start: float
    reached: float
    bound: float
    log_margin: float
    noise_margin: float


def _bound(params: Params, system: ClosedSystem) -> tuple[float, float]:
    """Lemma L4 for ``y = max |v_{r,i,j}|`` against ``x = max u_r``: the bound of y at T_I and the log margin.

    Derived here. A step moves any v by at most ``(eta q/N) rho max_i(c_i + a_i) y^(q-1)``, rho the largest absolute row
    sum of the Gram matrix, and u by ``c_t u^(q-1)``, ``c_t >= eta q alpha^q mean_i c_i``. While |V_i| <= V and
    alpha^q U <= 1, ``max(c_i + a_i) / mean c_i <= e^{2V} [1 + (lam/(1-lam)) s(gap^q)/s(1)]``; while U < 0 the attack
    helps the signal and the ratio is below e^{2V}. Hence y obeys L4 with S = that times ``rho / (N alpha^q)``.
    """
    assert system.gram is not None
    p, q = params, params.power
    scaled = p.signal_strength * system.signal
    negative = float(np.sum(np.abs(scaled[scaled < 0]) ** q))
    first = float(np.sum(np.sign(scaled) * np.abs(scaled) ** q))
    top = np.exp(SMALL_MARGIN) * state_rate(
        first,
        power=q,
        signal_strength=p.signal_strength,
        gap=p.gap,
        adversarial_weight=p.adversarial_weight,
        learning_rate=p.learning_rate,
    )
    cap = (1.0 + negative) ** (1.0 / q) / p.signal_strength  # u_max before T_I
    growth = float(top * cap ** (q - 2.0))
    saturation = (1.0 + math.e) / (1.0 + np.exp(p.gap**q))  # s(gap^q) / s(1)
    odds = p.adversarial_weight / (1.0 - p.adversarial_weight)
    spread = float(np.max(np.sum(np.abs(system.gram), axis=1)))
    ratio = np.exp(2.0 * SMALL_MARGIN) * (1.0 + odds * saturation) * spread / (p.samples * p.signal_strength**q)
    x, y = float(np.max(system.signal)), float(np.max(np.abs(system.noise)))
    last = cap * (1.0 + growth)  # the step that arrives may overshoot
    return (
        comparison_bound(x, y, ratio, relative_growth=growth, power=q, fast_value=last),
        comparison_log_margin(x, y, ratio, relative_growth=growth, power=q),
    )


def _compare(params: Params, world: World) -> Comparison | None:
    system = draw_gram(params)
    if np.max(system.signal) < 0.3 * params.init_std:
        return None
    bound, margin = _bound(params, system)
    if not margin > 0.0:
        return None  # the lemma says nothing about this start
    window = window_of(params, system.signal, SMALL_MARGIN)
    simulated = world.of(params)
    every = np.arange(int(window.lower), np.ceil(window.upper))  # every step inside the window, few after it
    late = np.ceil(window.upper) + int(window.upper) * np.arange(22)
    steps = whole_steps([*every, *late[: np.searchsorted(late, 20.0 * window.upper) + 1]])
    run = record(simulated, steps, "noise_correlation", "memorization", start=system, until=grown())
    return Comparison(
        start=float(np.max(np.abs(system.noise))),
        reached=float(np.max(np.abs(run.final("noise_correlation")))),
        bound=bound,
        log_margin=margin,
        noise_margin=float(np.max(np.abs(run.final("memorization")))),
    )


def _measure(context: Context, world: World) -> Evidence:
    strengths, sizes = (1.8, 2.4, 3.2), (5, 20)
    seeds = context.seeds("noise-small-at-growth", context.choose(3, 12))
    found, params = [], long_growth()
    for strength in strengths:
        for samples in sizes:
            for seed in seeds:
                params = long_growth(signal_strength=strength, samples=samples, seed=seed, learning_rate=0.03)
                comparison = _compare(params, world)
                if comparison is not None:
                    found.append(comparison)
    start, reached, bound, margins, noise = (np.array(column) for column in zip(*found, strict=True))
    share = (reached / start - 1.0) / (bound / start - 1.0)
    checks = (
        inside(
            f"growth of max |v| until T_I over its bound ({len(found)} runs)",
            f"at most 1 (bounds: {np.min(bound / start - 1):.2g} to {np.max(bound / start - 1):.2g} of the start)",
            float(np.max(share)),
            (0.0, 1.0),
            "Lemma L4 with S = (rho/(N alpha^q)) [1 + (lam/(1-lam)) s(gap^q)/s(1)] e^{2V}: holds in every run",
        ),
        guard(
            inside(
                "largest |V_i| at T_I",
                f"at most {SMALL_MARGIN:g}",
                float(np.max(noise)),
                (0.0, SMALL_MARGIN),
                "what the rate ratio S was bounded with; memorised would be 0.7",
            ),
            "a hypothesis of the bound, looked at: the noise starts far below it, and the check above notices first",
        ),
    )
    panel = Panel(
        "Noise growth while the signal grows",
        "bound of L4 on the growth of max |v|, relative to its start",
        "measured growth of max |v|, relative to its start",
        (
            Series("points", "runs", bound / start - 1.0, reached / start - 1.0),
            Series("line", "bound", np.sort(bound / start - 1.0), np.sort(bound / start - 1.0)),
        ),
        x_scale="log",
        y_scale="log",
    )
    race = Slack("l4-margin", "x_0 > (S R_q)^{1/(q-2)} y_0 at every start that is compared", float(np.min(margins)))
    return Evidence(
        checks=checks,
        hypotheses=(race, *slacks(params, "small-initialisation", "signal-grows-smoothly", "power-above-two")),
        params=params,
        seeds=tuple(seeds),
        tested_range=f"alpha {strengths[0]:g} to {strengths[-1]:g}, N {sizes[0]} and {sizes[1]}, lam = 1/2, d = 10^6; "
        f"{len(found)} of {len(strengths) * len(sizes) * len(seeds)} starts meet L4's margin",
        panels=(panel,),
    )


CLAIMS = (
    Claim(
        name="noise-small-at-growth",
        title="noise still small when the signal has grown",
        statement="At T_I every |v_{r,i,j}| <= y_0 [1 - (1+eps)^-(q-2)]^(-1/(q-2)), where x_0 = (1+eps) "
        "(S R_q)^(1/(q-2)) y_0 compares the largest signal start x_0 with the largest noise start y_0.",
        source="arXiv 2306.01271 stage I; comparison of Allen-Zhu and Li (arXiv 2012.09816), explicit L4 derived here",
        kind="bound",
        measure=_measure,
        worlds=(
            World(
                "the network is trained with adversarial weight 0.95, the bound is that of 1/2", adversarial_weight=0.95
            ),
            World("with 0.9", adversarial_weight=0.9),
        ),
        cost=1.0,
    ),
)
