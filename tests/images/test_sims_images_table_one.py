"""The table of several sittings and the sweep about the collapse run at toy size, and go on with what stands there."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from cgrosim.errors import FileError
from cgrosim.images.training import train as training

pytestmark = pytest.mark.usefixtures("blank_figures")
SIMS = Path(__file__).parents[2] / "sims"
NAMES = ("images_table_one", "images_collapse")


@pytest.fixture
def load(monkeypatch):
    """A script, as ``python sims/NAME.py`` would load it, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in {"common", *NAMES} & (set(sys.modules) - before):
        del sys.modules[name]


def test_a_table_is_extended_and_nothing_in_it_is_trained_again(load, tmp_path, monkeypatch):
    script, place = load("images_table_one"), tmp_path / "images_table_one.json"
    call = ["--toy", "--out", str(tmp_path), "--networks", str(tmp_path / "networks")]
    script.main(call)
    told = json.loads(place.read_text())
    rows = told["numbers"]["rows"]
    assert [label.split(",")[0] for label in rows] == ["full radius", "growing radius"]
    assert told["numbers"]["missing"] == []
    assert told["numbers"]["paper"]["16"] == {"clean_test": 0.9485, "robust_test": 0.8343, "robust_train": 0.995}
    for row in rows.values():
        assert row["processor_hours"] > 0.0
        assert len(row["course"]["robust_test"]) == 2
    first, second = rows
    # a sitting that came as far as the first row only, and whose networks are lost
    short = {**told, "numbers": {**told["numbers"], "rows": {first: {**rows[first], "hours": 7.0}}}}
    place.write_text(json.dumps(short))
    trained = []
    monkeypatch.setattr(script, "train", lambda *a, **k: trained.append(a[0]) or training.train(*a, **k))
    again = script.main(["--toy", "--out", str(tmp_path), "--networks", str(tmp_path / "elsewhere")])
    assert [settings.radius_warmup for settings in trained] == [0.5]  # the second row's
    assert again["numbers"]["rows"][first]["hours"] == 7.0
    assert again["numbers"]["rows"][second]["result"]["last"] == rows[second]["result"]["last"]
    place.write_text(json.dumps({**told, "params": {label: {} for label in told["params"]}}))
    with pytest.raises(FileError, match="is a table of other settings; choose another --out"):
        script.main(call)
    place.write_text("{}")
    with pytest.raises(FileError, match="is no table of this script"):
        script.main(call)


def test_a_training_that_was_stopped_leaves_the_table_as_it_was(load, tmp_path, monkeypatch):
    script = load("images_table_one")

    def stopped(settings, *a, **k):
        found = training.train(settings, *a, **k)
        return training.replace(found, status="interrupted") if settings.radius_warmup else found

    monkeypatch.setattr(script, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        script.main(["--toy", "--out", str(tmp_path)])
    told = json.loads((tmp_path / "images_table_one.json").read_text())
    assert len(told["numbers"]["rows"]) == 1
    assert [label.split(",")[0] for label in told["numbers"]["missing"]] == ["growing radius"]
    assert (tmp_path / "images_table_one").is_dir()  # the networks, beside the table where nothing else is said


def test_the_sweep_about_the_collapse_changes_one_thing_at_a_time(load, tmp_path):
    script = load("images_collapse")
    told = script.main(["--toy", "--out", str(tmp_path)])
    assert (tmp_path / "images_collapse.png").stat().st_size > 5000
    assert [row["change"] for row in told["numbers"]["trainings"]] == list(script.CHANGES)
    plain, *others = told["params"].values()
    changed = [sorted(name for name in plain if each[name] != plain[name]) for each in others]
    assert changed == [["radius_warmup"], ["adversarial_weight"], ["attack"], ["architecture"]]
    halved = [each["architecture"]["layers"][0]["initial_scale"] for each in (plain, others[-1])]
    assert halved == [None, pytest.approx(0.5 * (2.0 / 25) ** 0.5, rel=1e-12)]  # He's start of 5 x 5 pixels
