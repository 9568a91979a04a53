"""Momentum, minibatches, smoothing, label noise and the cure by decay: formulas against recursions and integration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from momentum_forms import growth_per_step
from scipy.integrate import quad, solve_ivp

from cgrosim.theory.decay_cure import cure_window, filter_norms, noise_quantile, robust_error, robust_time
from cgrosim.theory.label_noise import (
    largest_label_noise,
    loss_weights,
    memorisation_time_ratio,
    signal_rest,
    signal_share,
)
from cgrosim.theory.label_smoothing import (
    eroded_margin,
    erosion_rate,
    held_back,
    held_margin,
    margin_cap,
    resting_noise_margin,
    smoothed_memorisation_time,
    smoothed_weight,
)
from cgrosim.theory.minibatches import discretisation_delay, memorisation_time_variance, weight_square_ratio
from cgrosim.theory.momentum import growth_delay, largest_stable_rate

# momentum


def heavy_ball_steps(start: float, target: float, eta: float, beta: float, power: float) -> float:
    """Steps of the recursion until x' = x^(q-1) passes the target, between two steps on the growth's own clock."""
    before, x, count = start, start, 0
    while x < target:
        before, x, count = x, x + beta * (x - before) + eta * x ** (power - 1.0), count + 1
    clock = lambda z: z ** (2.0 - power)  # noqa: E731  linear in time for the flow
    return count - (clock(target) - clock(x)) / (clock(before) - clock(x))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("power", [2.5, 3.0, 4.0])
def test_momentum_is_a_faster_clock_with_a_known_delay(beta: float, power: float) -> None:
    """T = T_flow/h + delay + O(h): what is left over falls in proportion to the step, and is far below the delay."""
    start, target = 0.1, 0.5
    flow = (start ** (2.0 - power) - target ** (2.0 - power)) / (power - 2.0)
    left = []
    for h in (0.005, 0.0025):
        eta = h * (1.0 - beta)
        delay = float(growth_delay(start, target, power, momentum=beta))
        left.append(heavy_ball_steps(start, target, eta, beta, power) - flow / h - delay)
    assert abs(left[0]) < 0.1 * delay
    assert abs(left[1]) < 0.65 * abs(left[0]) + 0.01  # halved, and the crossing between two steps is good to 0.01


@given(rate=st.floats(-0.05, 0.5), beta=st.sampled_from([0.0, 0.3, 0.9]))
def test_growth_of_a_linear_mode_is_the_root(rate: float, beta: float) -> None:
    root = float(growth_per_step(rate, beta))
    if np.isnan(root):  # complex roots: a damped oscillation
        assert (1.0 + beta + rate) ** 2 < 4.0 * beta
        return
    before, x = 1.0, root
    for _ in range(3):
        before, x = x, x + beta * (x - before) + rate * x
    assert x == pytest.approx(root**4, rel=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_the_edge_of_stability_of_the_heavy_ball(beta: float) -> None:
    """Both roots of the recursion on either side of eta * curvature = 2 (1 + beta)."""
    for factor, stable in ((0.999, True), (1.001, False)):
        roots = np.roots([1.0, -(1.0 + beta - factor * largest_stable_rate(beta)), beta])
        assert (np.max(np.abs(roots)) < 1.0) == stable


# minibatches


@pytest.mark.parametrize("drawing", ["with", "without"])
def test_the_variance_of_the_memorisation_time_over_batches(drawing: str) -> None:
    """4,000 recursions of one sample: the variance of log T within four of its standard errors and a step's O(eta)."""
    samples, batch, rate, start, target = 20, 4, 0.005, 0.1, 0.9
    generator, runs, epoch = np.random.default_rng(5), 4000, samples // batch
    v, steps, place = np.full(runs, start), np.zeros(runs), np.zeros(runs)
    for step in range(2500):
        if drawing == "with":
            visits = generator.binomial(batch, 1.0 / samples, runs)
        else:
            if step % epoch == 0:
                place = generator.integers(0, epoch, runs)
            visits = 1.0 * (place == step % epoch)
        v = np.where(v < target, v + visits * (samples / batch) * rate * v**2, v)
        steps += v < target
    assert np.all(v >= target)
    mean = float(np.mean(steps + 1.0))
    predicted = float(memorisation_time_variance(mean, samples, batch, drawing=drawing))  # type: ignore[arg-type]
    measured = float(np.var(np.log(steps + 1.0)))
    # a variance of n values has a relative standard error of at most sqrt(3/n) at these kurtoses; one part in 30 is the
    # first order in eta (T has 356 visits, and the last of them move it by some 2 of them in log v)
    assert measured == pytest.approx(predicted, rel=4.0 * np.sqrt(3.0 / runs) + 1 / 30)
    plain = (1.0 / start - 1.0 / target) / rate
    delay = float(discretisation_delay(start, target, 3.0, samples=samples, batch=batch))
    # what is left over is the part of a visit by which the target is overshot, at most one of N/b steps
    assert mean - plain == pytest.approx(delay, abs=epoch + 4.0 * np.std(steps) / np.sqrt(runs))


