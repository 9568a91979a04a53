"""What `predict` promises for every experiment: the start of its run, units, kinds, words, and no traceback."""

import json
import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cgrosim
from cgrosim import Params, predict, simulate
from cgrosim.errors import ParameterError, UserError
from cgrosim.predictions.predicted import Kind, Predictions
from cgrosim.predictions.quantities import QUANTITIES
from cgrosim.predictions.regime import regime_report
from cgrosim.predictions.setting import setting_of
from cgrosim.predictions.starts import draw_starts, starts_of_run
from cgrosim.predictions.values import Curve, Quantiles
from cgrosim.theory.phase import memorise_escape_gap

SMALL = {"samples": 6, "neurons": 5, "records": 3, "test_samples": 20, "steps": 400}
PLANS = {
    "reduced": {"engine": "reduced"},
    "direct": {"engine": "direct"},
    "flow": {"engine": "flow", "steps": None, "flow_tolerance": 1e-4},
    "gram": {"sampling": "gram", "engine": "reduced"},
    "patches": {"patches": 4, "engine": "reduced"},
    "standard": {"adversarial_weight": 0.0},
    "transfer": {"threat": "fixed_direction"},
    "unattacked": {"threat": "none"},
    "searched": {"threat": "l2_pgd", "perturbation_radius": 0.01, "gap": None, "steps": 3, "attack_steps": 1},
}

TRIED = {"reduced"}  # in the ordinary suite


def small(**changes: object) -> Params:
    return Params.from_paper(changes.pop("dimension", 60), **(SMALL | changes))


def same(one: Predictions, two: Predictions) -> bool:
    return json.dumps(one.to_dict(), allow_nan=False) == json.dumps(two.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in TRIED else pytest.mark.slow) for name in PLANS]
)
def test_before_and_after_the_run_the_same_is_predicted(name: str) -> None:
    params = small(**PLANS[name])
    run = simulate(params)
    assert same(predict(params), predict(run))
    if params.signal_only:
        before, after = draw_starts(params), starts_of_run(run)
        assert after is not None
        for field in ("signal", "noise", "energy"):
            assert np.array_equal(getattr(before, field), getattr(after, field)), field
        assert name != "reduced" or not same(predict(params), predict(params.replace(seed=1)))


def test_one_start_has_one_prediction_whatever_the_engine() -> None:
    starts = [draw_starts(small(engine=engine, patches=3)) for engine in ("direct", "reduced", "flow")]
    for other in starts[1:]:
        assert np.array_equal(starts[0].energy, other.energy)  # to the bit: a Gram matrix sums in another order
        assert np.array_equal(starts[0].noise, other.noise)


def test_a_given_start_is_predicted_from_and_a_lost_one_is_said(tmp_path) -> None:
    other = simulate(small(seed=5))
    run = simulate(small(), start=other.start)
    assert predict(run).value("signal_growth_time") == predict(other).value("signal_growth_time")
    lost = predict(cgrosim.load(run.save(tmp_path / "run.nc")))
    assert lost.value("signal_growth_time") is None
    assert "does not hold the start" in lost["signal_growth_time"].why_not
    assert lost.value("coupling") == setting_of(run.params).coupling


def check_words(found: Predictions) -> None:
    """Every entry has unit, kind and source, and either a value or a reason; all texts can be shown anywhere."""
    assert found.names == tuple(quantity.name for quantity in QUANTITIES)
    for entry in found:
        assert entry.unit in ("step", "1", "1/time", "word")
        assert entry.kind in get_args(Kind)
        assert entry.source
        assert (entry.value is None) == bool(entry.why_not), entry.name
        assert not (isinstance(entry.value, float) and math.isnan(entry.value)), entry.name
    str(found).encode("ascii")
    assert "<table>" in found._repr_html_()
    json.loads(json.dumps(found.to_dict(), allow_nan=False))


