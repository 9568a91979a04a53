"""Global flatness and robust generalization gap of the patch model, over training time, radii and widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import rank_correlation
from cgrosim.model.params import Params
from cgrosim.studies.flatness import attacked_loss, looks
from cgrosim.theory.flatness import global_flatness

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moment:
    """One network at one time.

    Attributes
    ----------
    step, neurons, gap : time, width m and 1 - radius / alpha
    learnt_signal : U
    memorised, fresh : V of the training samples and noise margins S of fresh ones
    train_loss, test_loss : mean attacked loss on the training and on the fresh samples, worst of both ends
    train_flatness, test_flatness : mean over the samples of the largest |d loss / d c| within the radius along w_star
    point_flatness : the same of the fresh samples themselves, without any radius
    """

    step: int
    neurons: int
    gap: float
    learnt_signal: float
    memorised: Array
    fresh: Array
    train_loss: float
    test_loss: float
    train_flatness: float
    test_flatness: float
    point_flatness: float

    @property
    def robust_gap(self) -> float:
        """Robust generalization gap of the loss."""
        return self.test_loss - self.train_loss


@lru_cache(maxsize=4096)
def follow(params: Params, steps: tuple[int, ...], fresh: int) -> tuple[Moment, ...]:
    """Train one network of the power activation and read it at several times; worlds that only read otherwise share it.

    Without a radius the loss is steepest at the sample, where the rule of the ball is that of a point.
    """
    found = []
    for step, total, memorised, noise in looks(params, steps, fresh):
        losses = [attacked_loss(params, total, values) for values in (memorised, noise)]
        flat = [
            float(np.mean(global_flatness(radius, total, values, signal_strength=params.signal_strength,
                                          power=params.power)))
            for radius, values in ((params.perturbation_radius, memorised), (params.perturbation_radius, noise),
                                   (0.0, noise))
        ]  # fmt: skip
        found.append(Moment(step, params.neurons, params.gap, total, memorised, noise, *losses, *flat))
    return tuple(found)


def order_by(moments: Sequence[Any], flatness: str = "test_flatness") -> float:
    """Spearman's correlation of a flatness with the robust gap; nan where one of them is constant."""
    values, gaps = ([getattr(moment, name) for moment in moments] for name in (flatness, "robust_gap"))
    return rank_correlation(values, gaps)[0]


def slices(moments: Sequence[Any], varied: str, names: Sequence[str] = ("step", "gap", "neurons")) -> list[float]:
    """Rank correlations over moments that differ in `varied` only, one of the `names` of what they can differ in."""
    held = [name for name in names if name != varied]
    groups: dict[tuple[float, ...], list[Any]] = {}
    for moment in moments:
        groups.setdefault(tuple(getattr(moment, name) for name in held), []).append(moment)
    return [order_by(group) for group in groups.values()]
