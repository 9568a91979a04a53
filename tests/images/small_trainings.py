"""A data set and settings so small that an epoch takes milliseconds: noisy copies of three random 4x4 images."""

from __future__ import annotations

from typing import Any

import numpy as np

from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.datasets import Dataset
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool, ReLU
from cgrosim.images.training.settings import Settings

SHAPE, CLASSES = (4, 4, 1), 3
NETWORK = Architecture("small", SHAPE, (Convolution(4, 3, padding=1), ReLU(), MaxPool(), FullyConnected(CLASSES)))


def small_dataset(train: int = 60, test: int = 30, noise: float = 0.05) -> Dataset:
    """Class-balanced images near one prototype a class."""
    generator = np.random.default_rng(8)
    prototypes = generator.uniform(0.0, 1.0, (CLASSES, *SHAPE))

    def draw(count: int) -> tuple[Any, Any]:
        labels = np.arange(count) % CLASSES
        images = np.clip(prototypes[labels] + noise * generator.standard_normal((count, *SHAPE)), 0.0, 1.0)
        return images.astype(np.float32), labels.astype(np.int64)

    return Dataset("three prototypes", *draw(train), *draw(test), ("a", "b", "c"))


def small_settings(**changes: Any) -> Settings:
    """Four epochs of adversarial training on 30 of the 60 images, 12 others for validation."""
    start: dict[str, Any] = {
        "attack": Attack.pgd("linf", 0.05, 2),
        "evaluation_attack": Attack.pgd("linf", 0.05, 3),
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 0.1,
        "subset": 30,
        "validation": 12,
        "seed": 3,
    }
    return Settings("three prototypes", NETWORK, **{**start, **changes})


def same_bits(one: Any, other: Any) -> bool:
    """Whether two trainings agree in every bit of history, parameters, velocity, selection, average and snapshots."""

    def flat(training: Any) -> dict[str, bytes]:
        groups = {"last": training.last, "velocity": training.velocity, "history": training.history}
        groups |= {"best": training.best or {}, "averaged": training.averaged or {}}
        groups |= {f"snapshot {epoch}": kept for epoch, kept in training.snapshots.items()}
        return {f"{group} {name}": value.tobytes() for group, found in groups.items() for name, value in found.items()}

    chosen = [(each.best_epoch, each.best_accuracy) for each in (one, other)]
    return flat(one) == flat(other) and chosen[0] == chosen[1] and one.settings == other.settings
