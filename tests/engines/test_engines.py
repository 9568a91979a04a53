"""The three engines against the reference, against each other, and in manufactured cases with known answers."""

import numpy as np
import pytest

from cgrosim import Params, simulate
from cgrosim.engines import make_engine
from cgrosim.model import reference
from cgrosim.model.activations import ACTIVATIONS
from cgrosim.model.sampling import ClosedSystem, draw_explicit
from cgrosim.run.planning import Plan
from cgrosim.run.session import draw_system

SMALL = Params.from_paper(
    30, samples=6, patches=3, neurons=4, gap=0.2, init_std=0.3, learning_rate=0.02, steps=40, records=8, test_samples=50
)


def engine_of(params, name, system=None):
    chosen = Plan("explicit", name, "")
    return make_engine(params, chosen.engine, system or draw_system(params, Plan("explicit", "reduced", "")))[0]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("threat", ["none", "signal_span", "fixed_direction"])
@pytest.mark.parametrize("name", ["direct", "reduced"])
def test_steps_are_those_of_the_reference(activation, threat, name):
    """Forty steps against plain NumPy gradient descent on the weights.

    A step adds rounding of order dimension * eps to numbers of order one; steps may amplify it by the growth of the
    state, which stays below 10 here: 40 steps * 30 * 2e-16 * 10 < 1e-11.
    """
    params = SMALL.replace(activation=activation, threat=threat)
    system = draw_explicit(params)
    weights, layer, data = system.weights.copy(), system.second_layer, system.data
    for _ in range(params.steps):
        attacked = reference.attacked_inputs(params, layer, weights, data)
        weights -= params.learning_rate * reference.training_gradient(params, layer, weights, data, attacked)
    engine = engine_of(params, name, system)
    engine.advance(params.steps)
    snapshot = engine.snapshot()
    rows = data.noise.reshape(-1, params.dimension)
    assert np.abs(system.signal - weights @ data.direction).max() > 1e-3  # it did move
    assert np.allclose(snapshot.signal, weights @ data.direction, rtol=0, atol=1e-11)
    assert np.allclose(snapshot.noise, rows @ weights.T, rtol=0, atol=1e-11)
    off = weights - np.outer(weights @ data.direction, data.direction)
    assert np.allclose(snapshot.weight_gram, off @ off.T, rtol=0, atol=1e-10)


@pytest.mark.parametrize("power", [2.0, 2.5, 3.0, 4.0])
def test_weights_stay_in_the_span_and_coefficients_rebuild_them(power):
    params = SMALL.replace(power=power, engine="direct", record=("weights", "coefficients"))
    run = simulate(params)
    system = draw_explicit(params)
    rows = system.data.noise.reshape(-1, params.dimension)
    for k in range(run.data.sizes["step"]):
        record = run.data.isel(step=k)
        learnt = np.moveaxis(record.noise_coefficient.values, 0, 2).reshape(-1, params.neurons)
        rebuilt = system.weights + np.outer(record.signal_coefficient.values, system.data.direction) + learnt.T @ rows
        # solving K B = C - C(0) multiplies rounding by the condition number of K, below 100 for 12 patches in 29 dims
        assert np.allclose(rebuilt, record.weights.values, rtol=0, atol=1e-11)


def test_recorded_weights_are_the_same_in_every_engine():
    """The reduced and the flow engine rebuild the weights from their span; rounding as in the test of the steps."""
    params = SMALL.replace(record=("weights",))
    direct, reduced = (simulate(params.replace(engine=name)).final("weights") for name in ("direct", "reduced"))
    assert np.allclose(direct, reduced, rtol=0, atol=1e-11)
    assert simulate(params.replace(engine="flow")).final("weights").shape == direct.shape


