"""Settings in which success is counted, and the rate that their sources of failure predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cgrosim.model.params import Params
from cgrosim.predictions.clock import Clock
from cgrosim.predictions.laws import memorisation_law
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.world import CLAIMED, World

STARTS = 8  # a-priori starts of the signal over which its small effect on the clock of memorisation is averaged


@dataclass(frozen=True)
class Setup:
    """A setting and its horizon in predicted median times of one sample."""

    name: str
    samples: int
    neurons: int
    horizon: float

    def params(self, seed: int, world: World = CLAIMED) -> Params:
        """Parameters with chi = 0.04, where samples are memorised independently."""
        params = Params.from_paper(
            10**9, init_exponent=-0.33, init_polylog=1.0, patches=2, samples=self.samples, neurons=self.neurons,
            seed=seed, engine="flow", sampling="gram", flow_tolerance=1e-5,
        )  # fmt: skip
        return world.of(params)

    def steps(self) -> float:
        """The number of steps a run is given."""
        return self.horizon * setting_of(self.params(0)).memorisation_time()


# horizons at which the predicted rates are near 1/2, where the fewest seeds tell them from 0 and from 1
SETUPS = (
    Setup("few filters, ample time: dead filters and dead samples", 3, 3, 30.0),
    Setup("many filters, tight time: the slowest sample", 10, 12, 1.9),
)


def predicted_rate(setup: Setup, generator: np.random.Generator) -> float:
    """P(success) = (1 - 2^-m) E[F(T)^N], F the a-priori law of the memorisation time of one sample.

    A run fails if every filter starts with u_r <= 0 (2^-m), if a sample has no positive v_{r,i,j}(0) (2^-(m(P-1)), the
    mass F lacks at infinity), or if a sample is not done by T. Derived here; exact as chi -> 0.
    """
    params, steps = setup.params(0), setup.steps()
    rates: list[float] = []
    while len(rates) < STARTS:
        signal = params.init_std * generator.standard_normal(params.neurons)
        if np.any(signal > 0.0):
            rates.append(float(memorisation_law(params, Clock(params, signal), steps)) ** params.samples)
    return float((1.0 - 0.5**params.neurons) * np.mean(rates))
