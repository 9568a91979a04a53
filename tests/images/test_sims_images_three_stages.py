"""The experiment on the stages of real images runs at toy size, goes on where it stopped, and says what was seen."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from cgrosim.files.versions import versions

SIMS = Path(__file__).parents[2] / "sims"


@pytest.fixture
def script(monkeypatch):
    """The script as ``python sims/images_three_stages.py`` imports it, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    yield importlib.import_module("images_three_stages")
    for name in ("common", "images_three_stages"):
        sys.modules.pop(name, None)


def test_it_leaves_a_figure_and_its_numbers_and_goes_on(script, tmp_path, monkeypatch):
    script.main(["--toy", "--out", str(tmp_path)])
    assert (tmp_path / "images_three_stages.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = json.loads((tmp_path / "images_three_stages.json").read_text())
    assert told["toy"] is True
    assert "?" in told["question"]
    assert told["versions"] == versions()
    assert told["numbers"]["rules"].startswith("I: the signal margin U reaches 1.")
    (label,) = told["params"]
    assert "class-mean direction" in told["attack"][label]
    both = told["numbers"]["runs"][label]
    assert set(both) == {"standard", "adversarial"}
    for (run,) in both.values():
        assert [verdict["stage"].split()[0] for verdict in run["stages"]] == ["I", "II", "III"]
        assert 0.0 <= run["robust_test_accuracy"] <= 1.0
        assert run["status"] == "finished"
    from cgrosim.images.experiments import stage_training as image_stages

    def refuse(*anything):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr(image_stages, "descended", refuse)
    again = script.main(["--toy", "--out", str(tmp_path)])
    assert json.loads(json.dumps(again["numbers"])) == told["numbers"]


def test_the_cases_have_names_of_their_own(script):
    """Each row of the figure and each file belongs to one case."""
    labels = set()
    for data, classes, samples, attack in script.CASES:
        names = tuple(str(k) for k in classes)
        chosen = script.StageSettings(**data, **attack, classes=classes, class_names=names, samples=samples)
        labels.add(script.label_of(chosen))
    assert len(labels) == len(script.CASES)
