"""Building blocks for attacks on any patch: products of plain row-major arrays, margins and coefficients from projections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from cgrosim.kernels.activation import activation_shape, dphi, phi
from cgrosim.kernels.blocks import Array
from cgrosim.kernels.caching import ENTRY, fingerprint


def _make_kernels() -> tuple[Callable[..., Any], ...]:
    token = fingerprint("dense")

    @njit(**ENTRY)
    def project(rows, weights, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        for k in range(rows.shape[0]):
            for r in range(weights.shape[0]):
                total = 0.0
                for c in range(rows.shape[1]):
                    total += weights[r, c] * rows[k, c]
                out[k, r] = total

    @njit(**ENTRY)
    def backproject(force, weights, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        out[:, :] = 0.0
        for k in range(out.shape[0]):
            for r in range(weights.shape[0]):
                for c in range(out.shape[1]):
                    out[k, c] += force[k, r] * weights[r, c]

    @njit(**ENTRY)
    def accumulate(force, rows, weights, scale):  # type: ignore[no-untyped-def]
        if token == "":
            return
        for k in range(rows.shape[0]):
            for r in range(weights.shape[0]):
                for c in range(rows.shape[1]):
                    weights[r, c] += scale * force[k, r] * rows[k, c]

    @njit(**ENTRY)
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

    @njit(**ENTRY)
    def coefficients(projections, sample_weights, second_layer, shape, out):  # type: ignore[no-untyped-def]
        if token == "":
            return
        patches = projections.shape[0] // sample_weights.size
        for k in range(projections.shape[0]):
            for r in range(second_layer.size):
                out[k, r] = sample_weights[k // patches] * second_layer[r] * dphi(projections[k, r], shape)

    return project, backproject, accumulate, margins, coefficients


_project, _backproject, _accumulate, _margins, _coefficients = _make_kernels()


def project(rows: Array, weights: Array, out: Array) -> None:
    """``out[k, r] = <w_r, X_k>`` for rows (K, d) and weights (m, d); out (K, m)."""
    _project(rows, weights, out)


def backproject(force: Array, weights: Array, out: Array) -> None:
    """``out = force @ weights``, (K, d): the gradient with respect to the inputs, row by row."""
    _backproject(force, weights, out)


def accumulate(force: Array, rows: Array, weights: Array, scale: float) -> None:
    """``weights += scale * force.T @ rows``."""
    _accumulate(force, rows, weights, float(scale))


def margins_from_projections(
    projections: Array, labels: Array, second_layer: Array, activation: int, power: float, out: Array
) -> None:
    """``out[i] = y_i sum over the patches k of sample i and r of a_r phi(projections[k, r])``; (N P, m) projections, out (N,)."""
    _margins(projections, labels, second_layer, activation_shape(activation, power), out)


def coefficients_from_projections(
    projections: Array, sample_weights: Array, second_layer: Array, activation: int, power: float, out: Array
) -> None:
    """``out[k, r] = sample_weights[i(k)] a_r phi'(projections[k, r])``; (N P, m) projections, sample weights (N,), out like projections."""
    _coefficients(projections, sample_weights, second_layer, activation_shape(activation, power), out)
