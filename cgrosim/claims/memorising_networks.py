"""Data, clean classifiers and measurements with which networks that memorise balls are compared with their theory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params
from cgrosim.model.patches import draw_direction, draw_patch_data
from cgrosim.theory.ball_attacks import attack
from cgrosim.theory.balls import METRICS, Norm, separation
from cgrosim.theory.certification import certify
from cgrosim.theory.relu_composition import affine_network
from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.representation import CgroClassifier, cgro_classifier, classification_margins

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Task:
    """Training and test points as rows, their labels, and a classifier that is right on most of them."""

    name: str
    points: Array
    labels: Labels
    test_points: Array
    test_labels: Labels
    clean: ReluNetwork


@dataclass(frozen=True, eq=False)
class Measured:
    """What a memorising network does on a task; errors are shares.

    Attributes
    ----------
    classifier : the network and what it was built from
    radius : delta of the attack, and of the balls unless the world is wrong on purpose
    certified_error : upper bound of the robust training error
    certified_margin : smallest proved margin on a training ball
    attacked_margins : smallest margins an attack finds in (some of) the training balls
    clean_error, clean_error_before : on test points, of the network and of the clean classifier
    newly_wrong : test points that only the network gets wrong
    contested : test points within 2 delta of a training sample of another class, the only ones it may get wrong
    robust_error, robust_error_before : lower bounds from attacks on the network and on the clean classifier
    covered : share of test points in a ball of their own class
    inherited, kept : adversarial examples of the clean classifier beyond 2 delta of every sample, and how many of them
        fool the network too
    test_points, adversarial : attacked test points and the worst found around them
    """

    classifier: CgroClassifier
    radius: float
    certified_error: float
    certified_margin: float
    attacked_margins: Array
    clean_error: float
    clean_error_before: float
    newly_wrong: int
    contested: int
    robust_error: float
    robust_error_before: float
    covered: float
    inherited: int
    kept: int
    test_points: Array
    adversarial: Array


def patch_task(generator: np.random.Generator, *, dimension: int, patches: int, samples: int, test: int) -> Task:
    """The patch distribution (arXiv 2306.01271 v4, Def. 5.1) with the sum of <w_star, X[j]> as its clean classifier."""
    params = Params.from_paper(dimension, samples=samples, patches=patches)
    direction = draw_direction(params, generator)
    train, fresh = (draw_patch_data(params, generator, direction, samples=count) for count in (samples, test))
    rows = [data.inputs().reshape(-1, patches * dimension) for data in (train, fresh)]
    labels = [data.labels.astype(np.int64) for data in (train, fresh)]
    clean = affine_network(np.tile(direction, patches)[None], [0.0])
    return Task(f"patch data, d = {dimension}, P = {patches}", rows[0], labels[0], rows[1], labels[1], clean)


def digits_task(generator: np.random.Generator, *, samples: int, test: int, clean: ReluNetwork | None = None) -> Task:
    """The digits of scikit-learn; without a classifier that of the nearest class mean."""
    from cgrosim.images.data.datasets import load_dataset

    found = image_task(load_dataset("digits").subset(samples, test, generator))
    return replace(found, clean=nearest_mean(found) if clean is None else clean)


def mnist_task(folder: Path, generator: np.random.Generator, *, samples: int, test: int) -> Task:
    """A subset of MNIST with the classifier of the nearest class mean."""
    from cgrosim.images.data.datasets import load_dataset

    data = load_dataset("mnist", folder, train_count=samples, test_count=test, generator=generator)
    found = image_task(data)
    return replace(found, clean=nearest_mean(found))


def nearest_mean(task: Task) -> ReluNetwork:
    """The classifier of the nearest class mean, ``<mu_k, x> - |mu_k|^2 / 2``."""
    means = np.stack([task.points[task.labels == k].mean(axis=0) for k in range(task.labels.max() + 1)])
    return affine_network(means, -0.5 * np.sum(means**2, axis=1))


def image_task(dataset: Dataset) -> Task:
    """Images as rows, with a classifier of no weights to be replaced."""
    points, test_points = (np.asarray(images, np.float64).reshape(len(images), -1)
                           for images in (dataset.train_images, dataset.test_images))  # fmt: skip
    nothing = affine_network(np.zeros((dataset.classes, points.shape[1])), np.zeros(dataset.classes))
    return Task(dataset.name, points, dataset.train_labels, test_points, dataset.test_labels, nothing)


def measure_task(
    task: Task,
    radius: float,
    norm: Norm,
    generator: np.random.Generator,
    *,
    attacked: int = 100,
    ball_share: float = 1.0,
    left_out: float = 0.0,
    **options: Any,
) -> Measured:
    """Build the network with balls of `ball_share` times the radius, certify and attack it with the whole radius.

    `left_out`: that share of the attacked samples, those with the smallest margins of the clean classifier, have no
    ball, as in a wrong world; certificate and attack speak of all of them.

    At most `attacked` training balls and as many test points are attacked, by random points, corners and gradients of
    the network and of the clean classifier; `options` go to the attack.
    """
    kept = np.ones(len(task.points), dtype=bool)
    if left_out:
        margins = classification_margins(task.clean, task.points[:attacked], task.labels[:attacked])
        kept[np.argsort(margins)[: round(left_out * len(margins))]] = False
    built = cgro_classifier(task.clean, task.points[kept], task.labels[kept], radius=ball_share * radius, norm=norm)
    built = replace(built, samples=task.points, labels=task.labels)
    certificate = certify(replace(built, radius=radius))
    points, labels = task.test_points[:attacked], task.test_labels[:attacked]
    on_balls, _ = attack(
        built.network, task.points[:attacked], task.labels[:attacked], radius=radius, norm=norm, generator=generator,
        guides=[task.clean], **options,
    )  # fmt: skip
    before, adversarial = attack(task.clean, points, labels, radius=radius, norm=norm, generator=generator, **options)
    far = (before <= 0) & (_nearest(adversarial, task.points, norm) >= 2 * radius * (1 + 1e-12))
    still = classification_margins(built.network, adversarial, labels) <= 0
    margins, found = attack(
        built.network, points, labels, radius=radius, norm=norm, generator=generator, guides=[task.clean], **options
    )
    margins = np.where(still, -1.0, margins)
    found[still] = adversarial[still]
    right = classification_margins(task.clean, task.test_points, task.test_labels) > 0
    now = built.margins(task.test_points, task.test_labels) > 0
    distances = _distances(task.test_points, task.points, norm)
    other = task.test_labels[:, None] != task.labels
    return Measured(
        built, radius, certificate.robust_training_error, float(certificate.margins.min()), on_balls,
        float(np.mean(~now)), float(np.mean(~right)), int(np.sum(right & ~now)),
        int(np.sum(np.where(other, distances, np.inf).min(axis=1) <= 2 * radius)),
        float(np.mean(margins <= 0)), float(np.mean(before <= 0)),
        float(np.mean(np.where(other, np.inf, distances).min(axis=1) <= radius)),
        int(far.sum()), int(np.sum(far & still)), points, found,
    )  # fmt: skip


def closest_pair_radius(task: Task, norm: Norm) -> float:
    """Half the distance of the two closest training samples of different classes: the radius that is refused."""
    return 0.5 * separation(task.points, task.labels, norm).distance


def _distances(points: Array, others: Array, norm: Norm) -> Array:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(points, others, METRICS[norm]))


def _nearest(points: Array, others: Array, norm: Norm) -> Array:
    return np.asarray(_distances(points, others, norm).min(axis=1))
