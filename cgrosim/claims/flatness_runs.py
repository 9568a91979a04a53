"""Global flatness and robust generalization gap of the patch model, over training time, radii and widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cgrosim.model.params import Params
from cgrosim.model.streams import RunStream, stream
from cgrosim.studies.fresh_noise import draw_fresh_noise
from cgrosim.studies.recording import record
from cgrosim.theory.flatness import global_flatness

Array = NDArray[np.float64]

WIDTHS, GAPS, STEPS = (4, 8, 16), (0.02, 0.1, 0.3, 0.6), (10, 30, 100, 300, 1000)
"""Networks and times over which flatness is compared with the gap: after the signal has begun to grow."""


@dataclass(frozen=True, eq=False)
class Moment:
    """One network at one time.

    Attributes
    ----------
    step, neurons, gap : time, width m and 1 - radius / alpha
    signal_sum : U
    memorised, fresh : V of the training samples and noise margins S of fresh ones
    train_loss, test_loss : mean attacked loss on the training and on the fresh samples, worst of both ends
    train_flatness, test_flatness : mean over the samples of the largest |d loss / d c| within the radius along w_star
    """

    step: int
    neurons: int
    gap: float
    signal_sum: float
    memorised: Array
    fresh: Array
    train_loss: float
    test_loss: float
    train_flatness: float
    test_flatness: float

    @property
    def robust_gap(self) -> float:
        """Robust generalization gap of the loss."""
        return self.test_loss - self.train_loss


def experiment(seed: int, **changes: Any) -> Params:
    """A network that learns the signal in ten steps and memorises its samples in some hundreds."""
    values: dict[str, Any] = {
        "dimension": 40, "samples": 6, "patches": 3, "neurons": 8, "power": 3.0, "signal_strength": 1.5,
        "noise_std": 0.16, "init_std": 0.4, "gap": 0.1, "learning_rate": 0.1, "steps": 3000, "seed": seed,
        "sampling": "explicit", "engine": "reduced", "test_samples": 0,
    }  # fmt: skip
    return Params(**{**values, **changes})


def follow(params: Params, steps: Sequence[int], fresh: int) -> Iterator[Moment]:
    """Train one network of the power activation and read it at several times."""
    names = ("learnt_signal", "memorization", "weight_gram")
    run, generator = record(params, steps, *names), stream(params.seed, RunStream.TEST)
    for step, total, memorised, gram in zip(steps, *(run.values(name) for name in names), strict=True):
        noise = draw_fresh_noise(generator, fresh, gram, power=params.power, noise_std=params.noise_std,
                                 patches=params.patches)  # fmt: skip
        losses, flat = [], []
        for values in (memorised, noise):
            losses.append(attacked_loss(params, total, values))
            steepest = global_flatness(params.perturbation_radius, total, values,
                                       signal_strength=params.signal_strength, power=params.power)  # fmt: skip
            flat.append(float(np.mean(steepest)))
        yield Moment(step, params.neurons, params.gap, total, memorised, noise, *losses, *flat)


def attacked_loss(params: Params, signal_sum: float, noise_margins: Array) -> float:
    """Mean loss when the signal coefficient is alpha - delta, or alpha + delta where U < 0."""
    worst = params.signal_strength - np.sign(signal_sum) * params.perturbation_radius
    if signal_sum > 0:
        worst = params.gap * params.signal_strength  # without cancellation
    margin = np.sign(worst) * np.abs(worst) ** params.power * signal_sum
    return float(np.mean(np.logaddexp(0.0, -margin - noise_margins)))


def rank_correlation(moments: Sequence[Any], flatness: str = "test_flatness") -> float:
    """Spearman's correlation of a flatness with the robust gap; nan where one of them is constant."""
    ranks = [rankdata([getattr(moment, name) for moment in moments]) for name in (flatness, "robust_gap")]
    if any(np.ptp(each) == 0 for each in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def slices(moments: Sequence[Any], varied: str, names: Sequence[str] = ("step", "gap", "neurons")) -> list[float]:
    """Rank correlations over moments that differ in `varied` only, one of the `names` of what they can differ in."""
    held = [name for name in names if name != varied]
    groups: dict[tuple[float, ...], list[Any]] = {}
    for moment in moments:
        groups.setdefault(tuple(getattr(moment, name) for name in held), []).append(moment)
    return [rank_correlation(group) for group in groups.values()]
