"""The model and one step of its training in plain NumPy: the page to read, and the oracle of the tests.

A sample X has P patches of dimension d. The network is ``f(X) = sum_r a_r sum_j phi(<w_r, X[j]>)``; training
minimises ``(1 - lam) l(y f(X)) + lam max_X' l(y f(X'))`` with the logistic loss ``l(z) = log(1 + exp(-z))``
(arXiv 2306.01271v4, Section 5; the convention for lam is ours). Other algorithms than plain descent are described in
`cgrosim.model.algorithms`. Nothing here is fast; everything is meant to be clear.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cgrosim.model.activations import activate, activation, derivative
from cgrosim.model.algorithms import draw_batches, shares, smoothing_of
from cgrosim.model.params import Params
from cgrosim.model.patches import PatchData
from cgrosim.model.sums import weighted_sum

Array = NDArray[np.float64]


def logistic_loss(margin: Array) -> Array:
    """log(1 + exp(-z)), without overflow."""
    return np.logaddexp(0.0, -margin)


def logistic_weight(margin: Array) -> Array:
    """s(z) = 1 / (1 + exp(z)), minus the derivative of the loss, without overflow."""
    return np.exp(-np.logaddexp(0.0, margin))


def network(params: Params, second_layer: Array, weights: Array, inputs: Array) -> Array:
    """f(X) for inputs (N, P, d) and weights (m, d): (N,) outputs."""
    return np.asarray(activate(params.activation, inputs @ weights.T, params.power).sum(axis=1) @ second_layer)


def network_gradient(params: Params, second_layer: Array, weights: Array, inputs: Array, factors: Array) -> Array:
    """Gradient of ``sum_i factors_i f(X_i)`` with respect to the weights: (m, d)."""
    slopes = derivative(params.activation, inputs @ weights.T, params.power) * second_layer
    return np.asarray(np.einsum("i,ijr,ijd->rd", factors, slopes, inputs))


def smoothed_loss(margin: Array, smoothing: Array | float) -> Array:
    """``(1 - eps/2) l(z) + (eps/2) l(-z)``, which is ``l(z) + (eps/2) z``."""
    return logistic_loss(margin) + 0.5 * np.asarray(smoothing) * margin


def signal_margin(
    params: Params, second_layer: Array, signal: Array, label: float, coefficient: float, feature: float = 1.0
) -> float:
    """What a signal patch ``coefficient * feature * label * w_star`` adds to the margin of `label`.

    ``y sum_r a_r phi(coefficient feature y u_r)``: feature is -1 where the label is flipped, 0 where there is none.
    """
    values = activate(params.activation, coefficient * (label * feature) * signal, params.power)
    return float(label * weighted_sum(values, second_layer))


def attacked_coefficient(
    params: Params, second_layer: Array, signal: Array, label: float, feature: float = 1.0
) -> float:
    """The signal coefficient after the attack: the exact inner maximum of the threats that move only the signal.

    The attack may choose any coefficient of the threat's interval, [alpha - delta, alpha + delta] for ``signal_span``,
    and goes against the label that is trained on: where it is flipped it mostly strengthens the feature.
    For a positively homogeneous activation the margin is coefficient^degree times a constant, so the worst is an end of
    the interval; with a knee it is piecewise ``A c^q + B c + C`` between the points where a neuron turns linear. Of
    equally bad coefficients it takes the smallest, so alpha - delta where the margin does not move at all.
    """
    low, high = params.attacked_interval
    if low == high:
        return low
    candidates = [low, high]
    if activation(params.activation).degree is None:
        candidates += _interior_candidates(params, second_layer, label * feature * signal, low, high)
    return min(candidates, key=lambda c: (signal_margin(params, second_layer, signal, label, c, feature), c))


def _interior_candidates(params: Params, second_layer: Array, signed: Array, low: float, high: float) -> list[float]:
    """Breakpoints and critical points of the signal margin inside (low, high), for an activation with a knee."""
    knee, q = activation(params.activation).knee, params.power
    # below the knee phi' is this times z^(q-1)
    steepness = float(derivative(params.activation, np.array(knee), q)) / knee ** (q - 1.0)
    positive = signed > 0.0
    kinks = [low, *sorted(k for k in knee / signed[positive] if low < k < high), high]
    found = list(kinks[1:-1])
    for left, right in pairwise(kinks):
        middle = 0.5 * (left + right)
        curved = positive & (middle * signed < knee)
        straight = positive & ~curved
        a = steepness * float(second_layer[curved] @ signed[curved] ** q)
        b = float(second_layer[straight] @ signed[straight])
        if a != 0.0 and -b / a > 0.0:
            critical = (-b / a) ** (1.0 / (q - 1.0))
            if left < critical < right:
                found.append(critical)
    return found


def attacked_inputs(params: Params, second_layer: Array, weights: Array, data: PatchData) -> Array:
    """The inputs after a threat that moves only the true feature."""
    attacked = data.inputs()
    signal = weights @ data.direction
    features = data.labels * data.feature_signs
    for i, label in enumerate(data.labels):
        coefficient = attacked_coefficient(params, second_layer, signal, float(label), float(features[i]))
        attacked[i, data.signal_index[i]] = coefficient * data.feature_signs[i] * data.direction
    return attacked


def training_loss(params: Params, second_layer: Array, weights: Array, data: PatchData, attacked: Array) -> float:
    """The training loss of the given weights on clean and attacked inputs (N, P, d), weight decay included."""
    smoothing = smoothing_of(params, data.features, len(data.labels))
    clean = smoothed_loss(data.labels * network(params, second_layer, weights, data.inputs()), smoothing)
    hard = smoothed_loss(data.labels * network(params, second_layer, weights, attacked), smoothing)
    lam, decay = params.adversarial_weight, params.weight_decay
    return float(np.mean((1.0 - lam) * clean + lam * hard) + 0.5 * decay * np.sum(weights**2))


def training_gradient(
    params: Params,
    second_layer: Array,
    weights: Array,
    data: PatchData,
    attacked: Array,
    share: Array | None = None,
) -> Array:
    """Gradient of `training_loss` with the attacked inputs held fixed (Danskin's theorem): (m, d).

    `share` (N,) is what each sample has of a batch (`cgrosim.model.algorithms.shares`); None: all the same.
    """
    lam, total = params.adversarial_weight, params.weight_decay * weights
    smoothing = smoothing_of(params, data.features, len(data.labels))
    for weight, inputs in ((1.0 - lam, data.inputs()), (lam, attacked)):
        margin = data.labels * network(params, second_layer, weights, inputs)
        pull = weight * (logistic_weight(margin) - 0.5 * smoothing)
        factors = -data.labels * (pull if share is None else share * pull) / len(data.labels)
        total = total + network_gradient(params, second_layer, weights, inputs, factors)
    return total


def train(params: Params, second_layer: Array, weights: Array, data: PatchData, steps: int) -> Array:
    """The weights after some steps of the algorithm that the parameters ask for, from rest: (m, d).

    Heavy ball: the velocity is ``m = beta m - gradient`` and the step ``eta m``.
    """
    velocity = np.zeros_like(weights)
    for step in range(steps):
        attacked = attacked_inputs(params, second_layer, weights, data)
        share = None
        if params.batch_size is not None:
            share = shares(draw_batches(params, step, 1)[0], params.samples)
        gradient = training_gradient(params, second_layer, weights, data, attacked, share)
        velocity = params.momentum * velocity - gradient
        weights = weights + params.learning_rate * velocity
    return weights


def forces(
    params: Params,
    second_layer: Array,
    labels: Array,
    signal: Array,
    noise: Array,
    features: Array | None = None,
    share: Array | None = None,
) -> tuple[Array, Array, Array, Array]:
    """The closed form of minus the gradient: force on u (m,), on the coefficients B (M, m), and the two margins (N,).

    One step of plain descent is ``u += eta force``, ``B += eta A`` and ``C += eta K A``; weight decay takes eta rho of
    u, of B and of the start, ``C = s C(0) + K B``.
    """
    lam, q, phi = params.adversarial_weight, params.power, params.activation
    count, alpha = len(labels), params.signal_strength
    kinds = np.ones(count) if features is None else features
    pairs = list(zip(labels.tolist(), kinds.tolist(), strict=True))
    per_sample = (activate(phi, noise, q) @ second_layer).reshape(count, -1).sum(axis=1)
    memorization = labels * per_sample
    kappa = np.array([attacked_coefficient(params, second_layer, signal, y, f) for y, f in pairs])
    clean = memorization + [signal_margin(params, second_layer, signal, y, alpha, f) for y, f in pairs]
    attacked = memorization + [
        signal_margin(params, second_layer, signal, y, k, f) for (y, f), k in zip(pairs, kappa, strict=True)
    ]
    half, part = 0.5 * smoothing_of(params, features, count), np.ones(count) if share is None else share
    c = (1.0 - lam) * part * (logistic_weight(clean) - half)
    a = lam * part * (logistic_weight(attacked) - half)
    signs = labels * kinds
    clean_slopes = derivative(phi, alpha * np.outer(signs, signal), q)
    attacked_slopes = derivative(phi, np.outer(kappa * signs, signal), q)
    on_signal = second_layer * ((alpha * kinds * c) @ clean_slopes + (kappa * kinds * a) @ attacked_slopes) / count
    per_row = np.repeat(labels * (c + a), len(noise) // count)[:, None]
    return on_signal, per_row * second_layer * derivative(phi, noise, q) / count, clean, attacked
