"""L5, logistic saturation: the flow, gradient descent beside it and the expansions, searched for violations."""

import math

import numpy as np
from hypothesis import strategies as st
from saturation_forms import (
    logistic_saturation_bounds,
    logistic_saturation_late,
    logistic_saturation_log_time,
    power_saturation_late,
)
from searching import breaks, check

from cgrosim.testing import log_uniform, powers
from cgrosim.theory.saturation import (
    logistic_saturation,
    logistic_step_excess,
    power_saturation,
    power_saturation_log_time,
)

FLOW = st.tuples(log_uniform(1e-6, 1e300), st.floats(-1e3, 1e3))  # rate * time, start
DESCENT = st.tuples(log_uniform(1e-3, 1e4), st.floats(-30, 40), st.integers(1, 200))  # step rate, start, steps


def test_conserved_quantity() -> None:
    """M + e^M grows at rate 1: log(M - M_0 + e^M - e^{M_0}) = log t wherever the margin resolves it.

    A margin known to eps |M| fixes the time to a relative error of eps |M| (1 + e^M) / t; late, that is eps |M|,
    before, it may be anything, so the comparison is in margins: eps-sized errors of M, A, the two logarithms and their
    exponentials add to less than 16 eps of the largest number involved.
    """

    def error(case: tuple[float, float]) -> float:
        time, start = case
        margin = float(logistic_saturation(time, 1.0, start))
        back = float(logistic_saturation_log_time(max(margin, start), start))
        slope = math.exp(-np.logaddexp(0, margin) + math.log(time))  # dM / dlog t
        scale = max(1.0, abs(start), abs(margin))
        if back == -math.inf:  # the gain is below the resolution of the margin
            return slope / scale
        return abs(back - math.log(time)) * slope / scale

    check(FLOW, error, 16 * np.finfo(float).eps)


def test_elementary_bounds_hold() -> None:
    def outside(case: tuple[float, float]) -> float:
        lower, upper = logistic_saturation_bounds(case[0], 1.0, case[1])
        margin = float(logistic_saturation(case[0], 1.0, case[1]))
        return max(float(lower) - margin, margin - float(upper)) / max(1.0, abs(margin), abs(case[1]))

    check(FLOW, outside, 4 * np.finfo(float).eps)


def test_lower_elementary_bound_cannot_be_raised() -> None:
    """log(A - log A) is within (log A / A)^2 or so of M; raised by a tenth of its correction it breaks."""

    def above(case: tuple[float, float]) -> float:
        total = case[0] + case[1] + math.exp(case[1])
        if total <= 1:
            return -1.0
        raised = math.log(total) + 0.9 * math.log1p(-math.log(total) / total)
        return raised - float(logistic_saturation(case[0], 1.0, case[1]))

    assert breaks(st.tuples(log_uniform(1.0, 1e6), st.floats(-5, 5)), above)


def descent_excess(case: tuple[float, float, int]) -> tuple[float, float]:
    rate, start, steps = case
    margin = start
    for _ in range(steps):
        margin += rate * math.exp(-float(np.logaddexp(0, margin)))
    return margin - float(logistic_saturation(float(steps), rate, start)), float(logistic_step_excess(start, rate))


def test_descent_is_ahead_of_the_flow_by_at_most_one_first_step() -> None:
    def outside(case: tuple[float, float, int]) -> float:
        excess, bound = descent_excess(case)
        return max(-excess, excess - bound)

    # 200 additions to a margin below 1e4 + 40, each rounded to eps of it.
    check(DESCENT, outside, 200 * 1e4 * np.finfo(float).eps)


def test_descent_excess_is_sharp_and_one_sided() -> None:
    assert breaks(DESCENT, lambda case: descent_excess(case)[0] - 0.99 * descent_excess(case)[1], 1e-3)
    assert breaks(DESCENT, lambda case: descent_excess(case)[0], 1e-3)


def test_late_expansion_has_its_order() -> None:
    """|M - log t| <= 1.5 log(t)/t for t >= 10, |M_0| <= 1; without the logarithm in the numerator it breaks."""

    def error(case: tuple[float, float]) -> float:
        time, start = case
        return abs(float(logistic_saturation(time, 1.0, start) - logistic_saturation_late(time)))

    cases = st.tuples(log_uniform(10.0, 1e12), st.floats(-1, 1))
    check(cases, lambda c: error(c) - 1.5 * math.log(c[0]) / c[0], 1e-14)
    assert breaks(cases, lambda c: error(c) - 1.5 / c[0], 1e-14)


POWER = st.tuples(log_uniform(1e-6, 1e300), log_uniform(1e-12, 1e3), powers(2.0, 20.0))  # time, start, power


def test_power_saturation_inverts_its_time() -> None:
    """Compared in log margin, in which the root is found to 4 eps: slope d log a / d log t = t a^{p-1} s(a)."""

    def error(case: tuple[float, float, float]) -> float:
        time, start, power = case
        margin = power_saturation(time, 1.0, start, power=power)
        log_time = power_saturation_log_time(start, margin, power)
        slope = math.exp(math.log(time) + (1 - 2 / power) * math.log(margin) - float(np.logaddexp(0, margin)))
        scale = max(1.0, abs(math.log(margin)))
        return abs(max(log_time, -1e6) - math.log(time)) * slope / scale if log_time > -math.inf else slope / scale

    # Quadrature (1e-13 relative) and the logarithm of the margin (27 at 1e-12): 1e-12 covers both.
    check(POWER, error, 1e-12, examples=150)


def late_error(case: tuple[float, float, float], order: int) -> float:
    """Error of the late expansion divided by its stated order: log L, log L / L, (log L / L)^2."""
    log_time, start, power = case
    time = math.exp(log_time)
    error = abs(power_saturation(time, 1.0, start, power=power) - float(power_saturation_late(time, 1.0, power, order)))
    unit = math.log(log_time) / log_time
    return error / (math.log(log_time) if order == 0 else unit**order)


# L = log t from 10 to 700; starts up to 1 and down to where the way to 1 still takes less than a tenth of e^10.
LATE = st.tuples(st.floats(10, 700), log_uniform(1e-3, 1.0), powers(2.0, 4.0))


def test_power_expansions_have_their_orders() -> None:
    """The constants 2, 2.5 and 1.5 bound every error over the range of LATE; an order too good breaks.

    Leading coefficients as L grows: p = 2 - 2/q <= 1.5, p^2 <= 2.25 and p^3/2 <= 1.7 less p^2/log L; at L = 10 the next
    terms still matter, and the search reaches 1.7, 2.1 and 1.0.
    """
    for order, constant in ((0, 2.0), (1, 2.5), (2, 1.5)):
        check(LATE, lambda c, order=order, constant=constant: late_error(c, order) - constant, examples=100)
    for order in (0, 1):
        assert breaks(
            LATE,
            lambda c, order=order: (
                late_error(c, order) * (math.log(c[0]) / c[0]) ** order - 10 * (math.log(c[0]) / c[0]) ** (order + 1)
            ),
            examples=1000,
        )
