"""Losses of logits in plain NumPy: the oracle of the tests, and what the attacks may ascend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.errors import ParameterError

Array = NDArray[np.float64]
LOSSES = {"ce": 2, "dlr": 3, "dlr-targeted": 4}  # and how many classes each needs
TINY = 1e-12  # least denominator of a ratio of logits that are all but equal


def cross_entropy(logits: Array, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """Loss of every sample and its gradient with respect to the logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    gradient = np.exp(log_probability)
    gradient[rows, labels] = 0.0
    gradient[rows, labels] = -gradient.sum(axis=1)  # not p - 1, which is 0 long before the others are
    return -log_probability[rows, labels], gradient


def smoothed_cross_entropy(logits: Array, labels: NDArray[np.int64], smoothing: float) -> tuple[Array, Array]:
    """Loss and gradient for targets that give a share `smoothing` of every label to all classes alike."""
    losses, gradient = cross_entropy(logits, labels)
    rows, even = np.arange(len(labels)), smoothing / logits.shape[1]
    apart = logits[rows, labels][:, None] - logits  # -log p_k = loss + apart_k
    gradient -= even
    gradient[rows, labels] += smoothing
    return losses + even * apart.sum(axis=1), gradient


def margins(logits: Array, labels: NDArray[np.int64]) -> Array:
    """Logit of the label minus the largest other logit: the sample is classified correctly where it is positive."""
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return logits[rows, labels] - others.max(axis=1)


def logit_ratio(logits: Array, labels: NDArray[np.int64]) -> tuple[Array, Array]:
    """Difference of logits ratio of every sample, and its gradient with respect to the logits.

    ``-(z_y - z_o) / (z1 - z3)`` with the sorted logits z1 >= z2 >= z3, the label y and the largest other logit z_o:
    positive where the sample is misclassified, and the same for every shift and positive scale of the logits
    (Croce and Hein 2020, arXiv 2003.01690v2, Section 4).
    """
    order, rows = _sorted_classes(logits), np.arange(len(logits))
    rival = np.where(order[:, 0] == labels, order[:, 1], order[:, 0])
    return _ratio(logits, labels, rival, order[:, 0], (order[:, 2], order[:, 2]), rows)


def targeted_logit_ratio(logits: Array, labels: NDArray[np.int64], targets: NDArray[np.int64]) -> tuple[Array, Array]:
    """Its targeted version ``-(z_y - z_t) / (z1 - (z3 + z4) / 2)``, and its gradient with respect to the logits."""
    order, rows = _sorted_classes(logits), np.arange(len(logits))
    return _ratio(logits, labels, targets, order[:, 0], (order[:, 2], order[:, 3]), rows)


def _sorted_classes(logits: Array) -> NDArray[np.intp]:
    return np.argsort(-logits, axis=1, kind="stable")


def _ratio(
    logits: Array, labels: Any, rival: Any, first: Any, low: tuple[Any, Any], rows: NDArray[np.intp]
) -> tuple[Array, Array]:
    below = (logits[rows, low[0]] + logits[rows, low[1]]) / 2.0
    width = np.maximum(logits[rows, first] - below, TINY)
    ratio = (logits[rows, rival] - logits[rows, labels]) / width
    gradient = np.zeros_like(logits)
    for place, sign in ((rival, 1.0), (labels, -1.0), (first, -ratio), (low[0], ratio / 2.0), (low[1], ratio / 2.0)):
        np.add.at(gradient, (rows, place), sign)
    return ratio, gradient / width[:, None]


def ascended_loss(
    loss: str, labels: ArrayLike, targets: ArrayLike | None, classes: int
) -> Callable[[Array], tuple[Array, Array]]:
    """The loss of this name as a function of the logits, with its gradient.

    Raises
    ------
    ParameterError
        As `check_loss` and `check_targets`.
    """
    check_loss(loss, classes)
    marks = np.asarray(labels, np.int64)
    if loss == "dlr-targeted":
        aims = check_targets(marks, targets, classes)
        return lambda logits: targeted_logit_ratio(logits, marks, aims)
    chosen = cross_entropy if loss == "ce" else logit_ratio
    return lambda logits: chosen(logits, marks)


def check_loss(loss: str, classes: int) -> None:
    """Refuse a loss that does not exist, or that needs more classes than there are.

    Raises
    ------
    ParameterError
        In one sentence.
    """
    if loss not in LOSSES:
        raise ParameterError(f"The attack's loss is {loss!r}, but must be one of {', '.join(LOSSES)}.")
    if classes < LOSSES[loss]:
        possible = [name for name, least in LOSSES.items() if classes >= least]
        raise ParameterError(
            f"The attack's loss {loss} compares the {LOSSES[loss]} largest logits, but there are {classes} classes; "
            f"use {' or '.join(possible)}, or the attack standard, which chooses."
        )


def check_targets(labels: ArrayLike, targets: ArrayLike | None, classes: int) -> NDArray[np.int64]:
    """The target classes as an array.

    Raises
    ------
    ParameterError
        If they are missing, not one a sample, no classes, or those of the samples.
    """
    marks, aims = np.asarray(labels, np.int64), np.asarray(-1 if targets is None else targets, np.int64)
    wrong = aims.shape != marks.shape or aims.min() < 0 or aims.max() >= classes
    if wrong or (aims == marks).any():
        raise ParameterError(
            f"The loss dlr-targeted needs a target for each of the {len(marks)} labels: another class from 0 to "
            f"{classes - 1}."
        )
    return np.ascontiguousarray(aims)
