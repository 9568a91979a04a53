"""A network as an ONNX model, so that other people's tools can check it.

The model takes ``images`` (n, channels, height, width), float32 in [0, 1], and gives ``logits`` (n, classes). Our
arrays have the channels last; the weights are rearranged, so that nothing but standard operators is left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.errors import FileError, UserError
from cgrosim.files.atomic import write_atomically
from cgrosim.files.versions import versions
from cgrosim.files.words import shown
from cgrosim.images.network.layers import (
    Architecture,
    Convolution,
    FixedReadout,
    FullyConnected,
    Layer,
    MaxPool,
    Power,
    ReLU,
    Shape,
    SumPositions,
)

OPERATORS = 17  # version of the set of operators; of 2022, read by every tool of today
INTERMEDIATE = 8  # version of the file format that goes with it
MISSING = "this needs onnx, which is not installed; run pip install '.[onnx]' in the checkout of cgrosim."


def onnx_model(
    architecture: Architecture,
    parameters: Mapping[str, NDArray[np.float32]],
    about: Mapping[str, Any] | None = None,
) -> Any:
    """The network as an ``onnx.ModelProto``.

    Parameters
    ----------
    about : plain values that the model says of itself, as JSON

    Raises
    ------
    UserError
        If onnx is not installed.
    """
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError:
        raise UserError(MISSING) from None
    height, width, channels = architecture.input_shape
    chain = _Chain("images")
    _translate(architecture, parameters, chain)
    chain.steps[-1] = replace(chain.steps[-1], gives="logits")
    graph = helper.make_graph(
        [
            helper.make_node(each.operator, [*each.takes], [each.gives], name=each.gives, **each.attributes)
            for each in chain.steps
        ],
        architecture.name,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", channels, height, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", architecture.classes])],
        [numpy_helper.from_array(values, name) for name, values in chain.constants.items()],
    )
    model = helper.make_model(
        graph,
        producer_name="cgrosim",
        producer_version=versions()["cgrosim"],
        opset_imports=[helper.make_opsetid("", OPERATORS)],
        ir_version=INTERMEDIATE,
    )
    helper.set_model_props(model, {name: json.dumps(value) for name, value in (about or {}).items()})
    checker.check_model(model, full_check=True)
    return model


def export_onnx(
    path: str | Path,
    architecture: Architecture,
    parameters: Mapping[str, NDArray[np.float32]],
    *,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a network as an ONNX file, atomically.

    Raises
    ------
    UserError
        If onnx is not installed, or the place cannot be written to.
    """
    content = onnx_model(architecture, parameters, about).SerializeToString(deterministic=True)

    def write(file: IO[bytes]) -> None:
        file.write(content)

    return write_atomically(path, write)


def onnx_logits(path: str | Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits that ONNX Runtime computes with an exported network, ``(n, classes)``.

    Parameters
    ----------
    images : (n, height, width, channels), as everywhere here

    Raises
    ------
    UserError
        If ONNX Runtime is not installed.
    FileError
        If it cannot run the file.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "this needs ONNX Runtime, which is not installed; install it: pip install onnxruntime."
        ) from None
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (logits,) = session.run(["logits"], {"images": np.ascontiguousarray(images.transpose(0, 3, 1, 2))})
    except Exception as error:  # of many kinds, none of them documented
        raise FileError(f"{shown(path)} cannot be run by ONNX Runtime ({shown(error)}).") from None
    return np.asarray(logits, np.float32)


@dataclass(frozen=True)
class _Step:
    """One operator: what it takes, what it gives, by name."""

    operator: str
    takes: tuple[str, ...]
    gives: str
    attributes: dict[str, Any]


@dataclass
class _Chain:
    """Operators so far, and the name of what the last one gives."""

    now: str
    steps: list[_Step] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, operator: str, arrays: Mapping[str, NDArray[Any]] | None = None, **attributes: Any) -> str:
        """An operator on what the last one gives and on constants."""
        constants = {f"{operator.lower()}{len(self.steps)}.{name}": each for name, each in (arrays or {}).items()}
        self.constants |= constants
        return self.join(operator, (self.now, *constants), **attributes)

    def join(self, operator: str, takes: tuple[str, ...], **attributes: Any) -> str:
        """An operator on anything so far."""
        self.now = f"{operator.lower()}{len(self.steps)}"
        self.steps.append(_Step(operator, takes, self.now, attributes))
        return self.now


def _translate(architecture: Architecture, parameters: Mapping[str, NDArray[np.float32]], chain: _Chain) -> None:
    if architecture.patch > 1:
        # the channels of a patch come in the order (row, column, channel) here as there
        chain.add("SpaceToDepth", blocksize=architecture.patch)
    flat = False
    for index, (layer, shape) in enumerate(zip(architecture.layers, architecture.shapes, strict=False)):
        dense = isinstance(layer, FullyConnected | FixedReadout)
        if dense and not flat:
            chain.add("Flatten", axis=1)
        elif flat and isinstance(layer, Convolution | MaxPool | SumPositions):
            chain.add("Unsqueeze", {"axes": np.array([2, 3], np.int64)})
            flat = False
        flat |= dense
        arrays = {name: parameters[f"layer{index}.{name}"] for name in ("weight", "bias")
                  if f"layer{index}.{name}" in parameters}  # fmt: skip
        _add(layer, shape, arrays, chain)


def _add(layer: Layer, shape: Shape, arrays: dict[str, NDArray[np.float32]], chain: _Chain) -> None:
    if isinstance(layer, Convolution):
        weight = np.ascontiguousarray(arrays.pop("weight").transpose(3, 2, 0, 1))
        side, pads = [layer.size, layer.size], [layer.padding] * 4
        chain.add("Conv", {"weight": weight, **arrays}, kernel_shape=side, pads=pads)
    elif isinstance(layer, ReLU):
        chain.add("Relu")
    elif isinstance(layer, MaxPool):
        chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    elif isinstance(layer, SumPositions):
        chain.add("ReduceSum", {"axes": np.array([2, 3], np.int64)}, keepdims=1)
    elif isinstance(layer, FullyConnected):
        chain.add("Gemm", {"weight": _channels_first(arrays.pop("weight"), shape), **arrays})
    elif isinstance(layer, FixedReadout):
        matrix = layer.matrix(int(np.prod(shape))).astype(np.float32)
        chain.add("Gemm", {"weight": _channels_first(matrix, shape)})
    elif isinstance(layer, Power):
        before = chain.now
        sign = chain.add("Sign")
        chain.join("Abs", (before,))
        power = chain.add("Pow", {"exponent": np.array(layer.exponent, np.float32)})
        chain.join("Mul", (sign, power))
    else:
        raise UserError(f"{layer} has no ONNX operator here; export a network without it.")


def _channels_first(weight: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """Rows in the order (channel, row, column) instead of (row, column, channel)."""
    height, width, channels = shape
    ordered = weight.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(ordered.reshape(weight.shape))
