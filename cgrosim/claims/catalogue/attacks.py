"""The inner maximum over the signal span is exact, and once U > 0 the transfer attack is the same attack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, exact, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.rounding import ELEMENTARY, gamma
from cgrosim.model.activations import ACTIVATIONS, activate, output_weights
from cgrosim.model.params import Params
from cgrosim.model.reference import attacked_coefficient, forces, signal_margin
from cgrosim.model.sampling import ClosedSystem, draw_gram
from cgrosim.studies.recording import record, whole_steps
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.world import World, times

Array = NDArray[np.float64]

GRID = 257  # points of the grid search, with the kinks of every neuron added


def random_signal(activation: str, generator: np.random.Generator) -> tuple[Params, Array]:
    """Parameters and true correlations with kinks inside the interval, both signs of U, any gap and exponent."""
    neurons = int(generator.integers(1 if ACTIVATIONS[activation].second_layer == "positive" else 2, 8))
    params = Params(
        dimension=2, samples=2, patches=2, neurons=neurons, activation=activation,
        power=float(generator.choice([2.0, 2.5, 3.0, 4.0, generator.uniform(2.0, 5.0)])),
        signal_strength=float(np.exp(generator.uniform(-1.0, 1.5))), noise_std=1.0, init_std=1.0,
        gap=0.98 * float(generator.uniform() ** 3), learning_rate=0.1, second_layer=str(
            generator.choice(["positive", "signed"] if neurons > 1 else ["positive"])
        ),
    )  # fmt: skip
    return params, generator.standard_normal(neurons) * np.exp(generator.uniform(-1.5, 1.0))


def compiled_attack(params: Params, signal: Array) -> tuple[Array, Array]:
    """Attacked signal margin of the labels (+1, -1) by the compiled kernels, and the second layer."""
    layer = output_weights(params.neurons, params.second_layer_sign)
    nothing = np.zeros((2, params.neurons))  # no noise: the attacked margin is the signal's alone
    system = ClosedSystem(np.array([1.0, -1.0]), signal, nothing, np.eye(2), np.eye(params.neurons), layer)
    run = record(params, [0], "attacked_margin", start=system)
    return np.asarray(run.final("attacked_margin")), layer


def searched_minimum(params: Params, layer: Array, signal: Array, label: float) -> float:
    """The smallest margin over [alpha - delta, alpha + delta] by brute force: grid, kinks, and bounded minimisation."""
    from scipy.optimize import minimize_scalar

    low, high = params.gap * params.signal_strength, params.signal_strength + params.perturbation_radius
    with np.errstate(divide="ignore"):
        kinks = ACTIVATIONS[params.activation].knee / np.abs(signal)
    points = np.unique(np.concatenate([np.linspace(low, high, GRID), kinks[(kinks > low) & (kinks < high)]]))
    margins = label * (activate(params.activation, np.outer(points, label * signal), params.power) @ layer)
    best = int(np.argmin(margins))
    left, right = points[max(best - 1, 0)], points[min(best + 1, len(points) - 1)]
    found = minimize_scalar(
        lambda c: signal_margin(params, layer, signal, label, c), bounds=(left, right), method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    return min(float(margins[best]), float(found.fun)) if right > left else float(margins[best])


def measure_inner_maximum(context: Context, world: World) -> Evidence:
    """Random networks and radii: compiled attack against brute force and against the closed form's own value."""
    generator = context.generator("inner-maximum")
    cases = context.choose(30, 500)
    checks: list[Check] = []
    picture: list[Array] = []
    for activation in ACTIVATIONS:
        missed = unattained = -np.inf
        allowed = 0.0
        for _ in range(cases):
            params, signal = random_signal(activation, generator)
            simulated = world.of(params)
            values, layer = compiled_attack(simulated, signal)
            top = params.signal_strength + params.perturbation_radius
            size = float(np.sum(np.abs([signal_margin(params, np.eye(len(layer))[r], np.abs(signal), 1.0, top)
                                        for r in range(len(layer))])))  # fmt: skip
            # the argument c u_r rounds twice, which phi of degree at most q turns into 2 q roundings of its value
            rounding = 2.0 * gamma(len(layer) + ELEMENTARY + int(2 * params.power) + 2) * size
            for value, label in zip(values, (1.0, -1.0), strict=True):
                best = searched_minimum(params, layer, signal, label)
                kappa = attacked_coefficient(params.replace(threat=simulated.threat), layer, signal, label)
                low, high = params.gap * params.signal_strength, top
                inside_interval = low <= kappa <= high
                reached = abs(signal_margin(params, layer, signal, label, kappa) - value)
                missed = max(missed, (value - best) / rounding)
                unattained = max(unattained, reached / rounding if inside_interval else np.inf)
                allowed = max(allowed, rounding)
                picture.append(np.array([best, value]))
        reason = "one-sided, because a search may miss the minimum; 2 gamma_n sum |phi| for the two evaluations"
        checks += [
            exact(
                f"not above brute force, in units of round-off [{activation}]",
                f"excess at most 1 (round-off at most {allowed:.1g})",
                max(float(missed), 0.0),
                1.0,
                reason,
            ),
            exact(
                f"attained inside the interval, in units of round-off [{activation}]",
                "the margin at an admissible coefficient",
                float(unattained),
                1.0,
                "2 gamma_n sum |phi| for the two evaluations",
            ),
        ]
    table = np.array(picture)
    reach = np.array([table[:, 0].min(), table[:, 0].max()])
    panel = Panel(
        "The inner maximum of the loss is exact",
        "smallest signal margin by grid and search (1)",
        "signal margin under the attack (1)",
        (Series("line", "equal", reach, reach), Series("points", "all activations", table[:, 0], table[:, 1])),
    )
    text = f"{cases} random networks an activation, q in [2, 5], gap in [0, 1], m <= 7, both labels and second layers"
    return Evidence(tuple(checks), tested_range=text, panels=(panel,))