def test_exact_identities_hold_at_every_record():
    """Margin = alpha^q U + V_i and C = C(0) + K B, at every step of a run with every record on."""
    params = SMALL.replace(engine="reduced", record=("noise_correlation", "coefficients"), record_grid="linear")
    run, system = simulate(params), draw_explicit(params)
    alpha, q = params.signal_strength, params.power
    for k in range(run.data.sizes["step"]):
        record = run.data.isel(step=k)
        u, v = record.signal_correlation.values, record.noise_correlation.values
        strength = np.sum(np.sign(u) * np.abs(u) ** q)
        assert float(record.learnt_signal) == pytest.approx(strength, rel=1e-12)
        assert float(record.signal_margin) == pytest.approx(alpha**q * strength, rel=1e-12)
        memorised = np.sum(np.sign(v) * np.abs(v) ** q, axis=(0, 2))
        assert np.allclose(record.memorization.values, memorised, rtol=1e-12, atol=1e-14)
        coefficients = np.moveaxis(record.noise_coefficient.values, 0, 2).reshape(-1, params.neurons)
        projections = (system.noise + system.gram @ coefficients).reshape(params.samples, -1, params.neurons)
        signed = np.moveaxis(system.labels[:, None, None] * projections, 2, 0)
        assert np.allclose(signed, v, rtol=0, atol=1e-12)
        signs = np.moveaxis(record.noise_coefficient.values, 1, 0) * system.labels[:, None, None]
        assert np.all(signs >= 0.0)  # B has the sign of the label


def test_without_noise_the_dynamics_is_a_scalar_recursion():
    """noise_std = 0: every neuron follows u += eta q |u|^(q-1) [alpha^q c + (gap alpha)^q a] with scalar c and a."""
    params = SMALL.replace(noise_std=0.0, steps=200, threat="signal_span")
    engine = engine_of(params, "reduced")
    u = engine.snapshot().signal.copy()
    alpha, low, q, eta, lam = params.signal_strength, params.gap * params.signal_strength, 3.0, 0.02, 0.5
    for _ in range(200):
        strength = np.sum(u**3)
        kappa = low if strength > 0 else alpha + params.perturbation_radius
        c = (1 - lam) / (1 + np.exp(alpha**q * strength))
        a = lam / (1 + np.exp(kappa**q * strength))
        u = u + eta * q * u**2 * (alpha**q * c + kappa**q * a)
    engine.advance(200)
    assert np.allclose(engine.snapshot().signal, u, rtol=1e-12, atol=0)  # 200 steps of a few roundings each


def test_without_signal_and_with_orthogonal_noise_the_samples_decouple():
    """alpha = 0, K = kappa I: each sample's dynamics is its own, whatever the others are."""
    params = SMALL.replace(signal_strength=0.0, gap=1.0, patches=2, samples=5, neurons=3, steps=300)
    generator = np.random.default_rng(1)
    start = 0.3 * generator.standard_normal((5, 3))
    labels = np.array([1.0, -1.0, 1.0, 1.0, -1.0])

    def system(rows):
        return ClosedSystem(labels[rows], np.zeros(3), start[rows], 0.9 * np.eye(len(rows)), np.eye(3), np.ones(3))

    together = engine_of(params, "reduced", system([0, 1, 2, 3, 4]))
    together.advance(300)
    for i in range(5):
        alone_params = params.replace(samples=1, learning_rate=params.learning_rate / 5)
        alone = engine_of(alone_params, "reduced", system([i]))
        alone.advance(300)
        assert np.allclose(together.snapshot().noise[i], alone.snapshot().noise[0], rtol=1e-12, atol=1e-15)


def test_gradient_descent_is_first_order_in_the_learning_rate():
    """Halving eta halves the distance to the flow at the same time; five halvings, slope within 0.1 of the order.

    The next term of the expansion is O(eta) relative: at the sizes used it changes the fitted slope by less than 0.05.
    """
    base = SMALL.replace(flow_tolerance=1e-11)
    system = draw_explicit(base)
    flow = engine_of(base.replace(engine="flow"), "flow", system)
    flow.advance(640)
    exact = flow.snapshot()
    gaps, rates = [], []
    for halving in range(6):
        rate = base.learning_rate / 2**halving
        engine = engine_of(base.replace(learning_rate=rate), "reduced", system)
        assert engine.order == 1
        engine.advance(640 * 2**halving)
        gaps.append(np.abs(engine.snapshot().memorization - exact.memorization).max())
        rates.append(rate)
    slope = np.polyfit(np.log(rates), np.log(gaps), 1)[0]
    assert abs(slope - 1) < 0.1


