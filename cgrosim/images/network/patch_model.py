"""The theory's two-layer patch network on real images, in float64, with the attack of the theory carried over.

Why not the compiled float32 network: a decomposition of the margin into parts that must add up to it, and a comparison
with the simulator of the theory, both need float64; and centred images need a pixel box that differs from pixel to
pixel. The products are the float64 kernels of the simulator, whose bits do not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim import kernels
from cgrosim.errors import ParameterError
from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.attacks.gradient import perturb as pixel_attack
from cgrosim.images.network.ascent import ascend
from cgrosim.images.network.layers import Architecture, Convolution, FixedReadout, Power
from cgrosim.images.network.losses import margins
from cgrosim.images.network.reference import cut_patches, join_patches
from cgrosim.model.activations import activate, derivative
from cgrosim.model.linear_algebra import combination, product

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class ClassMeans:
    """What the classes have in common, and what tells their means apart.

    The network sees images minus `common`, the mean of the class means. Of two classes the centred means are then
    exactly +mu and -mu with mu half their difference: the ``alpha y w_star`` of the theory, with a length of its own
    at every patch. Without centring the two means would share a part that carries no label, and the odd power would
    mix it with everything else.

    Attributes
    ----------
    common : (P, d), patch by patch
    parts : (classes, P, d), class means minus `common`
    """

    common: Array
    parts: Array

    @classmethod
    def of(cls, images: NDArray[Any], labels: Labels, classes: int, patch: int) -> ClassMeans:
        """Means of labelled images (n, h, w, c).

        Raises
        ------
        ParameterError
            If a class has no image.
        """
        counts = np.bincount(labels, minlength=classes)
        if np.any(counts[:classes] == 0):
            raise ParameterError(f"class {int(np.argmin(counts))} has no training image; take more images.")
        means = np.stack([as_patches(images[labels == k], patch).mean(axis=0) for k in range(classes)])
        common = means.mean(axis=0)
        return cls(common, means - common)

    @property
    def lengths(self) -> Array:
        """(classes, P): the length of every part, the analogue of the signal strength alpha."""
        return np.asarray(np.linalg.norm(self.parts, axis=2))

    @property
    def directions(self) -> Array:
        """(classes, P, d): unit vectors along the parts; zero where the classes do not differ."""
        lengths = self.lengths[..., None]
        return self.parts / np.where(lengths > 0.0, lengths, 1.0)


def as_patches(images: ArrayLike, patch: int) -> Array:
    """``(n, h, w, c) -> (n, P, p*p*c)`` in float64, the patches row by row."""
    cut = cut_patches(np.asarray(images, np.float64), patch)
    return cut.reshape(len(cut), -1, cut.shape[3])


@dataclass(frozen=True, eq=False)
class PatchSamples:
    """The same samples as images (n, h, w, c) and as centred patches (n, P, d), with their labels (n,)."""

    images: NDArray[Any]
    patches: Array
    labels: Labels


class PatchNetwork:
    """The network ``logits = readout(sum_j phi(<w_r, X[j] - common[j]>))``, trained in its filters only.

    It has what the attacks ask of a network on images: `logits`, `input_gradient` and `perturb`. The other methods
    work on centred patches (n, P, d).

    Parameters
    ----------
    architecture : from `cgrosim.images.network.architectures.patch_network`
    weights : (m, d) filters
    common : (P, d), subtracted from every image
    """

    def __init__(self, architecture: Architecture, weights: Array, common: Array) -> None:
        filters, power, readout = (architecture.layers[k] for k in (0, 1, -1))
        if not (isinstance(filters, Convolution) and isinstance(power, Power) and isinstance(readout, FixedReadout)):
            raise ParameterError(f"{architecture.name} is not a patch network; make it with patch_network.")
        self.architecture, self.common = architecture, common
        self.exponent = float(power.exponent)
        self.weights = np.ascontiguousarray(weights, np.float64).copy()
        self.readout = readout.matrix(filters.filters)

    def centred(self, images: ArrayLike) -> Array:
        """Images (n, h, w, c) as centred patches (n, P, d)."""
        return as_patches(images, self.architecture.patch) - self.common

    def samples(self, images: NDArray[Any], labels: Labels) -> PatchSamples:
        """Labelled images with their centred patches."""
        return PatchSamples(images, self.centred(images), labels)

    def class_means(self, means: ClassMeans) -> PatchSamples:
        """The class mean images as samples of their classes."""
        images = self._joined(means.parts + means.common)
        return PatchSamples(images, means.parts, np.arange(len(means.parts)))

    def projections(self, patches: Array) -> Array:
        """``<w_r, X_i[j]>``: (n, P, m)."""
        return product(_rows(patches), self.weights).reshape(*patches.shape[:2], -1)

    def scores(self, projections: Array) -> Array:
        """The logits (n, classes) that projections (n, P, m) give."""
        sums = activate("power", projections, self.exponent).sum(axis=1)
        return product(sums, np.ascontiguousarray(self.readout.T))

    def margins(self, patches: Array, labels: Labels) -> Array:
        """Logit of the label minus the largest other: (n,); for two classes y f(X)."""
        return margins(self.scores(self.projections(patches)), labels)

    def descend(self, patches: Array, labels: Labels, rate: float, out: Array) -> None:
        """Subtract ``rate`` times the gradient of the mean loss at `patches` from `out`, which may be the weights."""
        force = self._force(self.projections(patches), labels)
        kernels.accumulate(force, _rows(patches), out, -rate / len(labels))

    def patch_gradient(self, patches: Array, labels: Labels) -> Array:
        """Gradient of every sample's own loss with respect to its patches: (n, P, d)."""
        return combination(self._force(self.projections(patches), labels), self.weights).reshape(patches.shape)

    def logits(self, images: ArrayLike) -> Array:
        """(n, classes) for images (n, h, w, c)."""
        return self.scores(self.projections(self.centred(images)))

    def input_gradient(self, images: ArrayLike, labels: Labels) -> Array:
        """Gradient of every sample's own loss with respect to its pixels, shaped like `images`."""
        return self._joined(self.patch_gradient(self.centred(images), labels))

    def perturb(
        self,
        images: ArrayLike,
        labels: Labels,
        start: ArrayLike,
        *,
        norm: str,
        radius: float,
        step_size: float,
        steps: int,
        keep_worst: bool = False,
        low: float = 0.0,
        high: float = 1.0,
    ) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Projected gradient ascent on the loss; as `cgrosim.images.network.network.Network.perturb`."""
        return ascend(self, images, labels, start, norm, radius, step_size, steps, keep_worst, low, high)

    def attacked(
        self,
        samples: PatchSamples,
        means: ClassMeans,
        attack: ClassMeanAttack | Attack,
        generator: np.random.Generator,
        keep_worst: bool = False,
    ) -> Array:
        """Centred patches (n, P, d) under an attack.

        A pixel attack moves the images inside the pixel box and draws its starts from `generator`; `keep_worst` keeps
        its worst iterate instead of the last.
        """
        if isinstance(attack, ClassMeanAttack):
            return self._along_means(samples.patches, samples.labels, means, attack)
        found, _, _ = pixel_attack(
            self, samples.images, samples.labels, attack=attack, generator=generator, keep_worst=keep_worst
        )
        return self.centred(found)

    def _along_means(self, patches: Array, labels: Labels, means: ClassMeans, attack: ClassMeanAttack) -> Array:
        """Centred patches under `ClassMeanAttack`.

        Raises
        ------
        ParameterError
            If the exact search is asked for other than two classes or exponent 3.
        """
        parts = means.parts[labels]
        if not attack.search:
            return patches - (1.0 - attack.gap) * parts
        if self.exponent != 3.0 or self.readout.shape[1] != 2:
            raise ParameterError(
                "The exact attack along class means is known for two classes and exponent 3; use the full shift."
            )
        second_layer = self.readout[:, 1] - self.readout[:, 0]  # +1 or -1, and a phi(z) = phi(a z)
        sign = second_layer * np.where(labels == 1, 1.0, -1.0)[:, None, None]
        own, part = sign * self.projections(patches), sign * self.projections(means.parts)[labels]
        shift = worst_shift(own, part, 1.0 - attack.gap)
        return patches - shift[..., None] * parts

    def _joined(self, patches: Array) -> Array:
        height, width = self.architecture.shapes[0][:2]
        return join_patches(patches.reshape(len(patches), height, width, -1), self.architecture.patch)

    def _force(self, projections: Array, labels: Labels) -> Array:
        """Derivative of every sample's own loss with respect to its projections, as rows (n P, m)."""
        slopes = product(loss_slopes(self.scores(projections), labels), self.readout)
        force = derivative("power", projections, self.exponent) * slopes[:, None, :]
        return force.reshape(-1, len(self.weights))


