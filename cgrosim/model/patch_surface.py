"""The loss of the patch network as a function of its input: what the landscape measurement on images walks on.

The same search for the steepest and the highest point of a ball then measures local and global flatness of the patch
network and of image networks. `PatchSurface` moves all patches; `FeatureLine` moves the signal patch along the true
feature only, where `theory.flatness` has the maxima in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.model.activations import derivative
from cgrosim.model.params import Params
from cgrosim.model.reference import logistic_loss, logistic_weight, network, signal_margin

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PatchSurface:
    """The logistic loss of inputs of shape (n, P, d) with labels -1 and +1.

    Attributes
    ----------
    params : activation and power
    second_layer, weights : arrays, shapes (m,) and (m, d)
    """

    params: Params
    second_layer: Array
    weights: Array

    def losses(self, points: Array, labels: ArrayLike) -> Array:
        """Loss at every input, ``(n,)``."""
        margins = np.asarray(labels) * network(self.params, self.second_layer, self.weights, points)
        return np.asarray(logistic_loss(margins))

    def gradients(self, points: Array, labels: ArrayLike) -> Array:
        """Gradient of every input's own loss, ``(n, P, d)``: ``-y s(y f) sum_r a_r phi'(<w_r, X[j]>) w_r``."""
        signs = np.asarray(labels, dtype=np.float64)
        slopes = derivative(self.params.activation, points @ self.weights.T, self.params.power) * self.second_layer
        margins = signs * network(self.params, self.second_layer, self.weights, points)
        return np.asarray((-signs * logistic_weight(margins))[:, None, None] * (slopes @ self.weights))


@dataclass(frozen=True, eq=False)
class FeatureLine:
    """The loss of samples whose signal patch is ``c y w_star``, as a function of c, shape (n, 1).

    Attributes
    ----------
    params : activation and power
    second_layer, signal : arrays, shape (m,), the signal correlations u_r
    memorization : array, shape (n,), what the noise patches add to the margin of every sample, V_i
    """

    params: Params
    second_layer: Array
    signal: Array
    memorization: Array

    def losses(self, points: Array, labels: ArrayLike) -> Array:
        """Loss at every coefficient, ``(n,)``."""
        return np.asarray(logistic_loss(self._margins(points, labels)))

    def gradients(self, points: Array, labels: ArrayLike) -> Array:
        """Derivative with respect to the coefficient, ``(n, 1)``."""
        signed = np.asarray(labels, dtype=np.float64)[:, None] * self.signal
        slopes = derivative(self.params.activation, points * signed, self.params.power) * self.second_layer
        rise = np.sum(slopes * self.signal, axis=1)  # y twice: the label of the margin and of the patch
        return np.asarray(-(logistic_weight(self._margins(points, labels)) * rise)[:, None])

    def _margins(self, points: Array, labels: ArrayLike) -> Array:
        own = [
            signal_margin(self.params, self.second_layer, self.signal, float(label), float(c))
            for c, label in zip(points[:, 0], np.asarray(labels), strict=True)
        ]
        return np.array(own) + self.memorization
