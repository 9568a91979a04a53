"""A table in a folder: its plan, a Zarr group with a row a cell, and a mark for all cells that were written together.

Cells count once their mark stands, which is written after their data and holds their checksum: what a kill, a full disk
or a power cut leaves behind without a mark, or with data that do not fit it, is done again, and nothing else is. Only
the program that holds the lock writes; workers hand their results to it. Sweeps keep their cells like this, and
experiments on images what their jobs find.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError, UserError, printable
from cgrosim.files.atomic import remove_leftovers
from cgrosim.files.cells import Found, Rows, Variable, check_described, note, shape_of
from cgrosim.files.digest import content_digest
from cgrosim.files.kinds import Kind
from cgrosim.files.lock import Held, only_here_in
from cgrosim.files.marks import MARKS, whole_marks, write_mark
from cgrosim.files.records import read_record, write_record
from cgrosim.files.words import shown
from cgrosim.files.zarr_arrays import array_of, create, forget, installed, opened_group, zarr_library

GROUP, PLAN_NAME = "cells.zarr", "plan.json"
ROW_NAMES = f"{'[0-9]' * 10}-{'[0-9]' * 10}"  # marks of the first format of experiments were named after jobs
BLOCK_ROWS = 8192  # rows read at once when marks are checked
UNREADABLE = (OSError, ValueError, RuntimeError, KeyError)  # what Zarr and its codecs raise over a damaged chunk
P = TypeVar("P")


class ZarrStore(ABC, Generic[P]):
    """Cells in a folder; made by `holding` or `reading`. What its plan is, a kind of table says.

    Attributes
    ----------
    PLAN, MARK : kinds of its records
    MISSING : what to say where Zarr is not installed
    """

    PLAN: ClassVar[Kind]
    MARK: ClassVar[Kind]
    MISSING: ClassVar[str]

    def __init__(self, folder: Path, plan: P) -> None:
        self.folder, self.plan = folder, plan
        self.damaged = 0
        self._group: Any = None
        self._done: NDArray[np.bool_] | None = None
        self._texts: dict[int, str] = {}
        self._about: dict[int, dict[str, Any]] = {}

    @staticmethod
    @abstractmethod
    def load(content: Mapping[str, Any]) -> P:
        """The plan in a record; what is wrong with it is any error of reading values."""

    @staticmethod
    @abstractmethod
    def dump(plan: P) -> dict[str, Any]:
        """A plan as plain values."""

    @staticmethod
    @abstractmethod
    def joined(before: P, wanted: P, folder: Path) -> P:
        """The plan of a folder once something is asked for, which may add cells.

        Raises
        ------
        FileError
            If it is not to be mixed with what is there.
        """

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many cells there are in all."""

    @property
    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """Every array."""

    @property
    @abstractmethod
    def lengths(self) -> Mapping[str, int]:
        """Lengths of the dimensions inside a cell."""

    @classmethod
    @contextmanager
    def holding(cls, folder: Path, wanted: P, held: Held | None = None) -> Iterator[Self]:
        """The store of a table, made or gone on with, and nobody else's for the block.

        Parameters
        ----------
        held : the lock of the folder, where the caller has it already

        Raises
        ------
        FileError
            If another program is at it, if it is the store of something else, or if the place cannot be written to.
        """
        cls.check_installed()
        with only_here_in(folder) if held is None else nullcontext():
            plan = wanted
            if (folder / PLAN_NAME).exists():
                before = cls.read_plan(folder)
                with cls.PLAN.judging(folder / PLAN_NAME):  # whole, and still none that this program makes
                    plan = cls.joined(before, wanted, folder)
                    check_described(*_described(cls(folder, plan)))
            elif (folder / GROUP).exists():
                raise FileError(f"{shown(folder)} holds a {GROUP} without its plan; take another --out (out=...).")
            store = cls(folder, plan)
            store._prepare()
            yield store

    @classmethod
    def reading(cls, folder: Path) -> Self:
        """The store of a folder, to be read.

        Raises
        ------
        FileError
            If there is none, or it is damaged.
        """
        cls.check_installed()
        store = cls(folder, cls.read_plan(folder))
        with cls.PLAN.judging(folder / PLAN_NAME):
            check_described(*_described(store))
        return store

    @classmethod
    def read_plan(cls, folder: Path) -> P:
        """The plan of a store.

        Raises
        ------
        FileError
            If there is none, or it is damaged.
        """
        path = folder / PLAN_NAME
        content = read_record(path, cls.PLAN)
        with cls.PLAN.judging(path):
            return cls.load(content)

    @classmethod
    def check_installed(cls) -> None:
        """Refuse a folder where there is nothing to keep it with, without importing that.

        Raises
        ------
        UserError
            If Zarr is not installed.
        """
        if not installed():
            raise UserError(cls.MISSING)

    def _prepare(self) -> None:
        """Write the plan, and make or lengthen the arrays."""
        with writing(self.folder):
            for part in (GROUP, MARKS):  # cells may be cut into other batches than before, and Zarr's own are unique
                remove_leftovers(self.folder / part)
            write_record(self.folder / PLAN_NAME, {"format": self.PLAN.format, **self.dump(self.plan)})
            self._group = group = opened_group(self.folder / GROUP)
            for variable in self.variables:
                wanted = shape_of(variable, self.rows, self.lengths)
                found = array_of(group, variable)
                if found is None:  # also where only its description is lost: what it describes stays, and is judged
                    forget(self.folder / GROUP / variable.name)
                    create(group, variable, wanted)
                elif tuple(found.shape) != wanted:
                    found.resize(wanted)

    def _array(self, name: str) -> Any:
        if self._group is None:
            try:
                self._group = zarr_library().open_group(str(self.folder / GROUP), mode="r")
            except Exception as error:  # of Zarr, over descriptions that may be anything
                raise self.PLAN.damaged(self.folder, printable(str(error), 80)) from None
        variable = {each.name: each for each in self.variables}[name]
        found = array_of(self._group, variable)
        if found is None or tuple(found.shape) != shape_of(variable, self.rows, self.lengths):
            raise self.PLAN.damaged(self.folder, f"the array {name} is not as its plan says")
        return found

    def done(self) -> NDArray[np.bool_]:
        """For every row whether its result is there: marked, and the data as when the mark was made."""
        if self._done is None:
            self._done = np.zeros(self.rows, dtype=bool)
            for block in _blocks(self._marks()):
                self._check(block)
        return self._done

    def _marks(self) -> list[dict[str, Any]]:
        """Every whole mark, in the order of its rows; a damaged one is no mark."""

        def judge(mark: dict[str, Any]) -> None:
            if not 0 <= int(mark["first"]) < int(mark["last"]) <= self.rows:
                raise ValueError("its rows are not those of the plan")
            named = set(self._named(mark))
            for dimension in {d for v in self.variables if v.name in named for d in v.dimensions}:
                int(mark["lengths"][dimension])
            places = [int(place) for text, places in mark["messages"] for place in places]
            if not isinstance(mark["data"], str) or not isinstance(mark.get("about", {}), dict):
                raise ValueError("it does not say of which data it is")
            if not all(0 <= place < int(mark["last"]) - int(mark["first"]) for place in places):
                raise ValueError("its messages are of other rows")

        found, damaged = whole_marks(self.folder, self.MARK, judge, ROW_NAMES)
        self.damaged += damaged
        return sorted(found, key=lambda mark: int(mark["first"]))

    def _check(self, block: list[dict[str, Any]]) -> None:
        """Note the rows of some marks whose data fit them."""
        assert self._done is not None
        first, last = int(block[0]["first"]), max(int(mark["last"]) for mark in block)
        try:
            names = {name for mark in block for name in self._named(mark)}
            read = {name: self._array(name)[first:last] for name in names}
        except UNREADABLE:  # a chunk that cannot be read: look at each batch apart
            if len(block) > 1:
                for mark in block:
                    self._check([mark])
            else:
                self.damaged += last - first
            return
        for mark in block:
            rows = slice(int(mark["first"]) - first, int(mark["last"]) - first)
            arrays = {name: read[name][rows] for name in self._named(mark)}
            if self._digest(arrays, mark["lengths"]) != mark["data"]:
                self.damaged += int(mark["last"]) - int(mark["first"])
                continue
            self._done[int(mark["first"]) : int(mark["last"])] = True
            texts = {int(place): str(text) for text, places in mark["messages"] for place in places}
            note(self._texts, self._about, int(mark["first"]), int(mark["last"]), texts, mark.get("about", {}))

    def _named(self, mark: Mapping[str, Any]) -> list[str]:
        """The variables of which a mark says something; all of them where it does not name them."""
        known = [variable.name for variable in self.variables]
        return [name for name in known if name in mark["variables"]] if "variables" in mark else known

    def write(self, first: int, last: int, found: Found) -> None:
        """Write the data of the rows from `first` to before `last`, then their mark.

        Raises
        ------
        FileError
            If the place cannot be written to; they are then not done.
        """
        done, removed = self.done(), False
        with writing(self.folder):
            for name, values in found.arrays.items():
                try:
                    self._array(name)[first:last] = values
                except (ValueError, RuntimeError):  # these rows are only a part of a chunk that cannot be read
                    for rows in self._chunks(name, first, last):
                        self._remove(name, rows)
                    removed = True
                    self._array(name)[first:last] = values
            texts: dict[str, list[int]] = {}
            for place, text in found.messages.items():
                texts.setdefault(text, []).append(place)
            few = {"variables": list(found.arrays)} if len(found.arrays) < len(self.variables) else {}
            mark = {
                "first": first,
                "last": last,
                "lengths": dict(self.lengths),
                "data": self._digest(found.arrays, self.lengths),
                "messages": [[text, places] for text, places in texts.items()],
                "seconds": round(found.seconds, 6),
                **few,
                **({"about": found.about} if found.about else {}),
            }
            write_mark(self.folder, self.MARK, f"{first:010d}-{last:010d}", mark)
        note(self._texts, self._about, first, last, found.messages, found.about)
        done[first:last] = True
        if removed:  # others were in it
            damaged, self._done = self.damaged, None
            self.done()
            self.damaged = damaged

    def read(self, name: str, rows: Rows) -> NDArray[Any]:
        """One variable at some rows; what is not done is missing."""
        try:
            values = np.asarray(self._array(name)[:])[rows]
        except (ValueError, RuntimeError):  # rows in chunks that cannot be read are not done
            values = self._readable(name)[rows]
        absent = ~self.done()[rows]
        if np.any(absent):
            values[absent] = next(v.missing for v in self.variables if v.name == name)
        return values

    def _chunks(self, name: str, first: int, last: int) -> Iterator[slice]:
        """The rows of every chunk of a variable in which some of these rows lie."""
        length = int(self._array(name).chunks[0])
        for begin in range(first - first % length, last, length):
            yield slice(begin, min(begin + length, self.rows))

    def _readable(self, name: str) -> NDArray[Any]:
        """One variable; what stands in the rows of a chunk that cannot be read is the missing value."""
        array = self._array(name)
        found = np.full(array.shape, array.fill_value, dtype=array.dtype)
        for rows in self._chunks(name, 0, self.rows):
            with suppress(*UNREADABLE):
                found[rows] = array[rows]
        return found

    def _remove(self, name: str, rows: slice) -> None:
        """Remove the chunk of these rows; all other dimensions lie in one chunk."""
        place = self.folder / GROUP / name / "c" / str(rows.start // int(self._array(name).chunks[0]))
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def messages(self) -> dict[int, str]:
        """Sentences by row."""
        self.done()
        return self._texts

    def about(self) -> dict[int, dict[str, Any]]:
        """What else was kept of some rows, by the first of them."""
        self.done()
        return self._about

    def _digest(self, arrays: Mapping[str, NDArray[Any]], lengths: Mapping[str, int]) -> str:
        """Checksum of the data of some rows, over the lengths that the dimensions had when they were written."""
        cut = {}
        for variable in self.variables:
            if variable.name in arrays:
                places = tuple(slice(0, int(lengths[dimension])) for dimension in variable.dimensions)
                cut[variable.name] = arrays[variable.name][(slice(None), *places)]
        return content_digest({}, cut)


def _described(store: ZarrStore[Any]) -> tuple[tuple[Variable, ...], int, Mapping[str, int]]:
    return store.variables, store.rows, store.lengths


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the system says of a full or closed disk into one sentence."""
    try:
        yield
    except OSError as error:
        raise FileError(
            f"{shown(folder)} cannot be written ({error.strerror or error}); make room, and give the same command "
            "again: what was done is kept."
        ) from None


def _blocks(marks: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Marks that lie close together, to be checked with one reading."""
    block: list[dict[str, Any]] = []
    for mark in marks:
        if block and int(mark["last"]) - int(block[0]["first"]) > BLOCK_ROWS:
            yield block
            block = []
        block.append(mark)
    if block:
        yield block
