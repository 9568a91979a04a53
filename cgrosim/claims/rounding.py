"""How far round-off may carry the computed dynamics from the exact one, bounded step by step along a run.

Derived here. In the space of the weights one step is W -> W - eta grad L(W) with a symmetric Jacobian I - eta H, so an
error grows by at most max(1 + eta mu, eta Lambda - 1) in the Frobenius norm, where -mu and Lambda bound the spectrum of
H. The logistic part of H is positive, so mu comes from phi'' alone; and because the direction and the noise patches are
orthogonal, phi'' acts on the signal of each neuron and on its noise patches separately. Every step adds the errors of
its own roundings (Higham, Accuracy and Stability, 3.1: |fl(x.y) - x.y| <= gamma_n |x||y| in any order of summation).
Second-order terms are of the size of the square of the bound; the factor SAFETY covers them. Not covered: a projection
that comes within the bound of a kink of phi, or U within it of 0, where the force jumps; for continuous draws that has
a probability of the order of the bound itself, 1e-12 a step.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.activations import activate, curvature, derivative
from cgrosim.model.params import Params
from cgrosim.model.reference import attacked_coefficient, forces, logistic_weight
from cgrosim.model.sampling import ClosedSystem

Array = NDArray[np.float64]

UNIT = 2.0**-53
ELEMENTARY = 16  # roundings of phi, phi' or s, given their argument: a power is within a few units in the last place
SAFETY = 2.0


def gamma(count: int) -> float:
    """Relative error of `count` roundings in a row: n u / (1 - n u)."""
    return count * UNIT / (1.0 - count * UNIT)


class RoundingBound:
    """Bounds on the distance of each engine's weights from those of exact arithmetic, in the Frobenius norm.

    Attributes
    ----------
    direct : of the weights the direct engine holds
    reduced : of the weights that the reduced engine's u and C stand for
    rebuilt : of the weights put together from the start and the coefficients of the reduced engine
    outside : of what the direct engine's weights can have outside the span of their start, w_star and the patches
    """

    def __init__(self, params: Params, system: ClosedSystem, start_error: float = 0.0) -> None:
        """`start_error`: how far, as weights, the reduced engine's start is from the direct engine's to begin with."""
        assert system.gram is not None
        self._params, self._system = params, system
        self._norms = np.sqrt(np.diag(system.gram))
        spectrum = np.linalg.eigvalsh(system.gram)
        self._largest, self._smallest = math.sqrt(spectrum[-1]), math.sqrt(spectrum[0])
        self._factor = np.linalg.cholesky(system.gram)
        weights = self._weight_norms(system.signal, system.weight_gram)
        start = gamma(params.dimension) * float(np.linalg.norm(weights))
        self.direct = self.outside = 0.0
        # C(0) is computed with an error of gamma_d |X_k||w_r| an entry, which K^{-1/2} turns into an error of weights
        self._residual = start * float(np.linalg.norm(self._norms)) / self._smallest
        self.reduced = start + self._residual + start_error
        self.rebuilt = start_error

    def projection(self, error: float) -> float:
        """Bound on the error of any u, or of any C over the norm of its patch, of weights that far off."""
        return SAFETY * error

    def step(self, signal: Array, noise: Array, weight_gram: Array) -> None:
        """Take into account the step that starts at u (m,), C (M, m) and weights of this Gram matrix."""
        p, norms = self._params, self._norms
        eta, weights = p.learning_rate, self._weight_norms(signal, weight_gram)
        on_signal, on_noise, clean, attacked = forces(p, self._system.second_layer, self._system.labels, signal, noise)
        lowest, highest = self._spectrum(signal, noise, clean, attacked)
        growth = max(1.0 + eta * lowest, eta * highest - 1.0)
        total = float(np.linalg.norm(weights))
        force = np.concatenate([np.abs(on_noise) * norms[:, None], np.abs(on_signal)[None, :]])
        force_norm = float(np.linalg.norm(force.sum(axis=0)))
        from_force = self._force_error(signal, noise, on_signal, on_noise, projected=None)
        from_dots = self._force_error(signal, noise, on_signal, on_noise, projected=weights)
        # the sum over rows and the addition to the weights are rounded outside the span too
        stray = eta * gamma(len(noise) + 2) * force_norm + UNIT * total
        update = np.abs(noise) * UNIT + eta * gamma(p.dimension + len(noise) + 3) * np.outer(
            norms, norms @ np.abs(on_noise)
        )
        drift = float(np.linalg.norm(update)) / self._smallest + UNIT * float(np.linalg.norm(signal))
        self.direct = growth * self.direct + eta * from_dots + stray
        self.reduced = growth * self.reduced + eta * from_force + drift
        self.rebuilt = growth * self.rebuilt + eta * (max(lowest, highest) * self._residual + from_force) + stray
        self._residual += drift + stray
        self.outside += stray

    def _weight_norms(self, signal: Array, weight_gram: Array) -> Array:
        return np.sqrt(np.diag(weight_gram) + signal**2)

    def _spectrum(self, signal: Array, noise: Array, clean: Array, attacked: Array) -> tuple[float, float]:
        """(mu, Lambda): the Hessian of the loss lies between -mu and Lambda."""
        p, s = self._params, self._system
        count = len(s.labels)
        lam, layer = p.adversarial_weight, s.second_layer
        c, a = (1.0 - lam) * logistic_weight(clean), lam * logistic_weight(attacked)
        rows = np.repeat(s.labels * (c + a) / count, p.patches - 1)[:, None]
        diagonal = rows * layer * curvature(p.activation, noise, p.power)
        blocks = np.einsum("ka,kr,kb->rab", self._factor, diagonal, self._factor)
        spectrum = np.linalg.eigvalsh(blocks)
        on_signal, slopes = np.zeros_like(signal), 0.0
        # the slope of the loss weights, s' = s (1 - s), makes the positive part of the Hessian
        bend = (
            (1.0 - lam) * logistic_weight(clean) * logistic_weight(-clean) / count,
            lam * logistic_weight(attacked) * logistic_weight(-attacked) / count,
        )
        for y in np.unique(s.labels):
            chosen = s.labels == y
            hard = attacked_coefficient(p, layer, signal, float(y))
            for weights, slope, kappa in ((c, bend[0], p.signal_strength), (a, bend[1], hard)):
                pull = float(weights[chosen].sum()) * y * kappa**2 / count
                on_signal += pull * layer * curvature(p.activation, kappa * y * signal, p.power)
                # the operator norm of a sum of squares is at most its trace
                gradient = kappa * layer * derivative(p.activation, kappa * y * signal, p.power)
                slopes += float(gradient @ gradient) * float(slope[chosen].sum())
        per_row = self._norms[:, None] * layer * derivative(p.activation, noise, p.power)
        # |sum_j phi'(c_j) X_j|^2 <= (P - 1) sum_j |phi'(c_j) X_j|^2
        per_sample = (p.patches - 1) * (per_row**2).reshape(count, -1).sum(axis=1)
        slopes += float((bend[0] + bend[1]) @ per_sample)
        lowest = max(0.0, float(spectrum[:, -1].max()), float(on_signal.max()))
        highest = max(0.0, float(-spectrum[:, 0].min()), float(-on_signal.min())) + slopes
        return lowest, highest

    def _force_error(
        self, signal: Array, noise: Array, on_signal: Array, on_noise: Array, projected: Array | None
    ) -> float:
        """Error of the force as a change of weights per unit of time, given the roundings of its arguments.

        `projected`, the norms of the weights, adds the roundings of the dot products the arguments come from.
        """
        p, layer = self._params, np.abs(self._system.second_layer)
        count, alpha = len(self._system.labels), p.signal_strength + p.perturbation_radius
        of_noise, of_signal = np.zeros_like(noise), np.zeros_like(signal)
        if projected is not None:
            of_noise = gamma(p.dimension) * np.outer(self._norms, projected)
            of_signal = gamma(p.dimension) * projected
        terms = gamma(len(signal) * p.patches + ELEMENTARY)
        on_rows = layer * (
            np.abs(derivative(p.activation, noise, p.power)) * of_noise
            + terms * np.abs(activate(p.activation, noise, p.power))
        )
        reach = np.abs(signal)
        of_margin = layer * (
            alpha * np.abs(derivative(p.activation, alpha * reach, p.power)) * of_signal
            + terms * np.abs(activate(p.activation, alpha * reach, p.power))
        )
        margin = on_rows.reshape(count, -1).sum(axis=1) + of_margin.sum()  # (N,), and |s'| <= s
        relative = np.repeat(margin, p.patches - 1)[:, None] + gamma(ELEMENTARY + count)
        bent = layer * np.abs(curvature(p.activation, noise, p.power)) * of_noise / count
        error_rows = np.abs(on_noise) * relative + bent
        steep = layer * alpha**2 * np.abs(curvature(p.activation, alpha * reach, p.power)) * of_signal
        error_signal = np.abs(on_signal) * (margin.max() + gamma(ELEMENTARY + count)) + steep
        return float(np.hypot(self._largest * np.linalg.norm(error_rows), np.linalg.norm(error_signal)))


def margin_rounding(params: Params, second_layer: Array, inputs: Array, weights: Array) -> Array:
    """Bound on |computed y f(X) - exact|, each of the (N,) inputs, however the sums are ordered."""
    layer, projections = np.abs(second_layer), inputs @ weights.T
    dots = gamma(params.dimension + 2) * np.linalg.norm(inputs, axis=2)[..., None] * np.linalg.norm(weights, axis=1)
    steep = np.abs(derivative(params.activation, np.abs(projections) + dots, params.power)) * dots
    terms = gamma(projections.shape[1] * len(layer) + ELEMENTARY)
    values = np.abs(activate(params.activation, np.abs(projections), params.power))
    return np.asarray(((steep + terms * values) * layer).sum(axis=(1, 2)))
