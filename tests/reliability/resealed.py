"""Files that are whole, sealed with a right checksum, and wrong in one place: records and labelled arrays."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from damage import wrong

ODD = [None, True, -1, 0, 3, 2.5, 1e308, 10**30, "", "x" * 5000, "\x1b[31m", "../..", [], [[]], {}, {"a": 1}]
"""What may stand in the place of any value of a record."""


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*way, key)
        yield from _places(each, (*way, key))


def record(content: bytes, seed: int) -> tuple[str, bytes]:
    """A JSON record with one value changed, left out or added to, and what was done."""
    from cgrosim.claims.report.data import lasting
    from cgrosim.files.digest import content_digest

    draw, told = random.Random(seed), json.loads(content)
    told.pop("checksum", None)
    way = draw.choice([way for way in _places(told) if way != ("format",)])
    holder = told
    for key in way[:-1]:
        holder = holder[key]
    how, value = draw.choice(["replaced", "replaced", "left out", "twice"]), draw.choice(ODD)
    if how == "replaced":
        holder[way[-1]] = value
    elif how == "left out":
        del holder[way[-1]]
    elif isinstance(holder, list):
        holder.append(holder[way[-1]])
    else:
        holder[f"{way[-1]} again"] = holder[way[-1]]
    if str(told.get("format", "")).startswith("cgrosim verdicts"):
        checksum = content_digest(lasting(told), {})
    else:
        checksum = content_digest(json.loads(json.dumps(told)), {})
    return f"{'.'.join(map(str, way))} {how} by {value!r:.30}", json.dumps({**told, "checksum": checksum}).encode()


def labelled(path: Path, kind: Any, seed: int) -> str:
    """Rewrite a netCDF file of ours with one variable or attribute changed; what was done."""
    from cgrosim.files.netcdf import read_netcdf, write_netcdf

    draw, data = random.Random(seed), read_netcdf(path, kind)
    names = sorted(map(str, data.variables))
    if draw.random() < 0.4:
        name = draw.choice(sorted(map(str, set(data.attrs) - {"format"})))
        value = draw.choice([None, -1, 2.5, "", "[]", "{}", "null", "x" * 5000, "\x1b[31m", '{"a": 1}', str(10**30)])
        if value is None:
            del data.attrs[name]
        else:
            data.attrs[name] = value
        told = f"attribute {name} is {value!r:.30}"
    else:
        name = draw.choice(names)
        held, told = data[name].variable, f"variable {name}"
        if draw.random() < 0.3:
            data, told = data.drop_vars(name), f"{told} left out"
        elif held.dtype.kind in "fiu":
            values = held.values
            with np.errstate(all="ignore"):
                ways = [*_of_one_shape(values), *wrong(np.atleast_1d(values))]
            how, changed = draw.choice([way for way in ways if way[1].dtype.kind in "fiuUO"])
            dims = held.dims if changed.shape == held.shape else tuple(f"other{n}" for n in range(changed.ndim))
            if changed.dtype.kind in "fiu" and changed.dtype.itemsize >= 4:
                data, told = data.drop_vars(name).assign({name: (dims, changed, held.attrs)}), f"{told} {how}"
    write_netcdf(path, kind, data)
    return told


def _of_one_shape(values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "not a number", np.full(values.shape, np.nan)
    yield "infinite", np.full(values.shape, np.inf)
    yield "negative", -np.abs(values.astype(float)) - 1.0
    yield "backwards", values[::-1] if values.ndim else values
    yield "huge", np.full(values.shape, 1e300)
    yield "single precision", values.astype(np.float32)
    yield "whole", np.nan_to_num(values.astype(float)).clip(-1e9, 1e9).astype(np.int64)
