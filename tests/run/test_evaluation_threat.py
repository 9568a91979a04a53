"""Robust errors are measured with an attack or not at all: training without attack does not look robust."""

import json

import numpy as np
import pytest

import cgrosim
from cgrosim import Params, escaped, grown, memorised, simulate
from cgrosim.commands.simulate import stage_rows
from cgrosim.errors import ParameterError

STANDARD = Params.from_paper(200, samples=6, neurons=5, records=5, test_samples=50, steps=300, threat="none")
ROBUST = ("robust_train_error", "robust_test_error", "adversarial_loss", "attacked_signal_margin")


@pytest.mark.parametrize("activation", ["power", "smoothed_relu"])
@pytest.mark.parametrize("engine", ["direct", "reduced"])
def test_standard_training_is_measured_with_the_attack_of_the_paper(engine, activation):
    params = STANDARD.replace(engine=engine, activation=activation)
    measured = simulate(params)
    attacked = simulate(params.replace(threat="signal_span", adversarial_weight=0.0))  # the same training
    assert np.any(measured.values("robust_train_error") > 0.0)
    for name in (*ROBUST, "clean_loss", "training_loss"):
        assert measured.values(name) == pytest.approx(attacked.values(name), rel=1e-9, abs=1e-9), name
    assert measured.values("training_loss") == pytest.approx(measured.values("clean_loss"), rel=1e-15)


def test_the_attack_line_says_what_was_trained_and_what_was_measured():
    assert STANDARD.attack_description.startswith("trained without attack; robust errors: signal_span, radius ")
    trained = STANDARD.replace(threat="signal_span", evaluation_threat="fixed_direction")
    assert trained.attack_description.startswith("trained under signal_span, radius ")
    assert "; robust errors: fixed_direction, radius " in trained.attack_description


@pytest.mark.parametrize("changes", [{"gap": 1.0}, {"evaluation_threat": "none"}])
def test_what_was_not_attacked_is_unknown_and_not_drawn(changes):
    run = simulate(STANDARD.replace(**changes))
    for name in ROBUST:
        assert np.isnan(run.values(name)).all(), name
    assert run.params.attack_description == "no attack, robust errors not measured"
    row = stage_rows(run, None)[-1][-1]
    assert "clean test" in row
    assert "robust" not in row
    written = [text.get_text() for axes in run.plot().axes for text in axes.texts]
    assert not [text for text in written if "robust" in text or "attacked" in text or "adversarial" in text]


def test_a_file_from_before_is_not_said_to_have_been_measured(tmp_path):
    run = simulate(STANDARD)
    old = json.loads(run.data.attrs["params"])
    del old["evaluation_threat"]
    run.data.attrs["params"] = json.dumps(old)
    run.save(tmp_path / "run.nc")
    assert cgrosim.load(tmp_path / "run.nc").params.attack_description == "no attack, robust errors not measured"


def test_training_under_a_search_can_be_measured_with_the_attack_on_the_signal():
    params = STANDARD.replace(threat="l2_pgd", evaluation_threat="signal_span", attack_steps=2, steps=5)
    run = simulate(params)
    assert np.isfinite(run.values("attacked_signal_margin")).all()
    assert np.isfinite(run.values("robust_test_error")).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evaluation_threat": "l2_pgd"}, "take threat l2_pgd and adversarial_weight 0"),
        ({"evaluation_threat": "signal_span", "gap": -0.5}, "the evaluation_threat signal_span allows at most"),
    ],
)
def test_an_evaluation_that_cannot_be(changes, words):
    with pytest.raises(ParameterError, match=words):
        STANDARD.replace(**changes)


def test_what_is_not_attacked_has_no_time_of_escape():
    """The attacked signal margin of training without attack is the clean one: its "escape" was the growth."""
    params = Params.from_paper(200, samples=5, neurons=8, gap=1.0, steps=200, test_samples=10, records=5)
    run = simulate(params.replace(threat="none"))
    assert np.isfinite(float(run.data["signal_growth_time"]))
    assert np.isnan(float(run.data["escape_time"]))
    assert run.data["escape_time"].attrs["comment"] == "nothing is attacked in training"
    attacked = simulate(params)
    assert np.isfinite(float(attacked.data["escape_time"]))
    assert "comment" not in attacked.data["escape_time"].attrs
    with pytest.raises(ParameterError, match="but nothing is attacked in training"):
        simulate(params.replace(threat="none"), until=escaped())
    simulate(params.replace(threat="none"), until=memorised() | grown())
