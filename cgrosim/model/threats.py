"""Attacks on explicit inputs: fgsm and projected gradient descent over all patches, in l_2 and l_infinity.

Threats that move only the true feature have a closed form and live in the kernels; these search. All of them perturb
the whole input (P d numbers) within the radius, and keep for every sample the worst point they have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.activations import activate, derivative
from cgrosim.model.linear_algebra import combination, product
from cgrosim.model.params import Params

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """A network with fixed weights, seen by an attack."""

    params: Params
    weights: Array
    second_layer: Array

    def margins(self, inputs: Array, labels: Array) -> Array:
        """Margins y f(X) of inputs (N, P, d): (N,)."""
        return self._margins(self._projections(inputs), labels)

    def margins_and_gradient(self, inputs: Array, labels: Array) -> tuple[Array, Array]:
        """Margins (N,) and their gradient with respect to the inputs (N, P, d)."""
        projections = self._projections(inputs)
        slopes = derivative(self.params.activation, projections, self.params.power) * self.second_layer
        slopes *= np.repeat(labels, inputs.shape[1])[:, None]
        return self._margins(projections, labels), combination(slopes, self.weights).reshape(inputs.shape)

    def _projections(self, inputs: Array) -> Array:
        return product(inputs.reshape(-1, inputs.shape[-1]), self.weights)

    def _margins(self, projections: Array, labels: Array) -> Array:
        outputs = np.einsum(
            "kr,r->k", activate(self.params.activation, projections, self.params.power), self.second_layer
        )
        return np.asarray(labels * outputs.reshape(len(labels), -1).sum(axis=1))


def attack(model: Model, inputs: Array, labels: Array, generator: np.random.Generator | None) -> Array:
    """Return the attacked inputs under ``model.params``' fgsm, l2_pgd or linf_pgd threat: (N, P, d).

    `generator` draws the random starts; None starts every restart at the sample (then one restart is enough).
    """
    params, radius = model.params, model.params.perturbation_radius
    if params.threat == "fgsm":
        _, gradient = model.margins_and_gradient(inputs, labels)
        return inputs - radius * np.sign(gradient)
    linf = params.threat == "linf_pgd"
    size = params.attack_step_size or 2.5 * radius / params.attack_steps
    best, lowest = inputs.copy(), model.margins(inputs, labels)
    for _ in range(params.attack_restarts):
        shift = np.zeros_like(inputs)
        if params.attack_random_start and generator is not None:
            shift = _random_start(inputs.shape, radius, linf, generator)
        for _ in range(params.attack_steps):
            margin, gradient = model.margins_and_gradient(inputs + shift, labels)
            _keep_worst(best, lowest, inputs + shift, margin)
            shift = _project_to_ball(shift - size * _direction(gradient, linf), radius, linf)
        _keep_worst(best, lowest, inputs + shift, model.margins(inputs + shift, labels))
    return best


def _keep_worst(best: Array, lowest: Array, candidate: Array, margin: Array) -> None:
    worse = margin < lowest
    best[worse], lowest[worse] = candidate[worse], margin[worse]


def _norms(shift: Array) -> Array:
    return np.sqrt(np.einsum("ijk,ijk->i", shift, shift))[:, None, None]


def _direction(gradient: Array, linf: bool) -> Array:
    """Steepest ascent direction of the norm; a zero gradient does not move."""
    if linf:
        return np.sign(gradient)
    norm = _norms(gradient)
    return gradient / np.where(norm > 0.0, norm, 1.0)


def _project_to_ball(shift: Array, radius: float, linf: bool) -> Array:
    if linf:
        return np.clip(shift, -radius, radius)
    return shift * np.minimum(1.0, radius / np.maximum(_norms(shift), np.finfo(float).tiny))


def _random_start(shape: tuple[int, ...], radius: float, linf: bool, generator: np.random.Generator) -> Array:
    """A uniform point of the ball for every sample."""
    if linf:
        return generator.uniform(-radius, radius, shape)
    start = generator.standard_normal(shape)
    size = radius * generator.random(shape[0]) ** (1.0 / np.prod(shape[1:]))
    return np.asarray(start * size[:, None, None] / _norms(start))
