"""Gradient flow: what it conserves, and that gradient descent tends to it at first order in the step."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, exact, inside, slope_interval
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.rounding import UNIT
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_gram
from cgrosim.studies.recording import noise_rows, projections, record
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.world import World, plus, times
from cgrosim.theory.conserved import clock_drift

Array = NDArray[np.float64]

POWERS = (2.0, 2.5, 3.0, 4.0)
READABLE = 0.02  # of the clock: read with a power 0.05 off, clocks spread over a tenth of it
LIVE = 0.3  # of init_std: two live neurons above it are read well at every power
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


def conserving_experiment(power: float, seed: int) -> Params:
    """An experiment whose signal grows and whose samples are memorised within 3000 steps."""
    return Params(
        dimension=400, samples=3, patches=3, neurons=5, power=power, signal_strength=1.5, noise_std=0.05, init_std=0.2,
        gap=0.1, learning_rate=0.05, sampling="gram", engine="flow", seed=seed,
    )  # fmt: skip


def _defect(values: Array, start: Array, scale: Array, local: Array, power: float, steps: float) -> tuple[float, float]:
    """Spread of the clocks of one row of coordinates, and what the integrator's tolerance allows; over the clock.

    An error dx made anywhere is an error |x|^(1-q) dx of the reading of that coordinate, which the exact flow then
    carries along unchanged: the errors of all steps add and none is amplified. A coordinate that has decayed below the
    summed errors has no reading and is left out; one that is above them and has changed sign has crossed 0, which no
    conserved difference lets it. One whose allowance exceeds `READABLE` of the clock is read too badly to tell one
    power from another, and left out as well.
    """
    noise = steps * local
    if np.any((start * values <= 0.0) & (np.abs(values) > 2.0 * noise)):
        return math.inf, 1.0
    smallest = np.where(start * values > 0.0, np.minimum(np.abs(start), np.abs(values)), 0.0)
    resolved = smallest > 2.0 * noise
    if resolved.sum() < 2:
        return 0.0, 1.0  # nothing to compare; the starts are chosen so that two live neurons are always compared
    start, values, scale, noise, smallest = (x[resolved] for x in (start, values, scale, noise, smallest))
    drift = clock_drift(start, values, power) / scale
    each = noise * (smallest - noise) ** (1.0 - power) / scale
    read = each <= READABLE * abs(drift[np.argmin(each)])
    if read.sum() < 2:
        return 0.0, 1.0
    drift, each = drift[read], each[read]
    clock = float(np.abs(drift).max())
    # the two largest allowances bound those of the pair that differs most
    allowed = float(np.sort(each)[-2:].sum()) + 64 * UNIT * clock
    return float(drift.max() - drift.min()) / clock, allowed / clock


def _conserved_at(params: Params, system: ClosedSystem, steps: int, power: float) -> dict[str, tuple[float, float]]:
    """(defect, allowed) of the clocks, read with a power, of the signal, of one noise row, and of a sample's rows."""
    names = ("signal_correlation", "noise_correlation", "noise_coefficient")
    run = record(params, [steps], *names, start=system)
    assert system.gram is not None
    signal, noise, coefficients = (
        run.final("signal_correlation"),
        projections(run)[-1],
        noise_rows(run.values("noise_coefficient"))[-1],
    )
    # a step of DOP853 takes at least 11 evaluations, and its norm is a mean of squares
    count = run.attributes["evaluations"] / 11.0 * math.sqrt(signal.size + noise.size)
    rtol, energy = params.flow_tolerance, np.diag(system.gram)
    ones = np.ones_like(signal)
    found = {
        "signal correlations": _defect(
            signal, system.signal, ones, rtol * (params.init_std + np.abs(signal)), power, count
        )
    }
    scale = np.sqrt(np.mean(system.noise**2)) / energy.mean()  # absolute tolerance of the coefficients B
    local = rtol * (scale + np.abs(coefficients)) * energy[:, None]
    layer = params.patches - 1
    within = [_defect(noise[k], system.noise[k], energy[k] * ones, local[k], power, count) for k in range(len(energy))]
    of_samples = []
    for i in range(params.samples):
        rows = slice(i * layer, (i + 1) * layer)
        scales = np.broadcast_to(energy[rows, None], system.noise[rows].shape)
        of_samples.append(
            _defect(noise[rows].ravel(), system.noise[rows].ravel(), scales.ravel(), local[rows].ravel(), power, count)
        )
    found["noise correlations of one patch"] = max(within, key=lambda pair: pair[0] / pair[1])
    found["noise correlations of one sample"] = max(of_samples, key=lambda pair: pair[0] / pair[1])
    return found