def test_flow_crossings_are_those_of_small_steps():
    """Hitting times of the flow and of gradient descent with a small step differ by O(1) steps."""
    params = SMALL.replace(learning_rate=0.002, steps=100_000, gap=0.01)
    slow, flow = simulate(params.replace(engine="reduced")), simulate(params.replace(engine="flow"))
    assert np.isfinite(flow.data.memorization_time).all()
    ratio = flow.data.memorization_time.values / slow.data.memorization_time.values
    assert np.allclose(ratio, 1, atol=0.02)  # kappa of the discrete lemma, eta q alpha^2 / 2, is below 0.02 here
    assert float(flow.data.signal_growth_time) == pytest.approx(float(slow.data.signal_growth_time), abs=3)


@pytest.mark.parametrize("name", ["direct", "reduced", "flow"])
def test_state_and_restore_continue_bit_identically(name):
    params = SMALL.replace(engine=name)
    whole, first = engine_of(params, name), engine_of(params, name)
    for step in (3, 17, 40):
        whole.advance(step)
    first.advance(3)
    first.advance(17)
    second = engine_of(params, name)
    second.restore({key: np.array(value) for key, value in first.state().items()})
    second.advance(17)
    second.advance(40)
    one, two = whole.snapshot(), second.snapshot()
    for name in ("weight_gram", *(name for name, value in vars(one).items() if isinstance(value, np.ndarray | float))):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


@pytest.mark.parametrize("threat", ["fgsm", "l2_pgd", "linf_pgd"])
def test_searching_attacks_train_and_resume(threat):
    params = SMALL.replace(threat=threat, perturbation_radius=0.3, steps=12, attack_steps=3)
    whole, first = engine_of(params, "direct"), engine_of(params, "direct")
    whole.advance(12)
    first.advance(5)
    second = engine_of(params, "direct")
    second.restore(first.state())
    second.advance(12)
    assert np.array_equal(whole.snapshot().weights, second.snapshot().weights)
    snapshot = whole.snapshot()
    assert np.all(snapshot.attacked_margin <= snapshot.clean_margin)


@pytest.mark.parametrize("activation", ["power", "relu_power", "smoothed_relu"])
def test_a_searching_attack_watches_the_signal_of_the_worse_label(activation):
    params = SMALL.replace(threat="fgsm", perturbation_radius=0.3, activation=activation)
    system = draw_explicit(params)
    engine = engine_of(params, "direct", system)
    shares = [
        reference.signal_margin(params, system.second_layer, system.signal, y, params.signal_strength)
        for y in (1.0, -1.0)
    ]
    (watched,) = engine._levels()["clean signal margin"]
    assert watched == pytest.approx(min(shares), rel=1e-12)


SEED_WITH_POSITIVE_START = next(
    seed for seed in range(100) if np.sum(draw_explicit(SMALL.replace(seed=seed)).signal ** 3) > 0
)


def test_transfer_attack_is_the_white_box_attack_while_the_signal_is_positive():
    params = SMALL.replace(steps=100, seed=SEED_WITH_POSITIVE_START)
    span, fixed = simulate(params), simulate(params.replace(threat="fixed_direction"))
    positive = span.data.learnt_signal.values > 0
    assert positive.all()
    assert np.array_equal(span.data.memorization.values, fixed.data.memorization.values)
    assert np.array_equal(span.data.signal_correlation.values, fixed.data.signal_correlation.values)


def test_real_power_close_to_a_whole_one_is_continuous():
    """The multiplication chain for q = 3 and pow for q = 3 + 1e-9 agree to about 1e-9 times the number of steps."""
    one = simulate(SMALL.replace(steps=100))
    other = simulate(SMALL.replace(steps=100, power=3.0 + 1e-9))
    assert np.allclose(one.data.memorization, other.data.memorization, rtol=1e-6, atol=1e-8)
