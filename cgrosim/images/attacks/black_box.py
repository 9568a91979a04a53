"""Attacks that use no gradient of the attacked network: they tell whether its gradients can be trusted.

`square_attack` is the random search of Andriushchenko et al. (2020, arXiv 1912.00049): Algorithm 1 with the proposals
of Algorithm 2 (``linf``) or Algorithm 3 (``l2``), on the margin loss. It only asks for logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.images.attacks.gradient import (
    Attack,
    Ball,
    Classifier,
    Images,
    check_batch,
    finite_margins,
    perturb,
)
from cgrosim.progress import Progress

_INITIAL_SHARE = 0.8  # share of the pixels the first square covers; the value of AutoAttack (arXiv 2003.01690)
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of the share, at these queries out of 10,000
_BLOCK = 128  # queries drawn at a time; the results do not depend on it

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BlackBoxResult:
    """What a black-box attack found.

    Attributes
    ----------
    adversarial : ``(n, height, width, channels)``
    margins : ``(n,)``, at `adversarial`; the attack succeeded where it is not positive
    queries : ``(n,)``, forward passes spent on each sample
    """

    adversarial: Images
    margins: Floats
    queries: NDArray[np.int64]


class Square(Ball):
    """Square Attack as a description: random search by forward passes alone.

    Raises
    ------
    ParameterError
        If a number is out of its range.
    """

    queries: int = Field(5000, ge=1, description="forward passes for every sample; AutoAttack takes 5000")

    def describe(self) -> str:
        """The whole attack in a line, to stand beside every number measured with it."""
        return f"{self.norm} Square Attack, radius {self.radius:.4g}, {self.queries} queries"


@checked
def square_attack(
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    attack: Ball,
    generator: np.random.Generator,
    queries: int,
    progress: Progress | None = None,
) -> BlackBoxResult:
    """Random search for adversarial examples in the ball and box of `attack`, by forward passes alone.

    A proposal replaces the present point where it lowers the margin; a sample is done once its margin is not positive.

    Parameters
    ----------
    attack : only its norm and radius are used
    generator : every sample draws from its own spawned stream, so its result does not depend on the other samples
    queries : forward passes for every sample, at least 1

    Raises
    ------
    ParameterError
        If `queries` is smaller than 1, pixels are outside [0, 1], or the radius is larger than the box.
    UserError
        If a margin is not finite.
    """
    return search(network, images, labels, attack, generator.spawn(len(images)), queries, progress)


def search(
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    attack: Ball,
    streams: list[np.random.Generator],
    queries: int,
    progress: Progress | None = None,
) -> BlackBoxResult:
    """`square_attack` with a stream for every sample; errors as there."""
    if queries < 1:
        raise ParameterError(f"The black-box attack has {queries} queries for a sample; give it at least 1.")
    check_batch(network, images, labels, attack)
    clean = np.array(images, np.float32)
    best, margins = clean.copy(), finite_margins(network, clean, labels)
    spent = np.zeros(len(clean), np.int64)
    attacked = np.flatnonzero(margins > 0)
    search = (_SearchLinf if attack.norm == "linf" else _SearchL2)(clean, attack.radius)
    first = np.array([stream.random(search.first_numbers) for stream in streams])
    draws = np.empty(0)
    for query in range(queries):
        index = attacked[margins[attacked] > 0] if query else attacked
        if len(index) == 0:
            break
        if query == 0:
            proposal = search.first(index, first[index])
        else:
            place = (query - 1) % _BLOCK
            if place == 0:
                draws = np.array([stream.random((_BLOCK, search.numbers)) for stream in streams])
            proposal = search.propose(index, best[index], _share(query, queries), draws[index, place])
        found = finite_margins(network, proposal, labels[index])
        spent[index] += 1
        better = np.flatnonzero((found < margins[index]) | (query == 0))
        best[index[better]], margins[index[better]] = proposal[better], found[better]
        if progress is not None and query % _BLOCK == 0:
            progress(f"Square Attack, {queries} queries", query / queries)
    return BlackBoxResult(best, margins, spent)


def transfer_attack(
    network: Classifier,
    substitute: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    attack: Attack,
    generator: np.random.Generator,
) -> BlackBoxResult:
    """Adversarial examples made on `substitute`, another network for the same task, tried on `network` (one query).

    The last iterates are used: they are the ones the substitute is most sure of.
    """
    adversarial, _, _ = perturb(substitute, images, labels, attack=attack, generator=generator)
    margins = finite_margins(network, adversarial, labels)
    return BlackBoxResult(adversarial, margins, np.ones(len(adversarial), np.int64))


def _share(query: int, queries: int) -> float:
    """Share of the pixels a square covers at a query: halved on the schedule of the paper, stretched to `queries`."""
    return float(_INITIAL_SHARE / 2 ** sum(10_000 * query > bound * queries for bound in _HALVINGS))


def _windows(sample: NDArray[np.intp], corner: NDArray[np.intp], side: int) -> tuple[NDArray[np.intp], ...]:
    """Index of one side x side window in every sample; `corner` is ``(n, 2)``."""
    across = np.arange(side)
    rows, columns = corner[:, :1] + across, corner[:, 1:] + across
    return sample[:, None, None], rows[:, :, None], columns[:, None, :]


class _SearchLinf:
    """Squares of one sign a channel, at full radius."""

    def __init__(self, clean: Images, radius: float) -> None:
        self._upper = np.clip(clean + np.float32(radius), 0.0, 1.0)
        self._lower = np.clip(clean - np.float32(radius), 0.0, 1.0)
        _, self._height, self._width, channels = clean.shape
        self.first_numbers = self._width * channels
        self.numbers = 2 + channels

    def first(self, index: NDArray[np.intp], draws: Floats) -> Images:
        """Vertical stripes of one pixel, with random signs."""
        up = (draws < 0.5).reshape(len(index), 1, self._width, -1)
        return np.where(up, self._upper[index], self._lower[index])

    def propose(self, index: NDArray[np.intp], now: Images, share: float, draws: Floats) -> Images:
        """Set a square to the upper or lower end in every channel; if nothing changes, to the opposite ends."""
        side = round(np.sqrt(share * self._height * self._width))
        side = min(max(side, 1), self._height, self._width)
        free = np.array([self._height - side + 1, self._width - side + 1])
        corner = (draws[:, :2] * free).astype(np.intp)
        own, everywhere = _windows(np.arange(len(index)), corner, side), _windows(index, corner, side)
        upper, lower = self._upper[everywhere], self._lower[everywhere]
        up = (draws[:, 2:] < 0.5)[:, None, None, :]
        square = np.where(up, upper, lower)
        same = (square == now[own]).all(axis=(1, 2, 3))
        square[same] = np.where(up, lower, upper)[same]
        proposal = now.copy()
        proposal[own] = square
        return proposal


class _SearchL2:
    """Mass of the perturbation moves from one window to another, where it becomes a pair of opposite bumps."""

    def __init__(self, clean: Images, radius: float) -> None:
        self._clean, self._radius = clean, radius
        _, self._height, self._width, self._channels = clean.shape
        self._tile = max(min(self._height, self._width) // 5, 1)
        self._tiles = (self._height // self._tile, self._width // self._tile)
        self.first_numbers = self._tiles[0] * self._tiles[1] * (1 + self._channels)
        self.numbers = 5 + self._channels

    def first(self, index: NDArray[np.intp], draws: Floats) -> Images:
        """Tiles of bumps with random signs; the tiles are a fifth of the image wide."""
        rows, columns = self._tiles
        draws = draws.reshape(len(index), rows, columns, 1 + self._channels)
        bumps = _turned(_bumps(self._tile), draws[..., 0])[..., None] * _signs(draws[..., 1:])[:, :, :, None, None, :]
        whole = np.zeros((len(index), *self._clean.shape[1:]))
        height, width = rows * self._tile, columns * self._tile
        top, left = (self._height - height) // 2, (self._width - width) // 2
        tiled = bumps.transpose(0, 1, 3, 2, 4, 5).reshape(len(index), height, width, self._channels)
        whole[:, top : top + height, left : left + width] = tiled
        return self._at_full_length(index, whole)

    def propose(self, index: NDArray[np.intp], now: Images, share: float, draws: Floats) -> Images:
        """Clear two windows of the perturbation and spend their mass, and what is unused, on bumps in the first."""
        offset = np.asarray(now, np.float64) - self._clean[index]
        side = max(round(np.sqrt(share * self._height * self._width)), 3) // 2 * 2 + 1
        side = min(side, self._height, self._width)
        free = np.array([self._height - side + 1, self._width - side + 1])
        sample = np.arange(len(index))
        target = _windows(sample, (draws[:, :2] * free).astype(np.intp), side)
        source = _windows(sample, (draws[:, 2:4] * free).astype(np.intp), side)
        unused = np.maximum(self._radius**2 - (offset**2).sum(axis=(1, 2, 3)), 0.0)
        old = offset[target]
        old_mass = (old**2).sum(axis=(1, 2), keepdims=True)
        offset[target] = 0.0
        mass = old_mass + (offset[source] ** 2).sum(axis=(1, 2), keepdims=True)
        offset[source] = 0.0
        bumps = _turned(_bumps(side), draws[:, 4])[..., None] * _signs(draws[:, 5:])[:, None, None, :]
        bumps = _unit(bumps + _unit(old, (1, 2)), (1, 2))
        offset[target] = bumps * np.sqrt(mass + unused[:, None, None, None] / self._channels)
        return self._at_full_length(index, offset)

    def _at_full_length(self, index: NDArray[np.intp], offset: Floats) -> Images:
        moved = self._clean[index] + self._radius * _unit(offset, (1, 2, 3))
        return np.clip(moved, 0.0, 1.0).astype(np.float32)


def _unit(x: Floats, axes: tuple[int, ...]) -> Floats:
    length = np.sqrt((x**2).sum(axis=axes, keepdims=True))
    return x / np.where(length > 0, length, 1.0)


def _signs(draws: Floats) -> Floats:
    return np.where(draws < 0.5, -1.0, 1.0)


def _turned(pattern: Floats, draws: Floats) -> Floats:
    """The square pattern, or its transpose for half of the draws: ``(..., side, side)``."""
    return np.where((draws < 0.5)[..., None, None], pattern, pattern.T)


def _bumps(side: int) -> Floats:
    """Two bumps of opposite sign, one above the other, of unit length together: ``(side, side)``."""
    upper, lower = side // 2, side - side // 2
    return _unit(np.concatenate([_bump(upper, side), -_bump(lower, side)]), (0, 1))


def _bump(height: int, width: int) -> Floats:
    """Pyramid of rectangles that grow about the centre with weights 1, 1/4, 1/9, ..., of unit length."""
    bump = np.zeros((height, width))
    row, column = height // 2, width // 2
    for ring in range(max(height, width) // 2 + 1):
        top, left = max(row - ring, 0), max(column - ring, 0)
        bump[top : row + ring + 1, left : column + ring + 1] += 1.0 / (ring + 1) ** 2
    return _unit(bump, (0, 1))
