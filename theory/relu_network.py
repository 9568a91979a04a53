"""ReLU networks as explicit arrays: sparse weights and biases that can be evaluated, differentiated, counted and saved.

Every network of the representation results is one of these objects, the clean classifier and the memorising one alike,
and all are evaluated by the same lines. Weights are sparse because the constructions are: a dense array of the
indicators of 1,000 MNIST balls would have 10^9 entries, of which 3 million are connections.

A parameter is a *stored* weight (a connection of the architecture, whatever its value) or a bias, one a unit. Counting
nonzero values instead would make the size depend on accidents of the data, such as a pixel equal to the radius.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cgrosim.theory.relu_steps import Step, apply_step, batches, evaluation_steps, pull_back

Array = NDArray[np.float64]
FORMAT = "relu network 1"


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """``x -> W_L ReLU(... ReLU(W_1 x + b_1) ...) + b_L``.

    Attributes
    ----------
    weights : tuple of scipy.sparse.csr_array, shape (units of the layer, units before)
        Given as dense arrays, every entry is stored, zeros too; given as sparse arrays, the stored entries are.
        Read-only copies, because evaluation keeps blocks of them: to change a network, make another.
    biases : tuple of arrays, one value a unit

    Raises
    ------
    ValueError
        If the layers do not fit one another or hold a value that is not finite.
    """

    weights: tuple[Any, ...]
    biases: tuple[Array, ...]

    def __init__(self, weights: Sequence[Any], biases: Sequence[ArrayLike]) -> None:
        matrices = tuple(_frozen(as_sparse(weight)) for weight in weights)
        vectors = tuple(np.array(bias, dtype=np.float64, ndmin=1) for bias in biases)
        for vector in vectors:
            vector.flags.writeable = False
        if not matrices or len(matrices) != len(vectors):
            raise ValueError(
                f"A network needs one bias vector a weight matrix, got {len(vectors)} for {len(matrices)} matrices."
            )
        for index, (matrix, vector) in enumerate(zip(matrices, vectors, strict=True)):
            if vector.shape != (matrix.shape[0],):
                raise ValueError(f"Layer {index} has {matrix.shape[0]} units but biases of shape {vector.shape}.")
            if index and matrix.shape[1] != matrices[index - 1].shape[0]:
                raise ValueError(
                    f"Layer {index} reads {matrix.shape[1]} units but layer {index - 1} has "
                    f"{matrices[index - 1].shape[0]}."
                )
            if not (np.isfinite(matrix.data).all() and np.isfinite(vector).all()):
                raise ValueError(f"Layer {index} holds a value that is not finite.")
        object.__setattr__(self, "weights", matrices)
        object.__setattr__(self, "biases", vectors)

    @property
    def inputs(self) -> int:
        """Input dimension D."""
        return int(self.weights[0].shape[1])

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return int(self.weights[-1].shape[0])

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Units of every hidden layer."""
        return tuple(int(weight.shape[0]) for weight in self.weights[:-1])

    @property
    def parameter_count(self) -> int:
        """Stored weights and biases, counted from the arrays."""
        return sum(int(weight.nnz) for weight in self.weights) + sum(bias.size for bias in self.biases)

    @property
    def nonzero_count(self) -> int:
        """Weights and biases that are not zero; at most `parameter_count`."""
        values = [*(weight.data for weight in self.weights), *self.biases]
        return sum(int(np.count_nonzero(value)) for value in values)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The layers in the order of evaluation, wide hidden layers cut into blocks; a ReLU stands between steps."""
        return evaluation_steps(self.weights, self.biases)

    def __call__(self, points: ArrayLike) -> Array:
        """Outputs, shape (n, outputs), at points of shape (n, D); shape (outputs,) at one point of shape (D,).

        The value at a point does not depend on the other points, nor on the number of threads.
        """
        points = self._checked(points)
        found = np.empty((len(np.atleast_2d(points)), self.outputs))
        for part in batches(len(found)):
            found[part] = self._inputs_of_steps(np.atleast_2d(points)[part])[-1].T
        return found[0] if points.ndim == 1 else found

    def input_gradient(self, points: ArrayLike, cotangents: ArrayLike) -> Array:
        """Gradient of ``sum_k cotangents[:, k] * outputs[:, k]`` at every point, shape (n, D); ReLU'(0) = 0."""
        points, cotangents = np.atleast_2d(self._checked(points)), np.atleast_2d(np.asarray(cotangents, np.float64))
        if cotangents.shape != (len(points), self.outputs):
            raise ValueError(f"cotangents have shape {cotangents.shape}, not {(len(points), self.outputs)}.")
        found = np.empty(points.shape)
        for part in batches(len(points)):
            values = self._inputs_of_steps(points[part])
            gradient = np.ascontiguousarray(cotangents[part].T)
            for index in reversed(range(len(self.steps))):
                gradient = pull_back(self.steps[index], values[index], gradient)
                if index:
                    gradient *= values[index] > 0
            found[part] = gradient.T
        return found

    def _inputs_of_steps(self, points: Array) -> list[Array]:
        """What every step reads, units by points, and the output."""
        values = [np.ascontiguousarray(points.T)]
        for index, step in enumerate(self.steps):
            if index:
                np.maximum(values[-1], 0.0, out=values[-1])
            values.append(apply_step(step, values[-1]))
        return values

    def _checked(self, points: ArrayLike) -> Array:
        points = np.asarray(points, dtype=np.float64)
        if points.ndim not in (1, 2) or points.shape[-1] != self.inputs:
            raise ValueError(f"points have shape {points.shape}, but this network reads (n, {self.inputs}).")
        return points

    def save(self, file: IO[bytes]) -> None:
        """Write all arrays as .npz to an open binary file."""
        arrays: dict[str, Any] = {"format": np.array(FORMAT), "layers": np.array(len(self.weights))}
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays[f"layer{index}.values"] = weight.data
            arrays[f"layer{index}.columns"] = weight.indices
            arrays[f"layer{index}.row_starts"] = weight.indptr
            arrays[f"layer{index}.shape"] = np.array(weight.shape)
            arrays[f"layer{index}.bias"] = bias
        np.savez(file, **arrays)


