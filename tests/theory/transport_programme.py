"""Optimal transport as a linear programme: what the closed forms of `theory.transport` are held against."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

Array = NDArray[np.float64]


class TransportPlan(NamedTuple):
    """A cheapest joint distribution of two finite ones.

    Attributes
    ----------
    cost : its mean cost
    plan : array, shape (n, m), masses moved
    """

    cost: float
    plan: Array


def cheapest_plan(cost: ArrayLike, first_weights: ArrayLike, second_weights: ArrayLike) -> TransportPlan:
    """Optimal transport between finite distributions for any cost matrix. Kind: exact (linear programme, HiGHS).

    Parameters
    ----------
    cost : array_like, shape (n, m)
    first_weights, second_weights : array_like, shapes (n,) and (m,)
    """
    from scipy.sparse import csr_array, kron, vstack

    cost, a, b = (np.asarray(value, dtype=np.float64) for value in (cost, first_weights, second_weights))
    if cost.shape != (a.size, b.size):
        raise ValueError(f"cost has shape {cost.shape}, but the distributions have {a.size} and {b.size} points.")
    rows = kron(csr_array(np.eye(a.size)), csr_array(np.ones((1, b.size))))
    columns = kron(csr_array(np.ones((1, a.size))), csr_array(np.eye(b.size)))
    found = linprog(cost.ravel(), A_eq=vstack([rows, columns]), b_eq=np.concatenate([a, b]), method="highs")
    if found.x is None:
        raise ValueError(f"No coupling exists ({found.message}); both weights must be probabilities with equal sums.")
    return TransportPlan(float(found.fun), found.x.reshape(cost.shape))
