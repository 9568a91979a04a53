"""``cgrosim images stages``: what it writes and says, how it goes on, and its one sentence for bad input."""

import dataclasses
import json
import re

import numpy as np
import pytest
import xarray

from cgrosim.commands.main import main
from cgrosim.images.attacks import evaluation
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.experiments.catalogue.stages import StageOptions
from cgrosim.images.experiments.stage_records import load

SMALL = ["--subset", "20", "--test-subset", "30", "--filters", "6", "--steps", "30", "--records", "4"]


def stages(out, *more):
    return main(["images", "stages", *SMALL, *more, "--out", str(out)])


def words(captured):
    return re.sub(r"\s+", " ", captured)


@pytest.mark.parametrize("classes", ["3 8", "3,8", ("3", "8")])
def test_the_options_make_the_experiment(classes):
    settings = (
        StageOptions(classes=classes, attack="linf", radius="8/255", samples="all", seed="4").experiment().settings
    )
    assert (settings.classes, settings.class_names) == ((3, 8), ("3", "8"))
    assert (settings.attack.radius, settings.samples, settings.seed) == (8 / 255, None, 4)
    assert settings.measuring_attack.steps == 2 * settings.attack.steps


def test_it_writes_both_runs_and_the_figure_and_says_what_was_seen(tmp_path, capsys):
    out = tmp_path / "out"
    assert stages(out, "--classes", "0", "1") == 0
    said = words(capsys.readouterr().out)
    for text in ("I signal growth", "II stagnation", "III memorisation", "class-mean direction", "by these rules"):
        assert text in said
    assert (out / "image_stages.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    standard, adversarial = (load(out / f"{name}.nc") for name in ("standard", "adversarial"))
    assert standard.attrs["attack"].startswith("trained without attack; measured by class-mean")
    assert adversarial.attrs["attack"].startswith("trained against class-mean")
    assert np.array_equal(standard.weights[0], adversarial.weights[0])  # the same start
    params = json.loads(adversarial.attrs["params"])
    assert params["class_names"] == ["0", "1"]
    assert params["samples"] == adversarial.sizes["sample"] == 20
    assert stages(out) == 0  # goes on where it stopped: at the end
    xarray.testing.assert_identical(load(out / "adversarial.nc").drop_attrs(), adversarial.drop_attrs())
    assert stages(out, "--filters", "8") == 2
    assert "other settings (filters)" in words(capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.usefixtures("blank_figures")
def test_a_pixel_attack_is_checked_by_a_black_box(tmp_path, monkeypatch, capsys):
    checked = []
    evaluate = evaluation.evaluate

    def watching(network, images, labels, *, attack, generator):
        checked.append(attack)
        few = {"black_box_samples": 5, "black_box_queries": 5}
        found = evaluate(network, images, labels, attack=attack, generator=generator, **few)
        return dataclasses.replace(found, warnings=("the gradients are masked",))

    monkeypatch.setattr(evaluation, "evaluate", watching)
    assert stages(tmp_path, "--attack", "linf", "--attack-steps", "2", "--steps", "5") == 0
    assert checked == [Attack.pgd("linf", 0.1, 4)] * 2
    assert words(capsys.readouterr().out).count("the gradients are masked") == 2
    assert stages(tmp_path, "--attack", "linf", "--attack-steps", "2", "--steps", "5") == 0
    assert len(checked) == 2  # a check is kept


@pytest.mark.usefixtures("blank_figures")
def test_all_classes_train_with_sums_of_their_filters(tmp_path):
    more = ["--classes", "all", "--attack", "class-mean-shift", "--filters", "10", "--steps", "5"]
    assert stages(tmp_path, *more) == 0
    assert load(tmp_path / "adversarial.nc").sizes["class"] == 10


@pytest.mark.slow
def test_a_divergence_has_status_1(tmp_path):
    assert stages(tmp_path, "--learning-rate", "1e150") == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["--dataset", "imagenet"], "must be one of digits"),
        (["--classes", "0", "x"], "classes is 'x'"),
        (["--classes", "0", "17"], "has 0 to 9"),
        (["--classes", "0"], "at least two"),
        (["--attack", "fog"], "must be one of 'class-mean'"),
        (["--gap", "2"], "gap is 2"),
        (["--classes", "0", "1", "2"], "needs two classes"),
        (["--adversarial-weight", "0"], "standard training is done in any case"),
        (["--steps", "many"], "must be a whole number"),
        (["--patch", "5"], "does not divide"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(changes, told, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stages(tmp_path / "out", *changes) == 2
    assert told in words(capsys.readouterr().err)
