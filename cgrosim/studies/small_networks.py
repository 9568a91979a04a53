"""Small trained networks whose filters overlap, and one in which a single filter has memorised."""

from __future__ import annotations

from typing import NamedTuple

from cgrosim.model.params import Params
from cgrosim.studies.paper_scale import horizon_of
from cgrosim.studies.trained import Trained, train
from cgrosim.studies.world import World


class Told(NamedTuple):
    """A trained network and the parameters that a claim about it is told (in a wrong world others are simulated)."""

    claimed: Params
    trained: Trained


def overlapping(power: float, seed: int, world: World, *, explicit: bool = False) -> Told:
    """Three patches at d = 400, whose eight filters overlap by tens of per cent after training."""
    params = Params.from_paper(
        400, samples=6, patches=3, neurons=8, power=power, seed=seed, engine="flow",
        sampling="explicit" if explicit else "gram", flow_tolerance=1e-6,
    )  # fmt: skip
    return Told(params, train(world.of(params), min(horizon_of(params), 1e12), vectors=explicit))


def one_memorising_filter(seed: int, world: World) -> Told:
    """One sample and a tiny start: the filter that memorises it outgrows the seven others."""
    params = Params.from_paper(
        10**9, samples=1, patches=2, neurons=8, seed=seed, init_exponent=-0.6, init_polylog=1.0, engine="flow",
        sampling="gram", flow_tolerance=1e-6,
    )  # fmt: skip
    return Told(params, train(world.of(params), horizon_of(params)))
