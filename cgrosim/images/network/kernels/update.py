"""After the gradient: the step of gradient descent, and the rearranged weights that the input gradients read."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import prange

from cgrosim.images.network.kernels.caching import entry, fingerprint
from cgrosim.images.network.kernels.shapes import BLOCK


def _make(parallel: bool) -> tuple[Any, Any]:
    source = fingerprint(f"update, parallel {parallel}")

    @entry(parallel)
    def descend(parameters, velocity, gradient, rate, momentum, decay):  # type: ignore[no-untyped-def]
        _ = source
        for i in prange(gradient.size):
            velocity[i] = momentum * velocity[i] + (gradient[i] + decay * parameters[i])
            parameters[i] -= rate * velocity[i]
            gradient[i] = np.float32(0)

    @entry(parallel)
    def transpose(parameters, weight, table, at, inputs, outputs):  # type: ignore[no-untyped-def]
        """``[output block][input][16 outputs]`` to ``[input block][output][16 inputs]``, in blocks of 16 by 16."""
        _ = source
        for block in prange(inputs):
            for other in range(outputs):
                old = weight + (other * inputs + block) * BLOCK * BLOCK
                new = at + (block * outputs + other) * BLOCK * BLOCK
                for i in range(BLOCK):
                    for j in range(BLOCK):
                        table[new + i * BLOCK + j] = parameters[old + j * BLOCK + i]

    return descend, transpose


@functools.cache
def compiled() -> tuple[tuple[Any, Any], Any, tuple[Any, Any], Any]:
    """The forms of ``descend``, the entry point ``gather``, the forms of ``transpose``, and ``transform``."""
    source_hash = fingerprint("update")

    @entry()
    def gather(parameters, places, table):  # type: ignore[no-untyped-def]
        _ = source_hash
        for i in range(places.size):
            table[i] = parameters[places[i]]

    @entry()
    def transform(source, weight, pairs, matrix, table, at):  # type: ignore[no-untyped-def]
        """``[pair of blocks][kernel row][kernel column][16][16]`` to Winograd's ``[row][column][pair][16][16]``.

        In float64, so that a transformed weight is rounded once.
        """
        _ = source_hash
        points, size = matrix.shape
        square = BLOCK * BLOCK
        lines, sums = np.empty((size, square)), np.empty(square)
        for pair in range(pairs):
            for y in range(points):
                for kx in range(size):
                    lines[kx] = 0.0
                    for ky in range(size):
                        first, factor = weight + ((pair * size + ky) * size + kx) * square, matrix[y, ky]
                        for i in range(square):
                            lines[kx, i] += factor * source[first + i]
                for x in range(points):
                    sums[:] = 0.0
                    for kx in range(size):
                        for i in range(square):
                            sums[i] += matrix[x, kx] * lines[kx, i]
                    to = at + ((y * points + x) * pairs + pair) * square
                    for i in range(square):
                        table[to + i] = np.float32(sums[i])

    descend, transpose = zip(_make(False), _make(True), strict=True)
    return descend, gather, transpose, transform
