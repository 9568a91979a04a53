"""The experiments on CIFAR-10 by epoch and on the landscape by epoch run at toy size and go on where they were."""

import importlib
import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("blank_figures")  # the true ones have tests of their own
SIMS = Path(__file__).parents[2] / "sims"
NAMES = ("images_cifar", "images_landscape_epochs")


@pytest.fixture
def load(monkeypatch):
    """A script, as ``python sims/NAME.py`` would load it, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in {"common", *NAMES} & (set(sys.modules) - before):
        del sys.modules[name]


def call(folder):
    return ["--toy", "--out", str(folder), "--networks", str(folder / "networks")]


def test_cifar_by_epoch_has_best_and_last_beside_the_published(load, tmp_path, monkeypatch):
    script = load("images_cifar")
    first = script.main(call(tmp_path))
    assert (tmp_path / "images_cifar.png").is_file()
    told = json.loads((tmp_path / "images_cifar.json").read_text())
    assert [row["selected"] for row in told["numbers"]["final"]["adversarial"]] == ["last", "validation-selected"]
    assert len(told["numbers"]["courses"]["adversarial"]["robust_test"]) == 3
    assert told["numbers"]["published, by weight decay, last epoch"]["0.0005"]["robust_test"] == 0.447
    assert (tmp_path / "networks" / "adversarial.npz").is_file()
    monkeypatch.setattr("cgrosim.images.training.train._descend", lambda *_: pytest.fail("trained again"))
    assert script.main(call(tmp_path))["numbers"]["final"] == first["numbers"]["final"]


def test_the_landscape_by_epoch_counts_what_falls_and_rises(load, tmp_path, monkeypatch):
    script = load("images_landscape_epochs")
    script.main(call(tmp_path))
    assert (tmp_path / "images_landscape_epochs_digits.png").is_file()
    told = json.loads((tmp_path / "images_landscape_epochs.json").read_text())
    trainings = told["numbers"]["trainings"]
    assert len(trainings) == len(told["seeds"]) == 1
    for each in trainings.values():
        assert len(each["means"]["value_change, train"]) == 2
        assert each["compared"] == []  # two epochs of a toy get less than half of the images right
        assert each["last over first"] == {}
    counted = script._count({"a, seed 1": {"last over first": {"what": [1.0, 0.9, 1.1, "rises"]}}})
    assert counted == {"a, what": {"falls": 0, "rises": 1, "undecided": 0}}
    monkeypatch.setattr("cgrosim.images.training.train._descend", lambda *_: pytest.fail("trained again"))
    again = script.main(call(tmp_path))
    assert json.loads(json.dumps(again["numbers"])) == told["numbers"]
