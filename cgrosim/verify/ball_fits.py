"""How wide a trained two-layer network has to be to be right on every ball of the hard distribution, and not only there
where robustness is decided (`table_fits`).

Training follows the worst corner of every ball; when no attack finds a mistake any more, bounds on ever smaller boxes
prove that there is none (`theory.sign_proofs`). A width counts as enough only with such a proof.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.verify.table_fits import Effort, hard_inputs
from theory.sign_proofs import TwoLayers, proved_signs

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
    tables, _, dimension = centres.shape
    parameters = [
        generator.standard_normal((tables, dimension, width)) / np.sqrt(dimension),
        generator.uniform(-1.0, 1.0, (tables, 1, width)),
        generator.standard_normal((tables, width, 1)) / np.sqrt(width),
        np.zeros((tables, 1, 1)),
    ]
    means, squares = ([np.zeros_like(value) for value in parameters] for _ in range(2))
    signs, proved = labels[:, :, None], np.zeros(tables, dtype=bool)
    offset = generator.uniform(-radius, radius, centres.shape)
    for step in range(1, effort.steps + 1):
        gradients, slopes, _ = _derivatives(parameters, centres + offset, signs)
        for value, mean, square, gradient in zip(parameters, means, squares, gradients, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.01 * (gradient**2 - square)
            value -= effort.learning_rate * (mean / (1.0 - 0.9**step)) / (np.sqrt(square / (1.0 - 0.99**step)) + 1e-8)
        offset = np.clip(offset - 0.5 * radius * np.sign(slopes), -radius, radius)
        if step % LOOK == 0:
            for table in np.flatnonzero(_unbroken(parameters, centres, signs, radius, generator) & ~proved):
                proved[table] = _proof([value[table] for value in parameters], centres[table], labels[table], radius)
        if proved.all():
            break
    return proved


def _derivatives(parameters: list[Array], points: Array, signs: Array) -> tuple[list[Array], Array, Array]:
    """Gradients of the summed loss, slopes of the margins with respect to the points, and the margins."""
    hidden = np.maximum(points @ parameters[0] + parameters[1], 0.0)
    margins = signs * (hidden @ parameters[2] + parameters[3])
    pull = -signs / (1.0 + np.exp(np.minimum(margins, 700.0)))
    open_units = (hidden > 0) * parameters[2].transpose(0, 2, 1)
    inner = pull * open_units
    gradients = [
        points.transpose(0, 2, 1) @ inner,
        inner.sum(axis=1, keepdims=True),
        hidden.transpose(0, 2, 1) @ pull,
        pull.sum(axis=1, keepdims=True),
    ]
    return gradients, signs * (open_units @ parameters[0].transpose(0, 2, 1)), margins


def _unbroken(
    parameters: list[Array], centres: Array, signs: Array, radius: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Whether no attack finds a mistake in any ball of a table: descent of the margins from a random point."""
    offset, fine = generator.uniform(-radius, radius, centres.shape), np.ones(len(centres), dtype=bool)
    for _ in range(ASCENT):
        _, slopes, margins = _derivatives(parameters, centres + offset, signs)
        fine &= (margins > 0).all(axis=(1, 2))
        offset = np.clip(offset - 0.5 * radius * np.sign(slopes), -radius, radius)
    return fine


def _proof(parameters: list[Array], centres: Array, labels: Array, radius: float) -> bool:
    """Whether the network of one table has the right sign on the whole of every ball."""
    network = TwoLayers(parameters[0].T, parameters[1][0], parameters[2][:, 0], float(parameters[3][0, 0]))
    return bool(proved_signs(network, centres - radius, centres + radius, labels).all())
