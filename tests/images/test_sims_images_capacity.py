"""The experiment on capacity runs at toy size, leaves its files, and goes on where it was."""

import importlib
import json
import sys
from pathlib import Path

import pytest

SIMS = Path(__file__).parents[2] / "sims"


@pytest.fixture
def experiment(monkeypatch):
    """The script, as ``python sims/images_capacity.py`` would load it, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    before = set(sys.modules)
    yield importlib.import_module("images_capacity")
    for name in {"common", "images_capacity"} & (set(sys.modules) - before):
        del sys.modules[name]


@pytest.mark.slow
def test_it_leaves_a_figure_and_its_numbers_and_goes_on(experiment, tmp_path, monkeypatch):
    first = experiment.main(["--toy", "--out", str(tmp_path)])
    assert (tmp_path / "images_capacity.png").stat().st_size > 5000
    told = json.loads((tmp_path / "images_capacity.json").read_text())
    assert told["toy"]
    assert "?" in told["question"]
    assert len(told["seeds"]) == 2
    assert "measured by linf PGD" in told["attack"]["sweep"]
    assert told["params"]["sweep"]["widths"] == [1, 2]
    assert len(told["numbers"]["results"]) == 8
    assert len(list((tmp_path / "images_capacity").glob("*.npz"))) == 8
    monkeypatch.setattr("cgrosim.images.training.train._descend", lambda *_: pytest.fail("trained again"))
    assert experiment.main(["--toy", "--out", str(tmp_path)])["numbers"] == first["numbers"]
