"""The phase diagram: its edges against the coupled equations, its a-priori noise level against explicit weights."""

import numpy as np
import pytest
from decoupled import first_time, integrate, margins_at, random_world

from cgrosim.theory.memorisation import required_exposure
from cgrosim.theory.phase import (
    memorise_escape_gap,
    memorise_escape_log_ratio,
    memorise_escape_ratio,
    overfitting_gap,
    phase_coordinates,
    weight_gram,
)
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.plateau_forms import escape_time


@pytest.mark.parametrize("gap", [0.01, 0.04, 0.08, 0.2, 0.4])
@pytest.mark.parametrize("seed", [0, 1])
def test_predicted_side_of_the_memorise_escape_edge(gap: float, seed: int) -> None:
    """The sign of log(T_mem/T_esc) of the first sample decides whether memorisation or escape is seen first."""
    world = random_world(seed, gap=gap, noise_scale=0.1)
    flow = SignalFlow(world.signal, power=3.0, signal_strength=5.0, gap=gap, adversarial_weight=0.5, learning_rate=0.01)
    exposure = required_exposure(world.noise, world.energy, power=3.0, samples=6.0, learning_rate=0.01)
    first = float(np.min(memorise_escape_log_ratio(exposure, flow)))
    end = 2.0 * min(flow.escape_time(), float(np.min(flow.time_of_exposure(exposure))))
    solution = integrate(world, end, 1e-8)
    memorised = first_time(lambda t: np.max(margins_at(world, solution, t)[1]) - 0.7, end)
    escaped = first_time(lambda t: gap**3 * margins_at(world, solution, t)[0] - 0.7, end)
    # Each process slows the other by at most s(0)/s(0.7) = 1.5 once it happens: sides are certain beyond log 1.5.
    assert abs(first) > np.log(1.5)
    assert (memorised < escaped) == (first < 0)


def test_edge_formulas_are_consistent() -> None:
    settings = {"power": 3.0, "signal_strength": 5.0, "samples": 20.0, "patch_energy": 1.1}
    gap = memorise_escape_gap(0.05, 0.4, **settings)
    assert memorise_escape_ratio(0.05, 0.4, gap=gap, **settings) == pytest.approx(1.0, rel=1e-12)
    assert memorise_escape_ratio(-0.05, 0.4, gap=gap, **settings) == np.inf
    # The ratio of the two order formulas, whatever eta and lam are.
    memorise = 2 * 20 / (0.03 * 0.3 * 1.1 * 0.05)
    escape = escape_time(0.4, power=3.0, signal_strength=5.0, gap=0.1, adversarial_weight=0.3, learning_rate=0.01)
    ratio = memorise_escape_ratio(0.05, 0.4, gap=0.1, **settings)
    assert ratio == pytest.approx(memorise / float(escape), rel=1e-12)


def test_infinite_times_have_a_side() -> None:
    flow = SignalFlow([0.02], power=3.0, signal_strength=5.0, gap=0.0, adversarial_weight=0.5, learning_rate=0.01)
    assert memorise_escape_log_ratio([1e3, np.inf], flow).tolist() == [-np.inf, np.inf]


def test_the_edge_of_overfitting() -> None:
    assert overfitting_gap(8.0, 1e-3, 3.0) == pytest.approx(0.05)
    place = phase_coordinates(-1.2, 8.0, 1e-3, power=3.0, gap=0.05)
    assert place.memorise_escape == -1.2
    assert place.overfitting == pytest.approx(0.0, abs=1e-12)


def test_gram_of_trained_weights_from_projections_alone() -> None:
    rng = np.random.default_rng(0)
    dimension, patches, neurons = 40, 7, 4
    data = rng.normal(size=(patches, dimension))
    start = rng.normal(size=(neurons, dimension))
    coefficients = rng.normal(size=(neurons, patches))
    trained = start + coefficients @ data
    rebuilt = weight_gram(start @ start.T, start @ data.T, trained @ data.T, patch_gram=data @ data.T)
    exact = trained @ trained.T
    condition = np.linalg.cond(data @ data.T)
    assert np.max(np.abs(rebuilt - exact)) < 1e-15 * condition * 20 * np.max(np.abs(exact))
