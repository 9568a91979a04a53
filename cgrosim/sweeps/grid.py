"""A grid of cells: axes, seeds, and the values of every cell, numbered with the seed running fastest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.files.words import quoted
from cgrosim.model.settings import plain, whole_number
from cgrosim.model.streams import replicate_seeds
from cgrosim.sweeps.axes import Axis, Plain, Rule
from cgrosim.sweeps.base import Base

MOST_RULED = 10**6  # points at which functions of the parameters are evaluated


@dataclass(frozen=True)
class Grid:
    """Axes times seeds.

    Attributes
    ----------
    axes : what is varied
    seeds : of the runs at each point
    ruled : values that follow from the others, one a point, by name
    """

    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    ruled: Mapping[str, tuple[Plain, ...]] = field(default_factory=dict)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Points along every axis, then seeds."""
        return (*(len(axis) for axis in self.axes), len(self.seeds))

    @property
    def points(self) -> int:
        """How many places the grid has, without the seeds."""
        return math.prod(self.shape[:-1])

    @property
    def size(self) -> int:
        """How many cells there are."""
        return math.prod(self.shape)

    def at(self, point: int) -> dict[str, Plain]:
        """What is varied at a point, by name."""
        values: dict[str, Plain] = {}
        for axis, place in zip(self.axes, np.unravel_index(point, self.shape[:-1]), strict=True):
            values |= zip(axis.names, axis.values[int(place)], strict=True)
        return values | {name: column[point] for name, column in self.ruled.items()}

    def largest(self, name: str) -> Any:
        """The largest value that a parameter takes; None if it is not varied."""
        columns = [axis.column(name) for axis in self.axes if name in axis.names]
        columns += [list(self.ruled[name])] if name in self.ruled else []
        return max((value for column in columns for value in column), default=None)

    def places_of(self, other: Grid) -> NDArray[np.int64]:
        """The number here of every cell of another grid, in its order; -1 where it is not here.

        Both must have the same axes, in the same order.
        """
        columns = [dict(zip(axis.values, range(len(axis)), strict=True)) for axis in self.axes]
        seeds = dict(zip(self.seeds, range(len(self.seeds)), strict=True))
        found = [
            np.array([column.get(row, -1) for row in axis.values], dtype=np.int64)
            for column, axis in zip(columns, other.axes, strict=True)
        ]
        found.append(np.array([seeds.get(seed, -1) for seed in other.seeds], dtype=np.int64))
        number, known = np.zeros((), dtype=np.int64), np.ones((), dtype=bool)
        for length, places in zip(self.shape, found, strict=True):
            number = number[..., None] * length + places
            known = known[..., None] & (places >= 0)
        return np.where(known, number, -1).reshape(-1)

    def dump(self) -> dict[str, Any]:
        """The grid as plain values."""
        axes = [{"names": list(axis.names), "values": [list(row) for row in axis.values]} for axis in self.axes]
        ruled = {name: list(column) for name, column in self.ruled.items()}
        return {"axes": axes, "seeds": list(self.seeds), "ruled": ruled}

    @classmethod
    def load(cls, content: Mapping[str, Any]) -> Grid:
        """The grid of what `dump` gave.

        Raises
        ------
        KeyError, TypeError
            If it is no such thing.
        """
        axes = tuple(Axis(tuple(a["names"]), tuple(tuple(row) for row in a["values"])) for a in content["axes"])
        ruled = {str(name): tuple(column) for name, column in content["ruled"].items()}
        return cls(axes, tuple(int(seed) for seed in content["seeds"]), ruled)


def make_grid(base: Base, axes: tuple[Axis, ...], rules: Mapping[str, Rule], seeds: tuple[int, ...]) -> Grid:
    """The grid with its rules evaluated at every point, in their order; each sees what the ones before have set.

    Raises
    ------
    ParameterError
        If a rule fails, gives no plain value, or would have to be evaluated at too many points.
    """
    plain_grid = Grid(axes, seeds)
    if not rules:
        return plain_grid
    if plain_grid.points > MOST_RULED:
        raise ParameterError(
            f"{', '.join(rules)} would be evaluated at {plain_grid.points} points, of which at most {MOST_RULED:g} fit."
        )
    ruled: dict[str, list[Plain]] = {name: [] for name in rules}
    for point in range(plain_grid.points):
        values = plain_grid.at(point)
        for name, rule in rules.items():
            try:
                value = plain(rule(base.params(values)))
            except ParameterError:
                raise
            except Exception as error:
                raise ParameterError(
                    f"the function for {name} fails at {_told(values)} ({type(error).__name__}: {error}); mend it."
                ) from None
            if not isinstance(value, bool | int | float | str):
                raise ParameterError(
                    f"the function for {name} gives {quoted(value)} at {_told(values)}; return a number or a word."
                )
            values[name] = value
            ruled[name].append(value)
    return Grid(axes, seeds, {name: tuple(column) for name, column in ruled.items()})


def seeds_of(base: Base, given: Any) -> tuple[int, ...]:
    """Seeds as a sweep is told them: how many, spawned from the seed of the parameters, or a list of them.

    More seeds begin with the ones that fewer would be.

    Raises
    ------
    ParameterError
        If it is neither, or one comes twice.
    """
    count = whole_number(given) if not isinstance(given, bool) and not isinstance(given, Iterable) else given
    if isinstance(count, int) and not isinstance(count, bool):
        if count < 1:
            raise ParameterError(f"seeds is {count}, but must be at least 1, or a list of seeds.")
        if count > 10**6:
            raise ParameterError(f"seeds is {quoted(count)}, but at most 1e6 fit; take fewer.")
        return tuple(replicate_seeds(int(whole_number(base.values.get("seed", 0))), count))
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise ParameterError(f"seeds is {quoted(given)}, but must be a number of seeds, or a list of them.")
    found = [whole_number(plain(each)) for each in given]
    odd = [each for each in found if not isinstance(each, int) or not 0 <= each < 2**63]
    if odd or not found:
        raise ParameterError(f"seeds holds {quoted(odd[0]) if odd else 'nothing'}; give whole numbers below 2^63.")
    if len(set(found)) < len(found):
        raise ParameterError("seeds holds one seed twice; every seed is one run.")
    return tuple(found)


def _told(values: Mapping[str, Plain]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
