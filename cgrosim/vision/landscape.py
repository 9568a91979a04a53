"""The loss landscape around points: how steep the loss is, and how far it rises, within radius r.

For a ball of radius r around every point (l_inf or l_2, cut with the box of the pixels) two maxima are sought: of the
dual norm of the loss gradient, and of the rise of the loss over its value at the point. Their means over training and
over test points are the curves of arXiv 2306.01271's experiments on real images; the mean of the first is the "global
flatness" of its generalization bound (v1 and v4, Appendix B).

Neither maximum can be computed exactly for a network: what is reported is the largest value found, a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError

if TYPE_CHECKING:
    from cgrosim.vision.attacks import Classifier

Array = NDArray[np.float64]
Points = NDArray[Any]  # (n, ...), every point of any shape: pixels, or patches
Labels = NDArray[Any]
Progress = Callable[[str, float], None]


class LossSurface(Protocol):
    """A loss as a function of the input: all that the measurement needs of a model, for images or for patches."""

    def losses(self, points: Points, labels: Labels) -> Array:
        """Loss at every point, ``(n,)``."""

    def gradients(self, points: Points, labels: Labels) -> Points:
        """Gradient of every point's own loss, shaped like `points`."""


@dataclass(frozen=True)
class NetworkSurface:
    """The cross-entropy of an image network; the losses are computed from its logits in double precision."""

    network: Classifier

    def losses(self, points: Points, labels: Labels) -> Array:
        """Cross-entropy of every image, without the cancellation of 1 - p that a confident network meets."""
        logits = np.asarray(self.network.logits(points), np.float64)
        behind = logits - logits[np.arange(len(labels)), labels][:, None]
        behind[np.arange(len(labels)), labels] = -np.inf
        top = np.maximum(behind.max(axis=1), 0.0)
        others = np.exp(behind - top[:, None]).sum(axis=1)
        return np.asarray(top + np.log1p(others + np.expm1(-top)))

    def gradients(self, points: Points, labels: Labels) -> Points:
        """Gradient with respect to the pixels."""
        return self.network.input_gradient(points, labels)


@dataclass(frozen=True)
class Ball:
    """The balls of a norm, cut with a box that holds their centres."""

    norm: Literal["linf", "l2"] = "linf"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l2"):
            raise ParameterError(f"norm is {self.norm!r}, but must be linf or l2.")
        if not self.low < self.high:
            raise ParameterError(f"the box reaches from {self.low:g} to {self.high:g}, but must not be empty.")

    def project(self, points: Points, centres: Points, radius: float) -> Points:
        """Into the ball and then into the box, which leads no point out of the ball: both are convex with the centre.

        For l_2 the result lies in the intersection but need not be its nearest point.
        """
        offset = points - centres
        if self.norm == "linf":
            offset = np.clip(offset, -radius, radius)
        else:
            offset = offset * np.minimum(1.0, radius / np.maximum(_length(offset), 1e-300)).astype(offset.dtype)
        return np.clip(centres + offset, self.low, self.high)

    def draw(self, centres: Points, radius: float, generator: np.random.Generator) -> Points:
        """One uniform point of every ball, brought into the box."""
        if self.norm == "linf":
            offset = generator.uniform(-radius, radius, centres.shape)
        else:
            offset = generator.standard_normal(centres.shape)
            share = generator.random(len(centres)) ** (1.0 / centres[0].size)
            offset *= radius * _spread(share, centres) / _length(offset)
        return self.project(centres + offset.astype(centres.dtype), centres, radius)

    def steepest(self, gradients: Points) -> Points:
        """Direction of unit length in the norm along which a linear function with this gradient rises fastest."""
        if self.norm == "linf":
            return np.sign(gradients)
        length = _length(gradients)
        return gradients / np.where(length > 0.0, length, 1.0).astype(gradients.dtype)

    def dual_norm(self, gradients: Points) -> Array:
        """Rate of that rise, ``(n,)``: the l_1 norm of the gradient for l_inf, the l_2 norm for l_2."""
        flat = gradients.reshape(len(gradients), -1).astype(np.float64)
        return np.abs(flat).sum(axis=1) if self.norm == "linf" else np.sqrt((flat**2).sum(axis=1))


@dataclass(frozen=True)
class Search:
    """How hard the maxima are sought at every radius.

    Attributes
    ----------
    steps : gradient steps of each ascent, of length 2.5 radius / steps
    restarts : ascents from random points of the ball, besides the two from the centre and from the best point so far
    randoms : random points of the ball at which loss and gradient are looked at without ascent
    segments : points between the centre and the best point found, the gradient there
    """

    steps: int = 20
    restarts: int = 1
    randoms: int = 2
    segments: int = 3

    def __post_init__(self) -> None:
        for name, least in {"steps": 1, "restarts": 0, "randoms": 0, "segments": 0}.items():
            value = getattr(self, name)
            if value < least:
                raise ParameterError(f"{name} of the landscape search is {value}, but must be at least {least}.")

    def describe(self, norm: str) -> str:
        """In words, to stand beside the numbers."""
        return (
            f"{norm} PGD-{self.steps} at every radius r, step {2.5 / self.steps:g} r, from the centre, from the best "
            f"point of the smaller radii and from {self.restarts} random starts; {self.randoms} random points, "
            f"{self.segments} on the segment to the best point"
        )


