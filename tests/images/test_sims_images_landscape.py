"""The experiment on the loss landscape runs at toy size, goes on where it stopped, and says what was seen."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from cgrosim.files.versions import versions

SIMS = Path(__file__).parents[2] / "sims"


@pytest.fixture
def script(monkeypatch):
    """The script as ``python sims/images_landscape.py`` imports it, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    yield importlib.import_module("images_landscape")
    for name in ("common", "images_landscape"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_it_leaves_a_figure_and_its_numbers_and_goes_on(script, tmp_path, monkeypatch, capsys):
    script.main(["--toy", "--out", str(tmp_path)])
    assert (tmp_path / "images_landscape.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = json.loads((tmp_path / "images_landscape.json").read_text())
    assert told["toy"] is True
    assert "?" in told["question"]
    assert told["versions"] == versions()
    assert set(told["params"]) == {"standard", "adversarial"}
    assert "linf PGD-7, radius 0.1" in told["attack"]["adversarial"]
    assert told["attack"]["search"].startswith("linf PGD-2 at every radius r")
    assert capsys.readouterr().out.count("test / train") == 4
    for both in told["numbers"]["contrasts"].values():
        for contrast in both.values():
            for name in ("inside", "growth_train", "growth_test", "sharpening"):
                estimate, low, high = contrast[name]
                assert low <= estimate <= high
            assert contrast["training points flatter inside"] in ("seen", "opposite seen", "undecided")
    curves = told["numbers"]["means"]["adversarial, train"]
    assert [len(row) for row in curves["value_change"]] == [len(told["numbers"]["means"]["radius"])] * 2

    def refuse(*anything):
        raise AssertionError("a finished network was measured again")

    monkeypatch.setattr("cgrosim.images.training.train.new_network", refuse)
    again = script.main(["--toy", "--out", str(tmp_path)])
    assert json.loads(json.dumps(again["numbers"])) == told["numbers"]
