"""What a run starts from: drawn as planned, or given and checked; and as flat arrays, for files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import ParameterError
from cgrosim.model.activations import output_weights
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.linear_algebra import gram
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData
from cgrosim.model.sampling import ClosedSystem, draw_explicit, draw_gram
from cgrosim.run.planning import Plan
from cgrosim.run.quantities import record_sizes

# name of a flat array: its dimensions in a file (no name twice in one array: a dataset does not allow it)
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "labels": ("sample",),
    "signal": ("neuron",),
    "noise": ("noise_row", "neuron"),
    "gram": ("noise_row", "noise_column"),
    "weight_gram": ("neuron", "neuron_column"),
    "second_layer": ("neuron",),
    "weights": ("neuron", "coordinate"),
    "data_labels": ("sample",),
    "data_signal_index": ("sample",),
    "data_noise": ("sample", "patch", "coordinate"),
    "data_direction": ("coordinate",),
    "data_signal_strength": (),
    "features": ("sample",),
    "data_features": ("sample",),
}


def draw_system(params: Params, chosen: Plan) -> ClosedSystem:
    """Draw what a planned run starts from."""
    if chosen.sampling == "gram":
        return draw_gram(params)
    return draw_explicit(params, with_gram=ENGINES[chosen.engine].closed or "coefficients" in params.record)


def arrays_of(system: ClosedSystem) -> dict[str, NDArray[Any]]:
    """The arrays of a system by the names of `DIMENSIONS`; those that are None are left out."""
    found = {f.name: getattr(system, f.name) for f in fields(ClosedSystem) if f.name != "data"}
    if system.data is not None:
        found |= {f"data_{f.name}": getattr(system.data, f.name) for f in fields(PatchData)}
    return {name: np.asarray(array) for name, array in found.items() if array is not None}


def system_of(arrays: Mapping[str, NDArray[Any]]) -> ClosedSystem:
    """The system whose `arrays_of` these are.

    Raises
    ------
    KeyError
        If one that every system has is missing.
    """
    inner: dict[str, Any] = {
        name.removeprefix("data_"): array for name, array in arrays.items() if name.startswith("data_")
    }
    if inner:
        inner["signal_strength"] = float(inner["signal_strength"])
    optional = {"gram", "weights", "features"}
    whole = {f.name: arrays[f.name] for f in fields(ClosedSystem) if f.name not in {"data", *optional}}
    given: dict[str, Any] = {"gram": None, **{name: arrays[name] for name in optional & set(arrays)}}
    return ClosedSystem(**whole, **given, data=PatchData(**inner) if inner else None)


def sampling_of(params: Params, start: ClosedSystem) -> str:
    """The sampling that a given start amounts to: explicit where it has vectors.

    Raises
    ------
    ParameterError
        If the parameters need vectors that it has not.
    """
    if start.data is not None and start.weights is not None:
        return "explicit"
    needs = {
        f"threat {params.threat}": not params.signal_only,
        f"engine {params.engine}": params.engine != "auto" and not ENGINES[params.engine].closed,
        "record weights": "weights" in params.record,
        "sampling explicit": params.sampling == "explicit",
    }
    for what, needed in needs.items():
        if needed:
            raise ParameterError(f"start has no vectors, but {what} needs them; give data and weights, or drop it.")
    return "gram"


def checked_start(params: Params, start: ClosedSystem, chosen: Plan) -> ClosedSystem:
    """A given start, held against the parameters; a missing Gram matrix is computed from the vectors.

    The signal strength is that of the parameters, whatever that of the data it was drawn with.

    Raises
    ------
    ParameterError
        If shapes or values cannot be those of a start of this experiment, or if its parts disagree.
    """
    explicit = sampling_of(params, start) == "explicit"
    if explicit:
        assert start.data is not None
        start = replace(start, data=replace(start.data, signal_strength=params.signal_strength))
    _check_arrays(params, arrays_of(start))
    if explicit:
        _check_vectors(params, start)
    if start.gram is None and (ENGINES[chosen.engine].closed or "coefficients" in params.record):
        if start.data is None:
            raise ParameterError("start has neither a Gram matrix nor vectors; give one of them.")
        start = replace(start, gram=gram(start.data.noise.reshape(-1, params.dimension)))
    return start


def _check_arrays(params: Params, arrays: dict[str, NDArray[Any]]) -> None:
    rows = params.noise_patches
    sizes = {**record_sizes(params), "noise_row": rows, "noise_column": rows}
    for name, array in arrays.items():
        wanted = tuple(sizes[dimension] for dimension in DIMENSIONS[name])
        if array.shape != wanted:
            raise ParameterError(f"start has {name} of shape {array.shape}, but these parameters need {wanted}.")
        kind = "i" if name == "data_signal_index" else "f"
        if array.dtype.kind != kind or array.dtype.itemsize != 8:
            raise ParameterError(f"start has {name} of type {array.dtype}, but it must be {kind}8.")
        if not np.all(np.isfinite(array)):
            raise ParameterError(f"start has {name} that is not finite everywhere; give finite numbers.")
    for name in {"labels", "data_labels"} & set(arrays):
        if not np.all(np.abs(arrays[name]) == 1.0):
            raise ParameterError(f"start has {name} other than -1 and +1; give -1.0 or +1.0 for every sample.")
    for name in {"features", "data_features"} & set(arrays):
        if not np.all(np.isin(arrays[name], (-1.0, 0.0, 1.0))):
            raise ParameterError(f"start has {name} other than -1, 0 and +1; give one of them for every sample.")
    expected = output_weights(params.neurons, params.second_layer_sign)
    if not np.array_equal(arrays["second_layer"], expected):
        raise ParameterError(
            f"start has another second_layer than these parameters ({params.second_layer_sign}); change second_layer."
        )
    for name in {"gram", "weight_gram"} & set(arrays):
        matrix = arrays[name]
        diagonal = np.diag(matrix)
        sizes_of_rows = np.sqrt(np.maximum(diagonal, 0.0))
        uneven = np.abs(matrix - matrix.T) > _round_off(params) * np.outer(sizes_of_rows, sizes_of_rows)
        if np.any(diagonal < 0.0) or np.any(uneven):
            raise ParameterError(f"start has a {name} that is no Gram matrix; it must be symmetric, its diagonal >= 0.")


def _check_vectors(params: Params, start: ClosedSystem) -> None:
    """Correlations must be those of the vectors, or the engines would run different starts.

    A sum of d products differs between orders of summation by at most d eps times the product of the norms; the
    projection off the direction adds as much again for each of its two operands, hence the factor 4.
    """
    data, weights = start.data, start.weights
    assert data is not None
    assert weights is not None
    if not np.array_equal(data.labels, start.labels):
        raise ParameterError("start has data with other labels than its own; give the same ones.")
    if not np.array_equal(data.feature_signs, start.labels * (1.0 if start.features is None else start.features)):
        raise ParameterError("start has data with other features than its own; give the same ones.")
    if np.any((data.signal_index < 0) | (data.signal_index >= params.patches)):
        raise ParameterError(f"start has a data_signal_index outside 0 .. {params.patches - 1}; give a patch's place.")
    rows = data.noise.reshape(-1, params.dimension)
    round_off = _round_off(params)
    sizes, lengths = (np.sqrt(np.sum(array**2, axis=1)) for array in (weights, rows))
    signal, norm = weights @ data.direction, float(np.sqrt(data.direction @ data.direction))
    if abs(norm - 1.0) > round_off:
        raise ParameterError(f"start has a data_direction of norm {norm:g}; give a unit vector.")
    for name, one, other, bound in (
        ("signal", start.signal, signal, sizes),
        ("noise", start.noise, rows @ weights.T, np.outer(lengths, sizes)),
        ("weight_gram", np.diag(start.weight_gram), sizes**2 - signal**2, sizes**2),
        ("gram", np.diag(start.gram) if start.gram is not None else lengths**2, lengths**2, lengths**2),
        ("data_noise", rows @ data.direction, np.zeros(len(rows)), lengths),
    ):
        if np.any(np.abs(one - other) > round_off * bound):
            raise ParameterError(f"start has {name} that disagrees with its vectors; build it with close_system.")


def _round_off(params: Params) -> float:
    """What two ways to sum d products may differ by, in units of the product of the norms.

    Each rounds by at most d eps; the projection off the direction adds as much for each of its two operands.
    """
    return 4.0 * params.dimension * float(np.finfo(np.float64).eps)


def start_of(params: Params, sampling: str, engine: str) -> ClosedSystem:
    """Draw again what a run began from: the same parameters give the same bits."""
    return draw_system(params, Plan(sampling, engine, ""))
