"""The symbolic derivations give the numbers that the formulas of the theory use."""

from importlib import import_module
from types import ModuleType

import pytest

from cgrosim.theory.noise_moments import hermite_activation_moment

pytestmark = pytest.mark.slow  # computer algebra


@pytest.fixture(scope="module")
def derive() -> ModuleType:
    """The derivations; imported by their tests only, as SymPy takes seconds."""
    return import_module("derive_stage_forms")


def test_growth_and_conservation(derive: ModuleType) -> None:
    assert derive.growth_solution() == 1
    assert derive.conserved_difference() == 0


def test_plateau(derive: ModuleType) -> None:
    sp = import_module("sympy")
    assert derive.plateau_equation() == 1
    for power in (sp.Integer(3), sp.Integer(4), sp.Rational(5, 2)):
        assert derive.plateau_primitive(power) == 0


def test_memorisation_and_control(derive: ModuleType) -> None:
    assert derive.clean_exposure() == 1
    assert derive.control_bound_cubic() == 0
    assert [derive.saturation_term(n) for n in (1, 2, 3)] == [1, 1, 1]


def test_noise(derive: ModuleType) -> None:
    assert derive.hermite_coefficients(3) == {1: 9, 3: 6}
    five = derive.hermite_coefficients(5)
    assert sum(int(c) * 0.3**k for k, c in five.items()) == pytest.approx(float(hermite_activation_moment(0.3, 5)))
    assert derive.tail_bound_shifted() == 0
