"""The experiment on cures runs at toy size, takes up what is there, and asks what the command can be asked."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from cgrosim.images.experiments.catalogue.cures import Options

SIMS = Path(__file__).parents[2] / "sims"
NAME = "images_cures"


@pytest.fixture
def script(monkeypatch):
    """The script as ``python sims/images_cures.py`` imports it, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    yield importlib.import_module(NAME)
    for name in ("common", NAME):
        sys.modules.pop(name, None)


def test_it_leaves_a_figure_and_its_numbers_and_goes_on(script, tmp_path, monkeypatch):
    script.main(["--toy", "--out", str(tmp_path)])
    assert (tmp_path / f"{NAME}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = json.loads((tmp_path / f"{NAME}.json").read_text())
    found = told["numbers"]["digits"]["accuracies"]
    assert list(found) == ["decay-0", "decay-0.05", "smoothing-0.3"]
    assert [row["selected"] for row in found["decay-0"][0]] == ["last", "validation-selected"]
    assert told["params"]["digits"]["settings"]["epochs"] == 2
    monkeypatch.setattr("cgrosim.images.training.train._next_epoch", None)  # nothing is trained again
    again = script.main(["--toy", "--out", str(tmp_path)])
    assert json.loads(json.dumps(again["numbers"])) == told["numbers"]


def test_the_full_version_asks_three_data_sets(script):
    assert set(script.FULL) == set(script.NAMES)
    for name, asked in script.FULL.items():
        assert Options(dataset=name, **asked).experiment().settings.dataset == name
