"""What every epoch of a training is measured by: clean and robust accuracy of the same samples every time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.training.samples import TrainingData
from cgrosim.images.training.settings import Settings
from cgrosim.model.streams import TrainingStream, stream

MEASURED = ("clean_train", "robust_train", "clean_validation", "robust_validation", "clean_test", "robust_test")
AVERAGED = "averaged_"  # stands before the name of an accuracy of the averaged weights


def measured_names(settings: Settings) -> tuple[str, ...]:
    """Names of the accuracies of every epoch: of the last weights and, if there is one, of their average."""
    return (*MEASURED, *(f"{AVERAGED}{name}" for name in MEASURED if settings.averages))


def measuring_work(settings: Settings, data: TrainingData) -> float:
    """Passes of one image through the network that measuring one network takes."""
    attack = settings.evaluation_attack
    return sum(len(part) for part in data.measured.values()) * (1.0 + 2.0 * attack.steps * attack.restarts)


def measure(network: Any, settings: Settings, data: TrainingData, tell: Callable[[float], None]) -> dict[str, float]:
    """Accuracies by name, nan where there are no samples; the random starts are the same in every epoch.

    `tell` is called with the share done.

    Raises
    ------
    NonFiniteError
        If a logit is not finite.
    """
    found = dict.fromkeys(MEASURED, math.nan)
    done, whole = 0, sum(len(part) for part in data.measured.values())
    for place, (name, samples) in enumerate(data.measured.items()):
        if not len(samples):
            continue
        generator = stream(settings.seed, TrainingStream.START, place)
        worst = worst_case(
            network, samples.images, samples.labels, attack=settings.evaluation_attack, generator=generator
        )
        found[f"clean_{name}"] = float(np.mean(worst.clean_margins > 0.0))
        found[f"robust_{name}"] = float(np.mean(worst.margins > 0.0))
        done += len(samples)
        tell(done / whole)
    return found
