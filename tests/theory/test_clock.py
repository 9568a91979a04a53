"""The quadrature clock and the growth primitives, against flows with known solutions."""

import mpmath
import numpy as np
import pytest

from cgrosim.theory.clock import MonotoneClock
from cgrosim.theory.power_growth import companion_log_growth, grow, growth_integral


def test_clock_matches_exponential_flow_over_hundreds_of_decades() -> None:
    # x' = e^-x from 0: t = e^x - 1.
    clock = MonotoneClock(lambda x: -x, np.arange(0.0, 1201.0))
    states = np.array([1e-9, 0.3, 1.0, 7.77, 50.0, 700.0, 1200.0])
    exact = states + np.log(-np.expm1(-states))
    assert clock.log_time(states) == pytest.approx(exact, rel=1e-13, abs=1e-13)
    # The state is off by the rounding of the log-time, at most 1200 eps.
    assert clock.state(exact[:-1]) == pytest.approx(states[:-1], rel=1e-12)


@pytest.mark.parametrize("steepness", [0.3, 1.0, 5.0])
def test_a_state_takes_newton_s_few_steps_however_it_is_approached(steepness: float) -> None:
    """x' = e^(-s x): a root found from below is the end of the bracket itself, and is not to be searched again."""
    asked = []

    def log_rate(states):
        asked.append(1)
        return -steepness * states

    clock = MonotoneClock(log_rate, np.arange(0.0, 101.0))
    for state in np.random.default_rng(0).uniform(0.0, 100.0, 50):
        wanted = steepness * state + np.log(-np.expm1(-steepness * state) / steepness)
        asked.clear()
        assert clock.state(wanted) == pytest.approx(state, rel=1e-12)
        assert len(asked) <= 2 * 20  # two values a step; quadratic from an eighth of a panel takes four or five


def test_clock_refuses_what_it_has_not_tabulated() -> None:
    clock = MonotoneClock(lambda x: 0.0 * x, [0.0, 1.0])
    assert clock.state(-np.inf) == 0.0
    with pytest.raises(ValueError, match="tabulated"):
        clock.log_time(2.0)
    with pytest.raises(ValueError, match="widen"):
        clock.state(5.0)
    with pytest.raises(ValueError, match="increasing"):
        MonotoneClock(lambda x: x, [0.0, 0.0])


@pytest.mark.parametrize("power", [2.0, 2.0 + 1e-9, 2.01, 2.5, 3.0, 6.7])
@pytest.mark.parametrize("start", [1e-8, 0.03, 0.9, -0.4])
def test_grow_solves_its_equation_to_the_last_digits(power: float, start: float) -> None:
    blow_up = growth_integral(abs(start), 1.5, power)
    for share in (1e-12, 0.1, 0.9):
        exposure = float(share * blow_up)
        with mpmath.workdps(40):
            p, x, b = mpmath.mpf(power) - 2, mpmath.mpf(abs(start)), mpmath.mpf(exposure)
            sign = 1 if start > 0 else -1
            exact = sign * (x * mpmath.exp(sign * b) if p == 0 else (x**-p - sign * p * b) ** (-1 / p))
        # Ill-conditioned near the blow-up by 1/(1 - share); 30 roundings.
        assert float(grow(start, exposure, power)) == pytest.approx(float(exact), rel=30 * 2.3e-16 / (1 - share))


def test_growth_exposure_is_infinite_for_starts_that_never_grow() -> None:
    assert growth_integral([0.0, -1.0, 1.0], 2.0, 3.0) == pytest.approx([np.inf, np.inf, 0.5])
    assert grow([0.0, 1.0], 1e30, 3.0).tolist() == [0.0, np.inf]


@pytest.mark.parametrize("power", [2.0, 2.01, 3.0, 5.0])
def test_companion_follows_the_reference(power: float) -> None:
    reference, companion, energy = 0.3, np.array([0.1, -0.5, 0.299999999]), np.array([0.9, 0.7, 1.0])
    clock = 0.97 * growth_integral(reference, 5.0, power)
    length = np.log(grow(reference, clock, power) / reference)
    ratio = np.sign(companion) * energy * (np.abs(companion) / reference) ** (power - 2)
    followed = companion * np.exp(companion_log_growth(length, ratio, power))
    assert followed == pytest.approx(grow(companion, energy * clock, power), rel=1e-9)


def test_companion_refuses_a_reference_that_is_not_the_fastest() -> None:
    with pytest.raises(ValueError, match="fastest"):
        companion_log_growth(1.0, 1.5, 3.0)
