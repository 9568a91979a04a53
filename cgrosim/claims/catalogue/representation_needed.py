"""Memorising is cheaper still where most samples need no ball: parameters in proportion to the share that does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from cgrosim.claims.checks import exact
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.studies.world import World, times
from cgrosim.theory.balls import separation
from cgrosim.theory.needed_balls import needs_ball, sparse_classifier
from cgrosim.theory.relu_composition import affine_network
from cgrosim.theory.relu_network import ReluNetwork

Array = NDArray[np.float64]

RADII = np.array([0.005, 0.01, 0.02, 0.04, 0.08])
SAMPLES, DIMENSIONS = 60, (8, 16)


class Built(NamedTuple):
    """One network: samples that need a ball, wrongly placed ones, balls without a proof, and its parameters."""

    needed: int
    misplaced: int
    unproved: int
    parameters: int


def linear_task(generator: np.random.Generator, dimension: int) -> tuple[ReluNetwork, Array, NDArray[np.int64], Array]:
    """Points of the unit cube, labelled by a half-space through its middle that the clean network knows; margins.

    Drawn anew until the classes are separated at every radius, as the theorem assumes, and no indicator reaches the
    ball of a sample without one: the network is right there as well, but bounds of its intervals cannot say so.
    """
    weights = generator.uniform(0.5, 1.5, dimension) * generator.choice([-1.0, 1.0], dimension)
    weights /= np.abs(weights).sum()
    clean = affine_network(weights[None, :], [-0.5 * float(weights.sum())])
    while True:
        points = generator.uniform(0.0, 1.0, (SAMPLES, dimension))
        margins = (points - 0.5) @ weights
        labels = np.where(margins > 0.0, 1, -1)
        apart = separation(points, labels, "linf").distance > 2.0 * float(RADII[-1]) * (1.0 + 1e-9)
        if apart and not any(_reached(points, np.abs(margins) <= radius, radius) for radius in RADII):
            return clean, points, labels, np.abs(margins)


def _reached(points: Array, needed: NDArray[np.bool_], radius: float) -> bool:
    """Whether an indicator, which is 0 from twice the radius on, reaches the ball of a sample that needs none."""
    distances = cdist(points[needed], points[~needed], "chebyshev")
    return bool(distances.size and distances.min() < 3.0 * radius)


def _build(task: tuple[ReluNetwork, Array, NDArray[np.int64], Array], radius: float, world: World) -> Built:
    """Place balls as the world does, and compare with who needs one as claimed: |f| <= delta |w|_1, |w|_1 = 1."""
    clean, points, labels, margins = task
    needed = margins <= radius
    placed = needs_ball(clean, points, labels, radius=world.number("decided_at", radius))
    if world.number("everywhere", False):
        placed[:] = True
    if world.number("left_out", False):
        placed[np.argmax(placed)] = False
    built = sparse_classifier(clean, points, labels, radius=radius, placed=placed)
    unproved = int(np.sum(~(built.proved_margins() > 0.0)))
    return Built(int(needed.sum()), int(np.sum(placed != needed)), unproved, built.parameter_count)


def _measure(context: Context, world: World) -> Evidence:
    """The same samples at growing radii, so that ever more of them need a ball."""
    generator = context.generator("cgro-needed-balls")
    misplaced, unproved, off, series = 0, 0, 0, []
    for dimension in DIMENSIONS:
        for draw in range(context.choose(4, 16)):
            task = linear_task(generator, dimension)
            found = [_build(task, float(radius), world) for radius in RADII]
            misplaced += sum(one.misplaced for one in found)
            unproved += sum(one.unproved for one in found)
            some = [one for one in found if one.needed]
            rest = [one.parameters - one.needed * (6 * dimension + 2) for one in some]
            off = max(off, max(rest) - min(rest))
            if not draw:
                x = np.array([one.needed / SAMPLES for one in some])
                line = min(rest) + x * SAMPLES * (6 * dimension + 2)
                y = np.array([float(one.parameters) for one in some])
                series += [
                    Series("points", f"counted, D = {dimension}", x, y),
                    Series("line", f"rest + mu N (6 D + 2), D = {dimension}", x, line),
                ]
    size = f"{SAMPLES} samples, D = {DIMENSIONS[0]} and {DIMENSIONS[1]}, {len(RADII)} radii"
    checks = (
        exact(f"samples with a ball that need none, or without one that need it ({size})", "0: |f| <= delta |w|_1",
              float(misplaced), 0.0, "interval bounds of a linear network are attained at a corner of the ball"),
        exact("balls around training samples without a proof that they are classified right", "0", float(unproved), 0.0,
              "interval bounds through the network, the balls that were not placed included"),
        exact("largest difference of parameters less mu N (6 D + 2) between two radii", "0: the rest is of D alone",
              float(off), 0.0, "integers"),
    )  # fmt: skip
    panel = Panel(
        "Parameters grow with the share of samples that need a ball",
        "share mu of the samples that need a ball",
        "parameters",
        tuple(series),
    )
    return Evidence(checks, seeds=(context.seed,), tested_range=f"l_inf, linear f_clean, {size}", panels=(panel,))


CLAIMS = (
    Claim(
        name="cgro-needed-balls",
        title="memorising network: balls where they are needed",
        statement="Robust training error 0 takes poly(D) + mu N (6D + 2) parameters in l_inf, mu the share of training "
        "samples on whose ball the clean network is not right already; all N balls are proved right.",
        source="Theorem 3.3 of the ICLR 2023 predecessor of arXiv 2306.01271 (poly(D) + c mu N D); constants and proof "
        "derived here",
        kind="exact identity",
        measure=_measure,
        worlds=(
            World("need is decided at a radius 5 % too large", decided_at=times(1.05)),
            World("one needed ball is left out", left_out=True),
            World("a ball around every sample", everywhere=True),
        ),
        proved_for="ReLU networks",
        cost=0.8,
    ),
)
