"""The images a training uses: a class-balanced subset, a validation split, and the measured samples, all seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.images.network.files import fits_memory
from cgrosim.images.training.settings import Settings
from cgrosim.model.streams import TrainingStream, stream

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset


@dataclass(frozen=True)
class Samples:
    """Images ``(n, height, width, channels)`` in [0, 1] and their labels ``(n,)``."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64]) -> Samples:
        """The samples of the given places."""
        return Samples(self.images[index], self.labels[index])

    def some(self, count: int, generator: np.random.Generator) -> Samples:
        """At most `count` samples, drawn uniformly; in their order."""
        return self.take(np.sort(generator.permutation(len(self))[:count]))


@dataclass(frozen=True)
class TrainingData:
    """What is trained on, and the samples whose accuracy is measured every epoch (the same ones every time)."""

    train: Samples
    validation: Samples
    test: Samples
    measured: dict[str, Samples]  # train, validation, test


def training_data(settings: Settings, dataset: Dataset) -> TrainingData:
    """Split, draw and, for the control, permute the labels; the same for all trainings of one seed.

    Raises
    ------
    ParameterError
        If the images do not fit the network, or there are fewer than asked for, or memory does not hold its weights.
    """
    from cgrosim.images.data.datasets import balanced_subset

    _check(settings, dataset)
    every = Samples(dataset.train_images, dataset.train_labels)
    held = np.zeros(len(every), bool)
    if settings.validation:
        held[balanced_subset(every.labels, settings.validation, stream(settings.seed, TrainingStream.SPLIT))] = True
    validation, train = every.take(np.flatnonzero(held)), every.take(np.flatnonzero(~held))
    if settings.subset is not None:
        train = train.take(balanced_subset(train.labels, settings.subset, stream(settings.seed, TrainingStream.SUBSET)))
    if settings.shuffle_labels:
        train = Samples(train.images, stream(settings.seed, TrainingStream.LABELS).permutation(train.labels))
    test = Samples(dataset.test_images, dataset.test_labels)
    parts = {"train": train, "validation": validation, "test": test}
    measured = {
        name: part.some(settings.evaluation_samples, stream(settings.seed, TrainingStream.MEASURED, place))
        for place, (name, part) in enumerate(parts.items())
    }
    return TrainingData(train, validation, test, measured)


def _check(settings: Settings, dataset: Dataset) -> None:
    shape, classes = dataset.input_shape, dataset.classes
    network = settings.architecture
    if shape != network.input_shape or classes != network.classes:
        raise ParameterError(
            f"{network.name} takes images of {network.input_shape} and {network.classes} classes, but {dataset.name} "
            f"has {shape} and {classes}; build the network for this data."
        )
    if not fits_memory(network):
        raise ParameterError(
            f"{network.name} has {network.parameter_count:.3g} weights, more than a training can hold in this memory; "
            "take a smaller width."
        )
    there, asked = len(dataset.train_labels), settings.validation + (settings.subset or 1)
    if asked > there:
        raise ParameterError(
            f"subset {settings.subset or 'all'} and validation {settings.validation} ask for {asked} training images, "
            f"but {dataset.name} has {there}; ask for fewer."
        )
