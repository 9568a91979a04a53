"""The figure of the stages on images: what it says, and that odd runs can be drawn."""

import json

import numpy as np
import pytest

from cgrosim.figures import save_figure, style
from cgrosim.figures.image_stages import image_stages_figure
from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.experiments.stage_training import run_stages, stage_data

SHORT = StageSettings(filters=6, samples=20, test_samples=40, steps=60, records=6, learning_rate=0.5)


def run_of(**changes):
    settings = SHORT.replace(**changes)
    return run_stages(settings, stage_data(settings, load_dataset("digits")))


@pytest.fixture(scope="module")
def runs():
    return {"Standard": run_of(adversarial_weight=0.0), "Adversarial": run_of()}


def texts(figure):
    found = [text.get_text() for text in figure.texts] + [figure.get_suptitle()]
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), axes.get_ylabel(), axes.get_xlabel()]
        found += [text.get_text() for text in axes.texts]
    return "\n".join(found)


def test_it_says_the_data_the_attack_and_every_verdict(runs, tmp_path):
    figure = image_stages_figure(runs)
    said = texts(figure)
    for expected in ("digits", "0 against 1", "20 training", "class-mean direction", "Standard", "Adversarial"):
        assert expected in said
    for run in runs.values():
        for verdict in json.loads(run.attrs["stages"]):
            assert verdict["stage"] in said
            assert verdict["reason"][:20] in said
    path = save_figure(figure, tmp_path / "stages.png", dpi=40)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_both_columns_have_the_same_scales_and_draw_the_records(runs):
    figure = image_stages_figure(runs)
    left, right = figure.axes[1:6], figure.axes[7:12]
    for one, other in zip(left, right, strict=True):
        assert one.get_ylim() == other.get_ylim()
    for axes, run in ((left[0], runs["Standard"]), (right[0], runs["Adversarial"])):
        drawn = next(line for line in axes.lines if line.get_color() == style.BLUE)
        assert np.array_equal(drawn.get_ydata(), run.signal_margin.mean("class")[1:])
        assert np.array_equal(drawn.get_xdata(), run.step[1:])
    robust = next(
        line for line in right[4].lines if line.get_color() == style.VERMILION
    )  # test in full, training dashed and darker
    assert np.array_equal(robust.get_ydata(), runs["Adversarial"].robust_test_accuracy[1:])


def test_stages_that_were_not_seen_are_not_in_the_strip(runs):
    run = runs["Adversarial"]
    verdicts = [dict(v, seen=False) for v in json.loads(run.attrs["stages"])]
    figure = image_stages_figure({"None": run.assign_attrs(stages=json.dumps(verdicts))})
    assert not figure.axes[0].texts
    assert texts(figure).count("NOT seen") == 3
    seen = [dict(v, seen=True) for v in verdicts]
    changed = run.assign(signal_growth_time=10.0, half_memorized_time=30.0).assign_attrs(stages=json.dumps(seen))
    strip = image_stages_figure({"All": changed}).axes[0]
    # the box of the last stage is too narrow for its name, which stands beside it
    assert [text.get_text().split()[0] for text in strip.texts] == ["I", "II", "III", "memorisation"]


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 1e150},
        {"steps": 1},
        {
            "classes": tuple(range(10)),
            "class_names": tuple("0123456789"),
            "filters": 10,
            "attack": ClassMeanAttack(0.1, search=False),
        },
    ],
    ids=["diverged", "one step", "ten classes"],
)
def test_odd_runs_can_be_drawn(changes, tmp_path):
    run = run_of(**changes)
    figure = image_stages_figure({"Run": run})
    save_figure(figure, tmp_path / "stages.png", dpi=40)
    assert (run.attrs["status"].upper() in texts(figure)) == (run.attrs["status"] != "finished")
