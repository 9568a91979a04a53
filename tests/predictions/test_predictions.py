"""The bridge from runs to the theory: settings, starts, predictions and the regime report."""

import numpy as np
import pytest

from cgrosim import Params, predict, simulate
from cgrosim.predictions.clock import Clock
from cgrosim.predictions.regime import regime_report, slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.predictions.starts import starts_of_run
from cgrosim.run.results import Run
from cgrosim.theory.scaling import paper_setting


def flow_run(**changes: object) -> Run:
    values = {"samples": 20, "patches": 2, "engine": "flow", "records": 1, "test_samples": 0, "seed": 3} | changes
    return simulate(Params.from_paper(values.pop("dimension", 2000), **values))


@pytest.fixture(scope="module")
def run() -> Run:
    return flow_run(dimension=10**8, sampling="gram", init_exponent=-0.33, init_polylog=1.0)


@pytest.mark.parametrize("dimension", [1e3, 1e12])
def test_the_paper_s_parameters_agree_on_both_sides(dimension: float) -> None:
    ours = setting_of(Params.from_paper(dimension))
    theirs = paper_setting(dimension)
    for name in theirs.__dataclass_fields__:
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-13), name


def test_without_an_attack_both_losses_are_clean() -> None:
    assert setting_of(Params.from_paper(1000, threat="none")).adversarial_weight == 0.0


@pytest.mark.parametrize("sampling", ["gram", "explicit"])
def test_starts_are_those_of_the_run(sampling: str) -> None:
    recorded = flow_run(sampling=sampling, patches=3)
    starts = starts_of_run(recorded)
    assert starts is not None
    largest = recorded.data["noise_correlation_max"].isel(step=0).values
    # sums of d = 2000 products in another order: 2000 * 2^-53 relative to the sum of sizes, about sqrt(d) entries
    np.testing.assert_allclose(starts.noise.max(axis=1), largest, rtol=1e-9, atol=0.0)


def test_foreign_starts_are_refused(run: Run) -> None:
    foreign = Run(run.data.assign(signal_correlation=run.data["signal_correlation"] + 1.0), run.params)
    assert starts_of_run(foreign) is None
    found = predict(foreign)
    assert found.value("memorization_times") is None
    assert found.value("coupling") is not None
    assert "cannot be drawn again" in "".join(found.notes)


def test_predictions_meet_the_run_where_the_coupling_is_small(run: Run) -> None:
    found = predict(run)
    measured = run.data["memorization_time"].values
    coupling = found.value("coupling")
    assert coupling == pytest.approx(1e8 ** -(1 - 0.33 - 0.509), rel=1e-12)
    ratio = measured / found.value("memorization_times")
    # one kick moves the log-time by about chi times a normal; the median of 20 samples (and of 200 kicks) stays within
    assert abs(np.log(np.median(ratio))) < 3 * coupling
    growth = found.value("signal_growth_time")
    assert growth == pytest.approx(float(run.data["signal_growth_time"]), rel=1e-3)
    grown = run.data["step"].values > 100 * growth
    told = found.value("signal_margin_curve")
    curve = np.interp(np.log(run.data["step"].values[grown]), np.log(told.steps), told.values)
    before = run.data["step"].values[grown] < measured.min() / 2
    actual = run.data["signal_margin"].values[grown]
    # gradient flow against quadrature; linear interpolation between 240 steps of the curve is good to 1e-3
    np.testing.assert_allclose(curve[before], actual[before], rtol=5e-3)


def test_the_law_and_its_quantiles_are_one_law(run: Run) -> None:
    found = predict(run)
    law, quantiles = found.value("memorization_law"), found.value("memorization_quantiles")
    assert np.all(np.diff(law.values) >= 0)
    at = np.interp([quantiles.low, quantiles.median, quantiles.high], law.steps, law.values)
    # the quantiles take the mean patch energy: relative spread sqrt(2/d) = 1e-4 here, plus interpolation
    np.testing.assert_allclose(at, quantiles.levels, atol=2e-3)
    assert found.value("last_memorization_quantiles").median > quantiles.high


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"activation": "relu", "steps": 50}, "relu"), ({"noise_std": 0.0, "steps": 50}, "noise_std")],
)
def test_silence_where_the_theory_has_nothing_to_say(changes: dict[str, object], word: str) -> None:
    found = predict(flow_run(**changes))
    assert all(entry.value is None and word in entry.why_not for entry in found)
    assert word in found.notes[0]


def test_standard_training_predicts_no_memorisation() -> None:
    found = predict(flow_run(adversarial_weight=0.0))
    assert found.value("memorization_times") is None
    assert "standard training" in found["memorization_times"].why_not
    assert found.value("escape_time") == np.inf
    assert found.value("regime") == "standard training"
    assert any("Standard training" in note for note in found.notes)


def test_a_strong_residual_signal_is_predicted_to_escape() -> None:
    run = flow_run(gap=0.2, samples=50)
    found = predict(run)
    assert found.value("escape_time") == pytest.approx(float(run.data["escape_time"]), rel=0.05)
    assert found.value("regime") == "robust by signal"
    assert any("robust generalization" in note for note in found.notes)


def test_exposure_and_time_are_inverse_with_and_without_a_live_neuron() -> None:
    params = Params.from_paper(1000)
    for signal in ([0.1, -0.2], [-0.1, -0.2]):
        clock = Clock(params, signal)
        steps = np.geomspace(1.0, 1e8, 9)
        np.testing.assert_allclose(clock.times(clock.exposures(steps)), steps, rtol=1e-9)
    assert Clock(params, [-1.0]).flow is None


def test_the_regime_report_groups_hypotheses_and_tells_a_failure() -> None:
    families = [slack.name.split(":")[0] for slack in regime_report(Params.from_paper(10**6))]
    assert families == sorted(families, key=families.index)
    assert len(set(families)) == 4
    bad = {s.name: s.slack for s in regime_report(Params.from_paper(10**6, gap=0.9))}
    assert bad["memorisation: memorises-before-escape"] < 0
    assert regime_report(Params.from_paper(1000, activation="linear"))[0].slack == -np.inf
    assert [s.name for s in slacks(Params.from_paper(1000), "signal-beats-noise")] == ["signal-beats-noise"]
