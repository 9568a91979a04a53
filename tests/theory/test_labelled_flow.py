"""The signal under smoothed, flipped and missing labels: against the integrated equations, and at its rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from cgrosim.theory.label_noise import loss_weights, signal_rest
from cgrosim.theory.label_smoothing import margin_cap
from cgrosim.theory.labelled_flow import LabelledFlow
from cgrosim.theory.plateau import SignalFlow

WORLD = {"power": 3.0, "signal_strength": 2.0, "gap": 0.1, "adversarial_weight": 0.5, "learning_rate": 0.05}


def s(z: float) -> float:
    return float(1.0 / (1.0 + np.exp(z)))


def slopes(u: np.ndarray, world: dict, eps: float, tau: float, missing: float, threat: str) -> tuple[np.ndarray, list]:
    """u' and the three weights, written out sample kind by sample kind."""
    q, alpha, gap, lam, eta = (
        world[name] for name in ("power", "signal_strength", "gap", "adversarial_weight", "learning_rate")
    )
    a = alpha**q * float(np.sum(np.sign(u) * np.abs(u) ** q))
    weights, force = [], 0.0
    for share, y in ((1.0 - tau - missing, 1.0), (tau, -1.0)):
        ratio = gap if threat == "fixed_direction" or y * a >= 0 else 2.0 - gap
        clean, attacked = s(y * a) - eps / 2, s(y * ratio**q * a) - eps / 2
        weights.append((1 - lam) * clean + lam * attacked)
        force += share * y * alpha**q * ((1 - lam) * clean + lam * ratio**q * attacked)
    return eta * q * force * np.abs(u) ** (q - 1), [*weights, 0.5 * (1 - eps)]


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    eps=st.sampled_from([0.0, 0.1, 0.4]),
    tau=st.sampled_from([0.0, 0.05, 0.1]),
    missing=st.sampled_from([0.0, 0.2]),
    threat=st.sampled_from(["signal_span", "fixed_direction"]),
    power=st.sampled_from([2.0, 3.0, 4.0]),
)
def test_margins_and_exposures_are_those_of_the_equations(
    seed: int, eps: float, tau: float, missing: float, threat: str, power: float
) -> None:
    """To the tolerance 1e-9 of the integration, but for a kink where U turns positive and the attack turns round."""
    if eps == tau == 0.0:
        eps = 0.2
    starts = 0.3 * np.random.default_rng(seed).standard_normal(3)
    starts[0] = abs(starts[0]) + 0.05
    world = WORLD | {"power": power}
    given = {"smoothing": eps, "label_noise": tau, "unlearnable": missing, "threat": threat}
    flow = LabelledFlow(starts, **world, **given)
    a0 = 2.0**power * float(np.sum(np.sign(starts) * np.abs(starts) ** power))
    time = 300.0

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        grown, weights = slopes(state[:3], world, eps, tau, missing, threat)
        return np.concatenate([grown, weights])

    tolerance = {"rtol": 1e-10, "atol": 1e-13, "method": "LSODA", "max_step": 0.5 if a0 < 0 else np.inf}
    if not flow.grows:
        assert flow.rest_margin == pytest.approx(max(a0, flow.rest_margin), abs=1e-12)
        return
    end = solve_ivp(slope, (0.0, time), np.concatenate([starts, np.zeros(3)]), **tolerance).y[:, -1]
    close = 1e-4 if a0 < 0 and threat == "signal_span" else 1e-7
    assert flow.correlations_at(time) == pytest.approx(end[:3], rel=close)
    for label, exposure in zip(("right", "flipped", "none"), end[3:], strict=True):
        assert float(flow.exposure_at(time, label)) == pytest.approx(exposure, rel=close)
        assert float(flow.time_of_exposure(exposure, label)) == pytest.approx(time, rel=10 * close)


def test_smoothing_alone_rests_at_the_cap_where_the_attack_leaves_nothing() -> None:
    flow = LabelledFlow([0.1], **(WORLD | {"gap": 0.0}), smoothing=0.1)
    assert flow.rest_margin == pytest.approx(margin_cap(0.1), rel=1e-12)
    assert np.isinf(flow.time_of_margin(margin_cap(0.1) + 1e-9))
    assert flow.escape_time() == np.inf


@pytest.mark.parametrize("threat", ["signal_span", "fixed_direction"])
def test_flips_rest_where_the_weights_balance(threat: str) -> None:
    flow = LabelledFlow([0.1], **WORLD, label_noise=0.05, threat=threat)
    balance = {"gap": 0.1, "power": 3.0, "adversarial_weight": 0.5, "threat": threat}
    assert flow.rest_margin == pytest.approx(signal_rest(0.05, **balance), rel=1e-12)
    weights = loss_weights(flow.rest_margin, **balance)
    late = float(flow.time_of_exposure(1e6, "flipped"))
    assert late * weights.flipped == pytest.approx(1e6, rel=1e-3)
    assert float(flow.exposure_at(late, "right")) == pytest.approx(1e6 * weights.right / weights.flipped, rel=1e-3)


def test_too_many_flips_hold_the_signal_where_it_turns_positive() -> None:
    """Under the attack on each sample one flip in eight is more than it can grow against at lam = 1/2, q = 3."""
    flow = LabelledFlow([0.1], **WORLD, label_noise=0.125)
    assert not flow.grows
    assert flow.time_of_margin([0.0, 1.0]).tolist() == [0.0, np.inf]
    assert float(flow.time_of_exposure(10.0, "none")) == 20.0
    assert LabelledFlow([0.1], **WORLD, label_noise=0.125, threat="fixed_direction").grows


def test_little_smoothing_is_the_flow_of_right_labels() -> None:
    plain, flow = SignalFlow([0.1, -0.2], **WORLD), LabelledFlow([0.1, -0.2], **WORLD, smoothing=1e-9)
    assert float(flow.time_of_margin(2.0)) == pytest.approx(float(plain.time_of_margin(2.0)), rel=1e-6)
    assert float(flow.exposure_at(500.0)) == pytest.approx(float(plain.exposure_at(500.0)), rel=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "take SignalFlow"),
        ({"smoothing": 1.0}, "label smoothing must lie in"),
        ({"label_noise": 0.5}, "label noise must lie in"),
        ({"label_noise": 0.1, "unlearnable": 0.9}, "unlearnable must lie in"),
    ],
)
def test_refusals(given: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LabelledFlow([0.1], **WORLD, **given)
