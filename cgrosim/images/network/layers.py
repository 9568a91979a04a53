"""What a network is made of: layers and architectures as plain descriptions, without weights or compiled code.

A network of your own is a few lines::

    Architecture("mine", (28, 28, 1), (Convolution(16, 3, padding=1), ReLU(), MaxPool(), FullyConnected(10)))
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked_class
from cgrosim.errors import ParameterError
from cgrosim.model.settings import whole_number

Shape = tuple[int, int, int]  # height, width, channels


@dataclass(frozen=True)
class Convolution:
    """2-D convolution (cross-correlation) with stride 1 and `padding` zeros on every side.

    Weights ``(size, size, channels in, filters)``; `initial_scale` is the standard deviation of the initial weights
    (None: sqrt(2 / fan-in), He et al. 2015).
    """

    filters: int
    size: int
    padding: int = 0
    bias: bool = True
    initial_scale: float | None = None


@dataclass(frozen=True)
class ReLU:
    """max(x, 0)."""


@dataclass(frozen=True)
class Power:
    """The odd power sign(x) |x|^exponent of the theory's patch network."""

    exponent: int = 3


@dataclass(frozen=True)
class MaxPool:
    """2x2 maximum with stride 2; of an odd size the last row or column is dropped."""


@dataclass(frozen=True)
class SumPositions:
    """Sum of every channel over all positions: ``(h, w, c) -> (1, 1, c)``."""


@dataclass(frozen=True)
class FullyConnected:
    """Dense layer on the flattened input, in the order (row, column, channel); weights ``(inputs, units)``."""

    units: int
    bias: bool = True


