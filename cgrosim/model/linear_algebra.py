"""Dense products whose bits do not depend on the number of threads, which a BLAS does not promise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim import kernels

Array = NDArray[np.float64]


def product(rows: Array, others: Array) -> Array:
    """Return ``rows @ others.T`` for (K, d) and (m, d) arrays: (K, m)."""
    out = np.empty((len(rows), len(others)))
    kernels.project(np.ascontiguousarray(rows), np.ascontiguousarray(others), out)
    return out


def combination(coefficients: Array, rows: Array) -> Array:
    """Return ``coefficients @ rows`` for (K, m) and (m, d) arrays: (K, d)."""
    out = np.empty((len(coefficients), rows.shape[1]))
    kernels.backproject(np.ascontiguousarray(coefficients), np.ascontiguousarray(rows), out)
    return out


def gram(rows: Array) -> Array:
    """Return ``rows @ rows.T``: (K, K)."""
    return product(rows, rows)


def semidefinite_root(matrix: Array) -> Array:
    """Lower-triangular L with L L^T = matrix, for a positive semidefinite matrix (Cholesky; a zero pivot gives zeros).

    A pivot below the round-off of the elimination, ``size * eps * max diagonal``, counts as zero.
    """
    largest = float(np.max(np.diag(matrix), initial=0.0))
    root = np.empty_like(matrix)
    kernels.lower_root(np.ascontiguousarray(matrix), len(matrix) * np.finfo(np.float64).eps * largest, root)
    return root