def loss_slopes(logits: Array, labels: Labels) -> Array:
    """Gradient of the cross-entropy with respect to the logits (n, classes).

    The label's entry is minus the sum of the others: ``p - 1`` would lose all digits once p is near 1, and the late
    stages live on exactly those small numbers.
    """
    rows = np.arange(len(labels))
    slopes = np.exp(logits - logits.max(axis=1, keepdims=True))
    slopes /= slopes.sum(axis=1, keepdims=True)
    slopes[rows, labels] = 0.0
    slopes[rows, labels] = -slopes.sum(axis=1)
    return slopes


def worst_shift(own: Array, part: Array, bound: float) -> Array:
    """The t in [-bound, bound] that makes ``sum_r (own_r - t part_r)^3`` smallest, patch by patch.

    The sum is a cubic in t, so its smallest value is at an end or at a root of its quadratic derivative
    ``-3 sum_r part_r (own_r - t part_r)^2``; the margin is a sum over patches, so every patch chooses for itself.

    Parameters
    ----------
    own, part : (n, P, m), projections of the patches and of their class-mean parts, both times the label's sign

    Returns
    -------
    (n, P)
    """
    a = -np.sum(part**3, axis=2)
    b = np.sum(own * part**2, axis=2)
    c = -np.sum(own**2 * part, axis=2)
    # derivative / 3 = a t^2 + 2 b t + c; its roots without cancellation (Numerical Recipes, 5.6)
    discriminant = b * b - a * c
    half = -(b + np.copysign(np.sqrt(np.maximum(discriminant, 0.0)), b))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        roots = [np.where(discriminant > 0.0, root, np.nan) for root in (half / a, c / half)]
    ends = [np.full_like(a, bound), np.full_like(a, -bound)]
    tried = np.stack(ends + [np.where(np.abs(root) < bound, root, bound) for root in roots])
    values = ((a * tried + 3.0 * b) * tried + 3.0 * c) * tried  # comparisons with nan are false, so nan means the end
    return np.take_along_axis(tried, values.argmin(axis=0)[None], axis=0)[0]


def _rows(patches: Array) -> Array:
    return np.ascontiguousarray(patches.reshape(-1, patches.shape[2]))
