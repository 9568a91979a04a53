"""The derivations hold symbolically, and the numbers they produce are those of the float64 functions."""

from fractions import Fraction
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from cgrosim.model import reference
from cgrosim.model.params import Params
from cgrosim.theory.power_growth import growth_integral
from cgrosim.theory.saturation import logistic_saturation, power_saturation_log_time


@pytest.fixture(scope="module")
def gradient() -> ModuleType:
    """The derivation of the gradient; imported by its tests only, as SymPy takes seconds."""
    return import_module("derive_gradient")


@pytest.fixture(scope="module")
def growth() -> ModuleType:
    return import_module("derive_growth")


@pytest.fixture(scope="module")
def saturation() -> ModuleType:
    return import_module("derive_saturation")


def test_gradient_is_the_closed_form(gradient: ModuleType) -> None:
    activations = gradient.activations()
    assert len(activations) == 3
    for name, activation in activations.items():
        for neuron in range(gradient.NEURONS):
            assert gradient.residuals(neuron, activation) == [0] * gradient.DIMENSION, name


def test_a_wrong_force_is_noticed(gradient: ModuleType) -> None:
    """The same comparison with a signal of twice the strength does not vanish."""
    sp = import_module("sympy")
    wrong = gradient.stated_force(0).subs(gradient.alpha, 2 * gradient.alpha)
    difference = gradient.descent_direction(0) - wrong
    cubic = gradient.activations()["z^3"]
    assert any(sp.expand(entry.replace(gradient.phi, cubic).doit()) != 0 for entry in difference)


def test_identities_around_the_gradient(gradient: ModuleType) -> None:
    assert gradient.logistic_weight_identity() == 0
    assert gradient.cubic_signal_identity() == 0
    assert gradient.inner_maximum_is_an_end() == 0


def example() -> tuple[Params, np.ndarray, np.ndarray, np.ndarray]:
    """Numbers for every symbol of the derivation: parameters, weights (2, 3), noise patches (4, 3), labels."""
    params = Params(
        dimension=3, patches=3, samples=2, neurons=2, signal_strength=1.3, noise_std=1.0, init_std=1.0, gap=0.2,
        adversarial_weight=0.4, learning_rate=0.1,
    )  # fmt: skip
    generator = np.random.default_rng(7)
    weights = generator.standard_normal((2, 3))
    patches = np.concatenate([np.zeros((4, 1)), generator.standard_normal((4, 2))], axis=1)
    return params, weights, patches, np.array([1.0, -1.0])


def test_reference_forces_are_the_derivation(gradient: ModuleType) -> None:
    params, weights, patches, labels = example()
    assert tuple(labels) == gradient.LABELS
    ones = np.ones(2)
    signal, coefficients, clean, attacked = reference.forces(params, ones, labels, weights[:, 0], patches @ weights.T)
    kappa = [reference.attacked_coefficient(params, ones, weights[:, 0], y) for y in labels]
    values = dict(zip(gradient.weights, weights.ravel(), strict=True))
    values |= dict(zip(gradient.patch_symbols, patches[:, 1:].ravel(), strict=True))
    values |= dict(zip(gradient.second_layer, ones, strict=True))
    values |= dict(zip(gradient.attacked_coefficients, kappa, strict=True))
    values[gradient.alpha] = params.signal_strength
    values |= dict(zip(gradient.clean_weights, 0.6 * reference.logistic_weight(clean), strict=True))
    values |= dict(zip(gradient.attacked_weights, 0.4 * reference.logistic_weight(attacked), strict=True))
    for r in range(2):
        derived = gradient.descent_direction(r).replace(gradient.phi, gradient.activations()["z^3"]).doit().subs(values)
        stated = signal[r] * np.eye(3)[0] + coefficients[:, r] @ patches
        # sums of fewer than 20 products of numbers of order 1 to 10
        np.testing.assert_allclose(np.array(derived, dtype=float).ravel(), stated, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("flip", [1.0, -1.0], ids=["U > 0", "U < 0"])
def test_danskin_gradient_is_that_of_the_inner_maximum(flip: float) -> None:
    """Central differences of the loss with its inner maximum taken by brute force over the interval."""
    params, weights, patches, labels = example()
    weights[:, 0] = flip * np.abs(weights[:, 0])
    alpha, delta = params.signal_strength, params.perturbation_radius
    grid = np.linspace(alpha - delta, alpha + delta, 2001)

    def maximised_loss(w: np.ndarray) -> float:
        noise = labels * ((patches @ w.T) ** 3).sum(axis=1).reshape(2, 2).sum(axis=1)
        total = (w[:, 0] ** 3).sum()
        clean = reference.logistic_loss(alpha**3 * total + noise)
        attacked = reference.logistic_loss(grid[:, None] ** 3 * total + noise).max(axis=0)
        return float(np.mean(0.6 * clean + 0.4 * attacked))

    ones, step = np.ones(2), 1e-5
    signal, coefficients, _, _ = reference.forces(params, ones, labels, weights[:, 0], patches @ weights.T)
    for r in range(2):
        stated = signal[r] * np.eye(3)[0] + coefficients[:, r] @ patches
        for k in range(3):
            shift = np.zeros((2, 3))
            shift[r, k] = step
            slope = (maximised_loss(weights + shift) - maximised_loss(weights - shift)) / (2 * step)
            # step^2 times third derivatives of order 100, and rounding eps / step of a loss of order 10
            assert -slope == pytest.approx(stated[k], abs=1e-7, rel=1e-7)


@pytest.mark.parametrize("table", ["integral_identities", "solution_identities", "factor_expansions"])
def test_growth_identities(growth: ModuleType, table: str) -> None:
    assert {name: value for name, value in getattr(growth, table)().items() if value != 0} == {}


def test_saturation_identities(saturation: ModuleType) -> None:
    assert {name: value for name, value in saturation.lambert_identities().items() if value != 0} == {}
    assert saturation.cubic_form_derivative() == 0
    assert abs(saturation.kummer_integral_error()) < 1e-28
    assert saturation.late_expansion_residuals() == [0, 0]


def test_growth_integral_has_the_exact_numbers(growth: ModuleType) -> None:
    for (start, target, power), exact in growth.numbers().items():
        values = [float(Fraction(text)) for text in (start, target, power)]
        # The second and third points are ill-conditioned in float64 inputs: v - x = 1e-6 of x keeps 10 digits, and
        # q - 2 = 0.01 keeps 14.
        tolerance = 4e-10 if start == "1/2" else 1e-13
        assert float(growth_integral(*values)) == pytest.approx(float(exact), rel=tolerance)


def test_saturation_has_the_exact_numbers(saturation: ModuleType) -> None:
    for (time, start), exact in saturation.numbers().items():
        value = float(logistic_saturation(float(Fraction(time)), 1.0, float(start)))
        assert value == pytest.approx(float(exact), rel=4e-16, abs=4e-16)


def test_power_saturation_has_the_exact_numbers(saturation: ModuleType) -> None:
    for (start, margin), exact in saturation.cubic_numbers().items():
        value = power_saturation_log_time(float(Fraction(start)), float(Fraction(margin)), 3.0)
        # 3 to 31/10: the interval itself is known to eps * 3.1 / 0.1
        assert value == pytest.approx(float(exact), abs=1e-13, rel=1e-14)
