"""The windows of the signal growth time against gradient descent by brute force, and their falsifiers."""

import numpy as np
import pytest
from hypothesis import assume, example, given, target
from hypothesis import strategies as st

from cgrosim.theory.growth_window import growth_law_window, joint_growth_window, state_rate
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.tensor_power import time_window

LONGEST = 5_000


def descend(starts, noise_margins, *, power, signal_strength, gap, adversarial_weight, learning_rate, threat, goal=1.0):
    """First step at which alpha^q U >= goal, by gradient descent on the true correlations, V_i held fixed."""
    u = np.array(starts)
    for step in range(LONGEST):
        margin = np.sum(np.sign(u) * np.abs(signal_strength * u) ** power)
        if margin >= goal:
            return step
        rho = (gap if margin >= 0 or threat == "fixed_direction" else 2.0 - gap) ** power
        clean, attacked = (1.0 / (1.0 + np.exp(z + noise_margins)) for z in (margin, rho * margin))
        weight = np.mean((1.0 - adversarial_weight) * clean + adversarial_weight * rho * attacked)
        u += learning_rate * power * signal_strength**power * weight * np.abs(u) ** (power - 1.0)
    return None


@st.composite
def experiments(draw, threat=None):
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    signal_strength = draw(st.floats(1.0, 5.0))
    world = {
        "power": draw(st.sampled_from([2.0, 2.2, 2.5, 3.0, 3.5])),
        "signal_strength": signal_strength,
        "gap": draw(st.floats(0.0, 1.0)),
        "adversarial_weight": draw(st.floats(0.0, 0.9)),
        "learning_rate": draw(st.floats(0.01, 0.1)) / signal_strength**2,  # no negative neuron leaps over 0
        "threat": threat or draw(st.sampled_from(["signal_span", "fixed_direction"])),
    }
    scale = draw(st.floats(0.03, 0.3)) / signal_strength
    starts = scale * np.clip(generator.standard_normal(draw(st.integers(1, 8))), -2.5, 2.5)
    assume(starts.max() > 0.2 * scale)
    bound = draw(st.floats(0.0, 0.2))
    return starts, world, bound, generator.uniform(-bound, bound, 4)


@given(experiments())
def test_gradient_descent_arrives_inside_the_joint_window(experiment):
    starts, world, bound, noise_margins = experiment
    window = joint_growth_window(starts, **world, noise_margin=bound)
    arrived = descend(starts, noise_margins, **world)
    assume(arrived is not None)
    target(max(window.lower - arrived, arrived - window.upper) / max(arrived, 1))
    assert window.lower <= arrived <= window.upper


@given(
    power=st.sampled_from([2.0, 2.5, 3.0, 4.0]),
    signal_strength=st.floats(0.5, 5.0),
    gap=st.floats(0.0, 1.0),
    weight=st.floats(0.0, 0.95),
    rate=st.floats(0.01, 1.0),
    scaled=st.booleans(),
    goal=st.sampled_from([0.5, 1.0, 3.0, 6.0]),
    start=st.floats(0.02, 0.9),
)
@example(3.0, 1.49354, 0.42235, 0.13337, 0.362685, False, 3.0, 0.216654 * 1.49354 / 3.0 ** (1 / 3))
def test_one_neuron_with_large_steps_arrives_inside_the_window(
    power, signal_strength, gap, weight, rate, scaled, goal, start
):
    """Where (alpha cap)^q rounds below the goal the lower bound was once the whole sum: 6 in 100 lay below."""
    world = {
        "power": power, "signal_strength": signal_strength, "gap": gap, "adversarial_weight": weight,
        "learning_rate": rate / signal_strength**2 if scaled else rate, "threat": "signal_span",
    }  # fmt: skip
    first = [start * goal ** (1 / power) / signal_strength]
    arrived = descend(first, np.zeros(1), **world, goal=goal)
    assume(arrived is not None)
    window = joint_growth_window(first, **world, margin=goal, cells=300)
    target(max(window.lower - arrived, arrived - window.upper) / max(arrived, 1))
    assert window.lower <= arrived <= window.upper


@given(experiments(threat="fixed_direction"))
def test_the_law_window_needs_only_the_largest_start(experiment):
    starts, world, bound, noise_margins = experiment
    assume(starts.max() < 0.9 / world["signal_strength"] / len(starts) ** (1.0 / world["power"]))
    constants = {key: world[key] for key in world if key != "threat"}
    negative = np.sum(np.abs(world["signal_strength"] * starts[starts < 0]) ** world["power"])
    window = growth_law_window(
        float(starts.max()),
        neurons=len(starts),
        power=world["power"],
        signal_strength=world["signal_strength"],
        rate=float(state_rate(0.0, **constants)),
        negative_margin=float(negative),
        noise_margin=bound,
    )
    arrived = descend(starts, noise_margins, **world)
    assume(arrived is not None)
    target(max(window.lower - arrived, arrived - window.upper) / max(arrived, 1))
    assert window.lower <= arrived <= window.upper


def test_the_joint_window_closes_on_the_flow():
    starts = np.array([0.004, 0.003, 0.001, -0.002])
    world = {"power": 3.0, "signal_strength": 4.0, "gap": 0.01, "adversarial_weight": 0.5}
    flow = SignalFlow(starts, learning_rate=1.0, **world).time_of_margin(1.0)
    for rate in (1e-2, 1e-3, 1e-5):
        window = joint_growth_window(starts, learning_rate=rate, **world)
        # the flow's time is inside up to the last step, and the width falls like one step plus the logarithm of L1
        assert rate * window.lower <= flow <= rate * window.upper
    assert window.upper / window.lower < 1.0 + 2e-3  # the cells of the monotone sums


def test_a_window_at_constant_weight_is_violated():
    """Falsifier: without the saturation of the loss (s = 1/2 throughout, rate c1) the window misses the true time."""
    starts = np.array([0.02])
    world = {"power": 3.0, "signal_strength": 4.0, "gap": 0.0, "adversarial_weight": 0.5, "learning_rate": 1e-3}
    arrived = descend(starts, np.zeros(1), **world, threat="signal_span")
    constant = time_window(0.02, 0.25, float(state_rate(0.0, **world)), power=3.0)
    true = joint_growth_window(starts, **world)
    assert true.lower <= arrived <= true.upper
    assert arrived > constant.upper


def test_dead_filters_and_leaping_steps_are_refused():
    world = {"power": 3.0, "signal_strength": 2.0, "gap": 0.1, "adversarial_weight": 0.5}
    with pytest.raises(ValueError, match="at least one positive start"):
        joint_growth_window([-1.0], learning_rate=0.1, **world)
    with pytest.raises(ValueError, match="lower the learning rate"):
        joint_growth_window([0.1, -5.0], learning_rate=0.1, **world)
    few = {"neurons": 4, "power": 3.0, "signal_strength": 2.0, "rate": 0.1}
    alone = growth_law_window(0.01, **few)  # no negative start and no noise, unless they are given
    assert alone == growth_law_window(0.01, **few, negative_margin=0.0, noise_margin=0.0)
    assert alone.upper < growth_law_window(0.01, **few, negative_margin=0.1).upper
    with pytest.raises(ValueError, match="largest start must lie in"):
        growth_law_window(1.0, neurons=4, power=3.0, signal_strength=2.0, rate=0.1)
    assert joint_growth_window([1.0], learning_rate=0.1, **world).upper == 0.0
