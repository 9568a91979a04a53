"""Train the closed system to a fixed number of steps and keep what studies of the trained network need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.threats import Model
from cgrosim.run.results import Run
from cgrosim.studies.recording import record, whole_steps

Array = NDArray[np.float64]

LOOKS = 8  # looks at the memorised noise along the way: it is least near the start, so a few a run are enough
ALWAYS = (
    "memorization", "clean_margin", "attacked_margin", "weight_gram", "learnt_signal", "signal_margin",
    "attacked_signal_margin",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trained:
    """A network at the end of training under the gradient flow.

    Attributes
    ----------
    params : what was trained
    run : the run, with a few looks at it along the way
    """

    params: Params
    run: Run = field(repr=False)

    @cached_property
    def system(self) -> ClosedSystem:
        """What it was trained from."""
        return self.run.start

    @property
    def learnt_signal(self) -> float:
        """The learnt signal U."""
        return float(self.run.final("learnt_signal"))

    @property
    def signal_margin(self) -> float:
        """The share alpha^q U of the clean margin."""
        return float(self.run.final("signal_margin"))

    @property
    def attacked_signal_margin(self) -> float:
        """The share of the attacked margin: (gap alpha)^q U under `signal_span`, or ((2 - gap) alpha)^q U for U < 0."""
        return float(self.run.final("attacked_signal_margin"))

    @property
    def memorization(self) -> Array:
        """Memorised noise V_i of every training sample: (N,)."""
        return np.asarray(self.run.final("memorization"))

    @property
    def least_memorization(self) -> float:
        """The smallest V_i seen along the way, 0 at most."""
        return min(0.0, float(np.min(self.run.values("memorization"))))

    @property
    def clean_margin(self) -> Array:
        """Clean margin of every training sample: (N,)."""
        return np.asarray(self.run.final("clean_margin"))

    @property
    def attacked_margin(self) -> Array:
        """Attacked margin of every training sample: (N,)."""
        return np.asarray(self.run.final("attacked_margin"))

    @property
    def weight_gram(self) -> Array:
        """Gram matrix of the weights projected off w_star: (m, m)."""
        return np.asarray(self.run.final("weight_gram"))

    @property
    def weights(self) -> Array:
        """The weights (m, d), where the training kept its vectors."""
        return np.asarray(self.run.final("weights"))

    @property
    def growth_time(self) -> float:
        """Step at which the signal had grown (nan: it has not)."""
        return float(self.run.values("signal_growth_time"))

    @property
    def memorization_times(self) -> Array:
        """Step at which each sample was memorised (nan: it is not): (N,)."""
        return self.run.values("memorization_time")


def train(params: Params, steps: float, *, vectors: bool = False) -> Trained:
    """Train by gradient flow for a number of steps, from the start that `simulate` would draw.

    With `vectors` the data are drawn as vectors, and the weights are kept.
    """
    world = params.replace(engine="flow", sampling="explicit") if vectors else params.replace(engine="flow")
    names = (*ALWAYS, "weights") if vectors else ALWAYS
    return Trained(params, record(world, whole_steps(np.geomspace(1.0, steps, LOOKS)), *names))


def searching_model(trained: Trained, radius: float, steps: int = 20) -> Model:
    """The trained network under l2_pgd over all patches."""
    searching = trained.params.replace(
        threat="l2_pgd", perturbation_radius=radius, engine="direct", attack_steps=steps, attack_random_start=False
    )
    return Model(searching, trained.weights, trained.system.second_layer)
