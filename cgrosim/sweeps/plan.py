"""The plan of a store: what its cells are, in rows that never change their place; a grid that grows adds a section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from cgrosim.errors import FileError
from cgrosim.files.cells import Rows
from cgrosim.files.words import shown
from cgrosim.model.params import Params
from cgrosim.run.identity import check_kept
from cgrosim.run.quantities import QUANTITIES
from cgrosim.sweeps.base import Base
from cgrosim.sweeps.grid import Grid


@dataclass(frozen=True)
class Measured:
    """What is kept of every cell.

    Attributes
    ----------
    keep : names of recorded quantities, and of hitting times that are kept for every sample
    record_at : the grid of steps they are kept over; None: at the end only
    until : the rule that ends a run, described
    predicted_seeds : for how many of the seeds the theory is asked as well
    """

    keep: tuple[str, ...]
    record_at: tuple[int, ...] | None = None
    until: Mapping[str, Any] | None = None
    predicted_seeds: int = 1

    @property
    def recorded(self) -> tuple[str, ...]:
        """What a run has to record: the hitting times come by themselves."""
        return tuple(name for name in self.keep if name in QUANTITIES)

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "keep": list(self.keep),
            "record_at": None if self.record_at is None else list(self.record_at),
            "until": None if self.until is None else dict(self.until),
            "predicted_seeds": self.predicted_seeds,
        }

    @classmethod
    def load(cls, content: Mapping[str, Any]) -> Measured:
        """What `dump` gave."""
        at = content["record_at"]
        return cls(
            tuple(content["keep"]), None if at is None else tuple(at), content["until"], content["predicted_seeds"]
        )


@dataclass(frozen=True)
class Plan:
    """What a store holds, and which grid was asked for last.

    Attributes
    ----------
    base, measured : shared by all cells
    identity : versions and the kind of processor
    sections : grids, each of which added the cells that those before it lack, in the order of its numbers
    asked : the grid asked for last
    """

    base: Base
    measured: Measured
    identity: Mapping[str, str]
    sections: tuple[Grid, ...]
    asked: Grid

    @cached_property
    def _ranks(self) -> tuple[tuple[Rows, Rows], ...]:
        """For every section: the row of each of its cells that it added, else -1; and the numbers of those cells."""
        found: list[tuple[Rows, Rows]] = []
        begin = 0
        for place, grid in enumerate(self.sections):
            new = np.ones(grid.size, dtype=bool)
            for before in self.sections[:place]:
                new &= before.places_of(grid) < 0
            numbers = np.flatnonzero(new)
            rows = np.full(grid.size, -1, dtype=np.int64)
            rows[numbers] = np.arange(begin, begin + len(numbers))
            begin += len(numbers)
            found.append((rows, numbers))
        return tuple(found)

    @property
    def rows(self) -> int:
        """How many cells there are in all."""
        return sum(len(numbers) for _, numbers in self._ranks)

    def rows_of(self, grid: Grid) -> Rows:
        """The row of every cell of a grid, in its order; -1 where no section has it."""
        found = np.full(grid.size, -1, dtype=np.int64)
        for section, (rows, _) in zip(self.sections, self._ranks, strict=True):
            places = section.places_of(grid)
            here = np.where(places >= 0, rows[places], -1)
            found = np.where(here >= 0, here, found)
        return found

    def cell(self, row: int) -> tuple[Grid, int]:
        """The section and the number there of the cell in a row."""
        begin = 0
        for section, (_, numbers) in zip(self.sections, self._ranks, strict=True):
            if row < begin + len(numbers):
                return section, int(numbers[row - begin])
            begin += len(numbers)
        raise IndexError(row)

    def largest(self, name: str) -> int:
        """The largest value of a parameter that is a size, over all cells."""
        found = [grid.largest(name) for grid in self.sections]
        default = self.base.values.get(name, Params.model_fields[name].default)
        return max(int(default if value is None else value) for value in found)

    def grown(self, grid: Grid) -> Plan:
        """The plan when another grid of the same axes is asked for."""
        known = bool(np.all(self.rows_of(grid) >= 0))
        return replace(self, sections=self.sections if known else (*self.sections, grid), asked=grid)

    def check_same_sweep(self, other: Plan, path: Any) -> None:
        """Refuse to mix what cannot be compared.

        Raises
        ------
        FileError
            Naming the first thing in which the other plan is another sweep.
        """
        take = "take another --out (out=...)"
        mine, asked = ({**p.base.values, "from_paper": p.base.paper, **p.measured.dump()} for p in (self, other))
        for name in {**mine, **asked}:
            if mine.get(name) != asked.get(name):
                raise FileError(
                    f"{shown(path)} holds another sweep: its {name} is {shown(mine.get(name))}, not "
                    f"{shown(asked.get(name))}; {take}."
                )
        over, wanted = ([*(axis.names for axis in p.asked.axes), tuple(p.asked.ruled)] for p in (self, other))
        if over != wanted:
            raise FileError(
                f"{shown(path)} holds another sweep, over {_named(over)}, not over {_named(wanted)}; {take}."
            )
        self._check_rules(other.asked, path, take)
        # last, because what kind of processor counts depends on the engine
        check_kept(self.identity, other.identity, path, "a sweep")

    def _check_rules(self, grid: Grid, path: Any, take: str) -> None:
        """Values that follow from the others must be what they were where the points are the same."""
        for section in self.sections if grid.ruled else ():
            numbers = section.places_of(Grid(grid.axes, section.seeds[:1]))
            for point in np.flatnonzero(numbers >= 0):
                then = section.at(int(numbers[point]) // len(section.seeds))
                now = grid.at(int(point))
                for name in grid.ruled:
                    if then[name] != now[name]:
                        raise FileError(
                            f"{shown(path)} holds another sweep: its {name} was {then[name]} where it is to be "
                            f"{now[name]} now; {take}."
                        )

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "base": dict(self.base.values),
            "from_paper": self.base.paper,
            "measured": self.measured.dump(),
            "identity": dict(self.identity),
            "sections": [grid.dump() for grid in self.sections],
            "asked": self.asked.dump(),
        }

    @classmethod
    def load(cls, content: Mapping[str, Any]) -> Plan:
        """The plan of what `dump` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is no such thing.
        """
        return cls(
            Base(dict(content["base"]), bool(content["from_paper"])),
            Measured.load(content["measured"]),
            {str(name): str(value) for name, value in content["identity"].items()},
            tuple(Grid.load(section) for section in content["sections"]),
            Grid.load(content["asked"]),
        )


def _named(names: list[tuple[str, ...]]) -> str:
    return ", ".join("+".join(each) for each in names if each)