AMOUNTS = st.one_of(st.floats(1e-3, 10.0), st.floats(5e-324, 1.7e308), st.sampled_from([1e-200, 1e-30, 1e30, 1e200]))
EXPERIMENTS = st.fixed_dictionaries(
    {
        "dimension": st.sampled_from([2, 3, 7, 60, 300, 10**9, 10**18]),
        "patches": st.integers(2, 4),
        "samples": st.integers(1, 8),
        "neurons": st.integers(1, 6),
        "power": st.one_of(st.sampled_from([2.0, 2.0 + 1e-12, 3.0, 5.0, 50.0, 1000.0]), st.floats(2.0, 8.0)),
        "signal_strength": st.one_of(st.just(0.0), AMOUNTS),
        "noise_std": st.one_of(st.just(0.0), AMOUNTS),
        "init_std": AMOUNTS,
        "gap": st.one_of(st.sampled_from([0.0, 1.0, -1.0, 1e-300]), st.floats(0.0, 1.0)),
        "adversarial_weight": st.one_of(st.sampled_from([0.0, 1.0, 1e-300]), st.floats(0.0, 1.0)),
        "learning_rate": AMOUNTS,
        "threat": st.sampled_from(["signal_span", "fixed_direction", "none", "fgsm"]),
        "activation": st.sampled_from(["power", "power", "power", "power", "relu", "linear"]),
        "steps": st.one_of(st.none(), st.integers(1, 10**18)),
        "seed": st.integers(0, 3),
    }
)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(EXPERIMENTS)
def test_every_experiment_is_answered(values: dict[str, object]) -> None:
    try:
        params = Params.from_paper(values.pop("dimension"), **values)
    except ParameterError:
        return
    check_words(predict(params))


@pytest.mark.parametrize("changes", [{}, {"activation": "relu"}, {"threat": "fgsm"}, {"dimension": 2}, {"seed": 3}])
def test_silence_is_explained(changes: dict[str, object]) -> None:
    found = predict(small(**changes))
    check_words(found)
    if changes.get("activation") == "relu":
        assert all("relu" in entry.why_not for entry in found)
        assert "No value for everything" in str(found)


def test_parameters_that_no_machine_can_run_are_answered_with_the_reason() -> None:
    found = predict(Params.from_paper(10**6, samples=10**9))
    check_words(found)
    assert found.value("coupling") is not None
    assert "needs" in found["memorization_times"].why_not
    assert "needs" in found.notes[0]


def test_other_arguments_and_names_are_refused() -> None:
    with pytest.raises(UserError, match="is 'params', but must be a Params or a Run"):
        predict("params")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="'growth' is not predicted; the quantities are regime"):
        predict(small())["growth"]


def test_one_neuron_has_the_closed_forms() -> None:
    """m = 1, N = 1, P = 2, gap 0: T_I, chi, R and the plateau by hand."""
    params = next(
        p
        for seed in range(20)
        if draw_starts(p := small(dimension=10**8, samples=1, neurons=1, patches=2, gap=0.0, seed=seed)).signal[0] > 0
        and draw_starts(p).noise[0, 0] > 0
    )
    starts, found = draw_starts(params), predict(params)
    u, v, alpha, lam = starts.signal[0], starts.noise[0, 0], params.signal_strength, params.adversarial_weight
    # u' = eta q (1-lam) alpha^3 u^2 s(alpha^3 u^3), integrated by Simpson's rule on 20,001 points (error below 1e-12)
    grid = np.linspace(u, 1.0 / alpha, 20_001)
    slowness = (1.0 + np.exp((alpha * grid) ** 3)) / (params.learning_rate * 3 * (1 - lam) * alpha**3 * grid**2)
    weights = np.array([1.0, *[4.0, 2.0] * 9_999, 4.0, 1.0]) * (grid[1] - grid[0]) / 3.0
    assert found.value("signal_growth_time") == pytest.approx(float(weights @ slowness), rel=1e-9)
    assert found.value("coupling") == pytest.approx(1 / (params.init_std * params.noise_std * 1e8), rel=1e-14)
    kappa = setting_of(params).patch_energy
    assert found.value("control_ratio") == pytest.approx(alpha**3 * u / (kappa * v), rel=1e-12)
    assert found.value("plateau_height") == math.inf
    assert found.value("escape_time") == math.inf
    window = found.value("signal_growth_window")
    assert window.lower <= found.value("signal_growth_time") <= window.upper