@dataclass(frozen=True)
class FixedReadout:
    """Second layer that is not trained, on the flattened input.

    ``class_sums``: logit k is the sum of the k-th of `classes` equal groups of inputs. ``signed_sum`` (two classes
    only): logits (-f/2, f/2) with f the sum of all inputs, so that cross-entropy is the logistic loss of f.
    """

    classes: int
    kind: Literal["class_sums", "signed_sum"] = "class_sums"

    def matrix(self, inputs: int) -> NDArray[np.float64]:
        """The fixed weights, ``(inputs, classes)``."""
        if self.kind == "signed_sum":
            return np.tile([-0.5, 0.5], (inputs, 1))
        return np.repeat(np.eye(self.classes), inputs // self.classes, axis=0)


Layer = Convolution | ReLU | Power | MaxPool | SumPositions | FullyConnected | FixedReadout


@checked_class
@dataclass(frozen=True)
class Architecture:
    """A stack of layers on images of shape `input_shape` (height, width, channels).

    With ``patch = p > 1`` the image is first cut into non-overlapping p x p patches, each of which becomes one
    position with p*p*channels channels, in the order (row, column, channel): a 1x1 convolution then is a patch filter.

    Raises
    ------
    ParameterError
        If the layers do not fit one another.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    patch: int = 1

    def __post_init__(self) -> None:
        whole = tuple(whole_number(extent) for extent in (*self.input_shape, self.patch))
        if len(whole) != 4 or not all(isinstance(extent, int) for extent in whole):
            raise ParameterError(
                f"input_shape is {self.input_shape} and patch {self.patch}; give three whole numbers and one."
            )
        height, width, channels, patch = whole
        object.__setattr__(self, "input_shape", (height, width, channels))
        object.__setattr__(self, "patch", patch)
        if min(height, width, channels, self.patch) < 1:
            raise ParameterError(
                f"input_shape is {self.input_shape} and patch {self.patch}, but each must be at least 1."
            )
        if height % self.patch or width % self.patch:
            raise ParameterError(f"patch is {self.patch}, which does not divide images of {height} x {width}.")
        for layer in self.layers:
            _check(layer)
        if not self.layers or not isinstance(self.layers[-1], FullyConnected | FixedReadout):
            last = self.layers[-1] if self.layers else "no layer"
            raise ParameterError(f"{self.name} ends with {last}; the last layer must give one number a class.")
        if self.classes < 2:
            raise ParameterError(f"{self.name} has {self.classes} class, but must tell at least 2 apart.")

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of the input (after cutting into patches) and of the output of every layer."""
        height, width, channels = self.input_shape
        found = [(height // self.patch, width // self.patch, channels * self.patch**2)]
        for layer in self.layers:
            found.append(_output_shape(layer, found[-1]))
        return tuple(found)

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.shapes[-1][2]

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every trained array; the names are ``layer0.weight``, ``layer0.bias``, ..."""
        found: dict[str, tuple[int, ...]] = {}
        for index, (layer, shape) in enumerate(zip(self.layers, self.shapes, strict=False)):
            if isinstance(layer, Convolution):
                found[f"layer{index}.weight"] = (layer.size, layer.size, shape[2], layer.filters)
                if layer.bias:
                    found[f"layer{index}.bias"] = (layer.filters,)
            elif isinstance(layer, FullyConnected):
                found[f"layer{index}.weight"] = (math.prod(shape), layer.units)
                if layer.bias:
                    found[f"layer{index}.bias"] = (layer.units,)
        return found

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(math.prod(shape) for shape in self.parameter_shapes.values())


def described(architecture: Architecture) -> dict[str, Any]:
    """An architecture as plain values, for JSON; `read_architecture` reads them."""
    stack = [{"layer": type(layer).__name__, **dataclasses.asdict(layer)} for layer in architecture.layers]
    shape = list(architecture.input_shape)
    return {"name": architecture.name, "input_shape": shape, "layers": stack, "patch": architecture.patch}


def read_architecture(content: Any) -> Any:
    """Rebuild an architecture from what `described` gave; what is none is given back.

    Raises
    ------
    ParameterError
        If a dictionary does not describe an architecture.
    """
    if not isinstance(content, dict):
        return content
    kinds = {kind.__name__: kind for kind in get_args(Layer)}
    try:
        stack = [dict(layer) for layer in content["layers"]]
        layers = tuple(kinds[layer.pop("layer")](**layer) for layer in stack)
        height, width, channels = content["input_shape"]
        return Architecture(content["name"], (height, width, channels), layers, content["patch"])
    except (KeyError, TypeError, ValueError) as error:
        raise ParameterError(
            f"architecture is not described as cgrosim does it ({error}); give an Architecture."
        ) from None


def _check(layer: Layer) -> None:
    """Refuse what is no layer, and numbers no layer can have, in one sentence."""
    if not isinstance(layer, Layer):
        raise ParameterError(f"{layer!r} is not a layer; write for example ReLU() or Convolution(8, 3).")
    for name in ("filters", "size", "padding", "exponent", "units", "classes"):
        value = getattr(layer, name, 1)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ParameterError(f"{layer} has {name} {value!r}, which must be a whole number.")
    if not isinstance(getattr(layer, "bias", True), bool):
        raise ParameterError(f"{layer} has bias {layer.bias!r}, which must be True or False.")  # type: ignore[union-attr]
    scale = getattr(layer, "initial_scale", None)
    number = isinstance(scale, int | float) and not isinstance(scale, bool)
    if scale is not None and not (number and math.isfinite(scale) and scale >= 0.0):
        raise ParameterError(f"{layer} has the initial_scale {scale}, which must be at least 0.")
    if isinstance(layer, FixedReadout) and layer.kind not in ("class_sums", "signed_sum"):
        raise ParameterError(f"{layer} has the kind {layer.kind!r}; choose 'class_sums' or 'signed_sum'.")


def _output_shape(layer: Layer, shape: Shape) -> Shape:
    height, width, channels = shape
    if isinstance(layer, Convolution):
        if min(layer.filters, layer.size) < 1 or layer.padding < 0 or layer.padding >= layer.size:
            raise ParameterError(f"{layer} needs filters >= 1, size >= 1 and 0 <= padding < size.")
        height, width = (extent + 2 * layer.padding - layer.size + 1 for extent in (height, width))
        channels = layer.filters
    elif isinstance(layer, Power):
        if not 2 <= layer.exponent <= 5:
            raise ParameterError(f"{layer} has an exponent outside 2 to 5.")
    elif isinstance(layer, MaxPool):
        height, width = height // 2, width // 2
    elif isinstance(layer, SumPositions):
        height, width = 1, 1
    elif isinstance(layer, FullyConnected):
        height, width, channels = 1, 1, layer.units
    elif isinstance(layer, FixedReadout):
        inputs = math.prod(shape)
        if layer.classes < 1:
            raise ParameterError(f"{layer} has {layer.classes} classes, but must tell at least 2 apart.")
        if layer.kind == "signed_sum" and layer.classes != 2:
            raise ParameterError(f"{layer} has {layer.classes} classes, but a signed sum tells two apart.")
        if inputs % layer.classes:
            raise ParameterError(f"{layer} cannot share {inputs} inputs equally among {layer.classes} classes.")
        height, width, channels = 1, 1, layer.classes
    if min(height, width, channels) < 1:
        raise ParameterError(f"{layer} on an input of {shape} leaves nothing; use fewer or smaller layers.")
    return height, width, channels


def initial_parameters(architecture: Architecture, generator: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Random weights, normal with the standard deviation each layer names; biases are zero."""
    found = {}
    for name, shape in architecture.parameter_shapes.items():
        layer = architecture.layers[int(name.split(".")[0].removeprefix("layer"))]
        if name.endswith("bias"):
            found[name] = np.zeros(shape, np.float32)
            continue
        scale = getattr(layer, "initial_scale", None)
        scale = math.sqrt(2.0 / math.prod(shape[:-1])) if scale is None else scale
        found[name] = (scale * generator.standard_normal(shape)).astype(np.float32)
    return found
