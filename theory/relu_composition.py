"""Networks out of networks: side by side, deeper by ReLU pairs, one more layer on top. All exact, entry by entry.

Every function keeps stored zeros, so that the parameters of a composition can be predicted from those of its parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from cgrosim.theory.relu_network import ReluNetwork, as_sparse


def affine_network(weight: ArrayLike, bias: ArrayLike) -> ReluNetwork:
    """``weight @ x + bias`` as a network without hidden layers."""
    return ReluNetwork([weight], [bias])


def identity(size: int, scale: float = 1.0) -> Any:
    """Scaled identity as a CSR array with `size` stored entries."""
    starts = np.arange(size + 1, dtype=np.int32)
    return sparse.csr_array((np.full(size, scale), starts[:-1], starts), shape=(size, size))


def blocks(rows: list[list[Any]]) -> Any:
    """CSR array assembled from a table of blocks (None: no connections)."""
    return sparse.block_array(rows, format="csr")


def carry(size: int, hidden_layers: int) -> ReluNetwork:
    """The identity on R^size with the given number of hidden layers: x = ReLU(x) - ReLU(-x), then pairs unchanged."""
    if hidden_layers == 0:
        return ReluNetwork([identity(size)], [np.zeros(size)])
    split = blocks([[identity(size)], [identity(size, -1.0)]])
    join = blocks([[identity(size), identity(size, -1.0)]])
    weights = [split, *[identity(2 * size)] * (hidden_layers - 1), join]
    return ReluNetwork(weights, [*[np.zeros(2 * size)] * hidden_layers, np.zeros(size)])


def deepen(network: ReluNetwork, hidden_layers: int, *, nonnegative: bool = False) -> ReluNetwork:
    """The same function with `hidden_layers` hidden layers.

    Outputs travel as ReLU pairs, or as they are if they are `nonnegative` at every input (not checked).

    Raises
    ------
    ValueError
        If the network already has more hidden layers.
    """
    extra = hidden_layers - len(network.hidden_widths)
    if extra < 0:
        raise ValueError(
            f"The network has {len(network.hidden_widths)} hidden layers, more than the {hidden_layers} asked for."
        )
    if extra == 0:
        return network
    weight, bias, size = network.weights[-1], network.biases[-1], network.outputs
    if nonnegative:
        copies = [identity(size)] * extra
        return ReluNetwork([*network.weights, *copies], [*network.biases, *[np.zeros(size)] * extra])
    tail = carry(size, extra).weights[1:]
    pair = blocks([[weight], [-weight]])
    zeros = [np.zeros(2 * size)] * (extra - 1)
    return ReluNetwork(
        [*network.weights[:-1], pair, *tail],
        [*network.biases[:-1], np.concatenate([bias, -bias]), *zeros, np.zeros(size)],
    )


def parallel(*networks: ReluNetwork) -> ReluNetwork:
    """All outputs of networks that read the same input and have equally many layers, one after the other.

    Raises
    ------
    ValueError
        If inputs or numbers of layers differ.
    """
    if len({(network.inputs, len(network.weights)) for network in networks}) != 1:
        shapes = [(network.inputs, len(network.hidden_widths)) for network in networks]
        raise ValueError(f"Networks side by side need equal (inputs, hidden layers), got {shapes}; use deepen first.")
    weights = [blocks([[network.weights[0]] for network in networks])]
    weights += [
        sparse.block_diag([network.weights[layer] for network in networks], format="csr")
        for layer in range(1, len(networks[0].weights))
    ]
    biases = [np.concatenate(parts) for parts in zip(*(network.biases for network in networks), strict=True)]
    return ReluNetwork(weights, biases)


def on_top(network: ReluNetwork, weight: Any, bias: ArrayLike) -> ReluNetwork:
    """``weight @ ReLU(network(x)) + bias``: the outputs become hidden units."""
    return ReluNetwork([*network.weights, weight], [*network.biases, bias])


def serial(first: ReluNetwork, second: ReluNetwork) -> ReluNetwork:
    """``second(first(x))``: the last layer of the first and the first of the second, both affine, become one.

    Their product is rounded like any product of matrices, and connections are stored where the product can have one.
    """
    if first.outputs != second.inputs:
        raise ValueError(f"The first network has {first.outputs} outputs, but the second reads {second.inputs}.")
    left, right = second.weights[0], first.weights[-1]
    pattern = _ones(left) @ _ones(right)
    product = (left @ right).tocsr()
    merged = as_sparse(_on_pattern(product, pattern))
    return ReluNetwork(
        [*first.weights[:-1], merged, *second.weights[1:]],
        [*first.biases[:-1], left @ first.biases[-1] + second.biases[0], *second.biases[1:]],
    )


def _ones(matrix: Any) -> Any:
    return sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def _on_pattern(product: Any, pattern: Any) -> Any:
    """The product with a stored entry wherever the pattern has one: sums that cancel stay connections."""
    columns = int(pattern.shape[1])
    keys = [
        np.repeat(np.arange(m.shape[0], dtype=np.int64), np.diff(m.indptr)) * columns + m.indices
        for m in (pattern, product)
    ]
    order = np.argsort(keys[0], kind="stable")
    values = np.zeros(pattern.nnz)
    values[order[np.searchsorted(keys[0], keys[1], sorter=order)]] = product.data
    found = sparse.csr_array((values, pattern.indices, pattern.indptr), shape=pattern.shape)
    found.sort_indices()
    return found
