"""The inequalities between exponents are those of the formulas at huge dimensions; the paper's lie in their corner."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgrosim.theory.admissible import Slacks, slacks
from cgrosim.theory.scaling import paper_setting, predicted_slope

EXPONENTS = {
    "signal_exponent": st.floats(0.1, 0.4),
    "noise_exponent": st.floats(-0.6, -0.4),
    "init_exponent": st.floats(-0.6, -0.45),
    "gap_exponent": st.floats(-0.7, -0.3),
    "samples_exponent": st.floats(0.0, 0.5),
}
SIZES = (1e40, 1e60)


def test_the_paper_s_exponents_stand_beside_a_corner():
    found = slacks()
    assert min(found.small_signal, found.small_noise, found.signal_first, found.memorised_before_escape) > 0.2
    assert found.robust_error == pytest.approx(0.0, abs=1e-12)  # polylog factors decide
    assert found.decoupled == pytest.approx(-0.009)
    corner = slacks(signal_exponent=0.25, noise_exponent=-0.5, samples_exponent=0.5)
    assert corner.memorised_before_escape == pytest.approx(0.0, abs=1e-12)
    assert (corner.samples_apart, corner.decoupled) == (0.0, 0.0)
    for change in ({"signal_exponent": 0.249}, {"samples_exponent": 0.498}):
        inside = slacks(**{"signal_exponent": 0.25, "noise_exponent": -0.5, "samples_exponent": 0.5, **change})
        assert inside.memorised_before_escape == pytest.approx(0.002)


@given(**EXPONENTS)
def test_slacks_are_slopes_of_the_formulas(samples_exponent, **given_exponents):
    def setting_at(d):
        free = {"init_polylog": 1.0, "gap_polylog": 1.0, "learning_rate": 1e-3}
        return paper_setting(d, samples=d**samples_exponent, **free, **given_exponents)

    def slope(quantity):
        return predicted_slope(quantity, SIZES, setting_at)

    found = slacks(samples_exponent=samples_exponent, **given_exponents)
    # what is left at d = 1e40: d^-0.05 beside 1 has a slope of at most 0.05 d^-0.05 = 0.0005, a factor log d one of
    # 1/log d = 0.011; the plateau has its cube root of it, and two energies that cross within the sizes 0.05 half-way
    near = {"abs": 0.011}
    if min(found.small_signal, found.small_noise) > 0.05:
        first = slope(lambda s: s.memorisation_time() / s.signal_growth_time())
        # the start of the last of 1e20 samples is that of none, in floating point; T_esc has no more than its logarithm
        later = slope(lambda s: replace(s, samples=50.0).escape_time() / s.memorisation_time())
        assert found.signal_first == pytest.approx(first, **near)
        assert found.memorised_before_escape == pytest.approx(later, **near)
    assert found.decoupled == pytest.approx(-slope(lambda s: s.coupling), **near)
    energies = 2 * given_exponents["init_exponent"] + 1, samples_exponent - 2 * given_exponents["noise_exponent"] - 1
    if abs(energies[0] - energies[1]) > 0.05:
        assert found.clean == pytest.approx(-slope(lambda s: s.test_noise_std()), **near)
        attacked = slope(lambda s: s.gap**s.power * s.test_noise_std() ** -1)
        assert found.robust_error == pytest.approx(-attacked, **near)


@given(**EXPONENTS)
def test_the_region_is_convex_in_the_exponents(**given_exponents):
    """Every inequality but those of the test noise is linear, so the middle of two slacks is that of the middle."""
    middle = {name: 0.5 * (value + paper) for (name, value), paper in zip(
        given_exponents.items(), (0.249, -0.509, -0.5, -0.5, 0.0), strict=True)}  # fmt: skip
    linear = [name for name in Slacks._fields if name not in ("clean", "robust_error")]
    for name in linear:
        ends = getattr(slacks(**given_exponents), name) + getattr(slacks(), name)
        assert getattr(slacks(**middle), name) == pytest.approx(0.5 * ends, abs=1e-12)
