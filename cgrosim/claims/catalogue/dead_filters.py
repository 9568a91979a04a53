"""Filters that start against the true feature: how often all of them do, and that none of them ever turns."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, exact, inside, proportion
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.studies.world import World

Array = NDArray[np.float64]

ROOM = 0.15  # relative, to which the probability of dead starts is claimed
FILTER_ROOM = 0.06  # and that of one dead filter: twice what the filters of all widths resolve


@lru_cache(maxsize=4)
def _signals(params: Params, seeds: tuple[int, ...]) -> Array:
    """u_r(0) of every start: (starts, m); worlds that only shift them share the draws."""
    return np.array([draw_gram(params.model_copy(update={"seed": seed})).signal for seed in seeds])


def measure_dead_probability(context: Context, world: World) -> Evidence:
    """Count starts with every u_r(0) <= 0, for several widths, and the filters of all of them."""
    params = Params(
        dimension=10, samples=1, patches=2, signal_strength=1.0, noise_std=0.2, init_std=0.3, learning_rate=0.1
    )
    checks: list[Check] = []
    rows = []
    widths = (1, 2, 3) if context.full else (1, 2)
    filters = dead_filters = 0
    for neurons in widths:
        count = 2**neurons * context.choose(2500, 10_000)  # nearly the same relative error at every width
        chosen = world.of(params.replace(neurons=neurons))
        seeds = context.seeds(f"dead-{neurons}", count)
        below = _signals(chosen, tuple(seeds)) + world.number("mean", 0.0) * chosen.init_std <= 0.0
        filters, dead_filters = filters + below.size, dead_filters + int(np.sum(below))
        check = proportion(
            f"every filter dead [m = {neurons}]",
            int(np.sum(np.all(below, axis=1))),
            count,
            (2.0**-neurons * (1.0 - ROOM), 2.0**-neurons * (1.0 + ROOM)),
            f"2^-m, an exact law, to {100 * ROOM:.0f} %, twice what so many starts resolve",
        )
        checks.append(check)
        rows.append((float(neurons), check.measured, check.low, check.high))
    checks.append(
        proportion(
            "a filter dead, all widths together",
            dead_filters,
            filters,
            (0.5 * (1.0 - FILTER_ROOM), 0.5 * (1.0 + FILTER_ROOM)),
            f"1/2, the sign of a symmetric start, to {100 * FILTER_ROOM:.0f} %, twice what so many filters resolve",
        )
    )
    table = np.array(rows)
    axis = np.linspace(1.0, widths[-1], 50)
    panel = Panel(
        "Probability that no filter can learn the signal",
        "neurons m",
        "share of starts with every u_r(0) <= 0 (1)",
        (
            Series("line", "2^-m", axis, 2.0**-axis),
            Series("points", "counted", table[:, 0], table[:, 1], table[:, 2], table[:, 3]),
        ),
        y_scale="log",
    )
    text = f"m = {widths}; up to {count} seeds"
    return Evidence(tuple(checks), params=params, seeds=tuple(seeds[:100]), tested_range=text, panels=(panel,))


def dead_experiment(power: float, seed: int) -> Params:
    """An experiment whose live filters grow, with steps short enough for dead ones never to jump over 0."""
    return Params(
        dimension=200, samples=5, patches=3, neurons=3, power=power, signal_strength=1.5, noise_std=0.07, init_std=0.2,
        gap=0.1, learning_rate=0.02, sampling="gram", seed=seed, steps=3000, records=10, test_samples=0,
    )  # fmt: skip


def _longest_jump(params: Params, signal: Array) -> float:
    """eta c |u|^(q-2): what one step moves a dead filter by, relative to its distance from 0, at most (s = 1)."""
    p = params
    kappa = p.signal_strength + p.perturbation_radius
    weights = (1.0 - p.adversarial_weight) * p.signal_strength**p.power + p.adversarial_weight * kappa**p.power
    below = np.abs(signal[signal < 0.0])
    return float(p.learning_rate * p.power * weights * np.max(below) ** (p.power - 2.0)) if below.size else 0.0


def measure_dead_dynamics(context: Context, world: World) -> Evidence:
    """Negative starts under gradient descent and under the flow; wholly dead starts and what their run says."""
    from cgrosim.run.session import simulate

    count = context.choose(3, 12)
    checks: list[Check] = []
    series: list[Series] = []
    slacks: list[Slack] = []
    used: list[int] = []
    for power in (3.0, 2.5):
        seeds = context.seeds(f"dead-dynamics-{power}", 400)
        dead = [s for s in seeds if np.all(draw_gram(dead_experiment(power, s)).signal <= 0.0)][:count]
        mixed = [s for s in seeds if 0 < np.sum(draw_gram(dead_experiment(power, s)).signal > 0.0) < 3][:count]
        used += dead + mixed
        for engine in ("reduced", "flow"):
            highest, falls, silent, grown, jump = -np.inf, 0.0, 0, 0, 0.0
            for seed in dead + mixed:
                params = dead_experiment(power, seed)
                start = draw_gram(params).signal
                jump = max(jump, _longest_jump(params, start))
                if world.number("long_steps", False):
                    params = _long_steps(params, start)
                run = simulate(world.of(params).replace(engine=engine))
                signal = run.data["signal_correlation"].values
                below = signal[:, start < 0.0]
                highest = max(highest, float(below.max()))
                falls = max(falls, float(-np.diff(below, axis=0).min(initial=0.0)))
                if seed in dead:
                    silent += int("cannot be learnt" not in run.message)
                    grown += int(run.data["learnt_signal"].values.max() > 0.0)
                if seed == mixed[0] and power == 3.0:
                    time = run.data["time"].values[1:]
                    series += [
                        Series("line" if engine == "flow" else "points", f"{engine}, u_{r}(0) = {start[r]:.2g}", time,
                               signal[1:, r]) for r in range(3)
                    ]  # fmt: skip
            label = f"{engine}, q = {power:g}"
            # the flow is integrated to its tolerance; gradient descent adds a force that is never negative
            allowed = 0.0 if engine == "reduced" else 3000 * params.flow_tolerance * params.init_std
            checks += [
                inside(
                    f"highest value of a filter that starts below 0 [{label}]",
                    "below 0 for ever",
                    highest,
                    (-np.inf, -np.finfo(float).tiny),
                    "a step moves u < 0 towards 0 by eta c |u|^(q-1) < |u|; the flow never reaches 0",
                ),
                exact(
                    f"largest fall between two records [{label}]",
                    "none: the force is never negative",
                    falls,
                    allowed,
                    "monotone in floating point too; the flow: its tolerance at each of at most 3000 steps",
                ),
                exact(
                    f"wholly dead runs that learn the signal or do not say so [{label}]",
                    f"0 of {len(dead)}",
                    float(grown + silent),
                    0.0,
                    "a count",
                ),
            ]
            slacks.append(
                Slack(f"short-steps-{engine}-{power:g}", "eta c |u|^(q-2) < 1 with c its largest value", 1.0 - jump)
            )
    panel = Panel(
        "Dead filters creep up and never cross",
        "training time eta * step (1)",
        "true-feature correlation u (1)",
        tuple(series),
        x_scale="log",
    )
    text = f"q = 3 and 2.5, m = 3, gradient descent and flow, {count} wholly dead and {count} mixed starts each"
    return Evidence(tuple(checks), tuple(slacks), dead_experiment(3.0, used[0]), tuple(used), text, (panel,))


def _long_steps(params: Params, signal: Array) -> Params:
    """The same experiment with steps so long that the first one carries the lowest filter over 0."""
    from cgrosim.model.reference import forces

    system = draw_gram(params)
    force = forces(params, system.second_layer, system.labels, signal, system.noise)[0]
    lowest = int(np.argmin(signal))
    return params.replace(learning_rate=1.1 * abs(signal[lowest]) / force[lowest], steps=20)


CLAIMS = (
    Claim(
        name="dead-start-probability",
        title="all filters dead: probability 2^-m",
        statement="All m filters start with u_r(0) <= 0, and can never learn the signal, with probability 2^-m.",
        source="derived here: m independent symmetric signs",
        kind="law",
        measure=measure_dead_probability,
        worlds=(
            World("starts with a mean of 0.4 standard deviations", mean=0.4),
            World("a filter dead with probability 0.45, a mean of 0.126 standard deviations", mean=0.126),
        ),
        proved_for="odd power, real q > 2",
        cost=2.0,
    ),
    Claim(
        name="dead-filters-stay-dead",
        title="dead filters never cross 0",
        statement="A filter with u_r(0) < 0 rises towards 0 and never crosses it, under the flow and under gradient "
        "descent with eta c |u|^(q-2) < 1; a run whose filters are all dead says so and never learns the signal.",
        source="derived here: u' = c |u|^(q-1) >= 0 with a zero at 0",
        kind="bound",
        measure=measure_dead_dynamics,
        worlds=(
            World("steps so long that eta c |u|^(q-2) = 1.1 at the lowest filter", long_steps=True),
            World("half of the second layer negative", second_layer="signed"),
            World("a linear activation, whose force does not vanish at 0", activation="linear"),
        ),
        proved_for="odd power, real q > 2",
        cost=3.0,
    ),
)
