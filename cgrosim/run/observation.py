"""States of a run as the recorded quantities see them: what several need is computed once, and on demand."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.engines.base import Snapshot, Trail
from cgrosim.model.activations import activate, activation
from cgrosim.model.algorithms import smoothing_of
from cgrosim.model.linear_algebra import product, semidefinite_root
from cgrosim.model.params import Params
from cgrosim.model.reference import attacked_coefficient, logistic_loss, signal_margin
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.streams import RunStream, stream
from cgrosim.model.sums import weighted_sum

Array = NDArray[np.float64]
Fresh = tuple[Array, Array, Array]
"""Clean and attacked margins of fresh samples, and the noise in them, each (T,)."""
Tested = Callable[[Snapshot], Fresh]


class TestNoise:
    """Margins of fresh samples, drawn exactly in law from the Gram matrix of the weights.

    One fixed set of normal draws serves all steps, so that test errors at different times differ by training alone.
    """

    __test__ = False  # not a test case, in spite of its name

    def __init__(self, params: Params) -> None:
        self._params = params
        size = (params.test_samples, params.patches - 1, params.neurons)
        self._draws = stream(params.seed, RunStream.TEST).standard_normal(size)

    def margins(self, snapshot: Snapshot, second_layer: Array) -> Fresh:
        """Clean and attacked margins and the noise in them: (<w_r, xi>)_r ~ N(0, noise_std^2 G) for every patch."""
        p = self._params
        root = p.noise_std * semidefinite_root(snapshot.weight_gram)
        projections = product(self._draws.reshape(-1, p.neurons), root).reshape(self._draws.shape)
        return margins_of_noise(p, projections, snapshot.signal, second_layer)


def margins_of_noise(
    params: Params, projections: Array, signal: Array, second_layer: Array
) -> tuple[Array, Array, Array]:
    """Clean and attacked margins of fresh samples, labels +1 and -1 in turns, and the noise in them.

    From their noise projections <w_r, xi> (T, P - 1, m) and the true correlations (m,).
    """
    noise = np.einsum("ijr,r->i", activate(params.activation, projections, params.power), second_layer)
    clean, attacked = noise.copy(), noise.copy()
    for first, y in enumerate((1.0, -1.0)):
        mine = slice(first, None, 2)
        clean[mine] = y * noise[mine] + signal_margin(params, second_layer, signal, y, params.signal_strength)
        attacked[mine] = y * noise[mine] + attacked_signal(params, second_layer, signal, y)
    return clean, attacked, noise


def attacked_signal(params: Params, second_layer: Array, signal: Array, label: float, feature: float = 1.0) -> float:
    """What the evaluation attack leaves of the signal's part of a margin; nan where none is made."""
    measured = params.evaluation
    if not params.measures_robustness or not measured.signal_only:
        return float("nan")
    kappa = attacked_coefficient(measured, second_layer, signal, label, feature)
    return signal_margin(params, second_layer, signal, label, kappa, feature)


def share_wrong(margins: Array) -> Array:
    """Share of margins (..., N) that are not positive; nan where they were not measured."""
    return np.where(np.isnan(margins).any(axis=-1), np.nan, share_not_positive(margins))


def share_not_positive(margins: Array) -> Array:
    """Share of margins (..., N) that are at most 0; a nan is none of them."""
    axis = None if margins.ndim == 1 else -1  # None counts without a detour through Python
    return np.asarray(np.count_nonzero(margins <= 0.0, axis=axis) / margins.shape[-1])


TESTS: dict[str, Callable[[Array, Array, Array], Any]] = {
    "clean_test_error": lambda clean, attacked, noise: share_not_positive(clean),
    "robust_test_error": lambda clean, attacked, noise: share_wrong(attacked),
    "test_noise_std": lambda clean, attacked, noise: np.std(noise),
}
"""What is measured of the clean and attacked margins of fresh samples and the noise in them."""


