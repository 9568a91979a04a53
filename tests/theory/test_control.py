"""The control: bounds on what standard training can memorise, against the coupled equations."""

import numpy as np
import pytest
from decoupled import integrate, margins_at, random_world

from cgrosim.theory.control import (
    control_ratio,
    noise_limit,
    required_adversarial_weight,
    self_consistent_limit,
)
from cgrosim.theory.memorisation import required_exposure
from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.power_growth import growth_integral


@pytest.mark.parametrize(("power", "seed"), [(3.0, 0), (3.0, 6), (2.5, 2), (4.0, 4), (2.0, 1)])
def test_standard_training_stays_below_the_bound(power: float, seed: int) -> None:
    world = random_world(seed, power=power, lam=0.0, gap=0.0, noise_scale=0.08)
    largest = float(world.signal.max())
    end = 1e7
    solution = integrate(world, end, 1e-9)
    state = solution.sol(end)
    final = float(state[: world.signal.size].max())
    settings = {"power": power, "signal_strength": world.alpha, "samples": 6.0}
    ceiling = np.inf if power > 2 else final
    bound = self_consistent_limit(world.noise, world.energy, largest, final_correlation=ceiling, **settings)
    v = state[world.signal.size :].reshape(world.noise.shape)
    assert np.all(np.isfinite(bound.noise))
    assert np.all(v <= bound.noise * (1 + 1e-7 * np.sign(bound.noise)))  # LSODA 1e-9 through growth below 100
    assert np.all(margins_at(world, solution, end)[1] <= bound.margins + 1e-7)
    # The bound is not idle: at the reached u_max it is tight up to the spread of the margins.
    at_spread = noise_limit(
        world.noise, world.energy, largest, final_correlation=final, **settings, margin_spread=-bound.spread
    )
    assert np.all(v >= at_spread * (1 - 1e-7 * np.sign(at_spread)))


def test_adversarial_training_breaks_the_bound() -> None:
    """Falsifier: the same start with lam = 1/2 leaves the bound of standard training behind."""
    world = random_world(0, noise_scale=0.08)
    bound = self_consistent_limit(
        world.noise, world.energy, float(world.signal.max()), power=3.0, signal_strength=5.0, samples=6.0
    )
    solution = integrate(world, 1e5, 1e-8)
    assert np.max(margins_at(world, solution, 1e5)[1] - bound.margins) > 1.0


def test_limit_is_the_stated_formula() -> None:
    ratio = control_ratio(0.02, 0.1, power=3.0, signal_strength=5.0, samples=10.0, patch_energy=1.3)
    assert ratio == pytest.approx(10 * 125 * 0.02 / (1.3 * 0.1))
    limit = noise_limit(0.1, 1.3, 0.02, power=3.0, signal_strength=5.0, samples=10.0, margin_spread=0.2)
    assert limit == pytest.approx(0.1 / (1 - np.exp(0.2) * 1.3 * 0.1 / (10 * 125 * 0.02)))
    exposure = required_exposure(np.array([[1e-4]]), 1.3, power=3.0, samples=10.0, learning_rate=0.01)
    clean = growth_integral(0.02, np.inf, 3.0) / (0.01 * 3 * 125)
    small = control_ratio(0.02, 1e-4, power=3.0, signal_strength=5.0, samples=10.0, patch_energy=1.3)
    # R is the exposure needed over the clean exposure available; finite threshold: relative v_0/v_thr and C v_0.
    assert exposure[0] / clean == pytest.approx(float(small), rel=3e-4)


def test_no_claim_where_noise_blows_up() -> None:
    bound = self_consistent_limit(np.array([[0.5]]), 1.0, 1e-4, power=3.0, signal_strength=2.0, samples=2.0)
    assert np.isinf(bound.noise).all()
    assert np.isinf(bound.spread)
    assert control_ratio(0.1, -0.1, power=3.0, signal_strength=2.0, samples=2.0, patch_energy=1.0) == np.inf
    assert control_ratio(-0.1, 0.1, power=3.0, signal_strength=2.0, samples=2.0, patch_energy=1.0) == 0.0


def test_attack_weight_for_a_horizon() -> None:
    world = random_world(0, gap=1e-4)
    exposure = required_exposure(world.noise, world.energy, power=3.0, samples=6.0, learning_rate=0.01)
    horizon = 1e6
    largest = float(world.signal.max())
    clean = growth_integral(largest, np.inf, 3.0) / (0.01 * 3 * 125)
    weight = required_adversarial_weight(exposure, clean, horizon)
    for i in np.flatnonzero(weight < 1)[:3]:
        flow = SignalFlow(
            world.signal,
            power=3.0,
            signal_strength=5.0,
            gap=1e-4,
            adversarial_weight=float(weight[i]),
            learning_rate=0.01,
        )
        # The plateau has not spent the clean exposure to its end: missing share u_max(0)/u_p of E_clean.
        slack = 2 * clean / weight[i] / horizon * largest / float(flow.correlations_at(horizon).max())
        assert flow.time_of_exposure(exposure[i]) == pytest.approx(horizon, rel=1.05 * slack)
    assert required_adversarial_weight(1.0, 2.0, 10.0) == 0.0