def start_with_sign(params: Params, seeds: list[int], positive: bool, count: int) -> list[int]:
    """The first `count` of the seeds whose signal starts with U of that sign."""

    def signed(system: ClosedSystem) -> bool:
        return (float(activate(params.activation, system.signal, params.power).sum()) > 0.0) == positive

    chosen = chosen_starts(params, seeds, count, signed)
    assert len(chosen) == count, "forty seeds for every wanted start have one of the sign but for chance 2^-40"
    return [one.seed for one, _ in chosen]


def paired_runs(params: Params, steps: int, records: int) -> tuple[float, list[tuple[float, float]]]:
    """Largest difference of (u, C) between training against either attack from one start, and where it grows."""
    at, names = whole_steps(np.geomspace(1, steps, records)), ("signal_correlation", "noise_correlation")
    one, other = (record(params.replace(threat=t), at, *names) for t in ("signal_span", "fixed_direction"))
    apart = [np.abs(one.values(name) - other.values(name)).reshape(len(at), -1).max(axis=1) for name in names]
    gaps = np.maximum(*apart)
    return float(gaps.max()), list(zip(at.astype(float), gaps, strict=True))


def measure_transfer(context: Context, world: World) -> Evidence:
    """Paired training from starts with U > 0 (equal bits) and U < 0 (first step apart by what the two attacks give)."""
    count, steps = context.choose(4, 30), context.choose(600, 4000)
    seeds = context.seeds("transfer", 40 * count)
    checks: list[Check] = []
    lines: list[Series] = []
    used: list[int] = []
    for power in (3.0, 2.5):
        params = Params(
            dimension=200, samples=6, patches=3, neurons=5, power=power, signal_strength=1.5, noise_std=0.07,
            init_std=0.2, gap=0.1, learning_rate=0.05, sampling="gram", engine="reduced",
        )  # fmt: skip
        positive = start_with_sign(params, seeds, world.number("positive", True), count)
        negative = start_with_sign(params, seeds, False, count)
        used += positive + negative
        together = [paired_runs(params.replace(seed=seed), steps, 12) for seed in positive]
        checks.append(
            exact(
                f"U > 0: largest difference of the trajectories [q = {power:g}]",
                f"equal bits over {steps} steps and {count} starts",
                max(gap for gap, _ in together),
                0.0,
                "the same coefficient alpha - delta enters the same instructions; u_r never falls, so U stays positive",
            )
        )
        apart, allowed = _first_step(params, negative, world)
        checks.append(
            inside(
                f"U < 0: first-step difference, measured over predicted [q = {power:g}]",
                "eta |force(alpha + delta) - force(alpha - delta)| on u, not 0",
                apart,
                (1.0 - allowed, 1.0 + allowed),
                "cancellation: gamma_n of u over the difference, at the start where that is worst",
            )
        )
        label = f"U(0) < 0, q = {power:g}"
        table = np.array(paired_runs(params.replace(seed=negative[0]), steps, 12)[1])
        lines.append(Series("line", label, table[:, 0], table[:, 1]))
        same = np.array(together[0][1])
        lines.append(Series("points", f"U(0) > 0, q = {power:g}", same[:, 0], same[:, 1]))
    panel = Panel(
        "Transfer attack and white-box attack train the same network once U > 0",
        "gradient step",
        "largest difference of u and C between the two trainings (1)",
        tuple(lines),
        x_scale="log",
    )
    text = f"q = 3 and 2.5, d = 200, N = 6, m = 5, {count} starts of each sign, {steps} steps"
    return Evidence(tuple(checks), params=params, seeds=tuple(used), tested_range=text, panels=(panel,))


