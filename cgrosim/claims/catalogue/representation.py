"""Memorising is cheap: a network of poly(D) + c N D parameters is clean, robust on its training set, and no further."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, exact, guard, inside, law, proportion
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.image_runs import local_data
from cgrosim.claims.memorising_networks import (
    Measured,
    Task,
    closest_pair_radius,
    digits_task,
    measure_task,
    mnist_task,
    patch_task,
)
from cgrosim.model.params import Params
from cgrosim.model.patches import draw_direction, draw_patch_data
from cgrosim.studies.world import World, times
from cgrosim.theory.balls import Norm, SeparationError
from cgrosim.theory.coverage import CubeBalls, PatchBalls
from cgrosim.theory.relu_composition import affine_network
from cgrosim.theory.representation import cgro_classifier
from cgrosim.theory.yarotsky import (
    sawtooth,
    square_error,
    squared_norm_error,
    squared_norm_network,
    squared_norm_parameters,
)

Array = NDArray[np.float64]

FAR = (
    "f and f_clean are one function there by construction, and fresh points lie many radii from every sample: balls "
    "that reached them would be no near miss"
)
SIZE = 16  # dimension of a patch whose coverage by balls is measured
COUNTS = {2: (5, 50), 3: (20,)}  # balls, by number of patches
RADII = {2: (0.3, 3.0), 3: (0.3, 1.414)}  # where their law is known, in signal strengths
CUBE_NOISE = 0.45  # so that pairs within the l_inf radius are neither rare nor the rule


class Case(NamedTuple):
    """A task and the ball of its attack."""

    task: Task
    radius: float
    norm: Norm


def cases(context: Context, generator: np.random.Generator) -> list[Case]:
    """Patch data and digits, l_inf and l_2.

    On patch data the clean classifier <w, x> has margin alpha at every point, so the radius 1.2 alpha / |w|_dual breaks
    it everywhere. On digits pixels have steps of 1/16, and the closest digits of two classes are 0.44 (1.23) apart.
    MNIST only where its files are.
    """
    found = []
    norms: tuple[Norm, ...] = ("linf", "l2")
    for norm, patches in zip(norms, (3, 6), strict=True):
        count, test = context.choose(60, 200), context.choose(200, 1000)
        task = patch_task(generator, dimension=40, patches=patches, samples=count, test=test)
        slope = task.clean.weights[0].data
        steepest = np.abs(slope).sum() if norm == "linf" else np.linalg.norm(slope)
        margins = task.clean(task.points)[:, 0] * task.labels
        found.append(Case(task, float(1.2 * margins.mean() / steepest), norm))
    for norm, radius in zip(norms, (0.15, 0.4), strict=True):
        task = digits_task(generator, samples=context.choose(150, 1000), test=context.choose(100, 500))
        found.append(Case(task, radius, norm))
    folder = local_data("mnist")[0] if context.full else None
    if folder is not None:
        task = mnist_task(folder, generator, samples=300, test=500)
        found += [Case(task, radius, norm) for norm, radius in zip(norms, (0.3, 1.5), strict=True)]
    return found


def _measure_classifier(context: Context, world: World) -> Evidence:
    generator = context.generator("cgro-classifier")
    share = world.number("balls", 1.0)
    checks, results = [], []
    chosen = cases(context, generator)
    for case in chosen:
        attacked = context.choose(50, 100)
        found = measure_task(case.task, case.radius, case.norm, generator, attacked=attacked, ball_share=share,
                             left_out=world.number("left_out", 0), steps=context.choose(3, 10), restarts=1)  # fmt: skip
        checks += _case_checks(case, found, world)
        results.append((f"{case.task.name.split(',')[0]}\n{case.norm}", found))
    return Evidence(
        checks=tuple(checks),
        seeds=(context.seed,),
        tested_range="patch data (d = 40, P = 3 and 6, linear f_clean), digits"
        + (" and MNIST" if len(chosen) > 4 else " (MNIST was not found)" if context.full else "")
        + " (nearest class mean), l_inf and l_2",
        panels=(_error_panel(results),),
    )


def _case_checks(case: Case, found: Measured, world: World) -> list[Check]:
    where = f"{case.task.name}, {case.norm}, radius {case.radius:.3g}"
    return [
        exact(f"certified robust training error, {where}", "0", found.certified_error, 0.0,
              "proved for every real point of every ball, rounding included"),
        exact(f"training balls broken by an attack, {where}", "0", float(np.sum(found.attacked_margins <= 0)), 0.0,
              "the certificate speaks of the float64 evaluation too"),
        guard(
            exact(f"test points only f gets wrong, {where}", f"at most {found.contested}, those within twice the "
                  "radius of another class", float(found.newly_wrong), float(found.contested),
                  "the gates keep the order of the outputs and only balls of other classes vote otherwise"), FAR),
        guard(
            exact(f"adversarial examples of f_clean beyond the double balls that f resists, {where} (of "
                  f"{found.inherited})", "0", float(found.inherited - found.kept), 0.0,
                  "f = f_clean beyond twice the radius of every sample"), FAR),
        guard(
            inside(f"robust test error found, {where}", "at least the share of inherited adversarial examples",
                   found.robust_error, (max(found.inherited, 1) / len(found.test_points), 1.0),
                   "an attack finds a lower bound of the error; Omega(1), not o(1)"),
            "the attack begins with the inherited examples, so it can only fall below where there are none"),
        exact(f"refusals that name another pair than the closest, {where}", "0",
              _refusal_error(case, world.number("refused", 1.0)), 0.0,
              "at half the smallest distance between classes two closed balls meet"),
        exact(f"parameters counted minus formula, {where}", "0",
              float(abs(found.classifier.parameter_count - found.classifier.parameter_formula)), 0.0, "integers"),
    ]  # fmt: skip


def _refusal_error(case: Case, share: float) -> float:
    """0 if a radius of half the smallest distance between classes is refused with a pair at that distance."""
    radius = closest_pair_radius(case.task, case.norm)
    try:
        cgro_classifier(case.task.clean, case.task.points, case.task.labels, share * radius, case.norm)
    except SeparationError as error:
        return float(error.distance != 2 * radius)
    return 1.0


def _error_panel(results: list[tuple[str, Measured]]) -> Panel:
    place = np.arange(1.0, len(results) + 1.0)
    rows = {
        "clean test": [found.clean_error for _, found in results],
        "clean test of f_clean": [found.clean_error_before for _, found in results],
        "robust training (certified)": [found.certified_error for _, found in results],
        "robust test (attacked)": [found.robust_error for _, found in results],
    }
    names = ", ".join(f"{i} {name}".replace("\n", " ") for i, (name, _) in enumerate(results, start=1))
    return Panel(f"Errors of the memorising network: {names}", "data set and norm", "error",
                 tuple(Series("points", name, place, np.array(values)) for name, values in rows.items()))  # fmt: skip


def _measure_count(context: Context, world: World) -> Evidence:
    """Build networks of all sizes, of one class so that nothing is refused, and count their arrays."""
    generator = context.generator("cgro-count")
    checks: list[Check] = []
    series: list[Series] = []
    dimensions, counts = (4 * 2 ** np.arange(context.choose(n, n + 2)) for n in (4, 4))
    norms: tuple[Norm, ...] = ("linf", "l2")
    for norm, per_weight, per_ball in zip(norms, (6, 2), (2, 5), strict=True):
        size = np.array([[_count(int(n), int(d), norm, generator, world) for d in dimensions] for n in counts])
        slope = np.diff(size, axis=0) / (np.diff(counts)[:, None] * dimensions)
        c = per_weight + per_ball / dimensions
        checks.append(
            exact(f"largest |c - ({per_weight} + {per_ball}/D)| over {slope.size} differences in N, {norm}",
                  f"c = {per_weight} + {per_ball}/D parameters a sample and coordinate", float(np.abs(slope - c).max()),
                  4 * float(c.max()) * np.finfo(float).eps, "integers up to two divisions and a subtraction"),
        )  # fmt: skip
        rest = size - counts[:, None] * dimensions * c
        checks.append(
            exact(f"largest change of the rest with N, {norm} (rest {rest[0, 0]:.0f} at D = {dimensions[0]}, "
                  f"{rest[0, -1]:.0f} at D = {dimensions[-1]})", "0: the rest depends on D alone",
                  float(np.abs(rest - rest[0]).max()), 8 * float(size.max()) * np.finfo(float).eps,
                  "integers; N D c is rounded four times"),
        )  # fmt: skip
        series += [
            Series("points", f"counted, {norm}", dimensions.astype(np.float64), slope.mean(axis=0)),
            Series("line", f"{per_weight} + {per_ball}/D", dimensions.astype(np.float64), c),
        ]
    panel = Panel(
        "Parameters a sample and coordinate", "input dimension D", "c, parameters / (N D)", tuple(series), "log"
    )
    return Evidence(
        checks=tuple(checks),
        seeds=(context.seed,),
        tested_range=f"N = {counts[0]} to {counts[-1]}, D = {dimensions[0]} to {dimensions[-1]}, linear f_clean",
        panels=(panel,),
    )


def _count(samples: int, dimension: int, norm: Norm, generator: np.random.Generator, world: World) -> int:
    points = generator.uniform(-1.0, 1.0, (samples, dimension))
    share = world.number("left_out", 0)
    kept = points[len(points) // share :] if share else points
    clean = affine_network(np.ones((1, dimension)), [0.0])
    return cgro_classifier(clean, kept, np.ones(len(kept), dtype=np.int64), 0.25, norm).parameter_count


def _measure_squares(context: Context, world: World) -> Evidence:
    """Evaluate the networks at the midpoints of the teeth and between."""
    largest = context.choose(8, 12)
    generator = context.generator("yarotsky-squares")
    levels = np.arange(1, largest + 1)
    errors, wrong, outside, rounding = [], 0.0, 0.0, 32 * largest * np.finfo(float).eps
    for level in (int(m) for m in levels):
        network = squared_norm_network(1, level - (world.number("missing", 0) if level > 1 else 0), 1.0)
        grid = np.arange(2 ** (level + 1) + 1) / 2.0 ** (level + 1)  # every second one is a midpoint
        errors.append(float((network(grid[:, None])[:, 0] - grid**2).max()))
        wrong = max(wrong, abs(errors[-1] / square_error(level) - 1.0))
        between = generator.uniform(-1.0, 1.0, 1000)
        rough = network(between[:, None])[:, 0] - between**2
        outside = max(outside, float((rough - square_error(level)).max()), float(-rough.min()))
    checks = [
        exact(f"largest relative difference of attained error and 2^(-2m-2), m = 1 to {largest}", "0", wrong, 0.0,
              "dyadic numbers of fewer than 53 bits: nothing is rounded"),
        exact("errors between the midpoints beyond [0, 2^(-2m-2)], 1000 points for every m", "none", max(outside, 0.0),
              rounding, "a^2 <= f_m <= a^2 + 2^(-2m-2); 32 m operations on numbers up to 1"),
    ]  # fmt: skip
    dimension, half_range, level = 5, 2.0, 4
    grid = half_range * (np.arange(2**level) + 0.5) / 2.0**level
    network = squared_norm_network(dimension, level - world.number("missing", 0), half_range)
    together = network(np.repeat(grid[:, None], dimension, axis=1))[:, 0] - dimension * grid**2
    checks += [
        exact("attained error of |x|^2 minus D R^2 2^(-2m-2), D = 5, R = 2, m = 4", "0",
              abs(float(together.max()) - squared_norm_error(dimension, half_range, level)), 0.0, "dyadic numbers"),
        exact("parameters counted minus 34D + 3 + (m - 2)(8D + 2)", "0",
              float(abs(network.parameter_count - squared_norm_parameters(dimension, level))), 0.0, "integers"),
        exact("f_3 minus a minus its teeth, 257 dyadic points", "0", _teeth_error(3 - world.number("missing", 0)), 0.0,
              "dyadic numbers"),
    ]  # fmt: skip
    sizes = np.array([squared_norm_parameters(1, int(level)) for level in levels], dtype=np.float64)
    panel = Panel(
        "Squares by sawtooth networks: accuracy against size",
        "parameters for one square",
        "largest error on [0, 1]",
        (
            Series("points", "measured", sizes, np.array(errors)),
            Series("line", "2^(-2m-2)", sizes, np.array([square_error(int(level)) for level in levels])),
        ),
        y_scale="log",
    )
    return Evidence(tuple(checks), seeds=(context.seed,), tested_range=f"m = 1 to {largest}", panels=(panel,))


def _teeth_error(level: int) -> float:
    grid = np.arange(257) / 256.0
    total = grid - sum(sawtooth(grid, level) / 4.0**level for level in (1, 2, 3))
    return float(np.abs(squared_norm_network(1, level)(grid[:, None])[:, 0] - total).max())


def _measure_coverage(context: Context, world: World) -> Evidence:
    """Independent trials: N + 1 samples; how far is the last one from the nearest of the others?"""
    generator = context.generator("ball-coverage")
    trials, width = context.choose(20_000, 60_000), 0.03
    stronger = world.number("noise_std", 1.0)
    checks, panels = [], []
    for patches, counts in COUNTS.items():
        noise_std = 0.25 / math.sqrt(patches - 1)
        nearest = _nearest_distances(generator, trials, counts, SIZE, patches, stronger * noise_std)
        radii = np.linspace(*RADII[patches], 601)
        laws = [PatchBalls(float(r), SIZE, patches, 1.0, noise_std) for r in radii]
        for count, distances in nearest.items():
            covered = np.array([balls.coverage(count) for balls in laws])
            chance = np.array([balls.independent_coverage(count) for balls in laws])
            checks.append(_coverage_check(patches, count, distances, radii, covered, width))
            panels.append(_coverage_panel(patches, count, distances, radii, covered, chance))
    cube = CubeBalls(1.05, SIZE, 2, 1.0, CUBE_NOISE)
    hits = _pairs_within(generator, trials, cube, stronger)
    checks.append(
        proportion(f"pairs of samples within the l_inf radius {cube.radius:g}, P = 2", hits, trials,
                   (cube.pair_probability - width, cube.pair_probability + width),
                   f"exact law {cube.pair_probability:.5f}, resolved to {width}; w_star along an axis"),
    )  # fmt: skip
    return Evidence(
        checks=tuple(checks),
        seeds=(context.seed,),
        tested_range=f"d = {SIZE}; l_2: N = 5 and 50 (P = 2) at every radius, N = 20 (P = 3) at one; l_inf: pairs",
        panels=tuple(panels),
    )


def _coverage_check(patches: int, count: int, distances: Array, radii: Array, covered: Array, width: float) -> Check:
    """With two patches the law of the nearest distance is known everywhere, with more up to sqrt(2) alpha."""
    if patches == 2:
        gap = float(np.max(np.diff(covered)))
        reason = f"exact law on a grid; it rises by at most {gap:.4f} between two points, so interpolation errs by less"
        return law(f"distance of a fresh sample to the nearest of {count}, P = 2", distances,
                   lambda values: np.interp(values, radii, covered, 0.0, 1.0), 0.06, reason, gap)  # fmt: skip
    place = int(np.argmin(np.abs(covered - 0.5)))
    predicted = float(covered[place])
    return proportion(
        f"fresh samples in a ball, P = {patches}, N = {count}, radius {radii[place]:.3f}",
        int(np.sum(distances <= radii[place])),
        len(distances),
        (predicted - width, predicted + width),
        f"exact law {predicted:.5f}, resolved to {width}; every trial draws its own training set",
    )


def _coverage_panel(patches: int, count: int, distances: Array, radii: Array, covered: Array, chance: Array) -> Panel:
    some = radii[::60]
    shares = np.array([np.mean(distances <= r) for r in some])
    error = 4.4 * np.sqrt(shares * (1 - shares) / len(distances))
    return Panel(
        f"Fresh samples covered by {count} balls, P = {patches}",
        "radius of the balls (signal strengths)",
        "share covered",
        (
            Series("points", "measured", some, shares, shares - error, shares + error),
            Series("line", "law", radii, covered),
            Series("line", "as if chances were independent", radii, chance),
        ),
    )


def _coverage_params(samples: int, patches: int, noise_std: float) -> Params:
    return Params(
        dimension=SIZE, samples=samples, patches=patches, neurons=1, signal_strength=1.0, noise_std=noise_std,
        init_std=0.1, gap=0.1, learning_rate=0.1,
    )  # fmt: skip


def _nearest_distances(
    generator: np.random.Generator, trials: int, counts: Sequence[int], dimension: int, patches: int, noise_std: float
) -> dict[int, Array]:
    """l_2 distance of a fresh sample to the nearest of the first N others, in trials of the simulator's draws."""
    most = max(counts)
    params = _coverage_params(most, patches, noise_std)
    direction = draw_direction(params, generator)
    nearest: dict[int, list[Array]] = {count: [] for count in counts}
    for part in np.array_split(np.arange(trials), math.ceil(trials / 1000)):
        inputs = draw_patch_data(params, generator, direction, samples=len(part) * (most + 1)).inputs()
        rows = inputs.reshape(len(part), most + 1, -1)
        distances = np.sqrt(np.sum((rows[:, 1:] - rows[:, :1]) ** 2, axis=2))
        for count in counts:
            nearest[count].append(distances[:, :count].min(axis=1))
    return {count: np.concatenate(parts) for count, parts in nearest.items()}


