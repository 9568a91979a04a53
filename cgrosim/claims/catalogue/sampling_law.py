"""Vectors or the closed system drawn in law: the same distribution, and from the same (u, C, K) the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, exact, same_law
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.claims.rounding import RoundingBound, gamma
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData
from cgrosim.model.sampling import ClosedSystem, close_system, draw_explicit, draw_gram
from cgrosim.studies.recording import projections, record
from cgrosim.studies.world import World, plus, times

Array = NDArray[np.float64]

STEPS = 150  # of the runs that are compared: most samples are memorised by then

OBSERVABLES: dict[str, str] = {
    "signal": "true correlation u_r(0)",
    "noise": "noise correlation v(0)",
    "energy": "diagonal of K",
    "overlap": "off-diagonal of K over the norms",
    "largest": "largest eigenvalue of K",
    "smallest": "smallest eigenvalue of K",
    "weight energy": "diagonal of G",
    "weight overlap": "off-diagonal of G",
    "time": "log memorisation time",
    "deviation": "standard deviation of fresh noise S after training",
}


def law_experiment() -> Params:
    """Few dimensions, so that K is far from its mean and every moment of the Wishart law counts."""
    return Params(
        dimension=25, samples=3, patches=3, neurons=3, signal_strength=1.5, noise_std=0.2, init_std=0.4, gap=0.1,
        learning_rate=0.1, sampling="gram", test_samples=100,
    )  # fmt: skip


def observe(params: Params, system: ClosedSystem) -> dict[str, Array]:
    """What one seed gives: values that are independent within a seed, or one of a kind."""
    assert system.gram is not None
    gram, weights = system.gram, system.weight_gram
    size = np.sqrt(np.diag(gram))
    pairs = np.arange(0, len(gram) - 1, 2)  # disjoint pairs of patches: their overlaps are independent
    spectrum = np.linalg.eigvalsh(gram)
    simulated = params.model_copy(update={"engine": "reduced"})  # one of 1100: not checked again
    run = record(simulated, [STEPS], "test_noise_std", start=system)
    memorised = run.values("memorization_time")[:1]
    with np.errstate(invalid="ignore"):
        time = np.nan_to_num(np.log(memorised + 1.0), nan=np.inf)  # inf: not memorised yet
    return {
        "signal": system.signal,
        "noise": np.diag(system.noise),  # every patch with a filter of its own: those of one patch share its norm
        "energy": np.diag(gram),
        "overlap": gram[pairs, pairs + 1] / (size[pairs] * size[pairs + 1]),
        "largest": spectrum[-1:],
        "smallest": spectrum[:1],
        "weight energy": np.diag(weights)[:1],
        "weight overlap": weights[:1, 1],
        "time": time,
        "deviation": np.reshape(run.final("test_noise_std"), 1),
    }


@lru_cache(maxsize=2)
def collect(sampling: str, params: Params, seeds: tuple[int, ...]) -> dict[str, Array]:
    """The observables over seeds; kept, because the wrong world is compared with the same vectors."""
    draw = draw_gram if sampling == "gram" else draw_explicit
    rows = []
    for seed in seeds:
        chosen = params.model_copy(update={"seed": seed})
        rows.append(observe(chosen, draw(chosen)))
    return {name: np.concatenate([row[name] for row in rows]) for name in OBSERVABLES}


def measure_same_law(context: Context, world: World) -> Evidence:
    """Two-sample Kolmogorov-Smirnov tests between the two samplings, over seeds of their own."""
    params = law_experiment()
    count, resolution = context.choose(600, 6000), 0.1 if context.full else 0.3
    first, second = context.seeds("law-explicit", count), context.seeds("law-gram", count)
    explicit = collect("explicit", params, tuple(first))
    gram = collect("gram", world.of(params), tuple(second))
    checks = [
        same_law(
            text,
            explicit[name],
            gram[name],
            resolution,
            "both samplings are exact in law at every dimension (Bartlett's decomposition), values independent; "
            "Kolmogorov's limit law bounds the two-sample distance, conservatively where there are ties",
        )
        for name, text in OBSERVABLES.items()
    ]
    series = []
    for label, values in (("explicit vectors", explicit["time"]), ("closed system in law", gram["time"])):
        ordered = np.sort(values)
        inside = np.isfinite(ordered)
        series.append(Series("steps", label, np.expm1(ordered[inside]), (np.arange(1, count + 1) / count)[inside]))
    panel = Panel(
        "Memorisation times by either sampling",
        "memorisation time of one sample (steps)",
        "distribution function (1)",
        tuple(series),
        x_scale="log",
    )
    room = params.dimension - 1 - params.noise_patches - params.neurons
    slack = Slack("general-position", "d - 1 >= N (P - 1) + m, for Bartlett's decomposition", room + 1.0)
    text = f"d = {params.dimension}, N = 3, P = 3, m = 3, q = 3, {count} seeds of each sampling, {STEPS} steps"
    return Evidence(tuple(checks), (slack,), params, tuple(first[:50] + second[:50]), text, (panel,))


def embed(params: Params, system: ClosedSystem) -> ClosedSystem:
    """Vectors in 1 + M + m dimensions that have exactly this closed system, Gram matrix of the weights included."""
    assert system.gram is not None
    rows, neurons = system.noise.shape
    factor = np.linalg.cholesky(system.gram)
    whitened = np.linalg.solve(factor, system.noise)
    rest = np.linalg.cholesky(system.weight_gram - whitened.T @ whitened)
    dimension = 1 + rows + neurons
    patches = np.zeros((rows, dimension))
    patches[:, 1 : 1 + rows] = factor
    weights = np.hstack([system.signal[:, None], whitened.T, rest])
    direction = np.eye(dimension)[0]
    data = PatchData(
        system.labels,
        np.zeros(len(system.labels), dtype=np.int64),
        patches.reshape(len(system.labels), -1, dimension),
        direction,
        params.signal_strength,
    )
    return close_system(data, weights, system.second_layer)


def _compare_embedded(
    params: Params, steps: int, world: World
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """After every step: (difference, bound) of u and C/|X|, and of G."""
    drawn = draw_gram(params)
    vectors = embed(params, drawn)
    assert drawn.gram is not None
    rows, norms = len(drawn.noise), np.sqrt(np.diag(drawn.gram))[:, None]
    small = params.replace(dimension=1 + rows + params.neurons, noise_std=params.noise_std, sampling="explicit")
    # Cholesky and the triangular solves are backward stable: errors of gamma_n cond(K) relative to the weights
    size = float(np.trace(drawn.weight_gram) + drawn.signal @ drawn.signal)
    off = 4.0 * gamma(small.dimension) * rows * float(np.linalg.cond(drawn.gram)) * np.sqrt(size)
    bound = RoundingBound(small, vectors, off)
    drawn.gram[[0, 1], [1, 0]] *= world.number("overlap", 1.0)
    worlds = ((small.replace(engine="direct"), vectors), (params.replace(engine="reduced"), drawn))
    names = ("signal_correlation", "weight_gram", "noise_correlation")
    runs = [record(simulated, range(steps + 1), *names, start=start) for simulated, start in worlds]
    here, there = ([*(run.values(name) for name in names[:2]), projections(run)] for run in runs)
    for step in range(1, steps + 1):
        signal, weight_gram, noise = (values[step - 1] for values in here)
        bound.step(signal, noise, weight_gram)
        signal, weight_gram, noise = (values[step] for values in here)
        closed_signal, closed_gram, closed_noise = (values[step] for values in there)
        total = float(np.trace(weight_gram) + signal @ signal)
        distance = max(float(np.abs(signal - closed_signal).max()), float((np.abs(noise - closed_noise) / norms).max()))
        reading = gamma(small.dimension) * np.sqrt(total)
        of_gram = float(np.linalg.norm(weight_gram - closed_gram))
        # G is a product of the weights with themselves: twice their size times their error, and its own roundings
        error = bound.projection(bound.direct + bound.rebuilt)
        allowed = 2.0 * np.sqrt(total) * error + 4.0 * gamma(small.dimension + rows) * total
        yield (distance, float(bound.projection(bound.direct + bound.reduced) + reading)), (of_gram, float(allowed))


def measure_same_numbers(context: Context, world: World) -> Evidence:
    """A system drawn in law, trained as it is and as vectors that have it; compared at every step."""
    starts, steps = context.choose(2, 10), context.choose(STEPS, 4 * STEPS)
    seeds = context.seeds("same-numbers", starts)
    worst = {"u and C/|X|": (0.0, 1.0), "G": (0.0, 1.0)}
    curve: list[tuple[int, float, float]] = []
    for seed in seeds:
        curve = []
        for step, pairs in enumerate(_compare_embedded(law_experiment().replace(seed=seed), steps, world), 1):
            for name, pair in zip(worst, pairs, strict=True):
                assert np.isfinite(pair[1]), "a bound that says nothing supports nothing"
                worst[name] = max(worst[name], pair, key=lambda found: found[0] / found[1])
            curve.append((step, *pairs[0]))
    reason = (
        "round-off of both engines, bounded step by step along the run, and of the embedding, gamma_n cond(K), which "
        "grows no faster"
    )
    checks: list[Check] = [
        exact(f"{name}: vectors against the closed system", "equal at every step", error, allowed, reason)
        for name, (error, allowed) in worst.items()
    ]
    table = np.array(curve)
    tiny = np.finfo(float).eps / 16
    panel = Panel(
        "From the same (u, C, K), the same numbers",
        "gradient step",
        "largest difference of u and C/|X| (1)",
        (
            Series("line", "measured", table[:, 0], np.maximum(table[:, 1], tiny)),
            Series("line", "round-off bound", table[:, 0], table[:, 2]),
        ),
        y_scale="log",
    )
    text = f"q = 3, M = 6, m = 3, {starts} systems drawn at d = 25, {steps} steps"
    return Evidence(tuple(checks), params=law_experiment(), seeds=tuple(seeds), tested_range=text, panels=(panel,))


CLAIMS = (
    Claim(
        name="sampling-in-law",
        title="vectors and closed system: one law",
        statement="K = sigma_p^2 Wishart_M(d-1), C = sigma_0 K^(1/2) Z, G = sigma_0^2 (Z^T Z + Wishart_m(d-1-M)) have "
        "the law of explicit vectors, and so has everything trained from them.",
        source="derived here from Definition 5.1 of arXiv 2306.01271v4; Bartlett (1933)",
        kind="law",
        measure=measure_same_law,
        worlds=(
            World("the closed system is drawn with a fifth more degrees of freedom", dimension=plus(5)),
            World("the closed system is drawn with three times the degrees of freedom", dimension=times(3)),
            World("the closed system is drawn from starts that are two thirds larger", init_std=times(5 / 3)),
        ),
        proved_for="every activation (run at q = 3)",
        cost=4.0,
    ),
    Claim(
        name="sampling-same-numbers",
        title="vectors and closed system: same numbers",
        statement="Vectors that have a drawn (u, C, K, G) train to the same u, C and G at every step as the closed "
        "system does, whatever the dimension the system was drawn for.",
        source="derived here: the dynamics sees the vectors through (u, C, K) alone",
        kind="exact identity",
        measure=measure_same_numbers,
        worlds=(World("one entry of the Gram matrix and its mirror image are off by 1e-6", overlap=1.0 + 1e-6),),
        proved_for="every activation (run at q = 3)",
        cost=0.4,
    ),
)
