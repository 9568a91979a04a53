"""``cgrosim images stages``: what it writes and says, how it goes on, and its one sentence for bad input."""

import dataclasses
import json
import re

import numpy as np
import pytest
import tyro
import xarray

from cgrosim.commands import images_stages
from cgrosim.commands.images_stages import Stages
from cgrosim.errors import UserError
from cgrosim.images.attacks import evaluation
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.experiments.stage_records import load

SMALL = Stages(subset="20", test_subset="30", filters="6", steps="30", records="4")


def test_the_options_are_read_from_the_command_line():
    words = ["--classes", "3", "8", "--attack", "linf", "--radius", "8/255", "--subset", "all", "--seed", "4"]
    found = tyro.cli(Stages, args=words)
    assert found.classes == ("3", "8")
    assert (found.radius, found.subset, found.seed) == ("8/255", "all", "4")


def test_it_writes_both_runs_and_the_figure_and_says_what_was_seen(tmp_path, capsys):
    small = dataclasses.replace(SMALL, out=tmp_path / "out")
    assert small.run() == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    for words in ("I signal growth", "II stagnation", "III memorisation", "class-mean direction", "by these rules"):
        assert words in said
    assert (tmp_path / "out" / "image_stages.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    standard, adversarial = (load(tmp_path / "out" / f"{name}.nc") for name in ("standard", "adversarial"))
    assert standard.attrs["attack"].startswith("trained without attack; measured by class-mean")
    assert adversarial.attrs["attack"].startswith("trained against class-mean")
    assert np.array_equal(standard.weights[0], adversarial.weights[0])  # the same start
    params = json.loads(adversarial.attrs["params"])
    assert params["class_names"] == ["0", "1"]
    assert params["samples"] == adversarial.sizes["sample"] == 20
    assert small.run() == 0  # goes on where it stopped: at the end
    xarray.testing.assert_identical(load(tmp_path / "out" / "adversarial.nc").drop_attrs(), adversarial.drop_attrs())
    with pytest.raises(UserError, match="other params"):
        dataclasses.replace(small, filters="8").run()


def test_a_pixel_attack_is_checked_by_a_black_box(tmp_path, monkeypatch):
    checked = []
    evaluate = evaluation.evaluate

    def watching(network, images, labels, attack, generator):
        checked.append(attack)
        found = evaluate(network, images, labels, attack, generator, black_box_samples=5, black_box_queries=5)
        return dataclasses.replace(found, warnings=("the gradients are masked",))

    monkeypatch.setattr(evaluation, "evaluate", watching)
    printed = []
    monkeypatch.setattr(images_stages.console, "print", lambda *texts, **how: printed.append(str(texts)))
    dataclasses.replace(SMALL, attack="linf", attack_steps="2", steps="5", out=tmp_path).run()
    assert checked == [Attack.pgd("linf", 0.1, 4)] * 2
    assert sum("the gradients are masked" in text for text in printed) == 2


def test_all_classes_train_with_sums_of_their_filters(tmp_path):
    words = {"classes": ("all",), "attack": "class-mean-shift", "filters": "10", "steps": "5"}
    assert dataclasses.replace(SMALL, **words, out=tmp_path).run() == 0
    assert load(tmp_path / "adversarial.nc").sizes["class"] == 10


def test_a_divergence_has_status_1(tmp_path):
    assert dataclasses.replace(SMALL, learning_rate="1e150", out=tmp_path).run() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "imagenet"}, "must be one of digits"),
        ({"classes": ("0", "x")}, "classes is 'x'"),
        ({"classes": ("0", "17")}, "has 0 to 9"),
        ({"classes": ("0",)}, "at least two"),
        ({"attack": "fog"}, "must be one of class-mean"),
        ({"gap": "2"}, "gap is 2"),
        ({"classes": ("0", "1", "2")}, "needs two classes"),
        ({"adversarial_weight": "0"}, "standard training is done in any case"),
        ({"steps": "many"}, "must be a whole number"),
        ({"patch": "5"}, "does not divide"),
        ({"dataset": "mnist", "data_dir": "/nowhere"}, "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(changes, words, tmp_path):
    if "data_dir" in changes:
        changes = {**changes, "data_dir": tmp_path / "nowhere"}
    with pytest.raises(UserError, match=words):
        dataclasses.replace(SMALL, **changes, out=tmp_path).run()
