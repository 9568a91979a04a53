"""The labelled table of an experiment on images: what every job found, at its place on the experiment's axes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.arguments import checked
from cgrosim.files.cells import Store
from cgrosim.files.encoding import decoded
from cgrosim.files.kinds import Kind
from cgrosim.files.netcdf import read_netcdf
from cgrosim.images.experiments.job_plan import STATUS, STATUSES, Entry, JobPlan
from cgrosim.images.experiments.job_store import JobStore
from cgrosim.run.labelled import Labelled

if TYPE_CHECKING:
    import xarray

TABLE = Kind(
    "cgrosim labelled experiment 1",
    "table of an experiment on images",
    "a file that to_netcdf wrote, or the folder of an experiment",
    "run the experiment again",
)


class ExperimentTable(Labelled):
    """The results of an experiment on images.

    Parameters
    ----------
    data : xarray.Dataset
        Dimensions: the axes of the experiment (width, seed, training; or the job), then those inside a job: ``epoch``,
        ``network``, ``point``, ``radius``, ``step``; what a job does not have is missing. Variables: of every kind of
        job ``KIND_status`` and ``KIND_message``, and what its jobs found, with long names and units.
    """

    KIND = TABLE

    def __init__(self, data: xarray.Dataset) -> None:
        self.data = data

    @property
    def cells(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(json.loads(self.data.attrs["axes"]))

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs have which status; ``missing`` are those that have not come."""
        found: dict[str, int] = {}
        for kind in json.loads(self.data.attrs["kinds"]):
            for word, number in zip(*np.unique(self.data[f"{kind}_status"].values, return_counts=True), strict=True):
                found[str(word)] = found.get(str(word), 0) + int(number)
        return found

    def __repr__(self) -> str:
        sizes = " x ".join(f"{name} {self.data.sizes[name]}" for name in self.cells)
        return f"<ExperimentTable {sizes}: {', '.join(f'{n} {word}' for word, n in sorted(self.counts.items()))}>"


def dataset_of(store: Store) -> xarray.Dataset:
    """Everything the store holds of the experiment that was asked for last."""
    import xarray

    plan: JobPlan = store.plan
    entries = [(row, plan.entries[row]) for row in plan.asked]
    axes: dict[str, list[Any]] = {}
    for _, entry in entries:
        for name, value in entry.axes.items():
            values = axes.setdefault(name, [])
            if value not in values:
                values.append(value)
    found: dict[str, Any] = {}
    kinds = list(dict.fromkeys(entry.kind for _, entry in entries))
    for kind in kinds:
        found |= _of_kind(store, plan, kind, [(row, entry) for row, entry in entries if entry.kind == kind], axes)
    used = {dimension for dims, *_ in found.values() for dimension in dims}
    labels = {name: list(values) for name, values in plan.labels.items() if name in used and name not in axes}
    attributes = {
        "axes": json.dumps(list(axes)),
        "kinds": json.dumps(kinds),
        "images": plan.data,
        "versions": json.dumps(dict(plan.identity)),
    }
    return xarray.Dataset(found, coords={**axes, **labels}, attrs=attributes)


def _of_kind(
    store: Store, plan: JobPlan, kind: str, entries: list[tuple[int, Entry]], axes: Mapping[str, list[Any]]
) -> dict[str, Any]:
    """Variables of the jobs of one kind over the axes they are on."""
    dims = list(dict.fromkeys(name for _, entry in entries for name in entry.axes))
    shape = tuple(len(axes[name]) for name in dims)
    rows = np.array([row for row, _ in entries])
    places = tuple(np.array([axes[name].index(entry.axes[name]) for _, entry in entries]) for name in dims)
    messages, about = store.messages(), store.about()

    def spread(values: Any, missing: Any, dtype: Any) -> Any:
        whole = np.full((*shape, *values.shape[1:]), missing, dtype=dtype)
        whole[places] = values
        return whole

    words = np.array(STATUSES)[store.read(STATUS, rows)]
    texts = np.array([messages.get(row, "") for row in rows.tolist()], dtype=object)
    found: dict[str, Any] = {
        f"{kind}_status": (dims, spread(words, "missing", words.dtype), {"long_name": "how the job ended"}),
        f"{kind}_message": (dims, spread(texts, "", object), {"long_name": "what a reader must know of the job"}),
    }
    for variable in plan.kinds[kind]:
        values = spread(store.read(variable.name, rows), variable.missing, variable.dtype)
        # only as long as what was asked for, which another experiment in the folder may exceed
        kept = [len(plan.labels[d]) if d in plan.labels else plan.lengths[d] for d in variable.dimensions]
        cut = values[(..., *(slice(0, length) for length in kept))]
        about_it = {"long_name": variable.long_name, "units": variable.units}
        found[variable.name] = ([*dims, *variable.dimensions], cut, about_it)
    plain = [about.get(row, {}).get("plain", {}) for row in rows.tolist()]
    for name in dict.fromkeys(name for each in plain for name in each):
        numbers = [each.get(name, np.nan) for each in plain]
        if name not in found and all(isinstance(number, bool | int | float) for number in numbers):
            found[name] = (dims, spread(np.array(numbers, dtype=float), np.nan, float), {"long_name": name})
    return found


@checked
def load_table(path: str | Path) -> ExperimentTable:
    """The table in the folder of an experiment, or in a file that `ExperimentTable.to_netcdf` wrote.

    Raises
    ------
    FileError
        If there is none, or it is damaged.
    """
    if Path(path).is_dir():
        return ExperimentTable(dataset_of(JobStore.reading(Path(path))))
    data = read_netcdf(path, TABLE)
    with TABLE.judging(path):
        table = ExperimentTable(decoded(data))
        _ = table.cells, table.counts
    return table


def statuses_of(folder: str | Path) -> dict[str, str]:
    """How every job in a folder ended that was begun there, by its name: finished, diverged, interrupted or failed."""
    store = JobStore.reading(Path(folder))
    words = np.array(STATUSES)[store.read(STATUS, np.arange(store.rows))].tolist()
    return {entry.name: word for entry, word in zip(store.plan.entries, words, strict=True) if word != "missing"}
