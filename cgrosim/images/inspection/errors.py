"""What a trained network learnt and where it errs: filters, confusion, and the errors it is most sure of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.images.inspection.subject import TrainedNetwork
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected


class Logits(Protocol):
    """What is asked of a network here."""

    def logits(self, images: Any) -> NDArray[Any]:
        """``(n, classes)``."""


@dataclass(frozen=True)
class Mistake:
    """A test image that is taken for another class.

    Attributes
    ----------
    place : of the image among the test images
    label, predicted : classes
    probability, label_probability : of the predicted class and of the true one (softmax of the logits)
    """

    place: int
    label: int
    predicted: int
    probability: float
    label_probability: float


@dataclass(frozen=True, eq=False)
class Inspection:
    """What `inspect_network` found on the test images.

    Attributes
    ----------
    filters : (height, width, channels, n), weights of the first trained layer, as images
    confusion : (classes, classes), number of images by true class (rows) and predicted class
    mistakes : the most confident ones, the surest first
    """

    filters: NDArray[np.float32]
    confusion: NDArray[np.int64]
    mistakes: tuple[Mistake, ...]

    @property
    def accuracy(self) -> float:
        """Share of the images that are classified correctly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def class_accuracies(self) -> NDArray[np.float64]:
        """(classes,), share of every class that is classified correctly; nan of a class without images."""
        counts = self.confusion.sum(axis=1)
        return np.divide(np.diag(self.confusion), counts, where=counts > 0, out=np.full(len(counts), np.nan))


def inspect_network(subject: TrainedNetwork, mistakes: int = 12) -> Inspection:
    """Filters, confusion of the test images, and the most confident mistakes.

    Parameters
    ----------
    mistakes : how many, at most

    Raises
    ------
    UserError
        If a logit is not finite, or `mistakes` is negative.
    """
    if mistakes < 0:
        raise ParameterError(f"mistakes is {mistakes}, but must be at least 0.")
    images, labels = subject.data.test_images, subject.data.test_labels
    probabilities = class_probabilities(subject.network, images)
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((subject.data.classes, subject.data.classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:mistakes]
    found = tuple(
        Mistake(
            int(place),
            int(labels[place]),
            int(predicted[place]),
            float(probabilities[place, predicted[place]]),
            float(probabilities[place, labels[place]]),
        )
        for place in surest
    )
    return Inspection(
        first_filters(subject.training.settings.architecture, subject.network.parameters()), confusion, found
    )


def class_probabilities(network: Logits, images: NDArray[Any]) -> NDArray[np.float64]:
    """Softmax of the logits in float64, ``(n, classes)``."""
    logits = np.asarray(network.logits(images), np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def first_filters(architecture: Architecture, parameters: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Weights of the first trained layer as images, ``(height, width, channels, filters)``.

    A 1x1 convolution of patches is shown as the patches it looks for, a dense layer on the image as whole images.

    Raises
    ------
    ParameterError
        If the network has no trained layer, or its first one does not look at pixels.
    """
    for index, layer in enumerate(architecture.layers):
        weights = parameters.get(f"layer{index}.weight")
        if weights is None:
            continue
        if isinstance(layer, Convolution) and (architecture.patch == 1 or layer.size == 1):
            side = layer.size * architecture.patch
            return weights.reshape(side, side, -1, layer.filters)
        if isinstance(layer, FullyConnected) and index == 0 and architecture.patch == 1:
            return weights.reshape(*architecture.input_shape, layer.units)
        break
    raise ParameterError(f"the first trained layer of {architecture.name} does not look at pixels and cannot be drawn.")
