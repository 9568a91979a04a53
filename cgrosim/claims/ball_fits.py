"""How wide a trained two-layer network has to be to be right on every ball of the hard distribution, and not only there
where robustness is decided (`table_fits`).

Training follows the worst corner of every ball; when no attack finds a mistake any more, bounds on ever smaller boxes
prove that there is none (`theory.sign_proofs`). A width counts as enough only with such a proof.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.table_fits import hard_inputs
from cgrosim.claims.two_layer_fits import Effort, TwoLayerFits
from cgrosim.theory.sign_proofs import TwoLayers, proved_signs

Array = NDArray[np.float64]

LOOK = 25  # steps between two attacks on the whole balls
ASCENT = 8  # steps of such an attack


def needed_ball_widths(
    dimension: int,
    labels: Array,
    hint: float,
    radius: float,
    generator: np.random.Generator,
    effort: Effort,
    largest: int = 200,
) -> Array:
    """Smallest width at which training is proved right on all balls, one a table, shape (R,); infinite if not found.

    Parameters
    ----------
    labels : array of -1 and +1, shape (R, 2^(D-1))
    hint, radius : g of the hard distribution and the l_inf radius of its balls
    """
    centres, needed = hard_inputs(dimension, labels, hint), np.full(len(labels), np.inf)
    for width in range(1, largest + 1):
        left = np.flatnonzero(np.isinf(needed))
        if len(left) == 0:
            break
        rows = np.repeat(left, effort.restarts)
        proved = _train(centres[rows], labels[rows], radius, width, generator, effort)
        needed[left[proved.reshape(-1, effort.restarts).any(axis=1)]] = width
    return needed


def _train(
    centres: Array, labels: Array, radius: float, width: int, generator: np.random.Generator, effort: Effort
) -> Array:
    """Adam on the logistic loss at the corner each ball has reached; whether a proof was ever found, shape (R,)."""
    fits = TwoLayerFits(len(centres), centres.shape[2], width, generator, effort.learning_rate)
    signs, proved = labels[:, :, None], np.zeros(len(centres), dtype=bool)
    offset = generator.uniform(-radius, radius, centres.shape)
    for step in range(1, effort.steps + 1):
        gradients, slopes, _ = fits.derivatives(centres + offset, signs)
        fits.descend(gradients)
        offset = np.clip(offset - 0.5 * radius * np.sign(slopes), -radius, radius)
        if step % LOOK == 0:
            for table in np.flatnonzero(_unbroken(fits, centres, signs, radius, generator) & ~proved):
                network = [value[table] for value in fits.parameters]
                proved[table] = _proof(network, centres[table], labels[table], radius)
        if proved.all():
            break
    return proved


def _unbroken(
    fits: TwoLayerFits, centres: Array, signs: Array, radius: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Whether no attack finds a mistake in any ball of a table: descent of the margins from a random point."""
    offset, fine = generator.uniform(-radius, radius, centres.shape), np.ones(len(centres), dtype=bool)
    for _ in range(ASCENT):
        _, slopes, margins = fits.derivatives(centres + offset, signs)
        fine &= (margins > 0).all(axis=(1, 2))
        offset = np.clip(offset - 0.5 * radius * np.sign(slopes), -radius, radius)
    return fine


def _proof(parameters: list[Array], centres: Array, labels: Array, radius: float) -> bool:
    """Whether the network of one table has the right sign on the whole of every ball."""
    first, bias, second, offset = parameters
    network = TwoLayers(first.T, bias[0], second[:, 0], float(offset[0, 0]))
    return bool(proved_signs(network, centres - radius, centres + radius, signs=labels, together=True).all())
