"""The dynamics closes on (u, C) given the Gram matrix, the weights stay in their span, and the margin splits in two."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, exact
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.rounding import RoundingBound, gamma, margin_rounding
from cgrosim.model.activations import ACTIVATIONS, activate, output_weights
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, close_system, draw_explicit
from cgrosim.run.session import simulate
from cgrosim.studies.recording import noise_rows, projections, record
from cgrosim.studies.world import World, times

Array = NDArray[np.float64]

# activation and power; a step of gradient descent is exactly closed for all of them
CASES = (
    ("power", 3.0),
    ("power", 2.5),
    ("power", 4.0),
    ("power", 2.0),
    ("relu", 2.0),
    ("relu_power", 3.0),
    ("smoothed_relu", 3.0),
    ("linear", 2.0),
)


def small_experiment(activation: str, power: float, seed: int, steps: int) -> Params:
    """An experiment in which the signal grows and every sample is memorised within a few hundred steps."""
    return Params(
        dimension=40, samples=4, patches=3, neurons=4, activation=activation, power=power, signal_strength=1.5,
        noise_std=0.16, init_std=0.4, gap=0.1, learning_rate=0.1, steps=steps, seed=seed, sampling="explicit",
        engine="direct", records=steps, record_grid="linear", test_samples=0,
    )  # fmt: skip


@dataclass
class _Worst:
    """The largest error relative to its bound over a run, with the two numbers behind it."""

    error: float = 0.0
    bound: float = 1.0
    largest: float = 0.0  # bound at any step: what the check could have missed

    def note(self, error: float, bound: float) -> None:
        self.largest = max(self.largest, bound)
        if not math.isfinite(bound):
            error = math.nan  # a bound that says nothing supports nothing
        if not math.isnan(self.error) and not error / bound <= self.error / self.bound:  # a nan stays
            self.error, self.bound = error, bound


@dataclass
class _Comparison:
    closed: _Worst
    rebuilt: _Worst
    outside: _Worst
    errors: list[tuple[float, float, float]]  # step, error and bound of the closed dynamics


def _compare(params: Params, world: World) -> _Comparison:
    """Runs of the direct and of the reduced engine from one start, compared after every single step."""
    system = draw_explicit(params)
    assert system.data is not None
    assert system.weights is not None
    assert system.gram is not None
    turned = _turned(system, world.number("turned", 0.0))
    assert params.steps is not None
    every = range(params.steps + 1)
    state = ("signal_correlation", "noise_correlation")
    direct = record(params, every, *state, "weights", "weight_gram", start=turned)
    reduced = record(params.replace(engine="reduced"), every, *state, "noise_coefficient", start=system)
    names = ("signal_correlation", "weights", "weight_gram")
    here = [*(direct.values(name) for name in names), projections(direct)]
    learnt_noise = noise_rows(reduced.values("noise_coefficient"))
    there = [reduced.values("signal_correlation"), projections(reduced), learnt_noise]
    bound = RoundingBound(params, system)
    rows = system.data.noise.reshape(-1, params.dimension)
    norms = np.linalg.norm(rows, axis=1)
    basis = np.linalg.qr(np.vstack([system.data.direction, rows]).T)[0]
    result = _Comparison(_Worst(), _Worst(), _Worst(), [])
    for step in every:
        signal, weights, weight_gram, noise = (values[step] for values in here)
        closed_signal, closed_noise, coefficients = (values[step] for values in there)
        reading = gamma(params.dimension) * float(np.linalg.norm(weights))  # of u and C from the weights
        allowed = bound.projection(bound.direct + bound.reduced) + reading
        error = max(
            float(np.abs(signal - closed_signal).max()),
            float((np.abs(noise - closed_noise) / norms[:, None]).max()),
        )
        result.closed.note(error, allowed)
        result.errors.append((float(step), error, allowed))
        drifted = weights - system.weights
        learnt = np.outer(closed_signal - system.signal, system.data.direction) + coefficients.T @ rows
        result.rebuilt.note(
            float(np.linalg.norm(drifted - learnt)), bound.projection(bound.direct + bound.rebuilt) + 2.0 * reading
        )
        stray = drifted - (drifted @ basis) @ basis.T
        # the basis is orthonormal to gamma_{d (M + 1)} (Householder), and so is the projection of what has been learnt
        of_basis = gamma(params.dimension * basis.shape[1]) * float(np.linalg.norm(drifted))
        result.outside.note(float(np.linalg.norm(stray)), bound.projection(bound.outside) + of_basis + reading)
        bound.step(signal, noise, weight_gram)
    return result


def _turned(system: ClosedSystem, angle: float) -> ClosedSystem:
    """The same weights on noise patches that all lean by an angle towards one direction off w_star; as is for 0."""
    data = system.data
    assert data is not None
    assert system.weights is not None
    if angle == 0.0:
        return system
    lean = np.eye(len(data.direction))[0] - data.direction[0] * data.direction
    lean = angle * lean / np.linalg.norm(lean)
    moved = data.noise + lean * np.linalg.norm(data.noise, axis=2, keepdims=True)
    return close_system(replace(data, noise=moved), system.weights, system.second_layer)


def measure_closure(context: Context, world: World) -> Evidence:
    """Both discrete engines from the same draw, for every activation, compared at every step."""
    steps, repeats = context.choose(120, 500), context.choose(1, 2)
    seeds = context.seeds("closure", len(CASES) * repeats)
    checks: list[Check] = []
    curves: list[Series] = []
    for number, (activation, power) in enumerate(CASES):
        worst = [_Worst(), _Worst(), _Worst()]
        for repeat in range(repeats):
            params = small_experiment(activation, power, seeds[number * repeats + repeat], steps)
            found = _compare(params, world)
            for total, one in zip(worst, (found.closed, found.rebuilt, found.outside), strict=True):
                total.note(one.error, one.bound)
                total.largest = max(total.largest, one.largest)
        label = f"{activation}, q = {power:g}" if ACTIVATIONS[activation].has_power else activation
        checks += _closure_checks(label, worst)
        if number in (0, 1, 5):
            curves += _curves(label, found, with_bound=number == 0)
    panel = Panel(
        "Weights and closed system, the same numbers",
        "gradient step",
        "largest difference of u and C/|X| (1)",
        tuple(curves),
        y_scale="log",
    )
    text = f"d = 40, N = 4, P = 3, m = 4, {steps} steps, {', '.join(f'{a} {q:g}' for a, q in CASES)}"
    return Evidence(tuple(checks), params=params, seeds=tuple(seeds), tested_range=text, panels=(panel,))


def _closure_checks(label: str, worst: list[_Worst]) -> list[Check]:
    reason = (
        "round-off only: every dot product, power and update of each step rounds by gamma_n of its size, and errors of "
        "earlier steps grow by at most max(1 + eta mu, eta Lambda - 1) a step, with mu and Lambda bounds on the "
        "Hessian of the loss at that step (bound recomputed along the run, largest ratio over all steps shown)"
    )
    straight = "round-off only, not amplified: the last roundings of each update of the weights, summed over the steps"
    return [
        exact(
            f"(u, C): weights against closed system [{label}]",
            f"equal at every step, to {worst[0].largest:.1g}",
            worst[0].error,
            worst[0].bound,
            reason,
        ),
        exact(
            f"w = w(0) + A w_star + sum B X [{label}]",
            f"equal at every step, to {worst[1].largest:.1g}",
            worst[1].error,
            worst[1].bound,
            reason,
        ),
        exact(
            f"weights outside the span [{label}]",
            "nothing but round-off",
            worst[2].error,
            worst[2].bound,
            straight,
        ),
    ]


def _curves(label: str, found: _Comparison, with_bound: bool) -> list[Series]:
    table = np.array(found.errors)
    tiny = np.finfo(float).eps / 16  # equal bits are drawn at the foot of the logarithmic axis
    lines = [Series("line", label, table[:, 0], np.maximum(table[:, 1], tiny))]
    if with_bound:
        lines.append(Series("line", f"round-off bound, {label}", table[:, 0], table[:, 2]))
    return lines


def measure_margins(context: Context, world: World) -> Evidence:
    """Network outputs on clean and attacked inputs, against the two sums, at every record."""
    steps, repeats = context.choose(100, 600), context.choose(1, 4)
    cases = [case for case in CASES if ACTIVATIONS[case[0]].degree is not None]  # else no power of alpha factors out
    candidates, seeds = iter(context.seeds("margins", 10 * len(cases) * repeats)), []
    checks, points = [], []
    for number, (activation, power) in enumerate(cases):
        degree_of = ACTIVATIONS[activation].degree
        assert degree_of is not None
        degree = degree_of(power)
        clean, hard = _Worst(), _Worst()
        drawn = (small_experiment(activation, power, seed, steps) for seed in candidates)
        for chosen in islice((params for params in drawn if _feels_the_signal(params)), repeats):
            params = chosen.replace(record=("weights",), records=20)
            seeds.append(params.seed)
            there = world.of(params)
            run = simulate(there)
            for place in range(run.data.sizes["step"]):
                pairs = _margins_at(there, params, run.data.isel(step=place), degree)
                for total, (network, sums, allowed) in zip((clean, hard), pairs, strict=True):
                    ratio = np.abs(network - sums) / allowed
                    i = int(np.argmax(ratio))
                    total.note(float(abs(network[i] - sums[i])), float(allowed[i]))
                if number == 0:
                    points.append(np.concatenate([pairs[1][0], pairs[1][1]]))
        reason = "round-off of both evaluations: gamma_n of every dot product times the slope of phi, and of the sums"
        label = f"{activation}, q = {degree:g}"
        checks += [
            exact(f"y f(X) = alpha^q U + V [{label}]", "equal at every record", clean.error, clean.bound, reason),
            exact(f"y f(X') = (gap alpha)^q U + V [{label}]", "equal at every record", hard.error, hard.bound, reason),
        ]
    network, sums = np.split(np.array(points), 2, axis=1)
    reach = np.array([sums.min(), sums.max()])
    panel = Panel(
        "The attacked margin splits into signal and memorised noise",
        "attacked signal + V (1)",
        "attacked margin of the network (1)",
        (Series("line", "equal", reach, reach), Series("points", "power, q = 3", sums.ravel(), network.ravel())),
    )
    text = f"d = 40, N = 4, P = 3, m = 4, {steps} steps; power 2, 2.5, 3, 4, relu, relu_power, linear; both signs of U"
    return Evidence(tuple(checks), params=params, seeds=tuple(seeds), tested_range=text, panels=(panel,))


def _feels_the_signal(params: Params) -> bool:
    """Whether the feature is in the margin of some sample: of sixteen networks of four ReLUs one does not see it."""
    system = draw_explicit(params)
    seen = params.signal_strength * system.labels[:, None] * system.signal
    return bool(np.any(activate(params.activation, seen, params.power) @ system.second_layer != 0.0))


def _margins_at(params: Params, told: Params, record: object, degree: float) -> list[tuple[Array, Array, Array]]:
    """(margins by the network, by the two sums, round-off allowed), of the clean and of the attacked inputs.

    The network and its inputs are those of `params`; the sums are told `told`, which differs in a wrong world only.
    """
    from cgrosim.model.patches import draw_direction, draw_patch_data
    from cgrosim.model.reference import attacked_inputs, network
    from cgrosim.model.streams import RunStream, stream

    generator = stream(params.seed, RunStream.DATA)
    data = draw_patch_data(params, generator, draw_direction(params, generator))
    layer = output_weights(params.neurons, params.second_layer_sign)
    weights, memorised = record["weights"].values, record["memorization"].values  # type: ignore[index]
    signal = record["signal_correlation"].values  # type: ignore[index]
    # U_y = y sum_r a_r phi(y u_r), which is U for both labels where phi is odd
    strength = {y: float(y * activate(params.activation, y * signal, params.power) @ layer) for y in (1.0, -1.0)}
    of_label = np.array([strength[y] for y in data.labels])
    low, high = told.gap * told.signal_strength, told.signal_strength + told.perturbation_radius
    kappa = np.where(of_label > 0.0, low, high)
    found = []
    for inputs, coefficient in (
        (data.inputs(), np.full(len(kappa), told.signal_strength)),
        (attacked_inputs(params, layer, weights, data), kappa),
    ):
        allowed = 2.0 * margin_rounding(params, layer, inputs, weights)
        margins = data.labels * network(params, layer, weights, inputs)
        found.append((margins, coefficient**degree * of_label + memorised, allowed))
    return found


CLAIMS = (
    Claim(
        name="closure",
        title="closed dynamics",
        statement=(
            "Gradient descent on the weights closes on u_r = <w_r, w_star> and C = <w_r, X_i[j]> given the Gram matrix "
            "of the noise patches, and w_r(t) = w_r(0) + A_r w_star + sum_ij B_rij X_i[j] at every step."
        ),
        source="derived here: the gradient of any patch network lies in the span of the patches (arXiv 2306.01271v4, "
        "Section 5), and the inner maximum moves only along w_star",
        kind="exact identity",
        measure=measure_closure,
        worlds=(World("noise patches that lean by 1e-6 from those of the Gram matrix", turned=1e-6),),
        proved_for="every activation of the package",
        cost=1.5,
    ),
    Claim(
        name="margin-decomposition",
        title="margin = signal + memorised noise",
        statement="y f(X_i) = alpha^q U + V_i, and under the exact inner maximum (gap alpha)^q U + V_i where U > 0 "
        "and (alpha + delta)^q U + V_i where U < 0.",
        source="arXiv 2306.01271v4, Section 5.2; derived here for real q and the other homogeneous activations",
        kind="exact identity",
        measure=measure_margins,
        worlds=(World("signal stronger by 1e-6", signal_strength=times(1.0 + 1e-6)),),
        proved_for="positively homogeneous activations (all but smoothed_relu)",
        cost=0.2,
    ),
)
