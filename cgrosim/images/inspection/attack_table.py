"""Every attack there is on one network: what each of them leaves, and what it makes of single images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.gradient import Attack, Norm, finite_margins
from cgrosim.images.attacks.standard import Single, Standard
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.inspection.errors import class_probabilities
from cgrosim.images.inspection.subject import TrainedNetwork
from cgrosim.model.streams import TrainingStream, stream
from cgrosim.progress import Progress, part_of, silent

QUERIES = 1000  # of Square Attack: a fifth of the field's, which takes minutes
SAMPLES = 200  # test images, as far as there are


@dataclass(frozen=True, eq=False)
class Tried:
    """What one attack alone left.

    Attributes
    ----------
    attack : in words, with its budget
    margins : (n,), logit of the label minus the largest other at the worst image this attack found
    """

    attack: str
    margins: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """Share of the images that are right on the clean image and under this attack."""
        return float((self.margins > 0.0).mean())


@dataclass(frozen=True, eq=False)
class AttackTable:
    """What `attack_table` found on test images.

    Attributes
    ----------
    norm, radius : of every attack, pixels in [0, 1]
    places : (n,), which of the test images were attacked
    clean_margins : (n,), without an attack
    tried : every attack by itself
    adversarial : (n, height, width, channels), the worst image that any of them found
    """

    norm: Norm
    radius: float
    places: NDArray[np.int64]
    clean_margins: NDArray[np.float64]
    tried: tuple[Tried, ...]
    adversarial: NDArray[np.float32]

    @property
    def worst(self) -> Tried:
        """Of every image the worst that any attack found."""
        return Tried("worst of all, image by image", np.min([each.margins for each in self.tried], axis=0))

    @property
    def clean_accuracy(self) -> float:
        """Share of the images that are right without an attack."""
        return float((self.clean_margins > 0.0).mean())

    def only(self, place: int) -> int:
        """How many images one attack alone broke, by its place in `tried`."""
        others = [each.margins for number, each in enumerate(self.tried) if number != place]
        left = np.min(others, axis=0) if others else self.clean_margins
        return int(((left > 0.0) & (self.tried[place].margins <= 0.0)).sum())

    def numbers(self) -> dict[str, Any]:
        """Everything for a JSON file, but for pixels."""
        rows = [
            {"attack": each.attack, "accuracy": each.accuracy, "only_here": self.only(place)}
            for place, each in enumerate(self.tried)
        ]
        worst = {"attack": self.worst.attack, "accuracy": self.worst.accuracy}
        return {
            "norm": self.norm,
            "radius": self.radius,
            "samples": len(self.places),
            "clean_accuracy": self.clean_accuracy,
            "attacks": [*rows, worst],
        }


@dataclass(frozen=True, eq=False)
class Example:
    """One image and what the worst attack made of it.

    Attributes
    ----------
    place : among the test images
    clean, attacked : (height, width, channels)
    label : true class
    clean_probabilities, attacked_probabilities : (classes,), softmax of the logits
    """

    place: int
    clean: NDArray[np.float32]
    attacked: NDArray[np.float32]
    label: int
    clean_probabilities: NDArray[np.float64]
    attacked_probabilities: NDArray[np.float64]


def attack_table(
    subject: TrainedNetwork,
    *,
    norm: Norm | None = None,
    radius: float | None = None,
    attacks: Sequence[Single] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> AttackTable:
    """Try every attack by itself on test images of a network's data.

    Parameters
    ----------
    norm, radius : of all attacks; without them those that the training was measured with every epoch
    attacks : instead of those of `table_attacks`, at least one, all in this ball
    samples : test images, drawn at random, at most
    seed : of the draw and of the attacks; every attack draws from a stream of its own
    progress : called with a text and the share done

    Raises
    ------
    UserError
        If a number makes no sense, or a margin is not finite.
    """
    norm, radius = ball_of(subject, norm, radius)
    if samples < 1:
        raise ParameterError(f"samples is {samples}, but must be at least 1.")
    if attacks is None:
        attacks = table_attacks(norm, radius, subject.data.classes)
    if not attacks or any((each.norm, each.radius) != (norm, radius) for each in attacks):
        raise ParameterError(f"attacks must be at least one, all in {norm} within {radius:g}; give norm and radius.")
    drawing, *streams = stream(seed, TrainingStream.TABLE).spawn(1 + len(attacks))
    labels = subject.data.test_labels
    places = np.sort(drawing.permutation(len(labels))[:samples]).astype(np.int64)
    images, labels = subject.data.test_images[places], labels[places]
    clean = finite_margins(subject.network, images, labels)
    adversarial, worst, tried = images.copy(), np.full(len(places), np.inf), []
    for number, (attack, generator) in enumerate(zip(attacks, streams, strict=True)):
        share = 1.0 / len(attacks)
        tell = part_of(progress or silent, f"attack {number + 1} of {len(attacks)}", number * share, share)
        found = worst_case(subject.network, images, labels, attack=attack, generator=generator, progress=tell)
        tried.append(Tried(attack.describe(), found.margins))
        better = found.margins < worst
        adversarial[better], worst[better] = found.adversarial[better], found.margins[better]
    return AttackTable(norm, radius, places, clean, tuple(tried), adversarial)


def ball_of(subject: TrainedNetwork, norm: Norm | None = None, radius: float | None = None) -> tuple[Norm, float]:
    """Norm and radius of attacks: what is given, else those that the training was measured with every epoch.

    Raises
    ------
    ParameterError
        If the norm is another one and no radius is given.
    """
    measured = subject.training.settings.evaluation_attack
    norm = measured.norm if norm is None else norm
    if radius is None:
        if norm != measured.norm:
            raise ParameterError(f"norm is {norm}, but the training knows a radius in {measured.norm}; give a radius.")
        radius = measured.radius
    return norm, radius


def examples_of(subject: TrainedNetwork, table: AttackTable, count: int = 5) -> tuple[Example, ...]:
    """Images to look at, of different classes as far as possible: first those that an attack broke, then the others.

    Raises
    ------
    ParameterError
        If `count` is negative.
    """
    if count < 0:
        raise ParameterError(f"the number of images is {count}, but must be at least 0.")
    labels = subject.data.test_labels[table.places]
    right, broken = table.clean_margins > 0.0, table.worst.margins <= 0.0
    order: list[int] = []
    for group in (right & broken, right & ~broken, ~right):
        order += _in_turn(np.flatnonzero(group), labels)
    chosen = order[:count]
    clean = subject.data.test_images[table.places[chosen]]
    attacked = table.adversarial[chosen]
    if not chosen:
        return ()
    before, after = (class_probabilities(subject.network, images) for images in (clean, attacked))
    return tuple(
        Example(int(table.places[index]), clean[at], attacked[at], int(labels[index]), before[at], after[at])
        for at, index in enumerate(chosen)
    )


def _in_turn(index: NDArray[np.intp], labels: NDArray[np.int64]) -> list[int]:
    """The first of every class, then the second of every class, and so on."""
    seen: dict[int, int] = {}
    rounds = []
    for place in index.tolist():
        label = int(labels[place])
        rounds.append((seen.get(label, 0), label, place))
        seen[label] = seen.get(label, 0) + 1
    return [place for _, _, place in sorted(rounds)]


def table_attacks(norm: Norm, radius: float, classes: int, *, queries: int = QUERIES) -> tuple[Single, ...]:
    """The attacks of a table: FGSM in l_inf, and every member of `Standard`, the black-box one last.

    Parameters
    ----------
    classes : of the network; with 2 or 3 some losses do not exist
    queries : of Square Attack
    """
    fgsm = (Attack.fgsm(radius),) if norm == "linf" else ()
    return (*fgsm, *Standard(norm, radius, queries=queries).members(classes))
