"""The plan of an experiment's table: a row for every job that was ever asked for in a folder, by name and settings.

Jobs find things of different length - epochs, networks, points, radii, steps - and of different kinds. All rows have
the variables of all kinds and the longest of each dimension; what a job does not have is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from cgrosim.errors import FileError
from cgrosim.files.cells import Variable
from cgrosim.files.versions import versions
from cgrosim.files.words import shown
from cgrosim.images.experiments.experiment import Experiment, Job
from cgrosim.model.settings import plain
from cgrosim.run.processor import processor

STATUS = "status"
STATUSES = ("missing", "finished", "diverged", "failed", "interrupted")
"""Of a job; a store keeps the place in this list."""
STATUS_VARIABLE = Variable(STATUS, (), "int8", f"how the job ended: {', '.join(STATUSES)}, counted from 0", "1")


@dataclass(frozen=True)
class Entry:
    """One job.

    Attributes
    ----------
    name, settings : its name, and the digest of its settings
    kind : of job
    axes : its place in the table, by the names of the axes
    """

    name: str
    settings: str
    kind: str
    axes: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What no other job of the folder has."""
        return self.name, self.settings


@dataclass(frozen=True)
class JobPlan:
    """What a table holds, and which experiment was asked for last.

    Attributes
    ----------
    data : digest of the images
    identity : versions and kind of processor
    kinds : variables of every kind of job
    lengths : of the dimensions inside a cell
    entries : the jobs, in rows that never change their place
    asked : rows of the experiment asked for last
    labels : of the dimensions inside a cell, where all those jobs share them
    """

    data: str
    identity: Mapping[str, str]
    kinds: Mapping[str, tuple[Variable, ...]]
    lengths: Mapping[str, int]
    entries: tuple[Entry, ...]
    asked: tuple[int, ...]
    labels: Mapping[str, tuple[Any, ...]]

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Every array.

        Raises
        ------
        ValueError
            If two kinds of job mean different things by one name.
        """
        found = {STATUS: STATUS_VARIABLE}
        for kind in self.kinds.values():
            for variable in kind:
                if found.setdefault(variable.name, variable) != variable:
                    raise ValueError(f"{variable.name} is of two kinds")
        return tuple(found.values())

    @cached_property
    def rows(self) -> Mapping[tuple[str, str], int]:
        """Row of every job."""
        return {entry.key: row for row, entry in enumerate(self.entries)}

    def row(self, job: Job) -> int:
        """Where a job is."""
        return self.rows[job.name, job.digest()]

    def joined(self, wanted: JobPlan, folder: Any, *, fresh: bool) -> JobPlan:
        """The plan when another experiment, or more of the same, is asked for.

        Parameters
        ----------
        fresh : nothing is there yet, so that the versions are those of now

        Raises
        ------
        FileError
            If it is about other images.
        """
        if self.data != wanted.data:
            raise FileError(
                f"{shown(folder)} holds results of other images, which are never replaced; choose another place "
                "(--out)."
            )
        new = tuple(entry for entry in wanted.entries if entry.key not in self.rows)
        # an axis may be called otherwise by now, a row keeps its place
        known = {entry.key: entry for entry in wanted.entries}
        entries = (*(known.get(entry.key, entry) for entry in self.entries), *new)
        row = {entry.key: place for place, entry in enumerate(entries)}
        kinds = {k: _merged((self.kinds.get(k, ()), wanted.kinds.get(k, ()))) for k in {**self.kinds, **wanted.kinds}}
        return replace(
            wanted,
            identity=wanted.identity if fresh else self.identity,
            kinds=kinds,
            lengths=_longest([self.lengths, wanted.lengths]),
            entries=entries,
            asked=tuple(row[entry.key] for entry in wanted.entries),
        )

    def dump(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "data": self.data,
            "identity": dict(self.identity),
            "kinds": {kind: [asdict(variable) for variable in found] for kind, found in self.kinds.items()},
            "lengths": dict(self.lengths),
            "jobs": [{**asdict(entry), "axes": dict(entry.axes)} for entry in self.entries],
            "asked": list(self.asked),
            "labels": {name: list(found) for name, found in self.labels.items()},
        }

    @classmethod
    def load(cls, content: Mapping[str, Any]) -> JobPlan:
        """The plan of what `dump` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is no such thing.
        """
        kinds = {
            str(kind): tuple(Variable(**{**each, "dimensions": tuple(each["dimensions"])}) for each in found)
            for kind, found in content["kinds"].items()
        }
        plan = cls(
            str(content["data"]),
            {str(name): str(value) for name, value in content["identity"].items()},
            kinds,
            {str(name): int(length) for name, length in content["lengths"].items()},
            tuple(Entry(**each) for each in content["jobs"]),
            tuple(int(row) for row in content["asked"]),
            {str(name): tuple(found) for name, found in content["labels"].items()},
        )
        if not all(0 <= row < len(plan.entries) for row in plan.asked) or len(plan.rows) < len(plan.entries):
            raise ValueError("its rows are not its jobs")
        if not {d for v in plan.variables for d in v.dimensions} <= {*plan.lengths}:
            raise ValueError("a dimension has no length")
        return plan


def plan_of(experiment: Experiment, jobs: Sequence[Job], data: str) -> JobPlan:
    """The plan of one experiment on images with a digest."""
    entries, kinds, labels = [], dict[str, tuple[Variable, ...]](), dict[str, tuple[Any, ...]]()
    apart = set[str]()
    for job in jobs:
        entries.append(Entry(job.name, job.digest(), job.kind, {n: plain(v) for n, v in experiment.axes(job).items()}))
        kinds[job.kind] = _merged((kinds.get(job.kind, ()), job.variables()))
        for name, found in job.labels().items():
            mine, theirs = tuple(plain(each) for each in found), labels.get(name, ())
            short, long = sorted((mine, theirs), key=len)
            labels[name] = long
            if long[: len(short)] != short:
                apart.add(name)
    lengths = {name: len(found) for name, found in labels.items()}
    shared = {name: found for name, found in labels.items() if name not in apart}
    identity = {**versions(), "processor": processor()}
    return JobPlan(data, identity, kinds, lengths, tuple(entries), tuple(range(len(entries))), shared)


def _merged(parts: Sequence[tuple[Variable, ...]]) -> tuple[Variable, ...]:
    return tuple(dict.fromkeys(variable for part in parts for variable in part))


def _longest(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: max(part.get(name, 0) for part in parts) for name in {**parts[0], **parts[1]}}