def test_edges_and_regime_agree() -> None:
    """The gap of an edge is where its two times, or the margin and the noise, are equal; the regime is their side."""
    params = Params.from_paper(10**6, samples=10, patches=2, neurons=10, sampling="gram", seed=2)
    found = predict(params)
    assert found.value("regime") == "robust overfitting"
    assert found.value("memorise_escape_log_ratio") < 0
    assert params.gap < found.value("overfitting_gap")
    margin = found.value("attacked_signal_margin") * (found.value("overfitting_gap") / params.gap) ** 3
    assert margin == pytest.approx(found.value("test_noise_std"), rel=1e-9)
    distance = 3.0 * np.log(params.gap / found.value("overfitting_gap"))
    assert found.value("overfitting_log_ratio") == pytest.approx(distance, rel=1e-9)
    wide = predict(params.replace(gap=0.5))
    assert wide.value("regime") == "robust by signal"
    assert wide.value("memorise_escape_log_ratio") > 0
    edge = memorise_escape_gap(
        1.0, 2.0, power=3.0, signal_strength=2.0, samples=3.0, patch_energy=4.0
    )  # N (gap alpha)^3 u / (kappa v) = 1
    assert 3.0 * (2.0 * edge) ** 3 * 2.0 / 4.0 == pytest.approx(1.0, rel=1e-12)


def test_predicted_end_of_a_run_is_met() -> None:
    """At small coupling the margins, and the test errors, of a run are those that were predicted before it."""
    params = Params.from_paper(
        10**8, samples=10, patches=2, neurons=6, init_exponent=-0.33, init_polylog=1.0, engine="flow", sampling="gram",
        flow_tolerance=1e-6, records=2, seed=4,
    )  # fmt: skip
    found, run = predict(params), simulate(params)
    horizon = float(run.data["step"][-1])
    told = predict(params.replace(steps=int(horizon)))
    assert found.value("end") == pytest.approx(horizon, rel=3 * found.value("coupling"))  # T_mem moves by the coupling
    # a(T) up to log log T, V_i up to the coupling: of 20 and 14, a tenth
    assert told.value("signal_margin") == pytest.approx(float(run.final("signal_margin")), rel=0.1)
    assert told.value("noise_margins") == pytest.approx(run.final("memorization"), rel=0.1)
    assert told.value("clean_test_error") <= told.value("clean_test_error_bound") < 1e-3
    assert told.value("robust_test_error") == pytest.approx(0.5, abs=0.01)
    assert float(run.final("clean_test_error")) == 0.0
    # 2000 fresh samples: three standard deviations of a share near 1/2
    assert float(run.final("robust_test_error")) == pytest.approx(told.value("robust_test_error"), abs=0.034)


def test_hypotheses_are_those_of_the_regime_report() -> None:
    params = small(gap=0.9)
    reported = {slack.name.split(": ")[1]: slack.slack for slack in regime_report(params)}
    found = predict(params)
    for quantity, entry in zip(QUANTITIES, found, strict=True):
        assert {slack.name for slack in entry.hypotheses} == set(quantity.hypotheses)
        for slack in entry.hypotheses:
            assert slack.slack == reported[slack.name]
    failing = {slack.name for slack in found["robust_test_error"].failing}
    assert failing == {name for name in reported if reported[name] <= 0} & {
        slack.name for slack in found["robust_test_error"].hypotheses
    }
    assert f"fails: {', '.join(f'{s.name} {s.slack:+.2g}' for s in found['robust_test_error'].failing)}" in str(found)


def test_plot_draws_the_predictions_over_a_run() -> None:
    run = simulate(small())
    texts = [text.get_text() for text in predict(run).plot(run).axes[1].get_legend().get_texts()]
    assert "predicted curve" in texts


def test_kinds_of_values_are_told_apart() -> None:
    found = predict(small())
    assert isinstance(found.value("signal_growth_quantiles"), Quantiles)
    assert isinstance(found.value("signal_margin_curve"), Curve)
    assert found.value("memorization_times").shape == (6,)
    assert found.value("unheard of") is None
    assert len(found) == len(QUANTITIES)
