"""Stage I and the plateau: closed forms and quadratures against integration and gradient descent."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from decoupled import World, first_time, integrate, margins_at, random_world
from plateau_closed_forms import late_margin, plateau_rate, plateau_time
from scipy.stats import kstest
from stage_windows import signal_growth_time_window

from cgrosim.theory.plateau import SignalFlow
from cgrosim.theory.plateau_forms import escape_time, plateau_height
from cgrosim.theory.stages import signal_correlation, signal_growth_rate, signal_growth_time, signal_growth_time_law

SETTING = {"power": 3.0, "signal_strength": 5.0, "gap": 0.01, "adversarial_weight": 0.5, "learning_rate": 0.01}


def flow_of(world: World) -> SignalFlow:
    return SignalFlow(
        world.signal,
        power=world.power,
        signal_strength=world.alpha,
        gap=world.gap,
        adversarial_weight=world.lam,
        learning_rate=world.eta,
        threat="signal_span" if world.worst_case else "fixed_direction",
    )


def silent(world: World) -> World:
    """The same world with noise so small that it never matters."""
    return world._replace(noise=1e-4 * world.noise)


def test_growth_rate_at_zero_margin_is_the_exact_force() -> None:
    # eta q [ (1-lam) alpha^q + lam kappa^q ] / 2 by hand, both signs of U.
    assert signal_growth_rate(**SETTING) == pytest.approx(0.5 * 0.03 * (0.5 * 125 + 0.5 * 0.05**3), rel=1e-14)
    attacked_up = signal_growth_rate(**SETTING, signal_positive=False)
    assert attacked_up == pytest.approx(0.5 * 0.03 * (0.5 * 125 + 0.5 * 9.95**3), rel=1e-14)
    same = signal_growth_rate(**SETTING, signal_positive=False, threat="fixed_direction")
    assert same == signal_growth_rate(**SETTING)


def test_growth_time_inverts_the_solution() -> None:
    rate = signal_growth_rate(**SETTING)
    for power in (2.0, 2.01, 3.0, 4.5):
        time = signal_growth_time(0.01, rate=rate, power=power, signal_strength=5.0)
        assert signal_correlation(0.01, time, rate=rate, power=power) == pytest.approx(0.2, rel=1e-10)
    times = signal_growth_time([-0.1, 0.0, 0.3], rate=rate, power=3.0, signal_strength=5.0)
    assert times.tolist() == [np.inf, np.inf, 0.0]


@pytest.mark.parametrize("learning_rate", [0.03, 0.01, 1e-3])
@pytest.mark.parametrize(("power", "end_margin"), [(2.0, 0.5), (2.3, 1.0), (3.0, 1.0), (3.0, 6.0), (5.0, 2.0)])
def test_window_holds_the_gradient_descent_time(learning_rate: float, power: float, end_margin: float) -> None:
    setting = SETTING | {"power": power, "learning_rate": learning_rate}
    end = end_margin ** (1 / power) / 5.0
    u, steps = 0.03, 0
    while u < end:
        margin = (5.0 * u) ** power
        squeezed = 0.01**power
        push = 0.5 / (1 + np.exp(margin)) + 0.5 * squeezed / (1 + np.exp(squeezed * margin))
        u += learning_rate * power * 5.0**power * u ** (power - 1) * push
        steps += 1
    lower, upper = signal_growth_time_window(0.03, end, **setting)
    assert lower <= steps <= upper
    if end_margin > 2.0 and learning_rate > 1e-3:
        return  # steps of the size of the loss's own scale: the window is too wide to tell worlds apart
    # Falsifier: a world that learns at half the rate is outside.
    wrong_lower, wrong_upper = signal_growth_time_window(
        0.03, end, **(setting | {"learning_rate": 0.5 * learning_rate})
    )
    assert not wrong_lower <= steps <= wrong_upper


def test_window_closes_at_first_order_in_the_step() -> None:
    widths = []
    for learning_rate in (1e-3, 5e-4, 2.5e-4):
        lower, upper = signal_growth_time_window(0.02, 0.2, **(SETTING | {"learning_rate": learning_rate}))
        widths.append((upper - lower) * learning_rate)
    # Width in flow time is O(eta): the ratio is 2 up to O(eta c1 u^(q-2)) < 4 %.
    assert widths[0] / widths[1] == pytest.approx(2.0, rel=0.04)
    assert widths[1] / widths[2] == pytest.approx(2.0, rel=0.02)


def test_law_of_the_growth_time() -> None:
    rate = signal_growth_rate(**SETTING)
    law = signal_growth_time_law(rate=rate, power=3.0, signal_strength=5.0, init_std=0.02, neurons=3)
    starts = np.random.default_rng(1).normal(scale=0.02, size=(4000, 3)).max(axis=1)
    times = signal_growth_time(starts, rate=rate, power=3.0, signal_strength=5.0)
    alive = times[np.isfinite(times)]
    assert 1 - alive.size / 4000 == pytest.approx(2.0**-3, abs=4.9 * np.sqrt(0.125 * 0.875 / 4000))  # 1e-6 two-sided
    mass = 1 - 2.0**-3
    assert kstest(alive, lambda t: law.cdf(t) / mass).pvalue > 1e-4
    assert kstest(1.1 * alive, lambda t: law.cdf(t) / mass).pvalue < 1e-9  # falsifier: 10 % slower
    assert law.ppf([0.5, 0.95])[1] == np.inf


@pytest.mark.parametrize("worst_case", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("power", [2.0, 2.5, 5.0])
def test_flow_of_unequal_neurons_matches_integration(power: float, seed: int, worst_case: bool) -> None:
    world = silent(random_world(seed, power=power, gap=0.1, worst_case=worst_case))
    flow = flow_of(world)
    end = float(flow.time_of_margin(8.0))
    solution = integrate(world, end)
    times = end * np.array([0.0, 1e-3, 0.1, 0.5, 0.9, 1.0])
    margins = np.array([margins_at(world, solution, t)[0] for t in times])
    # LSODA at 1e-10 local error; growth amplifies it by (margin/start)^(1/q) < 100, the sign change adds a kink.
    assert flow.margin_at(times) == pytest.approx(margins, rel=1e-6, abs=1e-9)
    assert flow.correlations_at(times[3]) == pytest.approx(solution.sol(times[3])[:4], rel=1e-6)


def test_worst_case_attack_speeds_up_a_negative_start() -> None:
    """While U < 0 the inner maximum takes alpha + delta: the time falls, the simple law is an upper bound."""
    starts = np.array([0.02, -0.021])
    times = {
        threat: float(SignalFlow(starts, **SETTING, threat=threat).time_of_margin(1.0))  # type: ignore[arg-type]
        for threat in ("signal_span", "fixed_direction")
    }
    assert times["signal_span"] < times["fixed_direction"]
    assert times["signal_span"] > times["fixed_direction"] / (1 + 1.99**3)


@pytest.mark.parametrize("power", [2.01, 3.0, 7.3])
@pytest.mark.parametrize("gap", [0.0, 1e-9, 0.01, 0.5])
def test_times_and_margins_are_inverse_at_extremes(power: float, gap: float) -> None:
    flow = SignalFlow([1e-7, 3e-8, -2e-7], **(SETTING | {"power": power, "gap": gap}))
    times = np.array([0.0, 1.0, 1e6, 1e12, 1e18, 1e25, 1e120])
    margins = flow.margin_at(times)
    assert np.all(np.isfinite(margins))
    assert np.all(np.diff(margins) >= 0)
    assert margins[-1] > margins[0]
    late = margins > 1e-3
    # log t is known to rounding times d(log t)/d(log a) = a on the plateau.
    back = flow.log_time_of_margin(margins[late])
    slack = 1e-13 * np.maximum(1.0, np.minimum(margins[late], 1e3) + np.log(times[late])) * power
    assert np.all(np.abs(back - np.log(times[late])) < slack)
    assert np.isfinite(flow.log_time_of_margin(1000.0))


def test_margins_at_the_start_and_below_it_are_reached_at_once() -> None:
    flow = SignalFlow([0.5, -0.9], **SETTING)
    start = float(flow.margin_at(0.0))
    asked = start + np.array([-5.0, -1e-3, 0.0, 1e-3, 5.0])
    times = flow.log_time_of_margin(asked)
    assert times[:3].tolist() == [-np.inf] * 3
    assert flow.margin_at(np.exp(times[3:])) == pytest.approx(asked[3:], rel=1e-12)


@pytest.mark.parametrize("power", [2.0, 2.01, 2.5, 3.0, 4.0, 7.3])
def test_closed_form_of_the_plateau(power: float) -> None:
    rate = plateau_rate(power=power, signal_strength=5.0, learning_rate=0.01, adversarial_weight=0.5)
    margins = [0.01, 0.5, 3.0, 40.0, 300.0]
    flow = SignalFlow([0.001 ** (1 / power) / 5.0], **(SETTING | {"power": power, "gap": 0.0}))
    with mpmath.workdps(30):
        bend = 2 - 2 / mpmath.mpf(power)
        points = [mpmath.mpf("0.001"), *[mpmath.mpf(m) for m in margins]]
        pieces = [
            mpmath.quad(lambda a: a**-bend * (1 + mpmath.exp(a)), mpmath.linspace(x, y, 9)) for x, y in pairwise(points)
        ]
        exact = [float(sum(pieces[: k + 1]) / rate) for k in range(len(margins))]
    # The closed form cancels log10(q a/(q-2)) digits, at most 5 here; the quadrature does not cancel but reads the
    # margin through a logarithm (a eps).
    assert plateau_time(0.001, margins, power=power, rate=rate) == pytest.approx(exact, rel=1e-10)
    assert flow.time_of_margin(margins) == pytest.approx(exact, rel=2e-12)


@pytest.mark.parametrize("neurons", [1, 2, 5])
def test_equal_neurons_share_the_plateau(neurons: int) -> None:
    flow = SignalFlow(np.full(neurons, 0.02), **(SETTING | {"gap": 0.0}))
    rate = plateau_rate(power=3.0, signal_strength=5.0, learning_rate=0.01, adversarial_weight=0.5, neurons=neurons)
    start = float(flow.margin_at(0.0))
    assert flow.time_of_margin([1.0, 30.0]) == pytest.approx(plateau_time(start, [1.0, 30.0], power=3.0, rate=rate))


@pytest.mark.parametrize("power", [2.0, 3.0, 5.0])
def test_late_law_of_the_plateau(power: float) -> None:
    rate = plateau_rate(power=power, signal_strength=5.0, learning_rate=0.01, adversarial_weight=0.5)
    flow = SignalFlow([0.02], **(SETTING | {"power": power, "gap": 0.0}))
    bend = 2 - 2 / power
    for time in (1e9, 1e18, 1e40, 1e200):
        margin = float(flow.margin_at(time))
        # t = e^a a^-b (1 + b/a + O(b (b+1)/a^2)) / kap, so the law is high by b/a (1 + O((b+1)/a)).
        excess = float(late_margin(time, power=power, rate=rate)) - margin
        assert excess * margin / bend == pytest.approx(1.0, abs=3 * (bend + 1) / margin)
    assert np.isnan(late_margin(1e-3, power=power, rate=rate))


def test_plateau_height_balances_the_pushes() -> None:
    height = plateau_height(power=3.0, gap=1e-3, adversarial_weight=0.3)
    assert 0.7 * np.exp(-height) == pytest.approx(0.3 * 1e-9 / 2, rel=1e-12)
    assert plateau_height(power=3.0, gap=0.0, adversarial_weight=0.3) == np.inf


def test_escape_time_matches_integration_and_its_order() -> None:
    world = silent(random_world(1, gap=0.1))
    exact = flow_of(world).escape_time()
    solution = integrate(world, 1.5 * exact)
    measured = first_time(lambda t: 0.1**3 * margins_at(world, solution, t)[0] - 0.7, 1.5 * exact)
    assert exact == pytest.approx(measured, rel=1e-6)  # LSODA's 1e-10 through a growth of (700)^(1/3)
    ratios = []
    for gap in (1e-2, 1e-4, 1e-6, 1e-9):
        setting = SETTING | {"gap": gap}
        height = plateau_height(power=3.0, gap=gap, adversarial_weight=0.5) ** (1 / 3) / 5.0
        order = escape_time(height, power=3.0, signal_strength=5.0, gap=gap, adversarial_weight=0.5, learning_rate=0.01)
        ratios.append(SignalFlow([0.02], **setting).escape_time() / order)
    # The height enters as a_*^(1/3) with an error of O(1/a_*) log-corrections, so the order improves like 1/log(1/gap).
    distance = np.abs(np.log(ratios))
    assert np.all(np.diff(distance) < 0)
    assert distance[-1] < 1 / plateau_height(power=3.0, gap=1e-9, adversarial_weight=0.5)


def test_escape_is_impossible_without_residual_or_attack() -> None:
    assert SignalFlow([0.02], **(SETTING | {"gap": 0.0})).escape_time() == np.inf
    assert SignalFlow([0.02], **(SETTING | {"adversarial_weight": 0.0, "gap": 1e-9})).escape_time() == np.inf


def test_bad_input_is_refused() -> None:
    for change, message in (
        ({"power": 1.5}, "at least 2"),
        ({"gap": 2.0}, "gap"),
        ({"adversarial_weight": -0.1}, "adversarial_weight"),
        ({"adversarial_weight": 1.0, "gap": 0.0}, "no force"),
        ({"learning_rate": 0.0}, "positive"),
    ):
        with pytest.raises(ValueError, match=message):
            SignalFlow([0.02], **(SETTING | change))
    with pytest.raises(ValueError, match="never learnt"):
        SignalFlow([-0.02, 0.0], **SETTING)
    with pytest.raises(ValueError, match="not negative"):
        SignalFlow([0.02], **SETTING).margin_at(-1.0)
    with pytest.raises(ValueError, match="finite"):
        SignalFlow([0.02], **SETTING).time_of_margin(np.inf)
    with pytest.raises(ValueError, match="start"):
        signal_growth_time_window(0.3, 0.2, **SETTING)
