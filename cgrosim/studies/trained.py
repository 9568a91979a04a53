"""Train the closed system to a fixed number of steps and keep what claims about the trained network need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.engines.base import Crossings, Snapshot
from cgrosim.engines.flow import FlowEngine
from cgrosim.model.activations import activate
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_explicit, draw_gram

Array = NDArray[np.float64]

LOOKS = 8  # looks at the memorised noise along the way: it is least near the start, so a few a run are enough


@dataclass(frozen=True)
class Trained:
    """A network at the end of training under the gradient flow.

    Attributes
    ----------
    params, system : what was trained, and from where
    snapshot : the final state
    crossings : hitting times in steps
    least_memorization : the smallest V_i seen at the looks, 0 at most
    """

    params: Params
    system: ClosedSystem
    snapshot: Snapshot
    crossings: Crossings
    least_memorization: float

    @property
    def signal_margin(self) -> float:
        """The share alpha^q U of the clean margin."""
        return self.params.signal_strength**self.params.power * self.signal_sum

    @property
    def signal_sum(self) -> float:
        """The learnt signal U."""
        values = activate(self.params.activation, self.snapshot.signal, self.params.power)
        return float(values @ self.system.second_layer)

    @property
    def attacked_signal_margin(self) -> float:
        """The share of the attacked margin under `signal_span`: (gap alpha)^q U, or ((2 - gap) alpha)^q U for U < 0."""
        ratio = self.params.gap if self.signal_sum > 0.0 else 2.0 - self.params.gap
        return ratio**self.params.power * self.signal_margin


def train(params: Params, steps: float) -> Trained:
    """Train by gradient flow for a number of steps, from the start that `simulate` would draw."""
    system = draw_gram(params) if params.sampling == "gram" else draw_explicit(params)
    engine = FlowEngine(params, system)
    least = 0.0
    for until in np.unique(np.geomspace(1.0, steps, LOOKS).astype(np.int64)):
        trouble = engine.advance(int(until))
        assert trouble is None, trouble
        least = min(least, float(engine.snapshot().memorization.min()))
    return Trained(params, system, engine.snapshot(), engine.crossings, least)
