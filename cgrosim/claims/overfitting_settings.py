"""The trainings that the claims about overfitting on real images judge: settings, course, and the judging attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.claims.image_runs import CUT, fits_robustly

if TYPE_CHECKING:
    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.file import Parameters, Training
    from cgrosim.images.training.samples import TrainingData
    from cgrosim.images.training.settings import Settings


def digits_settings(seed: int, **changes: Any) -> Settings:
    """300 training images, all of them measured after every epoch, and a step size that does not fall on the way.

    With 200 of them the interval of the clean test error reaches over the cut at one seed in ten.
    """
    from cgrosim.images.training.defaults import default_settings
    from cgrosim.images.training.schedules import CONSTANT

    start: dict[str, Any] = {"width": 6, "subset": 300, "validation": 0, "epochs": 120, "seed": seed}
    start |= {"evaluation_samples": 300, "attack_steps": 5, "evaluation_steps": 5, "schedule": CONSTANT}
    return default_settings("digits", **{**start, **changes})


def mnist_settings(seed: int, **changes: Any) -> Settings:
    """1000 training and 100 validation images at radius 0.1: at Madry et al.'s 0.3 so few epochs end in a collapse."""
    from cgrosim.images.training.defaults import default_settings

    start: dict[str, Any] = {"radius": 0.1, "validation": 100, "evaluation_samples": 300, "epochs": 30, "seed": seed}
    start |= {"batch_size": 25, "attack_steps": 5, "evaluation_steps": 5}
    start |= {"learning_rate": 0.01, "adversarial_weight": 1.0}
    return default_settings("mnist", **{**start, **changes})


def judging_attack(settings: Settings, restarts: int = 2, share: float = 1.0) -> Attack:
    """Twenty steps at the training radius, or a share of it."""
    from cgrosim.images.attacks.gradient import Attack

    return Attack.pgd(settings.attack.norm, share * settings.attack.radius, 20, restarts=restarts)


@dataclass(frozen=True)
class Fitted:
    """One training to the criterion, with the networks of the epochs that are judged, by name."""

    training: Training
    data: TrainingData
    networks: dict[str, tuple[int, Parameters]]


def fit(settings: Settings, dataset: Dataset) -> Fitted:
    """Train to the criterion."""
    from cgrosim.images.training.samples import training_data
    from cgrosim.images.training.train import train

    data = training_data(settings, dataset)
    networks: dict[str, tuple[int, Parameters]] = {}

    def note(epoch: int, network: Any) -> None:
        if "fitted" not in networks:
            wrong = network.logits(data.train.images).argmax(axis=1) != data.train.labels
            if np.mean(wrong) <= CUT:
                networks["fitted"] = epoch, network.parameters()

    training = train(settings, dataset, on_epoch=note, until=fits_robustly)
    if training.best is not None and training.best_epoch is not None:
        networks["selected"] = training.best_epoch, training.best
    networks["last"] = training.epochs_done, training.last
    return Fitted(training, data, networks)
