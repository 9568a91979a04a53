"""``cgrosim images landscape``: what it writes and says, how it goes on, and its one sentence for bad input."""

import re

import numpy as np
import pytest

from cgrosim.commands.main import main
from cgrosim.errors import ParameterError
from cgrosim.images.experiments.catalogue.landscape import Options
from cgrosim.images.experiments.landscape_file import load
from cgrosim.images.training.defaults import DEFAULTS
from cgrosim.images.training.train import Training

TINY = ["--subset", "50", "--validation", "0", "--width", "1", "--epochs", "2", "--evaluation-samples", "20",
        "--attack-steps", "2", "--networks", "2", "--points", "10", "--ascent-steps", "2"]  # fmt: skip


def landscape(out, *more):
    return main(["images", "landscape", *TINY, *more, "--out", str(out)])


def words(captured):
    return re.sub(r"\s+", " ", captured)


def test_the_options_make_the_experiment():
    study = Options(networks="3", ascent_steps="7", radius="8/255").experiment()
    assert study.training_radius == 8 / 255
    assert len(study.any_settings.snapshots) == 3
    assert study.search.steps == 7
    assert Options(measured_epochs=(9, 0, 2)).experiment().any_settings.snapshots == (0, 2, 9)
    for wrong in ((), (1, 1), (0, 1000), (-1,)):
        with pytest.raises(ParameterError, match=r"measured_epochs are .*, but must be different whole numbers"):
            Options(measured_epochs=wrong).experiment()


def test_it_writes_table_figure_and_file_and_goes_on(tmp_path, capsys, monkeypatch, request):
    assert landscape(tmp_path) == 0
    said = words(capsys.readouterr().out)
    for text in ("lower bounds of the maxima: linf PGD-2", "test / train", "within the training radius", "beyond it"):
        assert text in said
    assert (tmp_path / "landscape_epochs.png").stat().st_size > 5000
    assert (tmp_path / "landscape.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    data = load(tmp_path / "landscape.nc")
    assert data["epoch"].values.tolist() == [1, 2]
    assert np.all(np.isfinite(data["value_change"]))
    assert Training.load(tmp_path / "adversarial.npz").status == "finished"

    def refuse(*anything, **named):
        raise AssertionError("what is finished was done again")

    monkeypatch.setattr("cgrosim.images.training.train.new_network", refuse)
    monkeypatch.setattr("cgrosim.images.training.train._next_epoch", refuse)
    request.getfixturevalue("blank_figures")  # the true ones were drawn
    assert landscape(tmp_path) == 0
    assert landscape(tmp_path, "--seed", "1") == 2
    assert "other settings (seed)" in words(capsys.readouterr().err)


@pytest.mark.usefixtures("blank_figures")
def test_the_balls_have_the_norm_of_the_attack(tmp_path, capsys):
    assert landscape(tmp_path, "--norm", "l2") == 0
    said = words(capsys.readouterr().out)
    assert "lower bounds of the maxima: l2 PGD-2" in said
    data = load(tmp_path / "landscape.nc")
    assert (data.attrs["norm"], data.attrs["training_radius"]) == ("l2", DEFAULTS["digits"].l2_radius)
    assert data["gradient_norm"].attrs["long_name"].startswith("largest l_2 norm")
    for name in ("gradient_norm", "value_change"):
        along = data[name].transpose(..., "radius").values
        assert np.all(np.diff(along, axis=-1) >= 0.0)
        assert np.all(along[..., -1] > 0.0)
    assert (tmp_path / "landscape.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_divergence_has_status_1_and_what_was_reached_is_told(tmp_path, capsys):
    assert landscape(tmp_path, "--learning-rate", "1e9", "--weight-decay", "1", "--epochs", "9") == 1
    assert "smaller learning rate" in words(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["--networks", "0"], "networks is 0"),
        (["--networks", "3"], "between 1 and epochs = 2"),
        (["--points", "some"], "points is 'some'"),
        (["--points", "0"], "points is 0"),
        (["--ascent-steps", "0"], "steps of the landscape search is 0"),
        (["--restarts=-1"], "restarts of the landscape search is -1"),
        (["--adversarial-weight", "0"], "standard training is done in any case"),
        (["--dataset", "imagenet"], "imagenet"),
        (["--radius", "8"], "such as 8/255"),
    ],
)
def test_bad_input_is_one_sentence(changes, told, tmp_path, capsys):
    assert landscape(tmp_path / "out", *changes) == 2
    assert told in words(capsys.readouterr().err)
    assert not list(tmp_path.iterdir())