# what NumPy and zipfile raise of a file that is cut, changed, packed otherwise or encrypted
_INCOMPLETE = (OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, RuntimeError, zipfile.BadZipFile,
               zlib.error, MemoryError)  # fmt: skip


def load_network(file: IO[bytes]) -> ReluNetwork:
    """Read a network that `ReluNetwork.save` wrote from an open binary file.

    Raises
    ------
    ValueError
        If the file is truncated or was not written by `ReluNetwork.save`.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except _INCOMPLETE as error:
        raise ValueError(f"This is not a complete .npz file ({error}); save the network again.") from None
    if str(arrays.get("format")) != FORMAT:
        raise ValueError("This is an .npz file, but not a saved network; give one that ReluNetwork.save wrote.")
    weights, biases = [], []
    try:
        for index in range(int(arrays["layers"])):
            parts = [arrays[f"layer{index}.{name}"] for name in ("values", "columns", "row_starts")]
            shape = tuple(int(size) for size in arrays[f"layer{index}.shape"])
            weights.append(sparse.csr_array(tuple(parts), shape=shape))
            weights[-1].check_format(full_check=True)  # compiled products look at no index
            biases.append(arrays[f"layer{index}.bias"])
        return ReluNetwork(weights, biases)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise ValueError(f"This is no whole network ({what}); save the network again.") from None


def as_sparse(matrix: Any) -> Any:
    """CSR array with the stored entries of a sparse array, or with every entry of a dense one, zeros included."""
    if sparse.issparse(matrix):
        found = sparse.csr_array(matrix, dtype=np.float64, copy=True)
        found.sum_duplicates()
        return found
    dense = np.array(matrix, dtype=np.float64)
    if dense.ndim != 2:
        raise ValueError(f"A weight matrix has two dimensions; got an array of shape {dense.shape}.")
    rows, columns = dense.shape
    indices = np.tile(np.arange(columns, dtype=np.int32), rows)
    return sparse.csr_array((dense.ravel(), indices, columns * np.arange(rows + 1, dtype=np.int32)), shape=dense.shape)


def _frozen(matrix: Any) -> Any:
    for array in (matrix.data, matrix.indices, matrix.indptr):
        array.flags.writeable = False
    return matrix
