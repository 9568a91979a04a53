"""Image networks whose global flatness is compared with their robust generalization gap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.claims.image_runs import digits_settings, train_on_digits

if TYPE_CHECKING:
    from cgrosim.images.training.settings import Settings


@dataclass(frozen=True)
class Sizes:
    """How much is trained: LeNet on `images` digits, for every width and radius, read after these epochs."""

    images: int = 100
    test: int = 200
    widths: tuple[int, ...] = (3, 6, 9)
    radii: tuple[float, ...] = (0.05, 0.1)
    epochs: tuple[int, ...] = (5, 10, 20, 30, 40)
    steps: int = 5


@dataclass(frozen=True)
class ImageMoment:
    """One network after one epoch; losses and flatness are means over all training, and over test images.

    Attributes
    ----------
    epoch, width, radius : of the network, and of the attack it is trained against
    train_flatness, test_flatness : largest l_1 norm of the loss gradient found within the radius (l_inf)
    train_loss, test_loss : largest loss found there
    """

    epoch: int
    width: int
    radius: float
    train_flatness: float
    test_flatness: float
    train_loss: float
    test_loss: float

    @property
    def robust_gap(self) -> float:
        """Robust generalization gap of the loss."""
        return self.test_loss - self.train_loss


def changes_of(sizes: Sizes, width: int, radius: float) -> dict[str, Any]:
    """What differs from the digits' default settings; the measurement after every epoch is cut down to nothing."""
    return {"width": width, "radius": radius, "epochs": max(sizes.epochs), "evaluation_samples": 1,
            "snapshots": sizes.epochs}  # fmt: skip


def settings_of(seed: int, sizes: Sizes, width: int, radius: float) -> Settings:
    """Settings of one adversarial training."""
    return digits_settings(seed, sizes.images, **changes_of(sizes, width, radius))


@lru_cache(maxsize=32)
def image_moments(seed: int, sizes: Sizes) -> tuple[ImageMoment, ...]:
    """Train every width at every radius on one draw of the digits, and look around all images.

    The largest loss and the largest gradient norm of a ball are what a search finds, lower bounds of both.
    """
    from cgrosim.images.experiments.landscape_search import Ball, NetworkSurface, Search, measure
    from cgrosim.images.training.train import new_network
    from cgrosim.model.streams import TrainingStream, stream

    found, search = [], Search(sizes.steps, 0, 0, 1)
    for width in sizes.widths:
        for radius in sizes.radii:
            settings, data, training = train_on_digits(
                seed, sizes.images, sizes.test, **changes_of(sizes, width, radius)
            )
            for epoch, parameters in sorted(training.snapshots.items()):
                surface = NetworkSurface(new_network(settings.architecture, parameters))
                flat, loss = [], []
                for place, part in enumerate((data.train, data.test)):
                    around = measure(surface, part.images, part.labels, np.array([radius]), Ball(settings.attack.norm),
                                     search, stream(seed, TrainingStream.CLAIM_FLATNESS, place))  # fmt: skip
                    flat.append(float(np.mean(around.gradient_norm)))
                    loss.append(float(np.mean(surface.losses(part.images, part.labels) + around.value_change[:, 0])))
                found.append(ImageMoment(epoch, width, radius, *flat, *loss))
    return tuple(found)
