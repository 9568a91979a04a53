"""How much of fresh data the balls of a memorising network cover: a law of distances between samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, law, proportion
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.model.params import Params
from cgrosim.model.patches import draw_direction, draw_patch_data
from cgrosim.studies.world import World, times
from cgrosim.theory.coverage import CubeBalls, PatchBalls

Array = NDArray[np.float64]

SIZE = 16  # dimension of a patch whose coverage by balls is measured
COUNTS = {2: (5, 50), 3: (20,)}  # balls, by number of patches
RADII = {2: (0.3, 3.0), 3: (0.3, 1.414)}  # where their law is known, in signal strengths
CUBE_NOISE = 0.45  # so that pairs within the l_inf radius are neither rare nor the rule


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
        name="ball-coverage",
        title="memorising network: how much the balls cover",
        statement="N balls of radius delta cover a fresh sample with probability E[1 - (1 - p(X))^N], in l_2 p(X) a "
        "noncentral chi-square probability, in l_inf E p(X) a power of the dimension.",
        source="derived here for the distribution of arXiv 2306.01271 v4, Def. 5.1",
        kind="law",
        measure=_measure_coverage,
        worlds=(World("noise a tenth stronger than the law's", noise_std=times(1.1)),),
        proved_for="patch data, l_2; pairs in l_inf",
        cost=5.0,
    ),
)
