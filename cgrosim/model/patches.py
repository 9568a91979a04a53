"""The patch data distribution and the initial weights; the random draws of the explicit path live here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.params import Params

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PatchData:
    """Labelled samples of the patch distribution (arXiv 2306.01271v4, Definition 5.1).

    Attributes
    ----------
    labels : (N,) array of -1.0 and +1.0
    signal_index : (N,) array of int, position of the patch that carries the true feature
    noise : (N, P-1, d) array, the spurious patches in the order of their positions, orthogonal to `direction`
    direction : (d,) unit vector w_star
    signal_strength : alpha
    features : (N,) +1.0 where the label is the feature's, -1.0 where it is flipped, 0.0 where there is no feature;
        None where all are +1.0
    """

    labels: Array
    signal_index: NDArray[np.int64]
    noise: Array
    direction: Array
    signal_strength: float
    features: Array | None = None

    @property
    def feature_signs(self) -> Array:
        """(N,) sign of the true feature in each sample, 0.0 where there is none."""
        return self.labels if self.features is None else self.labels * self.features

    @property
    def noise_positions(self) -> NDArray[np.int64]:
        """(N, P-1) positions of the noise patches."""
        order = np.arange(self.noise.shape[1])
        return np.asarray(order + (order >= self.signal_index[:, None]), dtype=np.int64)

    def inputs(self) -> Array:
        """The (N, P, d) network inputs."""
        samples, others, dimension = self.noise.shape
        inputs = np.empty((samples, others + 1, dimension))
        rows = np.arange(samples)
        inputs[rows, self.signal_index] = (self.signal_strength * self.feature_signs)[:, None] * self.direction
        inputs[rows[:, None], self.noise_positions] = self.noise
        return inputs


def draw_direction(params: Params, generator: np.random.Generator) -> Array:
    """Draw the direction of the true feature, uniform on the sphere."""
    direction = generator.standard_normal(params.dimension)
    return np.asarray(direction / np.sqrt(np.sum(direction**2)))


def draw_labels(samples: int, generator: np.random.Generator) -> Array:
    """Draw uniform labels -1.0 and +1.0."""
    return np.asarray(2.0 * generator.integers(0, 2, samples) - 1.0, dtype=np.float64)


def draw_patch_data(
    params: Params, generator: np.random.Generator, direction: Array, *, samples: int | None = None
) -> PatchData:
    """Draw samples: a uniform label, a uniform position of the signal, noise patches orthogonal to the direction."""
    count = params.samples if samples is None else samples
    labels = draw_labels(count, generator)
    position = generator.integers(0, params.patches, count)
    noise = params.noise_std * generator.standard_normal((count, params.patches - 1, params.dimension))
    for _ in range(2):  # the second projection removes the round-off of the first
        noise -= np.einsum("ijk,k->ij", noise, direction)[..., None] * direction
    return PatchData(labels, position, noise, direction, params.signal_strength)


def draw_weights(params: Params, generator: np.random.Generator) -> Array:
    """Draw the (m, d) initial filters, i.i.d. N(0, init_std^2) coordinates."""
    return params.init_std * generator.standard_normal((params.neurons, params.dimension))
