"""Lemma L6, conserved differences: searches for a violation, exact and under gradient descent, and falsifiers."""

import numpy as np
from clock_forms import clock_reading, drift_defect_bound
from hypothesis import strategies as st
from searching import ROUNDING, breaks, check

from cgrosim.theory.conserved import advance, clock_drift
from cgrosim.theory.power_growth import growth_integral

POWERS = st.one_of(st.just(2.0), st.floats(2.0, 2.001), st.floats(2.01, 8.0))


def conserved_differences(values: np.ndarray, power: float, reference: int = 0) -> np.ndarray:
    """Readings relative to coordinate `reference` on the last axis: constant in time under one force. Kind: exact
    (L6).
    """
    reading = clock_reading(values, power)
    return reading - reading[..., reference : reference + 1]


@st.composite
def descents(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    """Positive starts over eight decades, a common positive force sequence and a power; growth per step up to 0.5."""
    power = draw(POWERS)
    starts = np.array(draw(st.lists(st.floats(-8.0, 0.0), min_size=2, max_size=5)))
    growth = np.array(draw(st.lists(st.floats(1e-3, 0.5), min_size=1, max_size=30)))
    return 10.0**starts, growth, power


def run(starts: np.ndarray, growth: np.ndarray, power: float, mismatch: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Gradient descent under one force, sized so that the largest coordinate grows by the given factors."""
    state, forces = starts.copy(), []
    for factor in growth:
        force = factor * state.max() ** (2.0 - power)
        forces.append(force)
        individual = force * (1.0 + mismatch * np.arange(state.size))
        state = state + individual * state ** (power - 1.0)
    return state, np.array(forces)


def defect_violation(
    case: tuple[np.ndarray, np.ndarray, float], sharpened: float = 1.0, mismatch: float = 0.0
) -> float:
    """How far any coordinate's clock leaves [(1 - defect) sum c, sum c], relative to sum c."""
    starts, growth, power = case
    end, forces = run(starts, growth, power, mismatch)
    moved = end >= starts * (1 + 5e-4)  # below, log(end/start) carries fewer than 12 digits
    share = clock_drift(starts, end, power)[moved] / forces.sum()
    defect = sharpened * float(drift_defect_bound(growth.max(), power))
    return float(np.max(np.concatenate([share - 1.0, (1.0 - defect) - share])))


def test_clocks_agree_up_to_the_stated_defect() -> None:
    check(descents(), defect_violation, tolerance=ROUNDING)


def test_a_sharper_defect_is_refuted() -> None:
    # One step of size g has drift (1+g)^-(q-1) < share < 1 with share ~ 1 - (q-1) g/2: half the defect is the truth
    # at small g, so 0.4 of it must fall.
    assert breaks(descents(), lambda case: defect_violation(case, sharpened=0.4))


def test_forces_that_differ_are_noticed() -> None:
    assert breaks(descents(), lambda case: defect_violation(case, mismatch=0.5))


@st.composite
def flows(draw: st.DrawFn) -> tuple[np.ndarray, float, float, float]:
    """Starts of both signs, a share of the blow-up clock of the fastest, a cut of that clock into two, a power."""
    power = draw(POWERS)
    logs = draw(st.lists(st.floats(-8.0, 0.0), min_size=2, max_size=5))
    signs = draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=len(logs), max_size=len(logs)))
    return np.array(signs) * 10.0 ** np.array(logs), draw(st.floats(0.01, 0.9)), draw(st.floats(0.01, 0.99)), power


def flow_violation(case: tuple[np.ndarray, float, float, float], wrong_power: float = 0.0) -> float:
    """Relative change of a conserved difference along two pieces of the exact flow, and of their composition."""
    starts, share, cut, power = case
    clock = float(share * growth_integral(np.abs(starts).max(), 100.0, power))
    middle = advance(starts, cut * clock, power)
    end = advance(middle, (1.0 - cut) * clock, power)
    before, after = (conserved_differences(x, power + wrong_power) for x in (starts, end))
    scale = np.max(np.abs(clock_reading(starts, power + wrong_power))) + clock
    composed = np.max(np.abs(end / advance(starts, clock, power) - 1.0)) if not wrong_power else 0.0
    return float(max(np.max(np.abs(after - before)) / scale, 1e-3 * composed))


def test_differences_are_conserved_by_the_flow() -> None:
    # Near q = 2 a reading is about 1/(q-2) and cancels in the difference; relative to the readings only roundings
    # remain, amplified by at most 1/(1 - share) = 10 near the blow-up and by the exponents, below 1e-11 together.
    check(flows(), flow_violation, tolerance=1e-11)


def test_another_exponent_is_not_conserved() -> None:
    assert breaks(flows(), lambda case: flow_violation(case, wrong_power=0.2), tolerance=1e-6)
