"""How wide a trained two-layer network has to be to fit the hard distribution robustly, or only cleanly.

Robustness at X_z forces the network to have sign y_z at (z, 0), which lies in the ball of X_z (`theory.lower_bound`). A
table y is fitted if all these signs are right: necessary for robust training error 0, so the widths are on the low
side. What training reaches, on the other hand, need not be all that a width can do: best of several starts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.two_layer_fits import Effort, TwoLayerFits
from cgrosim.theory.lower_bound import hard_points

Array = NDArray[np.float64]


def hard_inputs(dimension: int, labels: Array, hint: float) -> Array:
    """Points (z, y_z g), shape (R, K, D), for R tables of labels; g = 0: the points that robustness is decided at."""
    points = np.broadcast_to(hard_points(dimension), (*labels.shape, dimension - 1))
    return np.concatenate([points, hint * labels[..., None]], axis=2)


def needed_widths(
    inputs: Array, labels: Array, generator: np.random.Generator, effort: Effort, largest: int = 64
) -> Array:
    """Smallest width at which training fits every label, one a table, shape (R,); infinite if not up to `largest`.

    Parameters
    ----------
    inputs : array, shape (R, K, D)
    labels : array of -1 and +1, shape (R, K)
    """
    needed = np.full(len(labels), np.inf)
    for width in range(1, largest + 1):
        left = np.flatnonzero(np.isinf(needed))
        if len(left) == 0:
            break
        rows = np.repeat(left, effort.restarts)
        fitted = train_tables(inputs[rows], labels[rows], width, generator, effort)
        needed[left[fitted.reshape(-1, effort.restarts).any(axis=1)]] = width
    return needed


def train_tables(inputs: Array, labels: Array, width: int, generator: np.random.Generator, effort: Effort) -> Array:
    """Train one network a table; whether it ever fitted it, shape (R,)."""
    fits = TwoLayerFits(len(inputs), inputs.shape[2], width, generator, effort.learning_rate)
    signs, fitted = labels[:, :, None], np.zeros(len(inputs), dtype=bool)
    for _ in range(effort.steps):
        gradients, _, margins = fits.derivatives(inputs, signs)
        fitted |= (margins > 0).all(axis=(1, 2))
        if fitted.all():
            break
        fits.descend(gradients)
    return fitted


def separable(points: Array, labels: Array) -> bool:
    """Whether a hyperplane separates the labels -1 and +1 of points of shape (K, D): a linear program."""
    from scipy.optimize import linprog

    rows = -labels[:, None] * np.column_stack([points, np.ones(len(points))])
    found = linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return bool(found.status == 0)
