"""Memorising is cheap: a network of poly(D) + c N D parameters is clean, robust on its training set, and no further."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, exact, guard, inside
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
from cgrosim.studies.world import World
from cgrosim.theory.balls import Norm, SeparationError
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
        task = digits_task(generator, samples=context.choose(150, 600), test=context.choose(100, 300))
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
        found = measure_task(
            case.task, case.radius, case.norm, generator, attacked=attacked, ball_share=share,
            left_out=world.number("left_out", 0.0), steps=context.choose(3, 10), restarts=1,
        )  # fmt: skip
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
        cgro_classifier(case.task.clean, case.task.points, case.task.labels, radius=share * radius, norm=case.norm)
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
    return cgro_classifier(clean, kept, np.ones(len(kept), dtype=np.int64), radius=0.25, norm=norm).parameter_count


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
            World("the tenth of the samples that f_clean is least sure of has no balls", left_out=0.1),
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
        worlds=(
            World("one sample in four is left out", left_out=4),
            World("one sample in sixteen is left out", left_out=16),
        ),
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
)
