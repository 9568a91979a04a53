"""``cgrosim images landscape``: what it writes and says, how it goes on, and its one sentence for bad input."""

import dataclasses
import re

import numpy as np
import pytest
import tyro

from cgrosim.commands.images_landscape import Landscape
from cgrosim.commands.images_options import TrainingOptions
from cgrosim.errors import UserError
from cgrosim.images.experiments import landscape_study
from cgrosim.images.experiments.landscape_file import load
from cgrosim.images.training import train as training
from cgrosim.images.training.defaults import DEFAULTS
from cgrosim.images.training.train import Training

TINY = TrainingOptions(subset="50", validation="0", width="1", epochs="2", evaluation_samples="20", attack_steps="2")
SMALL = Landscape(TINY, networks="2", points="10", ascent_steps="2")


def test_the_options_are_read_from_the_command_line():
    words = ["--networks", "3", "--ascent-steps", "7", "--radius", "8/255"]
    found = tyro.cli(Landscape, args=words, config=(tyro.conf.OmitArgPrefixes,))
    study = found.study()
    assert study.training_radius == 8 / 255
    assert len(study.any_settings.snapshots) == 3
    assert study.search.steps == 7


def test_it_writes_table_figure_and_file_and_goes_on(tmp_path, capsys, monkeypatch):
    small = dataclasses.replace(SMALL, out=tmp_path)
    assert small.run() == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    for words in ("lower bounds of the maxima: linf PGD-2", "test / train", "within the training radius", "beyond it"):
        assert words in said
    assert (tmp_path / "landscape.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    data = load(tmp_path / "landscape.nc")
    assert data["epoch"].values.tolist() == [1, 2]
    assert np.all(np.isfinite(data["value_change"]))
    assert Training.load(tmp_path / "adversarial.npz").status == "finished"

    def refuse(*anything, **named):
        raise AssertionError("what is finished was done again")

    monkeypatch.setattr(landscape_study, "measure", refuse)
    monkeypatch.setattr(training, "_next_epoch", refuse)
    assert small.run() == 0


def test_the_balls_have_the_norm_of_the_attack(tmp_path, capsys):
    small = dataclasses.replace(SMALL, options=dataclasses.replace(TINY, norm="l2"), out=tmp_path)
    assert small.run() == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "lower bounds of the maxima: l2 PGD-2" in said
    data = load(tmp_path / "landscape.nc")
    assert (data.attrs["norm"], data.attrs["training_radius"]) == ("l2", DEFAULTS["digits"].l2_radius)
    assert data["gradient_norm"].attrs["long_name"].startswith("largest l_2 norm")
    for name in ("gradient_norm", "value_change"):
        along = data[name].transpose(..., "radius").values
        assert np.all(np.diff(along, axis=-1) >= 0.0)
        assert np.all(along[..., -1] > 0.0)
    assert (tmp_path / "landscape.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_it_refuses_a_directory_of_other_settings(tmp_path):
    small = dataclasses.replace(SMALL, out=tmp_path)
    assert small.run() == 0
    with pytest.raises(UserError, match=r"landscape\.nc holds a landscape of other settings"):
        dataclasses.replace(small, points="5").run()
    with pytest.raises(UserError, match="other settings"):
        dataclasses.replace(small, options=dataclasses.replace(TINY, seed="1")).run()


def test_a_divergence_has_status_1_and_what_was_reached_is_told(tmp_path, capsys):
    options = dataclasses.replace(TINY, learning_rate="1e9", weight_decay="1", epochs="9")
    assert dataclasses.replace(SMALL, options=options, out=tmp_path).run() == 1
    assert "smaller learning rate" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"networks": "0"}, "networks is 0"),
        ({"networks": "3"}, "between 1 and epochs = 2"),
        ({"points": "some"}, "points is 'some'"),
        ({"points": "0"}, "points is 0"),
        ({"ascent_steps": "0"}, "steps of the landscape search is 0"),
        ({"restarts": "-1"}, "restarts of the landscape search is -1"),
        ({"options": dataclasses.replace(TINY, adversarial_weight="0")}, "standard training is done in any case"),
        ({"options": dataclasses.replace(TINY, dataset="imagenet")}, "imagenet"),
    ],
)
def test_bad_input_is_one_sentence(changes, words, tmp_path):
    with pytest.raises(UserError, match=words):
        dataclasses.replace(SMALL, **changes, out=tmp_path).run()
    assert not list(tmp_path.iterdir())
