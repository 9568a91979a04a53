"""The claims that the dynamics closes and that the margin splits, and the round-off bound behind them."""

from dataclasses import replace

import numpy as np
import pytest

from cgrosim.claims.catalogue import closure
from cgrosim.claims.checks import combine
from cgrosim.claims.claim import Context
from cgrosim.claims.rounding import RoundingBound, curvature, gamma, margin_rounding
from cgrosim.model.params import Params
from cgrosim.model.reference import forces
from cgrosim.model.sampling import ClosedSystem, draw_explicit
from cgrosim.studies.world import CLAIMED


@pytest.mark.parametrize("claim", closure.CLAIMS, ids=lambda claim: claim.name)
def test_quick_verdict_is_supported_and_wrong_worlds_are_rejected(verdict_of, claim):
    verdict = verdict_of(claim)
    assert verdict.verdict == "supported"
    assert verdict.rejection == "violated"


def test_bounds_are_far_below_what_the_wrong_world_changes(monkeypatch):
    monkeypatch.setattr(closure, "CASES", closure.CASES[:2])
    checks = closure.measure_closure(Context(seed=3), CLAIMED).checks
    assert max(check.allowed_high for check in checks) < 1e-9


def test_a_nan_of_an_engine_is_violated(monkeypatch):
    from cgrosim.engines.reduced import ReducedEngine

    monkeypatch.setattr(closure, "CASES", closure.CASES[:2])
    whole = ReducedEngine.trace

    def spoilt(self, steps):
        trail, trouble = whole(self, steps)
        return replace(trail, signal=trail.signal * np.nan), trouble

    monkeypatch.setattr(ReducedEngine, "trace", spoilt)
    assert combine(closure.measure_closure(Context(), CLAIMED).checks) == "violated"


def test_a_force_that_is_slightly_wrong_is_violated(monkeypatch):
    from cgrosim.engines.reduced import ReducedEngine

    monkeypatch.setattr(closure, "CASES", closure.CASES[:2])
    whole = ReducedEngine.__init__

    def weaker(self: ReducedEngine, params: Params, system: ClosedSystem) -> None:
        whole(self, params.replace(adversarial_weight=params.adversarial_weight + 1e-7), system)

    monkeypatch.setattr(ReducedEngine, "__init__", weaker)
    assert combine(closure.measure_closure(Context(), CLAIMED).checks) == "violated"


@pytest.mark.parametrize(("activation", "power"), closure.CASES)
def test_curvature_is_the_derivative_of_the_slope(activation, power):
    from cgrosim.model.activations import derivative

    z, h = np.array([-1.7, -0.6, 0.3, 0.8, 1.4]), 1e-6
    slope = (derivative(activation, z + h, power) - derivative(activation, z - h, power)) / (2 * h)
    # central differences: h^2 times the third derivative, and 2^-53 / h
    np.testing.assert_allclose(curvature(activation, z, power), slope, atol=1e-8)


def test_hessian_of_the_closed_dynamics_lies_in_the_bounded_spectrum():
    """The Hessian by finite differences of the force, in coordinates where it is symmetric."""
    for activation, power in closure.CASES:
        params = closure.small_experiment(activation, power, 5, 10)
        system = draw_explicit(params)
        lowest, highest, eigenvalues = _spectra(params, system)
        slack = 1e-6 * max(1.0, np.abs(eigenvalues).max())  # of the finite differences
        assert eigenvalues.max() <= highest + slack
        assert eigenvalues.min() >= -lowest - slack


def _spectra(params: Params, system: ClosedSystem):
    assert system.gram is not None
    neurons, factor = len(system.signal), np.linalg.cholesky(system.gram)
    start = np.concatenate([system.signal, np.linalg.solve(factor, system.noise).ravel()])

    def gradient(x):
        signal, noise = x[:neurons], factor @ x[neurons:].reshape(-1, neurons)
        on_signal, on_noise, _, _ = forces(params, system.second_layer, system.labels, signal, noise)
        return -np.concatenate([on_signal, (factor.T @ on_noise).ravel()])

    h, size = 1e-6, len(start)
    hessian = np.array([(gradient(start + h * e) - gradient(start - h * e)) / (2 * h) for e in np.eye(size)])
    _, _, clean, attacked = forces(params, system.second_layer, system.labels, system.signal, system.noise)
    bound = RoundingBound(params, system)
    lowest, highest = bound._spectrum(system.signal, system.noise, clean, attacked)
    return lowest, highest, np.linalg.eigvalsh(0.5 * (hessian + hessian.T))


def test_margin_rounding_covers_the_difference_to_extended_precision():
    params = closure.small_experiment("power", 3.0, 1, 10)
    system = draw_explicit(params)
    inputs, weights = system.data.inputs(), system.weights
    exact = ((inputs.astype(np.longdouble) @ weights.T.astype(np.longdouble)) ** 3).sum(axis=(1, 2))
    rounded = ((inputs @ weights.T) ** 3).sum(axis=(1, 2))
    allowed = margin_rounding(params, system.second_layer, inputs, weights)
    assert np.all(np.abs(rounded - exact) <= allowed)
    assert gamma(1) < np.finfo(float).eps
