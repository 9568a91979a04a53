"""The Kullback-Leibler divergence of two softmaxes in float64 NumPy, and how it rises in a network's images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from cgrosim.images.network.reference import ReferenceNetwork

Array = NDArray[np.float64]


def log_softmax(logits: ArrayLike) -> Array:
    """Logarithms of the probabilities, ``(n, classes)``."""
    found = np.asarray(logits, np.float64)
    shifted = found - found.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def divergence(log_p: Array, log_q: Array) -> tuple[Array, Array, Array]:
    """KL(p || q) = sum_k p_k (log p_k - log q_k) of every sample, and its gradients.

    Parameters
    ----------
    log_p, log_q : ``(n, classes)``, logarithms of softmaxes

    Returns
    -------
    the divergences ``(n,)``, and ``(n, classes)`` each the gradients with respect to the logits behind p,
    ``p_j (log p_j - log q_j - KL)``, and behind q, ``q_j - p_j``
    """
    p, apart = np.exp(log_p), log_p - log_q
    found = (p * apart).sum(axis=1)
    rise = np.exp(log_q) - p
    rows, top = np.arange(len(p)), log_p.argmax(axis=1)
    rise[rows, top] = 0.0
    rise[rows, top] = -rise.sum(axis=1)  # not q - p, which is 0 long before the others are
    return found, p * (apart - found[:, None]), rise


class Diverging:
    """A reference network whose loss is the divergence from given log-probabilities, for `ascend`."""

    def __init__(self, network: ReferenceNetwork, log_p: ArrayLike) -> None:
        self._network, self._log_p = network, np.asarray(log_p, np.float64)

    def logits(self, images: ArrayLike) -> Array:
        """``(n, 2)``: such that the margin of class 0 is the negative divergence."""
        found, _, _ = divergence(self._log_p, log_softmax(self._network.logits(images)))
        return np.stack([-found, np.zeros_like(found)], axis=1)

    def input_gradient(self, images: ArrayLike, labels: NDArray[np.int64]) -> Array:
        """Gradient of every sample's divergence with respect to its pixels."""
        _, _, rise = divergence(self._log_p, log_softmax(self._network.logits(images)))
        return self._network.pixel_gradient(images, rise)
