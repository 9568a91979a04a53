"""One state of a run as the recorded quantities see it: what several of them need is computed once, and on demand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cgrosim.engines.base import Snapshot
from cgrosim.model.activations import activate, activation
from cgrosim.model.linear_algebra import product, semidefinite_root
from cgrosim.model.params import Params
from cgrosim.model.reference import attacked_coefficient, logistic_loss, signal_margin
from cgrosim.model.sampling import ClosedSystem
from cgrosim.model.streams import RunStream, stream

Array = NDArray[np.float64]
Evaluator = Callable[[Array], tuple[Array, Array, Array]]


class TestNoise:
    """Margins of fresh samples, drawn exactly in law from the Gram matrix of the weights.

    One fixed set of normal draws serves all steps, so that test errors at different times differ by training alone.
    """

    __test__ = False  # not a test case, in spite of its name

    def __init__(self, params: Params) -> None:
        self._params = params
        size = (params.test_samples, params.patches - 1, params.neurons)
        self._draws = stream(params.seed, RunStream.TEST).standard_normal(size)

    def margins(self, snapshot: Snapshot, second_layer: Array) -> tuple[Array, Array, Array]:
        """Clean and attacked margins and the noise in them: (<w_r, xi>)_r ~ N(0, noise_std^2 G) for every patch."""
        p = self._params
        root = p.noise_std * semidefinite_root(snapshot.weight_gram)
        projections = product(self._draws.reshape(-1, p.neurons), root).reshape(self._draws.shape)
        noise = np.einsum("ijr,r->i", activate(p.activation, projections, p.power), second_layer)
        labels = np.where(np.arange(p.test_samples) % 2 == 0, 1.0, -1.0)
        clean, attacked = labels * noise, labels * noise
        for y in (1.0, -1.0):
            clean[labels == y] += signal_margin(p, second_layer, snapshot.signal, y, p.signal_strength)
            kappa = attacked_coefficient(p, second_layer, snapshot.signal, y)
            attacked[labels == y] += signal_margin(p, second_layer, snapshot.signal, y, kappa)
        return clean, attacked, noise


class Observation:
    """A snapshot with what is derived from it.

    Attributes
    ----------
    params, snapshot, start : the experiment, its present state, and the system it began from
    """

    def __init__(
        self,
        params: Params,
        start: ClosedSystem,
        snapshot: Snapshot,
        tested: Callable[[Snapshot], tuple[Array, Array, Array]],
    ) -> None:
        self.params, self.start, self.snapshot = params, start, snapshot
        self._tested = tested

    @cached_property
    def noise_correlation(self) -> Array:
        """Correlations v = y <w_r, X_i[j]>, as (sample, patch, neuron)."""
        labels = self.start.labels
        shape = (len(labels), self.params.patches - 1, self.params.neurons)
        return np.asarray(labels[:, None, None] * self.snapshot.noise.reshape(shape))

    @cached_property
    def clean_loss(self) -> float:
        """Mean logistic loss of the training samples, in nat."""
        return float(np.mean(logistic_loss(self.snapshot.clean_margin)))

    @cached_property
    def adversarial_loss(self) -> float:
        """Mean logistic loss of the attacked training samples, in nat."""
        return float(np.mean(logistic_loss(self.snapshot.attacked_margin)))

    @property
    def _labels(self) -> tuple[float, ...]:
        return (1.0,) if activation(self.params.activation).odd else (1.0, -1.0)

    @property
    def clean_share(self) -> float:
        """The share of the true feature in the clean margin, averaged over the two labels."""
        p, layer, signal = self.params, self.start.second_layer, self.snapshot.signal
        return float(np.mean([signal_margin(p, layer, signal, y, p.signal_strength) for y in self._labels]))

    @property
    def attacked_share(self) -> float:
        """The same of the attacked margin; nan for a threat that moves more than the true feature."""
        p, layer, signal = self.params, self.start.second_layer, self.snapshot.signal
        if not p.signal_only:
            return np.nan
        left = [signal_margin(p, layer, signal, y, attacked_coefficient(p, layer, signal, y)) for y in self._labels]
        return float(np.mean(left))

    @cached_property
    def test_margins(self) -> tuple[Array, Array, Array]:
        """Clean and attacked margins of fresh samples and the noise S in them, each (test_samples,)."""
        return self._tested(self.snapshot)
