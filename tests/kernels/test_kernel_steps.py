"""The compiled kernels against the plain NumPy model, finite differences and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import EPS, Setting, make_params, shapes, sum_rounding
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.kernels.problem import make_problem
from cgrosim.model import reference
from cgrosim.model.activations import activate, derivative
from cgrosim.model.signal_threats import SIGNAL_THREATS

Array = NDArray[np.float64]


@settings(max_examples=120)
@given(values=shapes, seed=st.integers(0, 2**16))
def test_forces_equal_the_reference(values: dict[str, object], seed: int) -> None:
    case = Setting(make_params(**values), seed)
    p, problem = case.params, case.problem
    work = kernels.make_reduced_workspace(problem)
    on_signal, force = np.empty(p.neurons), np.empty_like(case.noise)
    kernels.reduced_forces(problem, case.signal, case.noise, work, on_signal, force)
    expected_signal, expected_force, clean, attacked = reference.forces(
        p, case.second_layer, case.data.labels, case.signal, case.noise
    )
    # A margin adds m P terms; its error e changes s(z) by at most e s(z), since |s'| <= s: forces inherit it.
    # One evaluation of phi by another order of multiplications or by pow is off by at most (q + 2) eps.
    phi = np.abs(activate(p.activation, case.noise, p.power)).reshape(p.samples, -1).sum(axis=1)
    high = p.signal_strength + p.perturbation_radius
    phi = phi + np.abs(activate(p.activation, high * np.abs(case.signal), p.power)).sum()
    margin_error = (sum_rounding(p.neurons * p.patches) + 8 * EPS) * phi
    assert np.all(np.abs(work.clean_margin - clean) <= margin_error)
    # U_y = 0 up to rounding would make the sign of the attack undecidable; continuous draws do not meet it.
    assert np.all(np.abs(work.attacked_margin - attacked) <= margin_error)
    relative = np.max(margin_error) + 20 * EPS
    assert np.all(np.abs(force - expected_force) <= relative * np.abs(expected_force))
    # The force on u adds 2 N terms of either sign for the labels: relative to the sum of their absolute values.
    slopes = derivative(p.activation, high * np.abs(case.signal), p.power) + 1.0
    assert np.all(np.abs(on_signal - expected_signal) <= (relative + sum_rounding(2 * p.samples)) * 2 * high * slopes)


@settings(max_examples=40)
@given(values=shapes, seed=st.integers(0, 2**16))
def test_reduced_steps_follow_the_reference(values: dict[str, object], seed: int) -> None:
    values = {**values, "init_std": 0.3, "learning_rate": 0.05}
    case = Setting(make_params(**values), seed)
    steps = 5
    done, state = case.reduced(steps)
    assert done == (steps, kernels.RUNNING, -1, -1)
    trajectory = case.oracle(steps)
    # A step adds an error of (number of terms) eps times the size of the force, and multiplies an old one by at most
    # 1 + eta |K| max|A'|, which is below 4 for these parameters (entries of c below 2, |K| below 4, phi'' below 40).
    size = max(float(np.abs(part).max()) for triple in trajectory for part in triple[:3]) + 1.0
    bound = sum_rounding(len(case.noise) + p_terms(case)) * size * 4.0**steps
    for mine, theirs in zip(state, trajectory[-1][:3], strict=True):
        assert np.abs(mine - theirs).max() <= bound


def p_terms(case: Setting) -> int:
    """Number of terms of one margin."""
    return case.params.neurons * case.params.patches


@settings(max_examples=30)
@given(values=shapes, seed=st.integers(0, 2**16), dimension=st.sampled_from((2, 5, 8, 33, 130)))
def test_a_direct_step_is_the_reference_gradient(values: dict[str, object], seed: int, dimension: int) -> None:
    case = Setting(make_params(**{**values, "dimension": dimension}), seed)
    p = case.params
    done, weights = case.direct(1)
    assert done == (1, kernels.RUNNING, -1, -1)
    attacked = reference.attacked_inputs(p, case.second_layer, case.weights, case.data)
    gradient = reference.training_gradient(p, case.second_layer, case.weights, case.data, attacked)
    expected = case.weights - p.learning_rate * gradient
    # Projections add d terms, the gradient N P; each relative to the sum of its absolute terms. phi' turns the
    # relative error of a projection into q - 1 <= 4 times as much.
    inputs = np.maximum(np.abs(case.data.inputs()), np.abs(attacked))
    absolute = inputs @ np.abs(case.weights).T
    slopes = np.abs(derivative(p.activation, absolute, p.power)) + 1.0
    phi = np.abs(activate(p.activation, absolute, p.power)).sum()
    error = 5 * sum_rounding(dimension) + sum_rounding(p.samples * p.patches) + sum_rounding(p_terms(case)) * (1 + phi)
    if p.activation == "power":  # |x|^(q-1) near x = 0: the error of x is absolute there
        slopes = slopes * (1.0 + absolute)
    bound = p.learning_rate * error * np.einsum("ijr,ijd->rd", slopes, inputs) + 4 * EPS * np.abs(expected)
    assert np.all(np.abs(weights - expected) <= bound)


@pytest.mark.parametrize("activation", ["power", "relu_power", "smoothed_relu", "linear"])
@pytest.mark.parametrize("threat", SIGNAL_THREATS)
def test_a_direct_step_descends_the_loss(activation: str, threat: str) -> None:
    """Finite differences of the true loss, the attack recomputed at every point (Danskin)."""
    case = Setting(make_params(activation=activation, threat=threat, learning_rate=1.0))
    _, weights = case.direct(1)

    def loss(shift: float, way: Array) -> float:
        moved = case.weights + shift * way
        attacked = reference.attacked_inputs(case.params, case.second_layer, moved, case.data)
        return reference.training_loss(case.params, case.second_layer, moved, case.data, attacked)

    generator = np.random.default_rng(1)
    for _ in range(4):
        way = generator.standard_normal(case.weights.shape)
        slope = float(np.sum((case.weights - weights) * way))
        near, far = ((loss(h, way) - loss(-h, way)) / (2 * h) for h in (1e-4, 2e-4))
        # Central differences err by h^2 t / 6: `far` errs four times as much as `near`, so their difference is three
        # times the error of `near`; the rest is rounding of the loss, a sum of N (1 + m P d) terms, divided by h.
        rounding = sum_rounding(case.params.samples * (1 + p_terms(case) * case.params.dimension)) * 2.0 / 1e-4
        assert abs(slope - near) <= abs(far - near) + rounding


@settings(max_examples=150)
@given(
    signal=st.lists(st.floats(-6, 6), min_size=1, max_size=9),
    signs=st.lists(st.sampled_from((-1.0, 1.0)), min_size=9, max_size=9),
    power=st.sampled_from((2.0, 2.5, 3.0, 5.0)),
    alpha=st.floats(0.1, 3.0),
    gap=st.floats(0.0, 1.0),
)
def test_smoothed_relu_attack_is_the_exact_minimum(
    signal: list[float], signs: list[float], power: float, alpha: float, gap: float
) -> None:
    u, a = np.array(signal), np.array(signs[: len(signal)])
    low, high = gap * alpha, alpha + (1.0 - gap) * alpha
    problem = make_problem(
        np.array([1.0, -1.0]),
        a,
        1,
        activation="smoothed_relu",
        power=power,
        alpha=alpha,
        weakest=low,
        attacked_low=low,
        attacked_high=high,
        adversarial_weight=0.5,
    )
    work = kernels.make_reduced_workspace(problem)
    kernels.reduced_forces(problem, u, np.zeros((2, u.size)), work, np.empty(u.size), np.empty((2, u.size)))
    grid = np.linspace(low, high, 2001)
    for column, label in enumerate((1.0, -1.0)):
        kappa = work.signal[0, column]
        assert low <= kappa <= high

        def margin(c: Array, label: float = label) -> Array:
            return np.asarray(label * (activate("smoothed_relu", np.outer(c, label * u), power) @ a))

        rounding = (sum_rounding(u.size) + 8 * EPS) * np.abs(activate("smoothed_relu", high * np.abs(u), power)).sum()
        assert margin(np.array([kappa]))[0] <= margin(grid).min() + rounding


def test_zero_signal_strength_is_no_special_case() -> None:
    case = Setting(make_params(signal_strength=0.0, perturbation_radius=0.0, gap=1.0))
    (done, status, *_), weights = case.direct(3)
    assert (done, status) == (3, kernels.RUNNING)
    (_, state) = case.reduced(3)
    along = weights @ case.data.direction
    # Nothing pulls on u, up to the noise patches being orthogonal to w_star to rounding only.
    assert np.abs(along - case.signal).max() <= sum_rounding(case.params.dimension) * 10
    assert np.array_equal(state[0], case.signal)


def test_direct_and_reduced_agree() -> None:
    case = Setting(make_params(dimension=101, samples=9, neurons=7, threat="signal_span", init_std=0.2))
    steps = 50
    _, (u, noise, coefficients) = case.reduced(steps)
    direct_record_steps = []
    _, weights = case.direct(steps)
    direct_record_steps.append(case.hits("memorised"))
    rebuilt = case.weights + np.outer(u - case.signal, case.data.direction) + coefficients.T @ case.rows
    # Fifty steps of a few hundred additions each, on numbers below 4, with errors that grow with the signal itself.
    bound = (
        steps * sum_rounding(101 + 18) * 4 * max(1.0, float(np.abs(weights).max() / np.abs(case.weights).max())) ** 2
    )
    assert np.abs(weights - rebuilt).max() <= bound
    assert np.abs(case.rows @ weights.T - noise).max() <= bound * 4


@pytest.mark.parametrize("parallel", [False, True])
def test_states_on_the_way_are_those_of_stopping_there(parallel: bool) -> None:
    """In one call and in several, whose ends meet asked steps; what is not met stays as it was."""
    case = Setting(make_params(dimension=60, samples=9, neurons=7, init_std=0.2))
    gram, work, record = kernels.pack_gram(case.gram), kernels.make_reduced_workspace(case.problem), case.record
    asked = np.array([0, 1, 4, 7, 12])
    trail = kernels.make_trail(case.problem, asked)
    trail.signal[:] = np.nan
    state = kernels.pack_reduced_state(case.problem, case.signal, case.noise, np.zeros_like(case.noise))
    step = 0
    for steps in (0, 3, 1, 6):  # up to step 10: 4 is an end, 12 is not met
        arguments = (case.problem, gram, state, work, record, case.params.learning_rate, steps, step)
        assert kernels.advance_reduced(*arguments, parallel=parallel, trail=trail)[:2] == (steps, kernels.RUNNING)
        step += steps
    for place, until in enumerate(asked[:4]):
        _, alone = case.reduced(int(until))
        for mine, theirs in zip((trail.signal, trail.noise, trail.coefficients), alone, strict=True):
            assert np.array_equal(mine[place], theirs)
        fresh, on_signal, force = kernels.make_reduced_workspace(case.problem), np.empty(7), np.empty_like(case.noise)
        kernels.reduced_forces(case.problem, alone[0], alone[1], fresh, on_signal, force)
        for name in ("clean_margin", "attacked_margin", "memorization"):
            assert np.array_equal(getattr(trail, name)[place], getattr(fresh, name))
    assert np.all(np.isnan(trail.signal[4]))


@settings(max_examples=30)
@given(values=shapes, seed=st.integers(0, 2**16), kept=st.sampled_from((1.0, 0.7)))
def test_rates_of_the_flow_are_the_product_and_then_the_forces(
    values: dict[str, object], seed: int, kept: float
) -> None:
    case = Setting(make_params(**values), seed)
    problem, gram = case.problem, kernels.pack_gram(case.gram)
    learnt = 0.1 * np.random.default_rng(seed).standard_normal(case.noise.shape)
    one, other = (kernels.make_reduced_workspace(problem) for _ in range(2))
    moved, on_signal, force = np.empty_like(case.noise), np.empty(len(case.signal)), np.empty_like(case.noise)
    kernels.multiply(problem, gram, learnt, one, moved)
    kernels.reduced_forces(problem, case.signal, kept * case.noise + moved, one, on_signal, force)
    vector = np.concatenate([case.signal, learnt.ravel()])
    rates = np.full_like(vector, np.nan)
    assert kernels.flow_rates(problem, gram, case.noise, kept, vector, other, rates)
    assert np.array_equal(rates, np.concatenate([on_signal, force.ravel()]))
    for name in ("clean_margin", "attacked_margin", "memorization", "lows"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