def _pairs_within(generator: np.random.Generator, trials: int, balls: CubeBalls, stronger: float) -> int:
    """How many of so many independent pairs lie within the l_inf radius of each other."""
    params = _coverage_params(2, balls.patches, stronger * balls.noise_std)
    inputs = draw_patch_data(params, generator, np.eye(SIZE)[0], samples=2 * trials).inputs().reshape(2, trials, -1)
    return int(np.sum(np.abs(inputs[0] - inputs[1]).max(axis=1) <= balls.radius))


CLAIMS = (
    Claim(
        name="cgro-classifier",
        title="memorising network: robust on its training set only",
        statement="f_clean with a ball around every sample: robust training error exactly 0 (certified), clean test "
        "error at most that of f_clean, robust test error Omega(1).",
        source="arXiv 2306.01271 v4, Thm 4.4 and Lemma 4.5; construction and certificate derived here",
        kind="exact identity",
        measure=_measure_classifier,
        worlds=(
            World("balls of 0.9 times the radius of the attack", balls=0.9),
            World("one sample in ten without a ball", left_out=10),
            World("a radius 0.1 % below that of the closest pair", refused=0.999),
        ),
        proved_for="any data with classes more than 2 delta apart",
        cost=2.0,
    ),
    Claim(
        name="cgro-count",
        title="memorising network: parameters c N D",
        statement="Robust training error 0 takes poly(D) + N(6D + 2) parameters in l_inf and poly(D) + N(2D + 5) in "
        "l_2, counted from the arrays.",
        source="arXiv 2306.01271 v4, Thm 4.4 (poly(D) + O(N D)); constants derived here",
        kind="exact identity",
        measure=_measure_count,
        worlds=(World("one sample in four is left out", left_out=4),),
        proved_for="ReLU networks",
        cost=0.5,
    ),
    Claim(
        name="yarotsky-squares",
        title="memorising network: squares by sawtooth",
        statement="f_m = a - sum_s g_s(a)/4^s satisfies a^2 <= f_m <= a^2 + 2^(-2m-2) on [0, 1], attained at every "
        "midpoint; D R^2 2^(-2m-2) for |x|^2.",
        source="Yarotsky 2017 (arXiv 1610.01145), Prop. 2; used in arXiv 2306.01271 v4, Lemma 4.5",
        kind="exact identity",
        measure=_measure_squares,
        worlds=(World("networks with one level of teeth fewer", missing=1),),
        proved_for="ReLU networks",
        cost=0.1,
    ),
    Claim(
        name="ball-coverage",
        title="memorising network: how much the balls cover",
        statement="N balls of radius delta cover a fresh sample with probability E[1 - (1 - p(X))^N], in l_2 p(X) a "
        "noncentral chi-square probability, in l_inf E p(X) a power of the dimension.",
        source="derived here for the distribution of arXiv 2306.01271 v4, Def. 5.1",
        kind="law",
        measure=_measure_coverage,
        worlds=(World("noise a tenth stronger than the law's", noise_std=times(1.1)),),
        proved_for="patch data, l_2; pairs in l_inf",
        cost=1.0,
    ),
)
