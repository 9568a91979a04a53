"""Every experiment takes images of one's own, says in every result which they were, and refuses others on resuming."""

import json
import shutil

import numpy as np
import pytest
from own_images import striped_images, write_folder

from cgrosim.commands.main import main
from cgrosim.images import load_dataset
from cgrosim.images.experiments import landscape_file, stage_records
from cgrosim.images.training.train import Training

SMALL = ["--epochs", "1", "--attack-steps", "1", "--evaluation-steps", "1", "--evaluation-samples", "10",
         "--batch-size", "30"]  # fmt: skip
STAGES = ["--steps", "3", "--records", "1", "--samples", "10", "--test-samples", "4", "--filters", "2"]
NETWORK = """
[[layers]]
layer = "Convolution"
filters = 2
size = 3

[[layers]]
layer = "FullyConnected"
"""
ASKED = {
    "train": [*SMALL, "--restarts", "1", "--network", "mine.toml"],
    "capacity": [*SMALL, "--restarts", "1", "--widths", "1", "--seeds", "1", "--architecture", "lenet"],
    "cures": [*SMALL, "--restarts", "1", "--network", "mine.toml", "--weight-decays", "0"],
    "landscape": [*SMALL, "--networks", "1", "--points", "4", "--ascent-steps", "1", "--network", "mine.toml"],
    "stages": STAGES,
}


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with images and a network, from where the commands are given."""
    monkeypatch.chdir(tmp_path)
    images, labels = striped_images(40)
    np.savez("my.npz", images=images, labels=labels)
    write_folder(tmp_path / "pets", images, labels, names=["cat", "dog"])
    (tmp_path / "mine.toml").write_text(NETWORK)
    return tmp_path


@pytest.fixture
def no_figures(monkeypatch):
    """The figures have tests of their own."""
    monkeypatch.setattr("cgrosim.images.experiments.runner.write_figures", lambda *given, **more: [])


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", ASKED)
def test_every_experiment_takes_them_and_says_which(name, mine, no_figures, capsys):
    place = "pets" if name == "stages" else "./my.npz"
    assert main(["images", name, "--dataset", place, *ASKED[name], "--out", "out"]) == 0
    digest = load_dataset(place).digest
    told = json.loads((mine / "out" / "experiment.json").read_text())
    assert told["data"] == digest
    for path in (mine / "out").glob("*.json"):
        assert json.loads(path.read_text())["data"] == digest, path
    for path in (mine / "out").glob("*.npz"):
        if name != "stages":
            assert Training.load(path).data == digest
            assert Training.load(path).settings.dataset == "my.npz"
    for path in (mine / "out").glob("*.nc"):
        found = (stage_records if name == "stages" else landscape_file).load(path)
        assert found.attrs["data"] == digest


def test_others_under_the_same_name_are_refused(mine, no_figures, capsys):
    command = ["images", "train", "--dataset", "my.npz", *ASKED["train"], "--out", "out"]
    assert main(command) == 0
    images, labels = striped_images(40)
    images[0, 0, 0] ^= 1
    np.savez(mine / "my.npz", images=images, labels=labels)
    capsys.readouterr()
    assert main(command) == 2
    assert "holds results of other images" in words(capsys.readouterr().err)
    (mine / "out" / "experiment.json").unlink()
    for path in (mine / "out").glob("*.json"):
        path.unlink()
    assert main(command) == 2
    assert "without its plan" in words(capsys.readouterr().err)
    shutil.rmtree(mine / "out" / "cells.zarr")
    assert main(command) == 2
    assert "holds a training on other images" in words(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("train", ["--dataset", "nowhere/x.npz"], "there are no images at nowhere/x.npz"),
        ("stages", ["--dataset", "pets", "--classes", "0,2"], "classes contain 2, but pets has 0 to 1."),
        ("train", ["--dataset", "my.npz", "--network", "none.toml"], "none.toml cannot be read"),
        ("train", ["--dataset", "my.npz", "--network", "mine.toml", "--width", "2"], "which has its own width"),
        ("capacity", ["--dataset", "my.npz", "--network", "mine.toml"], "which has one width"),
        ("train", ["--dataset", "my.npz", "--validation", "40"], "ask for 41 training images"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(name, arguments, told, mine, capsys):
    assert main(["images", name, *arguments, "--out", "out"]) == 2
    error = words(capsys.readouterr().err)
    assert told in error
    assert "Traceback" not in error
