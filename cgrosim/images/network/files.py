"""A network of one's own from a TOML file: a table for every layer, its fields those of the layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.memory import memory_bytes
from cgrosim.files.words import quoted, shown, suggested
from cgrosim.images.network.layers import Architecture, Layer, Shape
from cgrosim.model.toml import read_toml

KINDS = {kind.__name__: kind for kind in get_args(Layer)}
NAMES = ("name", "patch", "layers")
OUTPUTS = {"FullyConnected": "units", "FixedReadout": "classes"}  # what the last layer may leave to the data
COPIES = 8  # of the weights: velocity, gradient, best, snapshots


def read_network(path: str | Path, input_shape: Shape, classes: int) -> Architecture:
    """A network described in a TOML file, for images of a shape.

    The file has ``layers``, a table each with its name as ``layer`` (`Convolution`, `ReLU`, `MaxPool`,
    `FullyConnected`, `Power`, `SumPositions`, `FixedReadout`) and its fields; a ``name`` (that of the file if there is
    none); and ``patch``, the side of the patches that an image is first cut into. The last layer may leave out
    ``units``, as this one does::

        layers = [{layer = "Convolution", filters = 8, size = 3}, {layer = "ReLU"}, {layer = "FullyConnected"}]

    Parameters
    ----------
    input_shape : (height, width, channels) of the images
    classes : how many numbers the last layer must give

    Raises
    ------
    FileError
        If the file cannot be read, does not describe a network, or describes one for other images.
    """
    content = read_toml(path)
    try:
        return _network(content, Path(path).stem, input_shape, classes)
    except ParameterError as error:
        raise FileError(f"{shown(path)} is no network for these images: {error}") from None


def _network(content: Mapping[str, Any], stem: str, input_shape: Shape, classes: int) -> Architecture:
    for name in content:
        if name not in NAMES:
            raise ParameterError(f"it has {shown(name)}; {suggested(name, NAMES, 'there may be')}")
    name, stack = content.get("name", stem), content.get("layers")
    if not isinstance(name, str) or not name.strip():
        raise ParameterError(f"its name is {quoted(name)}; give a text.")
    if not isinstance(stack, list) or not stack or not all(isinstance(each, dict) for each in stack):
        raise ParameterError('it has no layers; write [[layers]] and layer = "ReLU" below it for each.')
    last = len(stack) - 1
    layers = tuple(_layer(each, place + 1, classes if place == last else None) for place, each in enumerate(stack))
    network = Architecture(shown(name.strip()), input_shape, layers, content.get("patch", 1))
    if network.classes != classes:
        raise ParameterError(
            f"its last layer gives {network.classes} numbers, but there are {classes} classes; leave "
            f"{OUTPUTS[type(layers[-1]).__name__]} out, which then fits."
        )
    from cgrosim.images.network.layouts import choose_layout  # loads the compiler

    choose_layout(network)  # says what there is no kernel for
    if not fits_memory(network):
        raise ParameterError(f"it has {network.parameter_count:.3g} weights, more than fit into memory; use fewer.")
    return network


def fits_memory(network: Architecture) -> bool:
    """Whether this machine holds what a training keeps of the weights; images go through in pieces of a fixed size."""
    return 4 * COPIES * network.parameter_count <= memory_bytes()


def _layer(described: Mapping[str, Any], number: int, classes: int | None) -> Layer:
    """One layer; the last one takes the number of classes where it says none."""
    kind = described.get("layer")
    if kind not in KINDS:
        raise ParameterError(f"its layer {number} is {quoted(kind)}; {suggested(kind, KINDS, 'take one of')}")
    values = {name: value for name, value in described.items() if name != "layer"}
    fields = {field.name: field for field in dataclasses.fields(KINDS[kind])}
    for name in values:
        if name not in fields:
            told = suggested(name, fields, "there may be") if fields else "it has no settings."
            raise ParameterError(f"its layer {number}, {kind}, has {shown(name)}; {told}")
    if classes is not None and kind in OUTPUTS:
        values = {OUTPUTS[kind]: classes, **values}
    missing = [name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in values]
    if missing:
        raise ParameterError(f"its layer {number}, {kind}, has no {missing[0]}; give it.")
    return KINDS[kind](**values)
