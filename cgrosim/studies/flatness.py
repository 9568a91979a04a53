"""Networks of the patch model in training, with the noise of fresh samples, at several times, radii and widths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.streams import RunStream, stream
from cgrosim.studies.fresh_noise import draw_fresh_noise
from cgrosim.studies.recording import record

Array = NDArray[np.float64]

WIDTHS, GAPS, STEPS = (4, 8, 16), (0.02, 0.1, 0.3, 0.6), (10, 30, 100, 300, 1000)
"""Networks and times over which flatness is compared with the gap: after the signal has begun to grow."""


class Look(NamedTuple):
    """A network at one time: its learnt signal U, V of its training samples, noise margins S of fresh ones."""

    step: int
    learnt_signal: float
    memorised: Array
    fresh: Array


def experiment(seed: int, **changes: Any) -> Params:
    """A network that learns the signal in ten steps and memorises its samples in some hundreds."""
    values: dict[str, Any] = {
        "dimension": 40, "samples": 6, "patches": 3, "neurons": 8, "power": 3.0, "signal_strength": 1.5,
        "noise_std": 0.16, "init_std": 0.4, "gap": 0.1, "learning_rate": 0.1, "steps": 3000, "seed": seed,
        "sampling": "explicit", "engine": "reduced", "test_samples": 0,
    }  # fmt: skip
    return Params(**{**values, **changes})


def looks(params: Params, steps: Sequence[int], fresh: int) -> Iterator[Look]:
    """Train one network of the power activation and look at it at several times, with so many fresh samples."""
    names = ("learnt_signal", "memorization", "weight_gram")
    run, generator = record(params, steps, *names), stream(params.seed, RunStream.TEST)
    for step, total, memorised, gram in zip(steps, *(run.values(name) for name in names), strict=True):
        noise = draw_fresh_noise(generator, fresh, gram, power=params.power, noise_std=params.noise_std,
                                 patches=params.patches)  # fmt: skip
        yield Look(step, float(total), memorised, noise)


def attacked_loss(params: Params, learnt_signal: float, noise_margins: Array) -> float:
    """Mean loss when the signal coefficient is alpha - delta, or alpha + delta where U < 0."""
    worst = params.signal_strength - np.sign(learnt_signal) * params.perturbation_radius
    if learnt_signal > 0:
        worst = params.gap * params.signal_strength  # without cancellation
    margin = np.sign(worst) * np.abs(worst) ** params.power * learnt_signal
    return float(np.mean(np.logaddexp(0.0, -margin - noise_margins)))
