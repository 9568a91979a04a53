"""Building blocks for attacks on any patch: products of row-major arrays, margins and coefficients from projections.

The products pack pieces of their operands into blocks, so that they run at the speed of the same tiles; all of them
add in the order of the summed index, so the bits do not depend on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, prange

from cgrosim.kernels.activation import activation_shape, dphi, phi
from cgrosim.kernels.blocks import Array
from cgrosim.kernels.caching import INNER, entry, fingerprint
from cgrosim.kernels.microkernels import tile_heights
from cgrosim.kernels.product import COLUMNS, WIDTH, multiply_columns
from cgrosim.kernels.threads import run, worth_threads

HEIGHT = tile_heights()[-1]
ROWS = 96  # rows packed at a time: a multiple of 8 and of every tallest tile (12, 6, 3)
PARALLEL_FROM = 2_000_000  # multiplications in a product from which a second thread pays


@njit(**INNER)
def _blocks(count):  # type: ignore[no-untyped-def]
    return (count + 8 * COLUMNS - 1) // (8 * COLUMNS) * COLUMNS


@njit(**INNER)
def _pack_rows(matrix, first, last, packed, start, stop):  # type: ignore[no-untyped-def]
    """packed[c // 8 - start, k - first, c % 8] = matrix[k, c] for the column blocks start..stop; zero elsewhere."""
    columns = matrix.shape[1]
    for block in range(start, stop):
        whole = 8 * block + 8 <= columns
        for k in range(packed.shape[1]):
            if whole and k < last - first:
                for lane in range(8):
                    packed[block - start, k, lane] = matrix[first + k, 8 * block + lane]
                continue
            for lane in range(8):
                inside = k < last - first and 8 * block + lane < columns
                packed[block - start, k, lane] = matrix[first + k, 8 * block + lane] if inside else 0.0


@njit(**INNER)
def _pack_transposed(matrix, packed):  # type: ignore[no-untyped-def]
    """packed[k // 8, r, k % 8] = matrix[k, r]; zero elsewhere."""
    for block in range(packed.shape[0]):
        for r in range(packed.shape[1]):
            for lane in range(8):
                inside = r < matrix.shape[1] and 8 * block + lane < matrix.shape[0]
                packed[block, r, lane] = matrix[8 * block + lane, r] if inside else 0.0


@njit(**INNER)
def _unpack_rows(packed, out, first, last):  # type: ignore[no-untyped-def]
    """out[k, c] = packed[c // 8, k - first, c % 8] for the rows first..last."""
    columns = out.shape[1]
    for k in range(first, last):
        for block in range(columns // 8):
            for lane in range(8):
                out[k, 8 * block + lane] = packed[block, k - first, lane]
        for c in range(columns // 8 * 8, columns):
            out[k, c] = packed[c // 8, k - first, c % 8]


def _make_rowwise(parallel: bool, transposed: bool) -> Callable[..., Any]:
    """``out = rows @ matrix``, or ``rows @ matrix.T`` if transposed, a piece of rows per task."""
    token = fingerprint(f"rowwise, parallel {parallel}, transposed {transposed}")

    @entry(parallel)
    def product(rows, matrix, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        count, depth, width = rows.shape[0], (rows.shape[1] + 7) // 8, out.shape[1]
        panels = np.empty((_blocks(width), depth * 8, 8))
        if transposed:
            _pack_transposed(matrix, panels)
        else:
            _pack_rows(matrix, 0, matrix.shape[0], panels, 0, panels.shape[0])
        for task in prange((count + ROWS - 1) // ROWS):
            first, last = task * ROWS, min(count, (task + 1) * ROWS)
            held = (last - first + HEIGHT - 1) // HEIGHT * HEIGHT
            left = np.empty((depth, held, 8))
            result = np.empty((panels.shape[0], held, 8))
            _pack_rows(rows, first, last, left, 0, depth)
            for start in range(0, panels.shape[0], WIDTH):
                stop = min(panels.shape[0], start + WIDTH)
                multiply_columns(left, depth, panels, result, start, stop, HEIGHT, 0)
            _unpack_rows(result, out, first, last)

    return product


def _make_accumulate(parallel: bool) -> Callable[..., Any]:
    """``weights += scale force.T @ rows``, a piece of columns per task; the rows are added in order."""
    token = fingerprint(f"accumulate, parallel {parallel}")

    @entry(parallel)
    def accumulate(force, rows, weights, scale):  # type: ignore[no-untyped-def]
        if token == "":
            return
        neurons, columns, count = weights.shape[0], weights.shape[1], rows.shape[0]
        held = (neurons + HEIGHT - 1) // HEIGHT * HEIGHT
        pieces = (count + ROWS - 1) // ROWS
        left = np.empty((pieces * ROWS // 8, held, 8))
        _pack_transposed(force, left)
        blocks = _blocks(columns)
        for task in prange((blocks + WIDTH - 1) // WIDTH):
            start, stop = task * WIDTH, min(blocks, (task + 1) * WIDTH)
            panels = np.empty((stop - start, ROWS, 8))
            result = np.empty((stop - start, held, 8))
            for piece in range(pieces):
                first = piece * ROWS
                _pack_rows(rows, first, min(count, first + ROWS), panels, start, stop)
                part = left[first // 8 : first // 8 + ROWS // 8]
                multiply_columns(part, ROWS // 8, panels, result, 0, stop - start, HEIGHT, piece)
            for r in range(neurons):
                for c in range(8 * start, min(columns, 8 * stop)):
                    weights[r, c] += scale * result[c // 8 - start, r, c % 8]

    return accumulate


def _make_root() -> Callable[..., Any]:
    token = fingerprint("root")

    @entry()
    def root(matrix, negligible, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        size = matrix.shape[0]
        left, column = matrix.copy(), np.empty(size)
        out[:, :] = 0.0
        for j in range(size):
            pivot = left[j, j]
            if not pivot > negligible:
                continue
            for i in range(j, size):
                column[i] = left[i, j] / math.sqrt(pivot)
                out[i, j] = column[i]
            for i in range(j + 1, size):  # only the lower triangle, row by row
                for k in range(j + 1, i + 1):
                    left[i, k] -= column[i] * column[k]

    return root


def _make_elementwise() -> tuple[Callable[..., Any], Callable[..., Any]]:
    token = fingerprint("elementwise")

    @entry()
    def margins(projections, labels, second_layer, shape, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        patches = projections.shape[0] // labels.size
        for i in range(labels.size):
            total = 0.0
            for k in range(i * patches, (i + 1) * patches):
                for r in range(second_layer.size):
                    total += second_layer[r] * phi(projections[k, r], shape)
            out[i] = labels[i] * total

    @entry()
    def coefficients(projections, sample_weights, second_layer, shape, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        patches = projections.shape[0] // sample_weights.size
        for k in range(projections.shape[0]):
            for r in range(second_layer.size):
                out[k, r] = sample_weights[k // patches] * second_layer[r] * dphi(projections[k, r], shape)

    return margins, coefficients


_project_forms = (_make_rowwise(False, transposed=True), _make_rowwise(True, transposed=True))
_backproject_forms = (_make_rowwise(False, transposed=False), _make_rowwise(True, transposed=False))
_accumulate_forms = (_make_accumulate(False), _make_accumulate(True))
_margins, _coefficients = _make_elementwise()
_root = _make_root()


def project(rows: Array, weights: Array, out: Array, parallel: bool | None = None) -> None:
    """``out[k, r] = <w_r, X_k>`` for rows (K, d) and weights (m, d); out (K, m)."""
    if parallel is None:
        parallel = worth_threads(rows.size * weights.shape[0], PARALLEL_FROM)
    run(parallel, _project_forms, rows, weights, out)


def backproject(force: Array, weights: Array, out: Array, parallel: bool | None = None) -> None:
    """``out = force @ weights``, (K, m) by (m, d): the gradient with respect to the inputs, row by row."""
    if parallel is None:
        parallel = worth_threads(force.size * weights.shape[1], PARALLEL_FROM)
    run(parallel, _backproject_forms, force, weights, out)


def accumulate(force: Array, rows: Array, weights: Array, scale: float, parallel: bool | None = None) -> None:
    """``weights += scale * force.T @ rows`` for force (K, m), rows (K, d) and weights (m, d)."""
    if parallel is None:
        parallel = worth_threads(force.size * weights.shape[1], PARALLEL_FROM)
    run(parallel, _accumulate_forms, force, rows, weights, float(scale))


def lower_root(matrix: Array, negligible: float, out: Array) -> None:
    """``out @ out.T = matrix`` with `out` lower triangular, (m, m); a pivot of at most `negligible` gives zeros."""
    _root(matrix, float(negligible), out)


def margins_from_projections(
    projections: Array, labels: Array, second_layer: Array, activation: str, power: float, out: Array
) -> None:
    """``out[i] = y_i sum_k sum_r a_r phi(projections[k, r])`` over the patches k of sample i.

    projections (N P, m), sample by sample; labels (N,); second_layer (m,); out (N,).
    """
    _margins(projections, labels, second_layer, activation_shape(activation, power), out)


def coefficients_from_projections(
    projections: Array, sample_weights: Array, second_layer: Array, activation: str, power: float, out: Array
) -> None:
    """``out[k, r] = weight_i a_r phi'(projections[k, r])`` for the patches k of sample i.

    projections and out (N P, m), sample by sample; sample_weights (N,); second_layer (m,).
    """
    _coefficients(projections, sample_weights, second_layer, activation_shape(activation, power), out)
