"""The symbolic derivations give the numbers that the formulas of the theory use."""

import derive_stage_forms as derive
import pytest
import sympy as sp

from cgrosim.theory.noise_moments import hermite_activation_moment


def test_growth_and_conservation() -> None:
    assert derive.growth_solution() == 1
    assert derive.conserved_difference() == 0


def test_plateau() -> None:
    assert derive.plateau_equation() == 1
    for power in (sp.Integer(3), sp.Integer(4), sp.Rational(5, 2)):
        assert derive.plateau_primitive(power) == 0


def test_memorisation_and_control() -> None:
    assert derive.clean_exposure() == 1
    assert derive.control_bound_cubic() == 0
    assert [derive.saturation_term(n) for n in (1, 2, 3)] == [1, 1, 1]


def test_noise() -> None:
    assert derive.hermite_coefficients(3) == {1: 9, 3: 6}
    five = derive.hermite_coefficients(5)
    assert sum(int(c) * 0.3**k for k, c in five.items()) == pytest.approx(float(hermite_activation_moment(0.3, 5)))
    assert derive.tail_bound_shifted() == 0
