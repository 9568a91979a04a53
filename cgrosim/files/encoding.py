"""Words in a netCDF file: numbers with a list of what they mean, because the reader takes no tables of texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

WORDS = "words"  # attribute: a JSON list; a number is a place in it


def encoded(data: xarray.Dataset) -> xarray.Dataset:
    """The dataset with every variable and coordinate of words as numbers."""
    changed: dict[str, Any] = {}
    for name, variable in data.variables.items():
        if variable.dtype.kind in "OUST":
            texts = [str(text) for text in variable.values.reshape(-1)]
            words = {word: number for number, word in enumerate(dict.fromkeys(texts))}
            numbers = np.array([words[text] for text in texts], dtype=np.int64).reshape(variable.shape)
            changed[str(name)] = (variable.dims, numbers, {**variable.attrs, WORDS: json.dumps(list(words))})
        elif variable.dtype.kind == "b":
            changed[str(name)] = (variable.dims, variable.values.astype(np.int64), {**variable.attrs, WORDS: "false"})
    return data.assign({n: v for n, v in changed.items() if n in data.data_vars}).assign_coords(
        {n: v for n, v in changed.items() if n in data.coords}
    )


def decoded(data: xarray.Dataset) -> xarray.Dataset:
    """The dataset that `encoded` was given.

    Raises
    ------
    ValueError, IndexError
        If a list of words does not fit its numbers.
    """
    changed: dict[str, Any] = {}
    for name, variable in data.variables.items():
        if WORDS not in variable.attrs:
            continue
        attributes = {key: value for key, value in variable.attrs.items() if key != WORDS}
        words, numbers = json.loads(variable.attrs[WORDS]), np.asarray(variable.values)
        if words is False:
            changed[str(name)] = (variable.dims, numbers.astype(bool), attributes)
            continue
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < len(words)):
            raise ValueError(f"{name} has numbers without a word")
        table = np.array([str(word) for word in words], dtype=object if str(name).endswith("message") else None)
        changed[str(name)] = (variable.dims, table[numbers] if numbers.size else table, attributes)
    return data.assign({n: v for n, v in changed.items() if n in data.data_vars}).assign_coords(
        {n: v for n, v in changed.items() if n in data.coords}
    )