def test_a_full_batch_varies_not_at_all() -> None:
    assert memorisation_time_variance(100.0, 20, 20, drawing="without") == 0.0
    assert weight_square_ratio(0.5, 0.0, 100.0) == 1.0
    assert weight_square_ratio(0.5, 10.0, 100.0) == pytest.approx((10 * 0.25 + 90 * 0.0625) / (0.0625 * 100))


# label smoothing


@given(eps=st.sampled_from([0.02, 0.1, 0.3]), power=st.sampled_from([2.0, 2.5, 3.0, 4.0]), start=st.floats(0.02, 0.8))
def test_smoothing_delays_by_its_own_integral(eps: float, power: float, start: float) -> None:
    """Adaptive quadrature of dv / (2 rate (s - eps/2) v^(q-1)); and never less than 1/(1-eps) of the plain time."""

    def slowness(v: float) -> float:
        return float(1.0 / (2.0 * 0.7 * smoothed_weight(v**power, eps) * v ** (power - 1.0)))

    end = 0.7 ** (1.0 / power)
    expected = quad(slowness, start, end, limit=200)[0] if start < end else 0.0
    found = float(smoothed_memorisation_time(start, rate=0.7, smoothing=eps, power=power))
    assert found == pytest.approx(expected, rel=1e-7)
    plain = float(smoothed_memorisation_time(start, rate=0.7, smoothing=0.0, power=power))
    assert found >= plain / (1.0 - eps) * (1 - 1e-12)


@given(eps=st.sampled_from([0.02, 0.1, 0.3]), power=st.sampled_from([2.5, 3.0]), start=st.floats(0.02, 0.8))
def test_the_clean_loss_beyond_the_cap_holds_back(eps: float, power: float, start: float) -> None:
    """Adaptive quadrature of dv / (W v^(q-1)), W of both losses over W of the attacked one; nothing without a cap."""

    def slowness(v: float, lam: float, clean: float) -> float:
        weight = lam * smoothed_weight(v**power, eps) + clean * smoothed_weight(margin_cap(eps) + v**power, eps)
        return float(1.0 / (weight * v ** (power - 1.0)))

    end = 0.7 ** (1.0 / power)
    found = held_back([start, -start, 0.9], smoothing=eps, power=power, adversarial_weight=0.4)
    both, alone = (quad(slowness, start, end, args=(0.4, clean), limit=200)[0] for clean in (0.6, 0.0))
    assert found[0] == pytest.approx(both / alone, rel=1e-5)
    assert found[0] > 1.0
    assert found[1:].tolist() == [1.0, 1.0]
    assert held_back(start, smoothing=0.0, power=power, adversarial_weight=0.4) == 1.0


def test_small_starts_are_delayed_by_one_over_one_minus_eps() -> None:
    """The integral's weight lies at the start: T (1-eps)/T_plain - 1 falls like v_0 (q = 3: the rest of order v_0)."""
    for eps in (0.1, 0.3):
        excess = []
        for start in (1e-2, 1e-3):
            smoothed, plain = (
                float(smoothed_memorisation_time(start, rate=1.0, smoothing=e, power=3.0)) for e in (eps, 0.0)
            )
            excess.append(smoothed * (1.0 - eps) / plain - 1.0)
        assert 0.0 < excess[1] < 0.15 * excess[0] < 0.01


