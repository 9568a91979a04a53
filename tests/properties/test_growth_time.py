"""L1, searched for violations over the whole range of its hypotheses, and broken where it is sharpened."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st
from searching import ROUNDING, breaks, check

from cgrosim.testing import GrowthSequence, growth_sequences, log_uniform, powers
from cgrosim.theory.power_growth import growth_integral
from cgrosim.theory.tensor_power import cumulative_rate_window, discretisation_factor, time_window

CONSTANT = growth_sequences(constant_rate=True, max_steps=2000)
# Few steps, so that the last one can matter, and kappa up to 1e4: the constants are tested where they differ.
COARSE = growth_sequences(relative_growth=log_uniform(1e-3, 1e4), max_steps=5)


def spent(sequence: GrowthSequence, steps: int) -> float:
    return math.fsum(sequence.rates[:steps])


def early_kappa(sequence: GrowthSequence) -> float:
    """The largest relative growth before the last step."""
    return float(sequence.relative_growth[:-1].max(initial=0.0))


def log_excess(amount: float, bound: float) -> float:
    if amount == 0:
        return -1e3
    return math.log(amount / bound) if bound > 0 else math.inf


def below_lower(sequence: GrowthSequence, factor: float = 1.0) -> float:
    window = cumulative_rate_window(sequence.start, sequence.target, sequence.power, relative_growth=sequence.kappa)
    return log_excess(factor * window.lower, spent(sequence, sequence.steps))


def above_upper(sequence: GrowthSequence, sharp: bool = True, factor: float = 1.0) -> float:
    window = cumulative_rate_window(
        sequence.start, sequence.target, sequence.power, relative_growth=early_kappa(sequence), sharp=sharp
    )
    return log_excess(spent(sequence, sequence.steps - 1), factor * window.upper)


def above_exponent(sequence: GrowthSequence, share: float) -> float:
    """Violation of ``sum <= (1+kappa)^{share * max(1, (q-1)/2)} I``."""
    exponent = share * max(1.0, (sequence.power - 1) / 2)
    integral = float(growth_integral(sequence.start, sequence.target, sequence.power))
    return log_excess(spent(sequence, sequence.steps - 1), (1 + early_kappa(sequence)) ** exponent * integral)


def test_lower_bound_holds() -> None:
    check(growth_sequences(), below_lower, ROUNDING)


@pytest.mark.parametrize("sharp", [True, False])
def test_upper_bound_holds(sharp: bool) -> None:
    check(growth_sequences(), lambda s: above_upper(s, sharp), ROUNDING)
    check(COARSE, lambda s: above_upper(s, sharp), ROUNDING)


def test_power_of_one_plus_kappa_is_sharp() -> None:
    """The exponent q-1 may be lowered to max(1, (q-1)/2) but by no more than the search resolves, 3 per cent."""
    check(COARSE, lambda s: above_exponent(s, 1.0), ROUNDING)
    assert breaks(COARSE, lambda s: above_exponent(s, 0.97))


def test_sharp_factors_cannot_be_lowered() -> None:
    assert breaks(COARSE, lambda s: above_upper(s, factor=0.999))
    assert breaks(growth_sequences(), lambda s: below_lower(s, factor=1.001))


def test_last_step_must_be_left_out_of_the_upper_sum() -> None:
    def with_last_step(sequence: GrowthSequence) -> float:
        window = cumulative_rate_window(
            sequence.start, sequence.target, sequence.power, relative_growth=sequence.kappa, sharp=False
        )
        return log_excess(spent(sequence, sequence.steps), window.upper)

    assert breaks(growth_sequences(), with_last_step)


def test_kappa_is_needed() -> None:
    def without_kappa(sequence: GrowthSequence) -> float:
        return log_excess(
            spent(sequence, sequence.steps - 1), float(growth_integral(sequence.start, sequence.target, sequence.power))
        )

    assert breaks(growth_sequences(), without_kappa)


def outside(sequence: GrowthSequence, refined: bool = True, lift: float = 0.0, drop: float = 0.0) -> float:
    """Steps by which T leaves the window of the constant-rate lemma, its ends moved inwards by lift and drop."""
    window = time_window(
        sequence.start, sequence.target, float(sequence.rates[0]), power=sequence.power, refined=refined
    )
    return max(window.lower + lift - sequence.steps, sequence.steps - (window.upper - drop))


@pytest.mark.parametrize("refined", [True, False])
def test_constant_rate_window_holds(refined: bool) -> None:
    # Rounding moves the flow time I/c, at most about 2,000 steps here, by the relative error of one step.
    check(CONSTANT, lambda s: outside(s, refined), 2000 * ROUNDING)


def test_constant_rate_window_cannot_be_narrowed() -> None:
    assert breaks(CONSTANT, lambda s: outside(s, lift=0.01), 2000 * ROUNDING)
    assert breaks(CONSTANT, lambda s: outside(s, drop=0.01), 2000 * ROUNDING)


def test_refined_window_is_about_one_step_wide() -> None:
    """Its width tends to 1 with kappa, whatever the ratio of target and start; the search maximises the excess.

    With kappa = c v^{q-2} <= 0.01 the two ends differ by the last step, at most R_q(kappa), and by the difference of
    the corrections over the last step, of order kappa: 1 + q kappa covers q <= 8 with room for the second order.
    """

    def excess(case: tuple[float, float, float, float]) -> float:
        q, target, kappa, ratio = case
        window = time_window(target / ratio, target, kappa * target ** (2 - q), power=q)
        return (window.upper - window.lower) - (1 + q * kappa)

    cases = st.tuples(powers(), log_uniform(1e-3, 1e3), log_uniform(1e-6, 0.01), log_uniform(1.1, 1e6))
    # The ends are differences of numbers up to I/c, so their rounding is relative to that: keep I/c below 1e9.
    check(cases.filter(lambda c: c[3] ** (c[0] - 2) / c[2] < 1e9), excess, 1e9 * 1e-15)


def test_discretisation_factor_between_its_bounds() -> None:
    """1 + (q-1)g/2 is no bound for q > 3; (1+g)^{max(1, (q-1)/2)} is one, (1+g)^{(q-1)/2} is none for q < 3."""
    cases = st.tuples(powers(), log_uniform(1e-3, 1e6))

    def above(case: tuple[float, float]) -> float:
        q, g = case
        return float(np.log(discretisation_factor(g, q)) - max(1.0, (q - 1) / 2) * np.log1p(g))

    def above_half(case: tuple[float, float]) -> float:
        q, g = case
        return float(np.log(discretisation_factor(g, q)) - (q - 1) / 2 * np.log1p(g))

    check(cases, above, 1e-14)
    assert breaks(cases, above_half)
    assert breaks(cases, lambda c: float(discretisation_factor(c[1], c[0])) / (1 + (c[0] - 1) / 2 * c[1]) - 1)