class Observation:
    """Some states in a row with what is derived from them; the first axis of every array counts the states.

    What is done to one of them does not depend on how many there are: sums run within a state, in its own order.

    Attributes
    ----------
    params, start, trail : the experiment, the system it began from, and its states
    tested : margins of fresh samples in a state
    wanted : names of what is measured, of which `tests` computes those that need them
    """

    def __init__(
        self,
        params: Params,
        start: ClosedSystem,
        trail: Trail,
        tested: Tested | None,
        wanted: Container[str],
    ) -> None:
        self.params, self.start, self.trail = params, start, trail
        self._tested, self._wanted = tested, wanted

    @property
    def step(self) -> Array:
        """Gradient steps taken, (records,)."""
        return self.trail.step

    @property
    def signal(self) -> Array:
        """True correlations u, (records, neuron)."""
        return self.trail.signal

    @property
    def clean_margin(self) -> Array:
        """Margins of the training samples, (records, sample)."""
        return self.trail.clean_margin

    @property
    def trained_margin(self) -> Array:
        """Margins of the training samples under the attack of training, (records, sample)."""
        return self.trail.attacked_margin

    @property
    def memorization(self) -> Array:
        """Memorised noise V of the training samples, (records, sample)."""
        return self.trail.memorization

    @cached_property
    def weight_gram(self) -> Array:
        """Gram matrices of the weights projected off w_star, (records, neuron, neuron)."""
        return np.stack([self.trail.weigh(place) for place in range(len(self.trail))])

    @cached_property
    def attacked_margin(self) -> Array:
        """Margins of the training samples under the attack of evaluation (nan: none), (records, sample)."""
        p, labels, layer = self.params, self.start.labels, self.start.second_layer
        if not p.measures_robustness:
            return np.full(self.clean_margin.shape, np.nan)
        if p.evaluation.threat == p.threat:
            return self.trained_margin
        moved = self.clean_margin.copy()
        features = np.ones_like(labels) if self.start.features is None else self.start.features
        for row, signal in zip(moved, self.signal, strict=True):
            for y, f in sorted(set(zip(labels.tolist(), features.tolist(), strict=True))):
                clean = signal_margin(p, layer, signal, y, p.signal_strength, f)
                row[(labels == y) & (features == f)] += attacked_signal(p, layer, signal, y, f) - clean
        return moved

    @cached_property
    def noise_correlation(self) -> Array:
        """Correlations v = y <w_r, X_i[j]>, (records, sample, patch, neuron)."""
        labels = self.start.labels
        shape = (-1, len(labels), self.params.patches - 1, self.params.neurons)
        return np.asarray(labels[:, None, None] * self.trail.noise.reshape(shape))

    @cached_property
    def clean_loss(self) -> Array:
        """Mean logistic loss of the training samples, in nat, (records,)."""
        return np.asarray(logistic_loss(self.clean_margin).mean(axis=1))

    @cached_property
    def adversarial_loss(self) -> Array:
        """Mean logistic loss of the training samples under the attack of evaluation, in nat, (records,)."""
        with np.errstate(invalid="ignore"):  # nan where nothing was attacked
            return np.asarray(logistic_loss(self.attacked_margin).mean(axis=1))

    @cached_property
    def trained_loss(self) -> Array:
        """Mean logistic loss of the training samples under the attack of training, in nat, (records,)."""
        return np.asarray(logistic_loss(self.trained_margin).mean(axis=1))

    @cached_property
    def smoothed_loss(self) -> Array:
        """Mean of (1 - weight) clean + weight attacked loss with smoothed labels, in nat, (records,)."""
        p, half = self.params, 0.5 * smoothing_of(self.params, self.start.features, len(self.start.labels))
        plain = (1.0 - p.adversarial_weight) * self.clean_loss + p.adversarial_weight * self.trained_loss
        if not np.any(half):
            return plain
        mixed = (1.0 - p.adversarial_weight) * self.clean_margin + p.adversarial_weight * self.trained_margin
        return np.asarray(plain + (half * mixed).mean(axis=1))

    def learnt(self, coefficient: float = 1.0) -> Array:
        """sum_r a_r phi(coefficient u_r), (records,)."""
        values = activate(self.params.activation, coefficient * self.signal, self.params.power)
        return weighted_sum(values, self.start.second_layer)

    def over_labels(self, share: Callable[[float], Array]) -> Array:
        """A share of the margin, averaged over the two labels, of which an odd activation sees no difference."""
        labels = (1.0,) if activation(self.params.activation).odd else (1.0, -1.0)
        return np.asarray(np.mean([share(label) for label in labels], axis=0))

    def signal_share(self, label: float, coefficient: float) -> Array:
        """What the true feature adds to the margin of a label, (records,)."""
        return label * self.learnt(coefficient * label)

    def attacked_share(self, label: float) -> Array:
        """What an attack that moves only the true feature leaves of it, (records,)."""
        p, layer = self.params.evaluation, self.start.second_layer
        if activation(p.activation).degree is not None:  # the worst is an end of the interval
            low, high = (self.signal_share(label, end) for end in p.attacked_interval)
            return np.where(high < low, high, low)
        left = [signal_margin(p, layer, u, label, attacked_coefficient(p, layer, u, label)) for u in self.signal]
        return np.array(left)

    @cached_property
    def tests(self) -> dict[str, list[float]]:
        """What is wanted of fresh samples: the names of `TESTS`, one number a state."""
        assert self._tested is not None
        found: dict[str, list[float]] = {name: [] for name in TESTS if name in self._wanted}
        for place in range(len(self.trail)):
            fresh = self._tested(self.trail.at(place))  # not kept: they may be millions
            for name, numbers in found.items():
                numbers.append(float(TESTS[name](*fresh)))
        return found
