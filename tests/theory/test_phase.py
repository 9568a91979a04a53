"""The phase diagram: its edges against the coupled equations, its a-priori noise level against explicit weights."""

import numpy as np
import pytest
from decoupled import first_time, integrate, margins_at, random_world

from cgrosim.theory.memorisation import required_exposure
from cgrosim.theory.noise_law import dominated_error
from cgrosim.theory.noise_moments import gram_test_noise_std
from cgrosim.theory.phase import (
    gap_of_robust_error,
    memorise_escape_gap,
    memorise_escape_log_ratio,
    memorise_escape_ratio,
    overfitting_gap,
    phase_coordinates,
    predicted_test_noise_std,
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


def test_overfitting_edge_and_level_lines() -> None:
    assert overfitting_gap(8.0, 1e-3, 3.0) == pytest.approx(0.05)
    gap = float(gap_of_robust_error(0.3, 8.0, 0.2, 3.0))
    assert dominated_error(gap**3 * 8.0, 0.2, 3.0) == pytest.approx(0.3, rel=1e-12)
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
    rebuilt = weight_gram(start @ start.T, start @ data.T, trained @ data.T, data @ data.T)
    exact = trained @ trained.T
    condition = np.linalg.cond(data @ data.T)
    assert np.max(np.abs(rebuilt - exact)) < 1e-15 * condition * 20 * np.max(np.abs(exact))


def test_noise_level_before_the_run() -> None:
    """Explicit weights: Gaussian start plus one memorised feature per sample of a random neuron."""
    dimension, samples, neurons, patches = 4000, 10, 5, 3
    noise_std, init_std, value = dimension**-0.5, dimension**-0.5, 2.0
    settings = {"samples": samples, "patches": patches, "neurons": neurons, "dimension": dimension}
    predicted = predicted_test_noise_std(value**3, power=3.0, noise_std=noise_std, init_std=init_std, **settings)
    rng = np.random.default_rng(2)
    variances = []
    for _ in range(60):
        start = init_std * rng.normal(size=(neurons, dimension))
        data = noise_std * rng.normal(size=(samples, dimension))
        owner = rng.integers(neurons, size=samples)
        signs = rng.choice([-1.0, 1.0], size=samples)
        energy = np.sum(data**2, axis=1)
        amount = signs * value / energy - np.einsum("nd,nd->n", start[owner], data) / energy
        trained = start.copy()
        np.add.at(trained, owner, amount[:, None] * data)
        variances.append(
            float(gram_test_noise_std(trained @ trained.T, power=3, noise_std=noise_std, patches=patches)) ** 2
        )
    mean, error = np.mean(variances), np.std(variances) / np.sqrt(60)
    # Monte Carlo at 5 standard errors plus the O(d^-1/2) of the neglected off-diagonal entries.
    assert predicted**2 == pytest.approx(mean, abs=5 * error + mean * 5 / np.sqrt(dimension))
    # Falsifier: forgetting the memorised features is far outside.
    bare = predicted_test_noise_std(0.0, power=3.0, noise_std=noise_std, init_std=init_std, **settings)
    assert bare**2 < 0.5 * mean


def test_noise_level_is_safe_at_extremes() -> None:
    settings = {"power": 3.0, "samples": 10, "patches": 2, "dimension": 1e15, "noise_std": 1e15**-0.509}
    init_std = np.sqrt(np.log(1e15) / 1e15)
    for neurons in (1, 8):
        value = predicted_test_noise_std(12.0, neurons=neurons, init_std=init_std, **settings)
        assert 1e-23 < value < 1e-18
