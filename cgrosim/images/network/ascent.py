"""Ascent on a loss inside a ball and the pixel box in plain NumPy: PGD, and APGD, whose step size adapts.

APGD is that of Croce and Hein (2020, arXiv 2003.01690v2, Section 3 and Algorithm 1), written down from the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.images.network.losses import Array, margins
from cgrosim.interrupts import stop_where_wanted

INERTIA = 0.25  # share of the last move in the next one: 1 - alpha of the paper, alpha = 0.75
LEAST_RISES = 0.75  # rho: share of the steps in which the loss has to rise
FIRST_RATE = 2.0  # step size at the start, in radii


def direction(gradient: Array, norm: str) -> Array:
    """Steepest direction of unit length in the norm: the sign for ``linf``, g / |g| for ``l2`` (zero where g is)."""
    if norm == "linf":
        return np.sign(gradient)
    length = np.sqrt((gradient**2).sum(axis=(1, 2, 3), keepdims=True))
    return gradient / np.where(length > 0, length, 1.0)


def project(x: Array, clean: Array, radius: float, norm: str) -> Array:
    """Nearest point of the ball around `clean`."""
    if norm == "linf":
        return np.clip(x, clean - radius, clean + radius)
    offset = x - clean
    length = np.sqrt((offset**2).sum(axis=(1, 2, 3), keepdims=True))
    return clean + offset * np.minimum(1.0, radius / np.where(length > 0, length, 1.0))


class Differentiable(Protocol):
    """What the ascent needs of a network."""

    def logits(self, images: ArrayLike) -> Array:
        """``(n, classes)``."""

    def input_gradient(self, images: ArrayLike, labels: NDArray[np.int64]) -> Array:
        """Gradient of every sample's own loss, shaped like `images`."""


def ascend(
    network: Differentiable,
    images: ArrayLike,
    labels: NDArray[np.int64],
    start: ArrayLike,
    norm: str,
    radius: float,
    step_size: float,
    steps: int,
    keep_worst: bool,
    low: float,
    high: float,
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Projected gradient ascent on the loss in float64; see `cgrosim.images.network.network.Network.perturb`."""
    clean, x = np.asarray(images, np.float64), np.array(start, np.float64)
    worst, least = x.copy(), np.full(len(x), np.inf)
    stuck: NDArray[np.bool_] = np.zeros(len(x), np.bool_)
    for step in range(steps + 1):
        stop_where_wanted()
        if keep_worst or step == steps:
            found = margins(network.logits(x), labels)
            better = (found < least) if keep_worst else np.ones(len(x), bool)
            worst[better], least[better] = x[better], found[better]
        if step == steps:
            break
        gradient = network.input_gradient(x, labels)
        if step == 0:
            stuck = np.all(gradient.reshape(len(x), -1) == 0, axis=1)
        x = np.clip(project(x + step_size * direction(gradient, norm), clean, radius, norm), low, high)
    return worst, least, stuck


def checkpoints(steps: int) -> list[int]:
    """After how many steps of `steps` the step size is judged: w_j = ceil(p_j steps), j = 1, 2, ...

    p_0 = 0, p_1 = 0.22, p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06), in whole hundredths so that the ceiling is
    that of the exact product.
    """
    found: list[int] = []
    before, share = 0, 22
    while share <= 100:
        found.append(-(-share * steps // 100))
        before, share = share, share + max(share - before - 3, 6)
    return found


def windows(steps: int) -> NDArray[np.int64]:
    """At every step from 0 to `steps`: how many steps ago the step size was judged, if it is judged now, else 0."""
    found = np.zeros(steps + 1, np.int64)
    ends = sorted({end for end in checkpoints(steps) if end})
    for before, end in zip([0, *ends], ends, strict=False):
        found[end] = end - before
    return found


@dataclass(frozen=True)
class Ascended:
    """What an ascent with an adapting step size reached.

    Attributes
    ----------
    highest, losses : ``(n, height, width, channels)`` and ``(n,)``, the points of largest loss, and that loss
    adversarial, margins : the points of least margin met on the way, and that margin
    stuck : ``(n,)``, whether the first gradient was exactly zero
    """

    highest: NDArray[Any]
    losses: Array
    adversarial: NDArray[Any]
    margins: Array
    stuck: NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """Loss, margin ``(n,)`` and gradient of the loss, shaped like the images, at some points."""

    loss: Array
    margin: Array
    slope: Array


def adaptive_ascent(
    look: Callable[[Array], Seen],
    images: ArrayLike,
    start: ArrayLike,
    norm: str,
    radius: float,
    steps: int,
    low: float,
    high: float,
) -> Ascended:
    """APGD in float64: z = P(x + rate d), then P(x + alpha (z - x) + (1 - alpha) (x - before)).

    d is the steepest direction of the norm, P the nearest point of the ball, then of the box. At a checkpoint the
    step size is halved, and the next step starts from the point of largest loss, if the loss rose in fewer than rho of
    the steps since the last one (condition 1), or if the step size was not halved there and the largest loss is still
    the same (condition 2).
    """
    clean, x = np.asarray(images, np.float64), np.array(start, np.float64)

    def held(point: Array) -> Array:
        return np.clip(project(point, clean, radius, norm), low, high)

    seen = look(x)
    before, highest, worst, slope = x.copy(), x.copy(), x.copy(), seen.slope.copy()
    largest, last, judged = seen.loss.copy(), seen.loss.copy(), seen.loss.copy()
    least, rises, best_slope = seen.margin.copy(), np.zeros(len(x)), seen.slope.copy()
    rate, halved = np.full(len(x), FIRST_RATE * radius), np.zeros(len(x), np.bool_)
    stuck = np.all(slope.reshape(len(x), -1) == 0, axis=1)
    for step, window in enumerate(windows(steps)[1:].tolist(), start=1):
        inertia = 0.0 if step == 1 else INERTIA
        ahead = held(x + rate[:, None, None, None] * direction(slope, norm))
        x, before = held(x + (1.0 - inertia) * (ahead - x) + inertia * (x - before)), x
        seen = look(x)
        slope = seen.slope.copy()
        closer, better = seen.margin < least, seen.loss > largest
        worst[closer], least[closer] = x[closer], seen.margin[closer]
        highest[better], largest[better], best_slope[better] = x[better], seen.loss[better], slope[better]
        rises += seen.loss > last
        last = seen.loss.copy()
        if window:
            halve = (rises < LEAST_RISES * window) | (~halved & (largest == judged))
            rate[halve] /= 2.0
            x[halve], slope[halve], last[halve] = highest[halve], best_slope[halve], largest[halve]
            halved, judged, rises = halve, largest.copy(), np.zeros(len(x))
    return Ascended(highest, largest, worst, least, stuck)
