"""Optimal transport as a linear programme: what the closed forms of `theory.transport` are held against."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from cgrosim.theory.transport import _sorted_masses, monotone_plan

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


def wasserstein_infinity_line(
    first: ArrayLike,
    second: ArrayLike,
    first_weights: ArrayLike | None = None,
    second_weights: ArrayLike | None = None,
) -> float:
    """W_infinity on the line: the farthest that any mass has to go. Kind: exact."""
    x, y, _ = monotone_plan(first, second, first_weights, second_weights=second_weights)
    return float(np.max(np.abs(x - y)))


def joint_cost(
    points: ArrayLike,
    labels: ArrayLike,
    other_points: ArrayLike,
    other_labels: ArrayLike,
    *,
    lipschitz: float,
    label_change: float,
    order: float = 2.0,
) -> Array:
    """``lipschitz |x - x'|_order + label_change 1{y != y'}``, shape (n, m): what a loss can differ by. Kind: bound.

    `lipschitz` bounds the loss along x at either label, `label_change` its change with the label at one point.
    """
    points, other = np.atleast_2d(points), np.atleast_2d(other_points)
    distances = np.linalg.norm(points[:, None] - other, ord=order, axis=2)
    return lipschitz * distances + label_change * (np.asarray(labels)[:, None] != np.asarray(other_labels))


def mean_wasserstein_line_bound(support: ArrayLike, weights: ArrayLike, samples: int) -> float:
    """``E W_1(D, D_N) <= integral sqrt(F (1 - F) / N) dx`` on the line, finite support. Kind: bound.

    F_N(x) is a binomial share with variance F (1 - F) / N, and E|F_N - F| is at most its standard deviation (Bobkov and
    Ledoux 2019, Theorem 3.2).
    """
    points, masses = _sorted_masses(support, weights)
    below = np.clip(np.cumsum(masses)[:-1], 0.0, 1.0)
    return float(np.sum(np.sqrt(below * (1 - below) / samples) * np.diff(points)))
