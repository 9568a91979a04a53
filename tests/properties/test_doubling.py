"""L2 and L3 with their cumulative form: searched for violations, broken where a hypothesis or a constant is dropped."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import strategies as st
from searching import ROUNDING, breaks, check

from cgrosim.testing import GrowthSequence, growth_sequences, log_uniform, powers
from cgrosim.theory.tensor_power import (
    cumulative_sandwich_time_bound,
    doubling_time_bound,
    growth_time_bound,
    rate_sandwich_time_bound,
)

# Varying rates c_t >= m, and slow constant ones, where the leading terms decide.
VARYING = growth_sequences(relative_growth=log_uniform(1e-3, 30.0))
SLOW = growth_sequences(constant_rate=True, max_steps=4000, relative_growth=log_uniform(3e-4, 0.3))
CUBIC_VARYING = growth_sequences(power=st.just(3.0), relative_growth=log_uniform(1e-3, 30.0))
CUBIC_SLOW = growth_sequences(
    power=st.just(3.0), constant_rate=True, max_steps=4000, relative_growth=log_uniform(3e-4, 0.3)
)
# Bounds of up to 1e4 or so steps carry the relative rounding of one step.
STEPS = 1e4 * ROUNDING


def late(sequence: GrowthSequence, bound: float) -> float:
    """Steps by which the target is reached after the bound; relative to it when it is large, to steer the search."""
    return (sequence.steps - bound) / max(1.0, bound)


@pytest.mark.parametrize("bound", [doubling_time_bound, growth_time_bound])
@pytest.mark.parametrize("cases", [VARYING, SLOW], ids=["varying", "constant"])
def test_time_bounds_hold(bound, cases) -> None:
    check(cases, lambda s: late(s, bound(s.start, s.target, float(s.rates.min()), power=s.power)), STEPS, examples=100)


def test_rate_sandwich_holds() -> None:
    for cases in (CUBIC_VARYING, CUBIC_SLOW):
        check(
            cases,
            lambda s: late(s, rate_sandwich_time_bound(s.start, s.target, s.rates.min(), upper_rate=s.rates.max())),
            STEPS,
            examples=100,
        )


def cubic_form(sequence: GrowthSequence, leading: float, per_doubling: float) -> float:
    """Bound of the form of L2 and L3, ``leading / (m x_0) + per_doubling * ceil(log2(v / x_0))``."""
    doublings = math.ceil(math.log2(sequence.target / sequence.start))
    return leading / (sequence.rates.min() * sequence.start) + per_doubling * doublings


def test_leading_constant_two_becomes_one_but_not_less() -> None:
    """``T <= 1 + 1/(m x_0) + log(v/x_0)`` holds (sharp form of L2); with 0.95 in front of 1/(m x_0) it does not."""
    check(CUBIC_SLOW, lambda s: late(s, 1 + cubic_form(s, 1, math.log(2))), STEPS)
    assert breaks(CUBIC_SLOW, lambda s: late(s, cubic_form(s, 0.95, 1)))
    leaps = growth_sequences(power=st.just(3.0), relative_growth=log_uniform(25.0, 50.0))
    assert breaks(leaps, lambda s: late(s, cubic_form(s, 2, 0.9)))  # one step, v just above x_0


def test_logarithm_is_needed() -> None:
    """The log(v/x_0) of the sharp bound cannot be dropped or halved: gradient descent is slower than its flow."""

    def halved(sequence: GrowthSequence) -> float:
        bound = growth_time_bound(sequence.start, sequence.target, float(sequence.rates[0]), power=3.0)
        return late(sequence, bound - 0.5 * math.log(sequence.target / sequence.start))

    assert breaks(CUBIC_SLOW, halved)


def test_lower_rate_must_hold_at_every_step() -> None:
    def with_mean_rate(sequence: GrowthSequence) -> float:
        return late(sequence, doubling_time_bound(sequence.start, sequence.target, sequence.rates.mean(), power=3.0))

    assert breaks(CUBIC_VARYING, with_mean_rate)


def test_power_must_not_exceed_three_in_the_cubic_bound() -> None:
    quartic = growth_sequences(
        power=st.just(4.0), start=log_uniform(1e-3, 0.1), constant_rate=True, relative_growth=log_uniform(1e-3, 0.1)
    )
    assert breaks(quartic, lambda s: late(s, cubic_form(s, 2, 1)))


@dataclass(frozen=True)
class Cumulative:
    """``z_t = z_0 - C + A sum_{s<t} z_s^{q-1} + e_t`` with errors e_t in [0, 2C]."""

    start: float
    target: float
    rate: float
    error: float
    power: float
    last_below: int  # the last t with z_t < target

    @property
    def late(self) -> float:
        """Steps needed to stay above the target: one more than the last step below it."""
        return self.last_below + 1


@st.composite
def cumulative_sequences(draw, share: st.SearchStrategy[float], power: st.SearchStrategy[float]) -> Cumulative:
    """Sequences that satisfy the two-sided cumulative hypothesis with C = share * z_0, errors at will."""
    q, start = draw(power), draw(log_uniform(1e-3, 10.0))
    error = draw(share) * start
    target = start * draw(log_uniform(1.0001, 1e4))
    rate = draw(log_uniform(5e-3, 3.0)) * start ** (2 - q)
    pattern = np.array(draw(st.lists(st.sampled_from([0.0, 0.0, 1.0]) | st.floats(0, 1), min_size=1, max_size=8)))
    z, total, t, last = start, 0.0, 0, -1
    while t < 4000:
        if z < target:
            last = t
        if start - error + total >= target:
            break
        total += rate * z ** (q - 1)
        t += 1
        z = start - error + total + 2 * error * pattern[t % len(pattern)]
    return Cumulative(start, target, rate, error, q, last)


def test_cumulative_form_holds_with_sharp_bound() -> None:
    # A search case may stop after 4,000 steps, which only hides violations of bounds beyond it: A z_0 >= 5e-3 and
    # shares up to 0.9 keep the bound below 2,000 + log terms when q = 3.
    check(
        cumulative_sequences(st.floats(0, 0.9), powers()),
        lambda z: z.late - cumulative_sandwich_time_bound(z.start, z.target, z.rate, error=z.error, power=z.power),
        STEPS,
    )


def literature(z: Cumulative) -> float:
    doublings = math.ceil(math.log2(z.target / z.start))
    return z.late / (21 / (z.rate * z.start) + 8 * doublings) - 1


def test_cumulative_form_of_the_literature_holds_up_to_twenty_parts_in_twenty_one() -> None:
    cases = cumulative_sequences(st.sampled_from([20 / 21]) | st.floats(0, 20 / 21), st.just(3.0))
    check(cases, literature)


def test_cumulative_form_of_the_literature_needs_its_hypothesis() -> None:
    assert breaks(cumulative_sequences(st.floats(0.97, 0.999), st.just(3.0)), literature, 0.0)


def test_cumulative_bound_refuses_what_it_cannot_bound() -> None:
    with pytest.raises(ValueError, match="cumulative error must be in"):
        cumulative_sandwich_time_bound(1.0, 2.0, 0.1, error=1.0)
    with pytest.raises(ValueError, match="20/21"):
        cumulative_sandwich_time_bound(1.0, 2.0, 0.1, error=0.96, sharp=False)


def test_cumulative_form_fails_once_the_error_reaches_the_start() -> None:
    """With C = z_0 the sequence may fall to A z_0^2 at once; its time is then of order 1/(A^2 z_0^2)."""
    assert breaks(cumulative_sequences(st.just(1.0), st.just(3.0)), literature, 0.0)