def measure_conserved(context: Context, world: World) -> Evidence:
    """Orthogonal noise patches; clocks of all coordinates under one force, for falling tolerances of the integrator."""
    starts, steps = context.choose(1, 6), 3000
    candidates = context.seeds("conserved", 20 * starts)
    # two live neurons, whose difference is never lost in the tolerance
    plain = conserving_experiment(3.0, 0)
    live = chosen_starts(plain, candidates, starts, lambda s: int(np.sum(s.signal > LIVE * plain.init_std)) > 1)
    seeds = [one.seed for one, _ in live]
    tolerances = TOLERANCES[2::2] if not context.full else TOLERANCES
    checks: list[Check] = []
    curves: list[Series] = []
    for power in POWERS:
        worst: dict[str, tuple[float, float]] = {}
        trace = []
        for tolerance in tolerances:
            largest = 0.0
            for seed in seeds:
                params = world.of(conserving_experiment(power, seed).replace(flow_tolerance=tolerance))
                system = draw_gram(params)
                assert system.gram is not None
                shared = world.number("overlaps", 0.0) * (system.gram - np.diag(np.diag(system.gram)))
                system = replace(system, gram=np.diag(np.diag(system.gram)) + shared)
                for name, pair in _conserved_at(params, system, steps, power).items():
                    previous = worst.get(name, (0.0, 1.0))
                    worst[name] = max(previous, pair, key=lambda found: found[0] / found[1])
                    largest = max(largest, pair[0])
            trace.append(largest)
        for name, (defect, allowed) in worst.items():
            checks.append(
                exact(
                    f"spread of the clocks over the clock: {name} [q = {power:g}]",
                    "0, the same advance of u^(2-q)/(2-q) for all",
                    defect,
                    allowed,
                    "local error of the integrator, sqrt(n) (atol + rtol |x|) a step, as an error |x|^(1-q) of the "
                    "reading, which is not amplified, times the number of steps, for the two coordinates; worst of "
                    f"tolerances {tolerances[0]:g} to {tolerances[-1]:g}",
                )
            )
        floor = UNIT  # a defect of exactly 0 is drawn at the foot of the logarithmic axis
        curves.append(Series("points", f"q = {power:g}", np.array(tolerances), np.maximum(trace, floor)))
    diagonal = np.array(sorted(tolerances))
    panel = Panel(
        "Conserved differences under the flow",
        "relative tolerance of the integrator (1)",
        "spread of the clocks over the clock (1)",
        (*curves, Series("line", "equal to the tolerance", diagonal, diagonal)),
        x_scale="log",
        y_scale="log",
    )
    text = f"q = 2, 2.5, 3, 4 (log at 2), {starts} start(s), m = 5, N = 3, P = 3, {steps} steps, tolerances as shown"
    return Evidence(tuple(checks), params=params, seeds=tuple(seeds), tested_range=text, panels=(panel,))


def _state(params: Params, system: ClosedSystem, step: int) -> Array:
    run = record(params, [step], "signal_correlation", "noise_correlation", start=system)
    return np.concatenate([run.final("signal_correlation"), projections(run)[-1].ravel()])


def _distances(params: Params, steps: list[int], time: float, flow_weight: float) -> tuple[Array, Array]:
    """Step sizes, and the distance of gradient descent from the flow (of this adversarial weight) at one time."""
    system, sizes = draw_gram(params), time / np.array(steps)
    flow = params.replace(engine="flow", flow_tolerance=1e-12, adversarial_weight=flow_weight)
    target = _state(flow.replace(learning_rate=sizes[-1]), system, steps[-1])
    descents = [params.replace(engine="reduced", learning_rate=size) for size in sizes]
    # the same time, not the same number of steps
    states = [_state(simulated, system, count) for simulated, count in zip(descents, steps, strict=True)]
    return sizes, np.array([np.linalg.norm(state - target) for state in states])


def _order_checks(label: str, sizes: Array, gaps: Array) -> list[Check]:
    slope, low, high = slope_interval(np.log(sizes), np.log(gaps))
    halvings = len(sizes) - 1
    local = -np.diff(np.log2(gaps))
    change, width = abs(float(local[-1] - local[-2])), 2.0 ** (1 - halvings)
    return [
        inside(
            f"order in eta, {label} ({halvings} halvings)",
            "slope 1 of log distance on log eta",
            slope,
            (0.5, 1.5),
            "the order of a one-step method is a whole number: the region ends half way to its neighbours; nothing is "
            "random here, and the Student interval measures how far the points are from one line",
            (low, high),
            error_rate=0.0,
        ),
        inside(
            f"order in eta at the finest pair, {label}",
            "1, up to the next order",
            float(local[-1]),
            (1.0 - width, 1.0 + width),
            "distance a eta (1 + b eta) with |b eta| < 1 at the coarsest step has local slope 1 + 0.73 b eta, which "
            f"{halvings - 1} halvings bring below 2^-{halvings - 1}; interval: the change from the pair before",
            (float(local[-1]) - change, float(local[-1]) + change),
            error_rate=0.0,
        ),
    ]


