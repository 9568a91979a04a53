"""The experiment on robust overfitting runs at toy size, goes on where it stopped, and says what was seen."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from cgrosim.files.versions import versions
from cgrosim.images.training.defaults import DEFAULTS, default_settings
from cgrosim.images.training.train import Training

SIMS = Path(__file__).parents[2] / "sims"
NAME = "images_robust_overfitting"


@pytest.fixture
def script(monkeypatch):
    """The script as ``python sims/images_robust_overfitting.py`` imports it, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    yield importlib.import_module(NAME)
    for name in ("common", NAME):
        sys.modules.pop(name, None)


def test_it_leaves_a_figure_and_its_numbers_and_goes_on(script, tmp_path, monkeypatch):
    script.main(["--toy", "--out", str(tmp_path)])
    assert (tmp_path / f"{NAME}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = json.loads((tmp_path / f"{NAME}.json").read_text())
    assert told["toy"] is True
    assert "?" in told["question"]
    assert told["versions"] == versions()
    assert told["attack"]["digits"].startswith("trained against linf PGD-2, radius 0.1")
    numbers = told["numbers"]["digits"]
    assert numbers["sentence"].startswith("Clean generalization with robust overfitting is")
    assert [row["selected"] for row in numbers["adversarial"]] == ["last", "validation-selected"]
    for row in (*numbers["adversarial"], *numbers["standard"]):
        assert row["attack"] == numbers["final attack"]
        assert row["robust_test"] <= row["clean_test"]
    files = sorted(path.name for path in (tmp_path / NAME / "digits").iterdir())
    assert files == ["adversarial.npz", "cells.zarr", "marks", "plan.json", "standard.npz"]
    assert Training.load(tmp_path / NAME / "digits" / files[0]).settings.seed == told["seeds"][0]
    monkeypatch.setattr("cgrosim.images.training.train._next_epoch", None)  # nothing is trained again
    again = script.main(["--toy", "--out", str(tmp_path)])
    assert json.loads(json.dumps(again["numbers"])) == told["numbers"]


def test_the_full_version_asks_every_data_set(script):
    assert set(script.FULL) == set(script.NAMES) == set(DEFAULTS)
    for name, changes in script.FULL.items():
        assert default_settings(name, **changes).dataset == name
