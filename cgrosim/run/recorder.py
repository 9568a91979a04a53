"""What is recorded of a run and when: grids of steps, and the order parameters and errors at each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.engines.base import Snapshot
from cgrosim.model.activations import ODD, activate
from cgrosim.model.linear_algebra import product, semidefinite_root
from cgrosim.model.params import Params
from cgrosim.model.patches import TEST, stream
from cgrosim.model.reference import attacked_coefficient, logistic_loss, signal_margin
from cgrosim.model.sampling import ClosedSystem

Array = NDArray[np.float64]

# name: (dimensions after "step", long name, units); correlations carry the unit of a weight times that of an input
VARIABLES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "signal_correlation": (("neuron",), "true-feature correlation u of each neuron", "1"),
    "signal_strength": ((), "learnt signal U = sum of phi(u)", "1"),
    "signal_margin": ((), "share of the clean margin due to the true feature, alpha^q U", "1"),
    "attacked_signal_margin": ((), "share of the attacked margin due to the true feature", "1"),
    "memorization": (("sample",), "memorised noise V of each training sample", "1"),
    "noise_correlation_max": (("sample",), "largest noise correlation v over neurons and patches", "1"),
    "neuron_noise_max": (("neuron",), "largest noise correlation v over training samples and patches", "1"),
    "clean_loss": ((), "clean training loss", "nat"),
    "adversarial_loss": ((), "adversarial training loss", "nat"),
    "training_loss": ((), "training loss, (1 - weight) clean + weight adversarial", "nat"),
    "clean_train_error": ((), "clean training error", "1"),
    "robust_train_error": ((), "robust training error", "1"),
    "clean_test_error": ((), "clean test error", "1"),
    "robust_test_error": ((), "robust test error", "1"),
    "test_noise_std": ((), "standard deviation of the noise S in the margin of a fresh sample", "1"),
    "time": ((), "training time, learning_rate * step", "1"),
    "noise_correlation": (("neuron", "sample", "patch"), "noise correlation v = y <w, X[j]>", "1"),
    "signal_coefficient": (("neuron",), "coefficient A of the true feature in the weights", "1"),
    "noise_coefficient": (("neuron", "sample", "patch"), "coefficient B of a noise patch in the weights", "1"),
    "weights": (("neuron", "coordinate"), "filters", "1"),
}


def record_steps(params: Params, steps: int) -> NDArray[np.int64]:
    """The steps to record: 0, the last one, and a linear or logarithmic grid between, without repeats."""
    if params.record_grid == "linear":
        grid = np.linspace(0.0, steps, params.records + 1)
    else:
        count = max(2, int(np.ceil(params.records * np.log10(max(steps, 2)))) + 1)
        grid = np.concatenate([[0.0], np.geomspace(1.0, steps, count)])
    whole = np.minimum(np.round(grid), float(steps)).astype(np.int64)
    return np.unique(np.concatenate([whole, [0, steps]]))


class Recorder:
    """Turns snapshots into records; with `evaluate_attacked`, fresh samples are attacked explicitly.

    The noise S that a fresh sample puts into the margin is drawn exactly in law from the Gram matrix of the weights,
    from one fixed set of normal draws, so that test errors at different times differ by training alone.
    """

    def __init__(
        self,
        params: Params,
        system: ClosedSystem,
        evaluate_attacked: Callable[[Array], tuple[Array, Array, Array]] | None = None,
    ) -> None:
        self.params, self.labels, self.second_layer = params, system.labels, system.second_layer
        self._start_signal = system.signal
        self.records: dict[str, list[Any]] = {"step": []}
        self._evaluate_attacked = evaluate_attacked
        generator = stream(params.seed, TEST)
        size = (params.test_samples, params.patches - 1, params.neurons) if evaluate_attacked is None else (0, 1, 1)
        self._draws = generator.standard_normal(size)

    def take(self, snapshot: Snapshot) -> None:
        """Record one snapshot."""
        with np.errstate(over="ignore"):  # the last records before a divergence may square to infinity
            values = self._training(snapshot) | self._testing(snapshot) | self._extras(snapshot)
        self.records["step"].append(round(snapshot.step))
        for name, value in values.items():
            self.records.setdefault(name, []).append(np.asarray(value, dtype=np.float64))

    def _shares(self, signal: Array) -> tuple[float, float]:
        """The clean and attacked share of the true feature in the margin, averaged over the two labels."""
        p, layer = self.params, self.second_layer
        labels = (1.0,) if p.activation in ODD else (1.0, -1.0)
        clean = [signal_margin(p, layer, signal, y, p.signal_strength) for y in labels]
        if not p.signal_only:
            return float(np.mean(clean)), np.nan
        hard = [signal_margin(p, layer, signal, y, attacked_coefficient(p, layer, signal, y)) for y in labels]
        return float(np.mean(clean)), float(np.mean(hard))

    def _training(self, s: Snapshot) -> dict[str, Any]:
        p = self.params
        correlation = self._noise_correlation(s)
        clean, adversarial = (float(np.mean(logistic_loss(m))) for m in (s.clean_margin, s.attacked_margin))
        signal_share, attacked_share = self._shares(s.signal)
        return {
            "signal_correlation": s.signal,
            "signal_strength": float(activate(p.activation, s.signal, p.power) @ self.second_layer),
            "signal_margin": signal_share,
            "attacked_signal_margin": attacked_share,
            "memorization": s.memorization,
            "noise_correlation_max": correlation.max(axis=(1, 2)),
            "neuron_noise_max": correlation.max(axis=(0, 1)),
            "clean_loss": clean,
            "adversarial_loss": adversarial,
            "training_loss": (1.0 - p.adversarial_weight) * clean + p.adversarial_weight * adversarial,
            "clean_train_error": float(np.mean(s.clean_margin <= 0.0)),
            "robust_train_error": float(np.mean(s.attacked_margin <= 0.0)),
            "time": p.learning_rate * s.step,
        }

    def _noise_correlation(self, s: Snapshot) -> Array:
        """Correlations v = y <w_r, X_i[j]>, as (sample, patch, neuron)."""
        shape = (len(self.labels), self.params.patches - 1, self.params.neurons)
        return self.labels[:, None, None] * s.noise.reshape(shape)

    def _testing(self, s: Snapshot) -> dict[str, Any]:
        p = self.params
        if p.test_samples == 0:
            return {}
        if self._evaluate_attacked is not None:
            assert s.weights is not None
            clean, attacked, noise = self._evaluate_attacked(s.weights)
        else:
            clean, attacked, noise = self._gaussian_margins(s)
        return {
            "clean_test_error": float(np.mean(clean <= 0.0)),
            "robust_test_error": float(np.mean(attacked <= 0.0)),
            "test_noise_std": float(np.std(noise)),
        }

    def _gaussian_margins(self, s: Snapshot) -> tuple[Array, Array, Array]:
        """Margins of fresh samples: (<w_r, xi>)_r ~ N(0, noise_std^2 G) for every noise patch, exactly in law."""
        p, layer = self.params, self.second_layer
        root = p.noise_std * semidefinite_root(s.weight_gram)
        projections = product(self._draws.reshape(-1, p.neurons), root).reshape(self._draws.shape)
        noise = np.einsum("ijr,r->i", activate(p.activation, projections, p.power), layer)
        labels = np.where(np.arange(p.test_samples) % 2 == 0, 1.0, -1.0)
        clean, attacked = labels * noise, labels * noise
        for y in (1.0, -1.0):
            clean[labels == y] += signal_margin(p, layer, s.signal, y, p.signal_strength)
            kappa = attacked_coefficient(p, layer, s.signal, y)
            attacked[labels == y] += signal_margin(p, layer, s.signal, y, kappa)
        return clean, attacked, noise

    def _extras(self, s: Snapshot) -> dict[str, Any]:
        p, extras = self.params, {}
        shape = (p.samples, p.patches - 1, p.neurons)
        if "noise_correlation" in p.record:
            extras["noise_correlation"] = np.moveaxis(self._noise_correlation(s), 2, 0)
        if "coefficients" in p.record:
            assert s.coefficients is not None
            extras["signal_coefficient"] = s.signal - self._start_signal
            extras["noise_coefficient"] = np.moveaxis(s.coefficients.reshape(shape), 2, 0)
        if "weights" in p.record:
            assert s.weights is not None
            extras["weights"] = s.weights
        return extras
