"""Stage II: once the clean loss is solved the true feature stops growing, for as many decades of time as one likes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, guard, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.thresholds import MEMORISED
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.regime import slacks
from cgrosim.studies.recording import record
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.world import World, plus, times

Array = NDArray[np.float64]

HYPOTHESES = ("signal-beats-noise", "stable-step-signal", "adversarial-weight-inside", "power-above-two")
TOLERANCE = 1e-12  # of the integrator
STEPS_A_DECADE = 100  # more than DOP853 takes at this tolerance on a logarithmic plateau (about forty)
LATE = 25.0  # margin from which the log law is judged


def _experiment(**changes: float | str | int) -> Params:
    """A gap so small that the plateau outlasts 1e18 steps; noise so weak that no sample is memorised before."""
    values: dict[str, float | str | int] = {
        "dimension": 10**6, "samples": 2, "patches": 2, "neurons": 1, "signal_strength": 4.0, "noise_std": 1e-9,
        "init_std": 5e-3, "gap": 1e-8, "adversarial_weight": 0.5, "learning_rate": 0.01, "sampling": "gram",
        "engine": "flow", "flow_tolerance": TOLERANCE,
    }  # fmt: skip
    return Params(**{**values, **changes})


class Plateau(NamedTuple):
    """Simulated and predicted signal margins of one run on a grid of steps, and the largest |V_i| until then."""

    steps: Array
    margin: Array
    predicted: Array
    noise: Array
    tolerance: float


def _run(params: Params, simulated: Params, system: ClosedSystem, steps: Array) -> Plateau:
    run = record(simulated, steps, "signal_margin", "memorization", start=system)
    noise = np.maximum.accumulate(np.max(np.abs(run.values("memorization")), axis=1))
    predicted = signal_flow(params, system.signal).margin_at(steps)
    tolerance = _tolerance(params, system, steps, predicted)
    return Plateau(steps, run.values("signal_margin"), predicted, noise, tolerance)


def _tolerance(params: Params, system: ClosedSystem, steps: Array, margin: Array) -> float:
    """How far the integrator may be off in a = alpha^q U, and the noise margins shift it.

    Every step adds at most TOLERANCE sqrt(components) to log u (the integrator holds the root mean square error); an
    error of log u grows by (u(t)/u(0))^(q-2) in stage I, where u^(2-q) is what advances evenly, and shrinks on the
    plateau; da = q a d(log u).
    """
    components = len(system.signal) * (1 + len(system.noise))
    count = STEPS_A_DECADE * (np.log10(steps[-1]) + 1.0)
    amplification = (params.signal_strength * np.max(system.signal)) ** (2.0 - params.power)
    return float(params.power * np.max(margin) * count * TOLERANCE * np.sqrt(components) * amplification)


def _live_system(params: Params, seeds: list[int]) -> tuple[Params, ClosedSystem]:
    """The first seed with a positive start (a dead network has no plateau)."""
    (found,) = chosen_starts(params, seeds, 1, lambda system: bool(np.any(system.signal > 0.2 * params.init_std)))
    return found


def _measure_quadrature(context: Context, world: World) -> Evidence:
    steps = np.unique(np.round(np.geomspace(1e4, 1e18, context.choose(43, 225))))
    seeds = context.seeds("plateau-quadrature", 40)
    single, system = _live_system(_experiment(), seeds[:20])
    several, systems = _live_system(_experiment(neurons=10), seeds[20:])
    runs = [
        ("one neuron", _run(single, world.of(single), system, steps)),
        ("ten neurons", _run(several, world.of(several), systems, steps)),
    ]
    checks = [
        inside(
            f"largest |a - quadrature| over 14 decades, {name}",
            f"at most {run.tolerance:.2g}",
            float(np.max(np.abs(run.margin - run.predicted))),
            (0.0, run.tolerance),
            "integrator: 1e-12 a step, a hundred steps a decade, amplified like u^(q-2) in stage I, damped after; "
            f"largest |V_i| is {np.max(run.noise):.1g}",
        )
        for name, run in runs
    ]
    noisy, noisy_system = _live_system(
        _experiment(samples=20, neurons=10, noise_std=3e-4, gap=1e-3, init_std=2e-3), seeds
    )
    early = np.unique(np.round(np.geomspace(1e3, 1e9, context.choose(40, 160))))
    with_noise = _run(noisy, world.of(noisy), noisy_system, early)
    checks.append(_with_noise_check(noisy, noisy_system, with_noise))
    return Evidence(
        checks=tuple(checks),
        hypotheses=slacks(noisy, *HYPOTHESES),
        params=single,
        seeds=(single.seed, several.seed, noisy.seed),
        tested_range="1e4 to 1e18 steps with |V_i| < 1e-9; with noise until V_i = 0.7; q = 3, alpha = 4, lam = 1/2",
        panels=(_plateau_panel(runs, with_noise),),
    )


def _with_noise_check(params: Params, system: ClosedSystem, run: Plateau) -> Check:
    kept = (run.noise <= MEMORISED) & (run.steps > 0)
    flow = signal_flow(params, system.signal)
    low = flow.margin_at(run.steps[kept] * np.exp(-run.noise[kept]))
    high = flow.margin_at(run.steps[kept] * np.exp(run.noise[kept]))
    excess = np.maximum(low - run.margin[kept], run.margin[kept] - high)
    decades = float(np.log10(run.steps[kept][-1] / run.steps[kept][0]))
    return inside(
        f"excess over the band of the noise margins, {decades:.1f} decades",
        "a(t e^-V) <= alpha^q U(t) <= a(t e^V), V the largest |V_i| until t",
        float(np.max(excess)),
        (-np.inf, run.tolerance),
        "|d log s/dz| <= 1: margins V_i change the speed of the one-dimensional flow by a factor within e^(+-V)",
    )


def _plateau_panel(runs: list[tuple[str, Plateau]], with_noise: Plateau) -> Panel:
    series = []
    for name, run in runs:
        series.append(Series("points", f"simulated, {name}", run.steps[::2], run.margin[::2]))
        series.append(Series("line", f"quadrature, {name}", run.steps, run.predicted))
    kept = with_noise.noise <= MEMORISED
    series.append(
        Series("points", "simulated, with noise until memorised", with_noise.steps[kept], with_noise.margin[kept])
    )
    return Panel(
        "Stagnation of the true feature",
        "gradient steps",
        "signal margin alpha^q U",
        tuple(series),
        x_scale="log",
    )


def _measure_log_law(context: Context, world: World) -> Evidence:
    steps = np.unique(np.round(np.geomspace(1e8, 1e18, context.choose(41, 161))))
    params, system = _live_system(_experiment(), context.seeds("plateau-log-law", 20))
    run = _run(params, world.of(params), system, steps)
    late = run.margin >= LATE
    bend, log_steps, margin = 2.0 - 2.0 / params.power, np.log(run.steps[late]), run.margin[late]
    straight = margin - bend * np.log(margin)
    slope, plain = (float(np.polyfit(log_steps, y, 1)[0]) for y in (straight, margin))
    least, most = float(margin[0]), float(margin[-1])
    second = 2.0 * bend / least**2
    noise = 2.0 * run.tolerance / (log_steps[-1] - log_steps[0])
    decades = (log_steps[-1] - log_steps[0]) / np.log(10.0)
    checks = (
        inside(
            f"slope of a - (2 - 2/q) log a in log t, {decades:.1f} decades",
            f"1, from above, within {second:.4f}",
            slope,
            (1.0 - noise, 1.0 + second + noise),
            "kap t = e^a a^-b (1 + b/a + b(b+1)/a^2 + ...), b = 2 - 2/q: the local slope is 1 + b/a^2 + O(a^-3), here "
            "below 1 + 2b/a^2; a least-squares slope is an average of local slopes",
        ),
        _exponent_check(run.margin[late], log_steps, bend, noise),
        _constant_check(params, run.margin[late], log_steps, run.tolerance, float(run.predicted[-1])),
        guard(
            inside(
                "slope of a itself in log t",
                "above 1 by the loglog term, 1/(1 - b/a)",
                plain,
                (1.0 / (1.0 - bend / most) - noise, (1.0 + second) / (1.0 - bend / least) + noise),
                "the slope above divided by d(a - b log a)/da = 1 - b/a, between the two ends of the range",
            ),
            "it tells the loglog term from none; the exponent of the term is judged above",
        ),
    )
    x = log_steps / np.log(10.0)
    panel = Panel(
        "Log law of the plateau",
        "log10 of gradient steps",
        "a - (2 - 2/q) log a",
        (
            Series("points", "simulated", x, straight),
            Series("line", "slope 1 in log t", x, straight[-1] + log_steps - log_steps[-1]),
        ),
    )
    return Evidence(
        checks=checks,
        hypotheses=slacks(params, *HYPOTHESES),
        params=params,
        seeds=(params.seed,),
        tested_range=f"signal margins {least:.3g} to {most:.3g}, steps to 1e18, gap 1e-8, q = 3, one neuron",
        panels=(panel,),
    )


def _exponent_check(margin: Array, log_steps: Array, bend: float, noise: float) -> Check:
    """The exponent b of the logarithm, fitted: log t + log(1 + b/a + ...)^-1 = a - b log a + constant.

    The series is that of the integral of e^x x^-b, cut after the third term at the predicted b; what it leaves out, a
    fourth term and the change of the terms with b, moves the fit by at most its spread over that of log a.
    """
    terms = np.cumprod([(bend + k) / margin for k in range(4)], axis=0)
    series = np.log1p(terms[:3].sum(axis=0))
    logs = np.log(margin)
    centred = logs - logs.mean()
    fitted = float(-(centred @ (log_steps - margin - series)) / (centred @ centred))
    spread = float(logs[-1] - logs[0])
    left_out = 2.0 * float(terms[3].max()) / spread + noise * float(log_steps[-1] - log_steps[0]) / spread
    return inside(
        "exponent of the logarithm, fitted",
        f"{bend:.4f} = 2 - 2/q, to {left_out:.2g}",
        fitted,
        (bend - left_out, bend + left_out),
        "least squares over the late decades with three terms of the series; twice the fourth term and the error of "
        "the integrator, each over the range of log a",
    )


def _constant_check(params: Params, margin: Array, log_steps: Array, tolerance: float, end: float) -> Check:
    """What stands beside the two logarithms: log kap, kap = eta q^2 alpha^2 (1 - lam), predicted and not fitted.

    `end` is the predicted margin at the last step.
    """
    p, bend = params, 2.0 - 2.0 / params.power
    terms = np.cumprod([(bend + k) / margin for k in range(4)], axis=0)
    rate = np.log(p.learning_rate * p.power**2 * p.signal_strength**2 * (1.0 - p.adversarial_weight))
    off = margin - bend * np.log(margin) + np.log1p(terms[:3].sum(axis=0)) - log_steps - rate
    # the attack's share of the push, lam gap^q / 2 of (1 - lam) e^-a, is largest at the end of the plateau
    attacked = 0.5 * p.adversarial_weight * p.gap**p.power * np.exp(min(end, 700.0)) / (1.0 - p.adversarial_weight)
    early = float((1.0 + margin[0]) * np.exp(-margin[0]))  # 1 / s(a) = 1 + e^a, and what was before the margin is large
    room = 2.0 * float(terms[3].max()) + tolerance + attacked + early
    return inside(
        "constant of the law, a - b log a + log(1 + b/a + ...) - log t over log kap, farthest from 0",
        f"0, to {room:.2g}",
        float(off[np.argmax(np.abs(off))]),
        (-room, room),
        "kap = eta q^2 alpha^2 (1 - lam) from the parameters alone; twice the fourth term of the series, the error of "
        "the integrator, and what the attack and the time before the plateau add",
    )


CLAIMS = (
    Claim(
        name="plateau-quadrature",
        title="stagnation: plateau against quadrature",
        statement="After stage I, a = alpha^q U follows a' = eta q^2 alpha^2 a^(2-2/q) [(1-lam) s(a) + lam gap^q "
        "s(gap^q a)], so it only creeps from 1 to about 45 within 1e18 steps.",
        source="arXiv 2306.01271 stage II, Thm 4.1 v1 / 5.9 v4 (U = Theta(alpha^-q)); quadrature derived here",
        kind="exact identity",
        measure=_measure_quadrature,
        worlds=(
            World("power q + 0.02", power=plus(0.02)),
            World("signal 1 % stronger", signal_strength=times(1.01)),
            World("step size 1 % larger", learning_rate=times(1.01)),
            World("adversarial weight 0.505 for 0.5", adversarial_weight=0.505),
        ),
        cost=1.8,
    ),
    Claim(
        name="plateau-log-law",
        title="stagnation: logarithmic law",
        statement="alpha^q U = log t + (2 - 2/q) log log t + log(eta q^2 alpha^2 (1 - lam)) + o(1) on the plateau.",
        source="arXiv 2306.01271 stage II; derived here (L5)",
        kind="asymptotic",
        measure=_measure_log_law,
        worlds=(
            World("power 4 for 3", power=4.0),
            World("power q + 0.05", power=plus(0.05)),
            World("step size 1 % larger", learning_rate=times(1.01)),
        ),
        cost=0.2,
    ),
)