def smoothed_flow(eps: float, lam: float, gap: float, alpha: float, kappa: float, start: tuple[float, float]):
    """One neuron, one feature of every sample: a and V under smoothing, as they stand."""

    def rate(_: float, logs: np.ndarray) -> np.ndarray:
        a, v = np.exp(logs)
        clean, attacked = (1 - lam) * smoothed_weight(a + v, eps), lam * smoothed_weight(gap**3 * a + v, eps)
        on_signal = 9.0 * alpha**2 * a ** (1 / 3) * (clean + gap**3 * attacked)
        return np.array([on_signal, 9.0 * kappa * v ** (1 / 3) * (clean + attacked)])

    return lambda time: np.exp(
        solve_ivp(rate, (0.0, time), np.log(start), method="LSODA", rtol=1e-9, atol=1e-12).y[:, -1]
    )


def test_smoothing_wears_the_signal_away_once_the_samples_are_memorised() -> None:
    """Not capped but unlearnt: V ends at the cap, a falls like t^(-3/4) by the formula; "capped" is not the end."""
    eps, lam, gap, alpha = 0.2, 0.5, 0.02, 2.0
    at = smoothed_flow(eps, lam, gap, alpha, 0.2, (0.05, 0.01))
    cap = margin_cap(eps)
    assert cap == pytest.approx(np.log(1.8 / 0.2))
    peak = max(at(t)[0] for t in (2.0, 5.0, 10.0))
    a, v = at(2e3)
    assert a < 0.1 * peak
    settings = {"smoothing": eps, "gap": gap, "power": 3.0, "adversarial_weight": lam}
    assert v == pytest.approx(resting_noise_margin(a, **settings), rel=1e-3)
    later, _ = at(4e3)
    assert later == pytest.approx(float(eroded_margin(2e3, a, **settings, signal_strength=alpha)), rel=0.02)
    assert np.log(a / later) / np.log(2.0) == pytest.approx(0.75, rel=0.1)


def test_unmemorised_samples_hold_the_signal_where_both_pushes_balance() -> None:
    """Nobody holds nothing, everybody holds it at the flow's rest, and one in twenty where the equations stop."""
    settings = {"smoothing": 0.2, "gap": 0.0, "power": 3.0, "adversarial_weight": 0.5}
    assert held_margin(0.0, **settings) == 0.0
    assert held_margin(1.0, **settings) == pytest.approx(margin_cap(0.2), rel=1e-12)
    a, v, rate = 1.0, margin_cap(0.2), 0.5
    for _ in range(2_000):
        memorised = 0.5 * (smoothed_weight(a + v, 0.2) + smoothed_weight(v, 0.2))
        v += rate * float(memorised)
        push = 0.05 * smoothed_weight(a, 0.2) + 0.95 * smoothed_weight(a + v, 0.2)
        a += rate * 0.5 * float(push)
    assert held_margin(0.05, **settings) == pytest.approx(a, rel=1e-4)


@given(clean=st.floats(0.05, 5.0), eps=st.sampled_from([0.05, 0.2]), lam=st.sampled_from([0.2, 0.5, 0.8]))
def test_erosion_is_the_force_on_the_signal_at_the_resting_noise(clean: float, eps: float, lam: float) -> None:
    settings = {"smoothing": eps, "gap": 0.1, "power": 3.0, "adversarial_weight": lam}
    v = resting_noise_margin(clean, **settings)
    weights = (1 - lam) * smoothed_weight(clean + v, eps), lam * smoothed_weight(0.001 * clean + v, eps)
    assert sum(weights) == pytest.approx(0.0, abs=1e-12)
    force = 9.0 * 4.0 * clean ** (4 / 3) * (weights[0] + 0.001 * weights[1])
    found = erosion_rate(clean, **settings, signal_strength=2.0)
    assert found == pytest.approx(-float(force), rel=1e-6, abs=1e-12)
    assert found > 0.0


# label noise