@dataclass(frozen=True)
class Landscape:
    """What was found around every point: ``(n, radii)`` arrays that do not decrease along the radii.

    Attributes
    ----------
    gradient_norm : largest dual norm of the loss gradient in the ball (local flatness), per unit of the input
    value_change : largest rise of the loss in the ball over its value at the centre, in nat
    """

    radii: Array
    gradient_norm: Array
    value_change: Array


def measure(
    surface: LossSurface,
    points: Points,
    labels: Labels,
    radii: Array,
    ball: Ball,
    search: Search,
    generator: np.random.Generator,
    progress: Progress | None = None,
) -> Landscape:
    """Seek both maxima within every radius of every point.

    The balls are nested, so every point seen at a smaller radius also counts at the larger ones: the maxima found
    cannot decrease with the radius. Each ascent climbs the loss; the gradient norm is looked at wherever an ascent
    passes, at random points and on the segment from the centre to the best point.

    Parameters
    ----------
    points : ``(n, ...)``, inside the box of `ball`
    labels : whatever `surface` takes
    radii : increasing, from 0 or above; at radius 0 the gradient norm is that at the point and the rise is zero

    Raises
    ------
    ParameterError
        If the radii are not increasing, negative or not finite, or a point lies outside the box.
    """
    radii = np.asarray(radii, np.float64)
    _check(points, radii, ball)
    start = surface.losses(points, labels)
    seen = _Seen(points.copy(), start.copy(), ball.dual_norm(surface.gradients(points, labels)))
    norms, changes = np.empty((2, len(points), len(radii)))
    for k, radius in enumerate(radii.tolist()):  # Python floats leave float32 points float32
        if radius > 0.0:
            for at in _looked_at(surface, points, labels, radius, ball, search, generator, seen):
                seen.add(*at)
        norms[:, k], changes[:, k] = seen.norm, seen.loss - start
        if progress is not None:
            progress(f"radius {radius:.3g}", (k + 1) / len(radii))
    return Landscape(radii, norms, changes)


@dataclass
class _Seen:
    """The best of what was seen so far: the point of largest loss, that loss, and the largest gradient norm."""

    point: Points
    loss: Array
    norm: Array

    def add(self, points: Points, losses: Array, norms: Array) -> None:
        higher = losses > self.loss
        self.point[higher], self.loss[higher] = points[higher], losses[higher]
        self.norm = np.maximum(self.norm, norms)


def _looked_at(
    surface: LossSurface,
    centres: Points,
    labels: Labels,
    radius: float,
    ball: Ball,
    search: Search,
    generator: np.random.Generator,
    seen: _Seen,
) -> Iterator[tuple[Points, Array, Array]]:
    """Every place of the balls at which loss and gradient are looked at, with both."""

    def look(x: Points) -> tuple[tuple[Points, Array, Array], Points]:
        gradients = surface.gradients(x, labels)
        return (x, surface.losses(x, labels), ball.dual_norm(gradients)), gradients

    starts = [centres, *(ball.draw(centres, radius, generator) for _ in range(search.restarts))]
    if not np.array_equal(seen.point, centres):  # at the smallest radius the best point so far is the centre
        starts.insert(1, seen.point.copy())
    for x in starts:
        for step in range(search.steps + 1):
            found, gradients = look(x)
            yield found
            if step < search.steps:
                x = ball.project(x + (2.5 * radius / search.steps) * ball.steepest(gradients), centres, radius)
    for _ in range(search.randoms):
        yield look(ball.draw(centres, radius, generator))[0]
    best = seen.point.copy()
    for k in range(1, search.segments + 1):
        share = k / (search.segments + 1)
        yield look(ball.project(centres + share * (best - centres), centres, radius))[0]


def _check(points: Points, radii: Array, ball: Ball) -> None:
    if radii.ndim != 1 or len(radii) == 0 or not np.all(np.isfinite(radii)):
        raise ParameterError(f"radii are {radii.tolist()}, but must be a list of increasing numbers from 0 or above.")
    if radii[0] < 0.0 or np.any(np.diff(radii) <= 0.0):
        raise ParameterError(f"radii are {radii.tolist()}, but must be increasing numbers from 0 or above.")
    if len(points) == 0:
        raise ParameterError("there are no points to measure the landscape at; take at least one.")
    if np.min(points) < ball.low or np.max(points) > ball.high:
        raise ParameterError(
            f"the points reach from {np.min(points):g} to {np.max(points):g}, outside the box from {ball.low:g} to "
            f"{ball.high:g}; scale them."
        )


def _length(offset: Points) -> Array:
    return _spread(np.sqrt((offset.reshape(len(offset), -1).astype(np.float64) ** 2).sum(axis=1)), offset)


def _spread(values: Array, like: Points) -> Array:
    return values.reshape(-1, *(1,) * (like.ndim - 1))
