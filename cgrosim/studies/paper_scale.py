"""Runs at the paper's exponents over many decades of dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.context import Context
from cgrosim.studies.trained import Trained, train
from cgrosim.studies.world import CLAIMED, World

Array = NDArray[np.float64]

SIZES = {"samples": 10, "patches": 2, "neurons": 12}
EXPONENTS = ("signal_exponent", "noise_exponent", "init_exponent", "gap_exponent")
HORIZON = 10.0  # T in units of the predicted median time at which all samples are memorised: a fixed power of d


@dataclass(frozen=True)
class PaperRun:
    """A trained network, the parameters the claim is about (in a wrong world others are simulated), its horizon."""

    dimension: float
    seed: int
    steps: float
    claimed: Params
    trained: Trained


def dimensions(context: Context) -> Array:
    """Dimensions that span ten decades; below 1e4 the margins at the start are no longer small."""
    return np.geomspace(1e4, 1e14, context.choose(5, 11))


def horizon_of(params: Params) -> float:
    """T = 10 predicted median memorisation times: a number of steps polynomial in d, fixed before any run."""
    return float(HORIZON * setting_of(params).last_memorisation_time())


def paper_runs(
    context: Context,
    name: str,
    replicates: int,
    world: World = CLAIMED,
    sizes: tuple[float, ...] = (),
    independent: bool = False,
) -> tuple[PaperRun, ...]:
    """Runs at every dimension (or the given `sizes`) and seed; a world may also change the exponents of `from_paper`.

    One seed starts from the same standard normals at every dimension, so that its sizes differ by d alone; with
    `independent` every run has a seed of its own, as counting runs requires.
    """
    runs, chosen = [], tuple(sizes) or tuple(dimensions(context))
    seeds = context.seeds(name, replicates * (len(chosen) if independent else 1))
    for k in range(replicates):
        for number, dimension in enumerate(chosen):
            seed = seeds[k * len(chosen) + number] if independent else seeds[k]
            common: dict[str, Any] = {
                **SIZES,
                "seed": seed,
                "engine": "flow",
                "sampling": "gram",
                "flow_tolerance": 1e-6,
            }
            params = Params.from_paper(round(dimension), **common)
            steps = horizon_of(params)
            scales = {name: value for name, value in world.changes if name in EXPONENTS}
            there = Params.from_paper(round(dimension), **common, **scales) if scales else params
            runs.append(PaperRun(dimension, seed, steps, params, train(world.of(there), steps)))
    return tuple(runs)


def paper_study(context: Context, world: World) -> tuple[PaperRun, ...]:
    """The runs that the claims about the theorem share: every one has a seed, and so data and a start, of its own."""
    return paper_runs(context, "paper", context.choose(5, 6), world, independent=True)
