"""The loss landscape around points: how steep the loss is, and how far it rises, within radius r.

For a ball of radius r around every point (l_inf or l_2, cut with the box of the pixels) two maxima are sought: of the
dual norm of the loss gradient, and of the rise of the loss over its value at the point. Their means over training and
over test points are the curves of arXiv 2306.01271's experiments on real images; the mean of the first is the "global
flatness" of its generalization bound (v1 and v4, Appendix B).

Neither maximum can be computed exactly for a network: what is reported is the largest value found, a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cgrosim.errors import ParameterError
from cgrosim.images.attacks.gradient import MOST_EFFORT, Norm
from cgrosim.model.settings import SettingsBase
from cgrosim.progress import Progress

if TYPE_CHECKING:
    from cgrosim.images.attacks.gradient import Classifier

Array = NDArray[np.float64]
Points = NDArray[Any]  # (n, ...), every point of any shape: pixels, or patches
Labels = NDArray[Any]

STRIDE = 2.5  # radii that an ascent can go in all, as usual for PGD (Madry et al. 2018, arXiv 1706.06083)
PROBE = 0.1  # radii


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
    """The balls of a norm, cut with a box that holds their centres; the box may be open."""

    norm: Norm = "linf"
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


class Search(SettingsBase):
    """How hard the maxima are sought at every radius; each step of an ascent has the length `STRIDE` radius / steps."""

    steps: int = Field(20, description="gradient steps of every search in a ball")
    restarts: int = Field(
        1,
        description="ascents of the loss from random points of the ball, besides those from the centre and from the "
        "best point so far; one ascent of the gradient norm starts at the steepest point so far",
    )
    randoms: int = Field(2, description="random points of the ball looked at without ascent")
    segments: int = Field(3, description="points looked at between the centre and the best point found")

    @model_validator(mode="after")
    def _possible(self) -> Search:
        for name, least in {"steps": 1, "restarts": 0, "randoms": 0, "segments": 0}.items():
            value = getattr(self, name)
            if not least <= value <= MOST_EFFORT:
                raise ValueError(f"{name} of the landscape search is {value}, but must be from {least} to 1e6.")
        return self

    def describe(self, norm: str) -> str:
        """In words, to stand beside the numbers."""
        return (
            f"{norm} PGD-{self.steps} at every radius r, step {STRIDE / self.steps:g} r, from the centre, the best "
            f"point of the smaller radii and {self.restarts} random start{'s' * (self.restarts != 1)}; {self.steps} "
            f"steps of ascent on the gradient norm; {self.randoms} random points, {self.segments} on the segment to "
            "the best point"
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
    cannot decrease with the radius. Most ascents climb the loss, one climbs the gradient norm; both are looked at
    wherever an ascent passes, at random points and on the segment from the centre to the point of largest loss.

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
    seen = _Seen(surface, points, labels, ball)
    start = seen.loss.copy()
    norms, changes = np.empty((2, len(points), len(radii)))
    for k, radius in enumerate(radii.tolist()):  # Python floats leave float32 points float32
        if radius > 0.0:
            _search_within(seen, radius, search, generator)
        norms[:, k], changes[:, k] = seen.norm, seen.loss - start
        if progress is not None:
            progress(f"radius {radius:.3g}", (k + 1) / len(radii))
    return Landscape(radii, norms, changes)


class _Seen:
    """The best of what was seen so far: points of largest loss and of largest gradient norm, with these values."""

    def __init__(self, surface: LossSurface, centres: Points, labels: Labels, ball: Ball) -> None:
        self.surface, self.centres, self.labels, self.ball = surface, centres, labels, ball
        self.highest, self.steepest = centres.copy(), centres.copy()
        self.loss = np.array(surface.losses(centres, labels), np.float64)
        self.norm = ball.dual_norm(surface.gradients(centres, labels))

    def look(self, points: Points) -> Points:
        """Note loss and gradient norm at points of the balls; return the gradients."""
        losses, gradients = self.surface.losses(points, self.labels), self.surface.gradients(points, self.labels)
        norms = self.ball.dual_norm(gradients)
        higher, steeper = losses > self.loss, norms > self.norm
        self.highest[higher], self.loss[higher] = points[higher], losses[higher]
        self.steepest[steeper], self.norm[steeper] = points[steeper], norms[steeper]
        return gradients


def _search_within(seen: _Seen, radius: float, search: Search, generator: np.random.Generator) -> None:
    """Look at all the places of the balls of one radius."""
    ball, centres = seen.ball, seen.centres
    starts = [centres, *(ball.draw(centres, radius, generator) for _ in range(search.restarts))]
    if not np.array_equal(seen.highest, centres):  # at the smallest radius the best point so far is the centre
        starts.append(seen.highest.copy())
    for start in starts:
        _climb_loss(seen, start, radius, search.steps)
    for _ in range(search.randoms):
        seen.look(ball.draw(centres, radius, generator))
    highest = seen.highest.copy()
    for k in range(1, search.segments + 1):
        share = k / (search.segments + 1)
        seen.look(ball.project(centres + share * (highest - centres), centres, radius))
    _climb_norm(seen, radius, search.steps)


def _climb_loss(seen: _Seen, start: Points, radius: float, steps: int) -> None:
    """Projected gradient ascent on the loss."""
    _climb(seen, start, radius, steps, lambda x, gradients: gradients)


def _climb_norm(seen: _Seen, radius: float, steps: int) -> None:
    """Projected gradient ascent on the gradient norm, from the steepest point so far.

    With u the steepest direction at x, the gradient of the dual norm is H(x) u, H the Hessian of the loss: the
    derivative of the gradient along u, here a difference quotient over `PROBE` radii. That bridges the kinks of a
    piecewise linear network, at which H is not defined.
    """

    def bent(x: Points, gradients: Points) -> Points:
        probe = x + (PROBE * radius) * seen.ball.steepest(gradients)
        return np.asarray(seen.surface.gradients(probe, seen.labels) - gradients)

    _climb(seen, seen.steepest.copy(), radius, steps, bent)


def _climb(seen: _Seen, x: Points, radius: float, steps: int, slope: Callable[[Points, Points], Points]) -> None:
    """Projected ascent along the slope that the point and the gradient of the loss there give."""
    for _ in range(steps):
        ahead = x + (STRIDE * radius / steps) * seen.ball.steepest(slope(x, seen.look(x)))
        x = seen.ball.project(ahead, seen.centres, radius)
    seen.look(x)


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
