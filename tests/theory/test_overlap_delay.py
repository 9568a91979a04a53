"""Delays by growing overlaps: against the coupled equations, to first order."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cgrosim.theory.memorisation import memorisation_time
from cgrosim.theory.overlap_delay import overlap_delay


def _delayed(size, *, power, start, rate, others, rates, overlaps, until):
    """How much later v meets the threshold of 0.7 with overlaps of a size than without, from the coupled equations."""
    end, stop = (
        0.7 ** (1.0 / power),
        np.minimum(until, [_meets(x, c, power) for x, c in zip(others, rates, strict=True)]),
    )

    def speeds(time, state):
        moving = rates * np.abs(state[1:]) ** (power - 1.0) * (time < stop)
        return [rate * np.abs(state[0]) ** (power - 1.0) + size * np.sum(overlaps * moving), *moving]

    def met(_, state):
        return state[0] - end

    met.terminal = True
    alone, time, state = _meets(start, rate, power), 0.0, np.array([start, *others])
    for edge in [*np.sort(stop[stop < alone]), 2.0 * alone]:  # a step for every push that ends
        run = solve_ivp(speeds, (time, edge), state, "DOP853", events=met, rtol=1e-12, atol=1e-14)
        if run.t_events[0].size:
            return run.t_events[0][0] - alone
        time, state = edge, run.y[:, -1]
    raise AssertionError("never met")


def _meets(start, rate, power):
    return float(memorisation_time(start, rate=rate, power=power))


@pytest.mark.parametrize("power", [2.0, 2.5, 3.0, 4.0])
def test_overlaps_delay_to_first_order_what_the_coupled_equations_do(power):
    """Half the overlaps, half the delay, and a quarter of what is left of it."""
    case = {
        "power": power,
        "start": 0.2,
        "rate": 0.03,
        "others": np.array([0.19, 0.3, -0.25, 0.05, 0.0, 0.15]),  # a tie, one that is first, against it, late, none
        "rates": np.array([0.031, 0.03, 0.028, 0.03, 0.03, 0.03]),
        "overlaps": np.array([0.7, -0.4, 1.0, -1.0, 1.0, 0.8]),
        "until": np.array([np.inf, np.inf, np.inf, np.inf, np.inf, 20.0]),
    }
    told = overlap_delay(
        case["start"], case["others"], **{k: v for k, v in case.items() if k not in ("start", "others")}
    )
    errors = [_delayed(size, **case) / size - told for size in (1e-2, 5e-3, 2.5e-3)]
    assert abs(errors[0]) < 0.1 * abs(told)
    # the second order halves; the third one is a hundredth of it
    assert np.array(errors[1:]) / np.array(errors[:-1]) == pytest.approx(0.5, abs=0.05)


def test_an_overlap_with_what_does_not_move_delays_nothing():
    settled = overlap_delay(0.1, [0.0, 0.95, 2.0], rate=0.01, rates=0.01, overlaps=0.1, power=3.0)
    assert settled == 0.0
    with pytest.raises(ValueError, match="start must be between 0 and"):
        overlap_delay(0.9, [0.1], rate=0.01, rates=0.01, overlaps=0.1, power=3.0)
