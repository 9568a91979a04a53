"""Growth under weight decay, its edges, times and laws, against integration of the equation and Monte Carlo."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from cgrosim.theory.decay import (
    critical_start,
    decay_edge,
    decayed_growth,
    decayed_growth_time,
    discounted_time,
    growth_edge,
    memorisation_edge,
    start_needed,
)
from cgrosim.theory.power_growth import growth_integral

powers = st.sampled_from([2.0, 2.01, 2.5, 3.0, 4.0, 5.0])
decays = st.sampled_from([0.0, 1e-9, 0.01, 0.3, 2.0])
starts = st.floats(0.01, 0.9)


def integrate(start: float, time: float, rate: float, decay: float, power: float) -> float:
    """The equation as it stands."""
    found = solve_ivp(
        lambda _, x: rate * np.abs(x) ** (power - 1.0) - decay * x, (0.0, time), [start], method="DOP853",
        rtol=1e-11, atol=1e-14,
    )  # fmt: skip
    return float(found.y[0, -1])


@given(start=st.one_of(starts, st.floats(-0.9, -0.01)), decay=decays, power=powers, rate=st.floats(0.1, 3.0))
def test_the_solution_solves_the_equation(start: float, decay: float, power: float, rate: float) -> None:
    """Up to half of the time to the target 1, or a few decay times where it is never reached; integrator's 1e-11."""
    to_one = float(decayed_growth_time(start, 1.0, rate=rate, decay=decay, power=power))
    time = min(0.5 * to_one, 2.0)
    found = float(decayed_growth(start, time, rate=rate, decay=decay, power=power))
    assert found == pytest.approx(integrate(start, time, rate, decay, power), rel=1e-8, abs=1e-12)


@given(start=starts, decay=decays, power=powers, rate=st.floats(0.1, 3.0))
def test_the_time_is_when_the_solution_arrives(start: float, decay: float, power: float, rate: float) -> None:
    time = float(decayed_growth_time(start, 1.0, rate=rate, decay=decay, power=power))
    grows = rate * start ** (power - 2.0) > decay
    # on the edge itself, to the rounding of a power and two products, either answer is right
    assume(abs(rate * start ** (power - 2.0) - decay) > 8 * np.finfo(float).eps * decay or decay == 0.0)
    assert np.isfinite(time) == grows == (start > float(critical_start(rate, decay, power)))
    assert grows == (decay < float(decay_edge(start, rate, power)))
    # close to the edge the start itself decides digit by digit, so neither direction keeps them all
    assume(grows and decay < 0.999 * rate * start ** (power - 2.0))
    assert float(decayed_growth(start, time, rate=rate, decay=decay, power=power)) == pytest.approx(1.0, rel=1e-6)
    assert float(start_needed(1.0, time, rate=rate, decay=decay, power=power)) == pytest.approx(start, rel=1e-9)


@given(start=starts, power=powers, decay=st.sampled_from([1e-12, 1e-9, 1e-7]))
def test_without_decay_it_is_plain_growth(start: float, power: float, decay: float) -> None:
    """T = I/c [1 + O(rho x^(2-q)/c)]: first order in the decay, the factor at most 1/0.01^3 here."""
    plain = float(growth_integral(start, 1.0, power))
    assert float(decayed_growth_time(start, 1.0, rate=1.0, decay=0.0, power=power)) == pytest.approx(plain, rel=1e-14)
    found = float(decayed_growth_time(start, 1.0, rate=1.0, decay=decay, power=power))
    assert plain * (1 - 1e-12) <= found
    if decay * start ** (2.0 - power) < 0.1:
        assert found <= plain * (1.0 + 2.0 * decay * start ** (2.0 - power) + 1e-12)
    assert float(discounted_time(5.0, decay, power)) == pytest.approx(5.0, rel=20 * decay)


def test_the_prototype_formula_of_the_time() -> None:
    """The specification's form by hand: q = 3, a = 2, rho = 0.1, from 0.2 to 0.5."""
    expected = np.log((20.0 - 2.0) / (20.0 - 5.0)) / 0.1
    assert float(decayed_growth_time(0.2, 0.5, rate=2.0, decay=0.1, power=3.0)) == pytest.approx(expected, rel=1e-13)


@given(
    start=st.floats(0.05, 0.5), lam=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    growth=st.sampled_from([0.0, 0.3, 2.0, 50.0]), power=st.sampled_from([2.5, 3.0, 4.0]),
)  # fmt: skip
def test_the_edge_with_a_head_start_separates(start: float, lam: float, growth: float, power: float) -> None:
    """Both sides of the edge by integration with a weight that falls from 1 to lam at T_I."""
    edge = float(memorisation_edge(start, rate=1.0, adversarial_weight=lam, signal_growth_time=growth, power=power))
    plain = float(decay_edge(start, 1.0, power))
    assert lam * plain * (1 - 1e-12) <= edge <= plain * (1 + 1e-12)
    for factor, grows in ((0.99, True), (1.01, False)):
        decay = factor * edge
        blown = float(decayed_growth_time(start, np.inf, rate=1.0, decay=decay, power=power))
        if blown <= growth:
            assert grows or edge == pytest.approx(plain, rel=1e-9)
            continue
        middle = float(decayed_growth(start, growth, rate=1.0, decay=decay, power=power))
        assert (lam * middle ** (power - 2.0) > decay) == grows


def test_at_power_two_decay_spares_all_or_none() -> None:
    assert critical_start(0.5, 0.4, 2.0) == 0.0
    assert critical_start(0.5, 0.6, 2.0) == np.inf
    assert decay_edge([0.3, -0.1], 0.5, 2.0).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("decay", [-1.0, np.inf, np.nan])
def test_a_decay_that_is_none_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="the decay must be a finite number"):
        critical_start(1.0, decay, 3.0)


@pytest.mark.parametrize("starts", [(1.0, -1.3), (0.7, 0.6, -0.2, -2.5)])
def test_the_edge_beside_a_signal_that_starts_below_zero_separates(starts) -> None:
    """One per cent on either side of the edge, integrated anew; a start near its edge leaves it like exp(rho t)."""
    q, above, below = 3.0, 0.8, 2.4
    edge = growth_edge(starts, above, rate_below=below, power=q)
    assert decay_edge(max(starts), above, q) * 1.05 < edge < decay_edge(max(starts), below, q)

    def slope(decay):
        def of(_, x):
            rate = above if np.sum(np.sign(x) * np.abs(x) ** q) >= 0.0 else below
            return rate * np.abs(x) ** (q - 1.0) - decay * x

        return of

    def grown(time, x):
        return np.max(x) - 50.0

    grown.terminal = True
    for factor, grows in ((0.99, True), (1.01, False)):
        decay = factor * edge
        run = solve_ivp(slope(decay), (0.0, 20.0 / decay), starts, events=grown, rtol=1e-8, atol=1e-12, max_step=0.1)
        assert bool(len(run.t_events[0])) == grows
    assert growth_edge((1.0, -0.9), above, rate_below=below, power=q) == decay_edge(1.0, above, q)
    assert growth_edge((-1.0, -0.9), above, rate_below=below, power=q) == 0.0
