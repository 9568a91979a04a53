"""The compiled attack on the true feature against the plain one: ties, exponents, knees, and every coefficient."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import EPS, make_params, problem_of, sum_rounding
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.model import reference
from cgrosim.model.activations import ACTIVATIONS, activate, output_weights
from cgrosim.model.params import Params
from cgrosim.model.signal_threats import SIGNAL_THREATS

Array = NDArray[np.float64]


def compiled(params: Params, signal: Array) -> tuple[kernels.Workspace, Array]:
    """The signal part of a step at u, noise at 0, for a sample of each label: workspace, force on u."""
    problem = problem_of(params, np.array([1.0, -1.0]))
    work, force = kernels.make_reduced_workspace(problem), np.empty(signal.size)
    rows = 2 * (params.patches - 1)
    kernels.reduced_forces(problem, signal, np.zeros((rows, signal.size)), work, force, np.empty((rows, signal.size)))
    return work, force


def signals(size: int) -> st.SearchStrategy[Array]:
    """True correlations with zeros, cancelling pairs and repeated sizes among them."""
    value = st.sampled_from([0.0, 0.25, -0.25, 0.5, -0.5]) | st.floats(-3.0, 3.0)
    return st.lists(value, min_size=size, max_size=size).map(np.array)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_tie_goes_to_the_weakest_signal(activation: str) -> None:
    """U = 0: all coefficients are as bad, and the attack is alpha - delta, as in the definition and in the theory.

    The kernel once took alpha + delta: the first force on u = (1/4, -1/4) was 1.247 instead of 0.159.
    """
    params = make_params(neurons=2, activation=activation, second_layer="positive", gap=0.2, power=3.0)
    dead = np.array([-0.25, -0.25]) if not ACTIVATIONS[activation].odd else np.array([0.25, -0.25])
    low = params.gap * params.signal_strength
    work, force = compiled(params, dead)
    assert work.signal[0, 0] == low
    layer = output_weights(2, "positive")
    assert reference.attacked_coefficient(params, layer, dead, 1.0) == low
    labels = np.array([1.0, -1.0])
    expected = reference.forces(params, layer, labels, dead, np.zeros((4, 2)))[0]
    assert np.allclose(force, expected, rtol=1e-14, atol=0)


@given(
    signal=signals(4),
    activation=st.sampled_from(list(ACTIVATIONS)),
    threat=st.sampled_from(list(SIGNAL_THREATS)),
    power=st.sampled_from([2.0, 2.5, 3.0, 4.5]),
    gap=st.sampled_from([0.0, 1e-9, 0.3, 1.0]),
    sign=st.sampled_from(["positive", "signed"]),
)
def test_kernel_and_reference_attack_alike(
    signal: Array, activation: str, threat: str, power: float, gap: float, sign: str
) -> None:
    """The same coefficient, or one whose margin differs by the rounding of both sums; the same margin in any case."""
    params = make_params(activation=activation, threat=threat, power=power, gap=gap, second_layer=sign)
    layer = output_weights(4, sign)
    work, _ = compiled(params, signal)
    top = params.signal_strength + params.perturbation_radius
    rounding = (sum_rounding(4) + 16 * EPS) * float(np.abs(activate(activation, top * np.abs(signal), power)).sum())
    low, high = params.attacked_interval
    for column, label in enumerate((1.0, -1.0)):
        plain = reference.attacked_coefficient(params, layer, signal, label)
        assert low <= work.signal[0, column] <= high
        assert low <= plain <= high
        for row, coefficient in ((1, params.signal_strength), (2, plain), (3, gap * params.signal_strength)):
            margin = reference.signal_margin(params, layer, signal, label, coefficient)
            assert abs(work.signal[row, column] - margin) <= rounding


@given(
    signal=signals(5),
    signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=5, max_size=5),
    power=st.floats(2.0, 5.0),
    gap=st.floats(0.0, 1.0),
    alpha=st.floats(0.3, 3.0),
)
def test_no_candidate_of_a_knee_is_left_out(
    signal: Array, signs: list[float], power: float, gap: float, alpha: float
) -> None:
    """Against every kink and every critical point of every piece, found from the derivative by bisection."""
    layer = np.array(signs)
    params = make_params(neurons=5, activation="smoothed_relu", power=power, gap=gap, signal_strength=alpha)
    problem = problem_of(params, np.array([1.0, -1.0]))._replace(
        second_layer=np.concatenate([layer, np.zeros(problem_of(params, np.array([1.0])).second_layer.size - 5)])
    )
    work = kernels.make_reduced_workspace(problem)
    kernels.reduced_forces(problem, signal, np.zeros((4, 5)), work, np.empty(5), np.empty((4, 5)))
    low, high = params.attacked_interval
    for column, label in enumerate((1.0, -1.0)):

        def margin(c: float, label: float = label) -> float:
            return float(label * (activate("smoothed_relu", c * label * signal, power) @ layer))

        def slope(c: float, label: float = label) -> float:
            active = np.clip(c * label * signal, 0.0, 1.0) ** (power - 1.0)
            return float(label * ((active * label * signal) @ layer))

        with np.errstate(divide="ignore", over="ignore"):
            kinks = 1.0 / np.abs(signal)
        edges = np.unique(np.clip(np.concatenate([kinks, [low, high]]), low, high))
        candidates = list(edges)
        for left, right in pairwise(edges):
            if slope(left) < 0.0 < slope(right):
                for _ in range(80):
                    middle = 0.5 * (left + right)
                    left, right = (left, middle) if slope(middle) > 0.0 else (middle, right)
                candidates.append(left)
        rounding = (sum_rounding(5) + 16 * EPS) * float(np.sum(activate("smoothed_relu", high * np.abs(signal), power)))
        assert margin(work.signal[0, column]) <= min(margin(c) for c in candidates) + rounding


@given(
    small=st.floats(0.3, 0.6),
    share=st.floats(0.45, 0.95),
    power=st.floats(2.0, 5.0),
    label=st.sampled_from([1.0, -1.0]),
)
def test_a_minimum_between_two_kinks_is_where_the_slope_vanishes(
    small: float, share: float, power: float, label: float
) -> None:
    """Four curved neurons of weight +1 and one straight one of weight -1: 4 s^q c^(q-1) = b, in closed form."""
    large = 4.0 * small * share  # straight from 1 / large on, and the critical point lies below 1 / small
    signal, layer = label * np.array([small] * 4 + [large]), label * np.array([1.0] * 4 + [-1.0])
    critical = (large / (4.0 * small**power)) ** (1.0 / (power - 1.0))
    params = make_params(neurons=5, activation="smoothed_relu", power=power, gap=0.05, signal_strength=2.0)
    problem = problem_of(params, np.array([1.0, -1.0]))
    padded = np.concatenate([layer, np.zeros(problem.second_layer.size - 5)])
    work = kernels.make_reduced_workspace(problem)
    kernels.reduced_forces(
        problem._replace(second_layer=padded), signal, np.zeros((4, 5)), work, np.empty(5), np.empty((4, 5))
    )
    kappa = work.signal[0, 0 if label > 0 else 1]
    points = np.array([0.1, 3.9, critical, kappa])
    margins = label * (activate("smoothed_relu", np.outer(points, label * signal), power) @ layer)
    if 1.0 / large < critical < 1.0 / small and margins[2] < margins[:2].min() - 1e-9:
        assert abs(kappa - critical) <= 1e-12 * critical  # a quotient, and a root of it: some ten roundings
        assert abs(reference.attacked_coefficient(params, layer, signal, label) - critical) <= 1e-12 * critical