@given(
    tau=st.sampled_from([0.01, 0.05, 0.2, 0.4]), lam=st.sampled_from([0.0, 0.2, 0.5]), gap=st.sampled_from([0.0, 0.1]),
    threat=st.sampled_from(["signal_span", "fixed_direction"]), power=st.sampled_from([2.0, 3.0]),
)  # fmt: skip
def test_the_signal_rests_where_the_weights_balance(
    tau: float, lam: float, gap: float, threat: str, power: float
) -> None:
    settings = {"gap": gap, "power": power, "adversarial_weight": lam, "threat": threat}
    rest = signal_rest(tau, **settings)  # type: ignore[arg-type]
    share = signal_share(tau, **settings)  # type: ignore[arg-type]
    assert (rest > 0.0) == (share > 0.0) == (tau < largest_label_noise(**settings))  # type: ignore[arg-type]
    if rest > 0.0 and (lam == 0.0 or (threat == "fixed_direction" and gap == 0.0)):
        assert rest == pytest.approx(np.log((1 - tau) / tau), rel=1e-9)


def test_label_noise_by_hand() -> None:
    """The numbers of the specification hold for an attack that weakens every feature, and as tau -> 0 only."""
    settings = {"gap": 0.0, "power": 3.0, "adversarial_weight": 0.5}
    assert signal_share(0.1, **settings, threat="fixed_direction") == pytest.approx(0.8 * 0.5)
    assert memorisation_time_ratio(1e-9, **settings, threat="fixed_direction") == pytest.approx(1 / 3, rel=1e-6)
    assert memorisation_time_ratio(1e-9, **settings) == pytest.approx(0.25, rel=1e-6)
    # at tau = 0.1 the plateau is log 9: flipped samples push with 0.9, right ones with 0.1 of the clean loss
    expected = (0.5 * 0.1 + 0.25) / (0.5 * 0.9 + 0.25)
    assert memorisation_time_ratio(0.1, **settings, threat="fixed_direction") == pytest.approx(expected, rel=1e-9)
    standard = {"gap": 0.0, "power": 3.0, "adversarial_weight": 0.0}
    assert memorisation_time_ratio(0.1, **standard) == pytest.approx(1 / 9, rel=1e-9)
    assert largest_label_noise(**settings) == pytest.approx(0.1, rel=1e-12)
    weights = loss_weights(2.0, **settings)
    assert weights.flipped == pytest.approx(0.5 / (1 + np.exp(-2.0)) + 0.5 / (1 + np.exp(-16.0)), rel=1e-14)


# the cure by decay


def test_filters_die_with_decay_but_for_what_they_learn() -> None:
    """The decoupled equations of one filter and its features: its squared norm is a sum over orthogonal directions."""
    energies, v0, decay, rate, time = np.array([0.8, 1.1]), np.array([[0.05, -0.1]]), 0.2, np.array([0.5, 0.7]), 3.0
    rest = 0.3  # squared norm outside the features
    norm0 = rest + float(np.sum(v0**2 / energies))
    found = solve_ivp(lambda _, v: rate * v**2 - decay * v, (0.0, time), v0[0], rtol=1e-11, atol=1e-14).y[:, -1]
    expected = rest * np.exp(-2 * decay * time) + np.sum(found**2 / energies)
    got = filter_norms([norm0], v0, energies, time=time, rate=rate, decay=decay, power=3.0)
    assert float(got[0]) == pytest.approx(float(expected), rel=1e-8)


@given(
    error=st.sampled_from([0.01, 0.05, 0.3]), decay=st.sampled_from([1e-4, 0.1]), margin=st.sampled_from([1e-6, 1e-3])
)
def test_the_time_of_the_cure_is_when_the_error_is_reached(error: float, decay: float, margin: float) -> None:
    scales = [0.2, 0.21, 0.15]
    assert robust_error(
        scales, noise_quantile(scales, error, 3.0), 0.0, weight_decay=decay, power=3.0
    ) == pytest.approx(error, rel=1e-6)
    time = robust_time(scales, margin, weight_decay=decay, power=3.0, error=error)
    if time > 0:
        assert robust_error(scales, margin, time, weight_decay=decay, power=3.0) == pytest.approx(error, rel=1e-6)
    else:
        assert robust_error(scales, margin, 0.0, weight_decay=decay, power=3.0) <= error
    assert robust_time(scales, 0.0, weight_decay=decay, power=3.0) == np.inf


def test_the_window_of_the_cure() -> None:
    assert cure_window([1e-4, 3e-4], 0.2) == (3e-4, 0.2)