def _first_step(params: Params, seeds: list[int], world: World) -> tuple[float, float]:
    """Worst ratio of measured to predicted first-step difference of u, and the round-off that ratio may carry."""
    worst, allowed = 1.0, 0.0
    for seed in seeds:
        start = draw_gram(params.replace(seed=seed))
        moved, predicted = [], []
        for threat in ("signal_span", "fixed_direction"):
            simulated = params.replace(seed=seed, threat=threat)
            there = world.of(simulated)
            moved.append(record(there, [1], "signal_correlation", start=start).final("signal_correlation"))
            predicted.append(forces(simulated, start.second_layer, start.labels, start.signal, start.noise)[0])
        expected = params.learning_rate * float(np.linalg.norm(predicted[0] - predicted[1]))
        ratio = float(np.linalg.norm(moved[0] - moved[1])) / expected
        size = float(np.linalg.norm(start.signal)) + params.learning_rate * float(np.linalg.norm(predicted[0]))
        worst = ratio if abs(ratio - 1.0) > abs(worst - 1.0) else worst
        allowed = max(allowed, 4.0 * gamma(params.samples + params.noise_patches + ELEMENTARY) * size / expected)
    return worst, allowed


CLAIMS = (
    Claim(
        name="inner-maximum",
        title="the attack is the exact inner maximum",
        statement="max over |c - alpha| <= delta of l(y f) is at c = alpha - delta where U_y > 0 and alpha + delta "
        "where U_y < 0; for smoothed_relu at an end, a kink or a critical point of a piece.",
        source="derived here: f on the signal patch is c^q U_y, monotone in c (arXiv 2306.01271v4, Section 5.1)",
        kind="exact identity",
        measure=measure_inner_maximum,
        worlds=(
            World("the wrong end: alpha - delta whatever the sign of U", threat="fixed_direction"),
            World("a radius that leaves 1 % more of the signal", gap=times(1.01)),
        ),
        proved_for="every activation of the package",
        cost=1.1,
    ),
    Claim(
        name="transfer-attack",
        title="transfer attack = white-box attack where U > 0",
        statement="Training against the fixed attack -delta y w_star and against the exact inner maximum is the same "
        "dynamics if and only if U > 0; U never falls, so once positive they stay the same for ever.",
        source="arXiv 2306.01271v1 (transfer attack) against v4 (inner maximum); derived here",
        kind="exact identity",
        measure=measure_transfer,
        worlds=(
            World("starts with U < 0 where U > 0 is claimed", positive=False),
            World("a gap 1 % wider", gap=times(1.01)),
        ),
        proved_for="odd power, real q >= 2",
        cost=0.3,
    ),
)
