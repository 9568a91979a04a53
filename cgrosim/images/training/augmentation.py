"""Training images moved and mirrored at random, anew in every epoch (as before Krizhevsky et al. 2012 and since)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.training.samples import Samples
from cgrosim.images.training.settings import Settings
from cgrosim.model.streams import TrainingStream, stream


@dataclass(frozen=True)
class Moves:
    """What happens to every image in one epoch.

    Attributes
    ----------
    down, right : ``(n,)``, pixels by which it is moved; black (0) comes in
    mirrored : ``(n,)``, whether it is then mirrored left to right
    """

    down: NDArray[np.int64]
    right: NDArray[np.int64]
    mirrored: NDArray[np.bool_]

    def of(self, samples: Samples, index: NDArray[np.int64]) -> Samples:
        """The samples of the given places, moved."""
        images = samples.images[index]
        down, right, mirrored = self.down[index], self.right[index], self.mirrored[index]
        height, width = images.shape[1:3]
        by = int(max(np.abs(down).max(), np.abs(right).max()))
        wide = np.pad(images, ((0, 0), (by, by), (by, by), (0, 0)))
        row, column = np.arange(height), np.arange(width)
        turned = np.where(mirrored[:, None], column[::-1], column)
        rows, columns = by - down[:, None] + row, by - right[:, None] + turned
        moved = wide[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]
        return Samples(np.ascontiguousarray(moved), samples.labels[index])


def draw_moves(settings: Settings, epoch: int, count: int) -> Moves | None:
    """The moves of an epoch, every shift and side alike; None if images stay as they are.

    Shifts and flips have streams of their own, so that one does not change the other, nor the order of the images.
    """
    most = settings.random_shift
    if most == 0 and not settings.random_flip:
        return None
    down, right = stream(settings.seed, TrainingStream.SHIFTS, epoch).integers(-most, most + 1, (2, count))
    mirrored = stream(settings.seed, TrainingStream.FLIPS, epoch).random(count) < 0.5
    return Moves(down, right, mirrored & settings.random_flip)