def _times(params: Params) -> dict[str, float]:
    """A time in the middle of stage I and one of stage III, found by the flow of the same start."""
    flow = record(params.replace(engine="flow"), [10**7])
    grown, memorised = (flow.values(name) for name in ("signal_growth_time", "memorization_time"))
    eta, first = params.learning_rate, float(np.nanmin(memorised))
    return {"signal growth": 0.8 * float(grown) * eta, "memorisation": 0.9 * first * eta}


def order_experiment(power: float, seed: int) -> Params:
    """An experiment with a live start whose two stages are well apart."""
    return Params(
        dimension=300, samples=5, patches=3, neurons=4, power=power, signal_strength=2.0, noise_std=0.05, init_std=0.15,
        gap=0.03, learning_rate=0.01, sampling="gram", seed=seed,
    )  # fmt: skip


def _starts_above_zero(system: ClosedSystem) -> bool:
    """Whether one correlation is large and U > 0 for both powers."""
    u = system.signal
    return bool(u.max() > 0.15 and min((u * np.abs(u) ** 2).sum(), (u * np.abs(u) ** 1.5).sum()) > 0)


def measure_order(context: Context, world: World) -> Evidence:
    """Halve the step at one fixed time; in the wrong world the flow trains with another adversarial weight."""
    halvings = context.choose(6, 9)
    # With U < 0 at the start the inner maximum jumps when U crosses 0: the distance is then of order eta, but its
    # factor depends on where in a step the crossing falls, and halving eta does not halve it.
    ((chosen, _),) = chosen_starts(order_experiment(3.0, 0), context.seeds("order", 80), 1, _starts_above_zero)
    seed = chosen.seed
    checks: list[Check] = []
    lines: list[Series] = []
    for power in (3.0, 2.5):
        params = order_experiment(power, seed)
        weight = world.number("flow_weight", params.adversarial_weight)
        for stage, time in _times(params).items():
            first = 64 if stage == "signal growth" else 256
            sizes, gaps = _distances(params, [first * 2**k for k in range(halvings + 1)], time, weight)
            label = f"{stage}, q = {power:g}"
            checks += _order_checks(label, sizes, gaps)
            lines.append(Series("points", label, sizes, gaps))
            lines.append(Series("line", f"first order, {label}", sizes, gaps[-1] * sizes / sizes[-1]))
    panel = Panel(
        "Gradient descent tends to the gradient flow at first order",
        "step size eta (1)",
        "distance of (u, C) from the flow at one time (1)",
        tuple(lines),
        x_scale="log",
        y_scale="log",
    )
    text = f"q = 3 and 2.5; m = 4, N = 5, P = 3; {halvings} halvings of eta inside stages I and III"
    finding = (
        "Only from starts with U > 0. From U < 0 the inner maximum jumps when U crosses 0: the distance is still of "
        "order eta, but its factor depends on where in a step the crossing falls, and halving eta does not halve it."
    )
    return Evidence(
        tuple(checks),
        params=params,
        seeds=(seed,),
        tested_range=text,
        panels=(panel,),
        finding="" if world.wrong else finding,
    )


CLAIMS = (
    Claim(
        name="conserved-differences",
        title="conserved differences",
        statement="Under the flow u_r^(2-q) - u_s^(2-q) is constant (log u_r - log u_s at q = 2), and so is "
        "v^(2-q)/|X|^2 over the noise correlations of one sample when the noise patches are orthogonal.",
        source="derived here (L6): every coordinate obeys x' = F(t) |x|^(q-1) with one F",
        kind="exact identity",
        measure=measure_conserved,
        worlds=(World("power q + 0.05", power=plus(0.05)), World("a tenth of the overlaps", overlaps=0.1)),
        proved_for="odd power, real q >= 2",
        cost=0.2,
    ),
    Claim(
        name="first-order-in-step",
        title="gradient descent tends to the flow at order eta",
        statement="At a fixed time eta * step, |GD - flow| = O(eta): from a start with U > 0 halving eta halves the "
        "distance, inside signal growth and inside memorisation.",
        source="Euler's method for the gradient flow; derived here",
        kind="order",
        measure=measure_order,
        worlds=(World("the flow trains with a tenth less adversarial weight", flow_weight=times(0.9)),),
        proved_for="odd power, real q >= 2",
        cost=0.5,
    ),
)
