"""Every experiment runs at toy size and leaves a figure and a JSON file that says how to repeat it."""

import importlib
import json
import math
import signal
import sys
from pathlib import Path

import pytest

from cgrosim import Params, memorised, simulate
from cgrosim.files.versions import versions
from cgrosim.images.training.settings import Settings

SIMS = Path(__file__).parents[2] / "sims"
SLOW = {
    "activations",
    "attack_choice",
    "cgro_classifier",
    "cures",
    "flatness_images",
    "phase_diagram",
    "representation_complexity",
    "scaling",
    "standard_vs_adversarial",
    "success_rate",
    "three_stages",
    "unseen_points",
}  # a second or more, even as toys; two of them have ordinary tests beside this one
SCRIPTS = sorted(path.stem for path in SIMS.glob("*.py") if path.stem != "common")
NAMES = [name for name in SCRIPTS if not name.startswith("images_")]  # those have tests of their own in tests/images
EXPERIMENTS = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES]


@pytest.fixture
def load(monkeypatch):
    """Import a script as ``python sims/NAME.py`` would, with its folder on the path, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(SIMS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in {"common", *SCRIPTS} & (set(sys.modules) - before):
        del sys.modules[name]


def leaves(value):
    """Every number, text and null in nested JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [value]


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_leaves_a_figure_and_its_numbers(name, load, tmp_path):
    load(name).main(["--toy", "--out", str(tmp_path)])
    assert (tmp_path / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png", f"{name}.json"}
    told = json.loads((tmp_path / f"{name}.json").read_text(), parse_constant=refuse)
    assert told["experiment"] == name
    assert told["toy"] is True
    assert "?" in told["question"]
    assert told["versions"] == versions()
    assert told["seeds"]
    assert all(isinstance(seed, int) for seed in told["seeds"])
    for label, values in told["params"].items():
        if "architecture" in values:  # of an image network
            settings = Settings.load(values)
            assert json.loads(json.dumps(settings.dump())) == values
        else:
            assert Params(**{k: v for k, v in values.items() if k != "perturbation_radius"}).seed >= 0
        assert told["attack"][label]
    numbers = [leaf for leaf in leaves(told["numbers"]) if isinstance(leaf, int | float)]
    assert numbers
    assert all(math.isfinite(number) for number in numbers)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(load, tmp_path):
    module = load("adversarial_weight")
    first, again, other = (
        module.main(["--toy", "--seed", seed, "--out", str(tmp_path / out)])
        for out, seed in (("first", "3"), ("again", "3"), ("other", "4"))
    )
    assert first["numbers"] == again["numbers"]
    assert first["seeds"] == again["seeds"]
    assert first["numbers"] != other["numbers"]


@pytest.mark.parametrize("argv", [["--seed", "-1"], ["--seed", "x"], ["--no-such-option"]])
def test_a_bad_option_exits_with_status_2(argv, load, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        load("common").start("somewhere/toy.py", "A question?", argv)
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_sentence(load, tmp_path, capsys):
    common = load("common")
    (tmp_path / "file").write_text("")

    def main():
        common.start("toy.py", "A question?", ["--out", str(tmp_path / "file" / "below")]).write({}, [0], {"one": 1})

    with pytest.raises(SystemExit) as caught:
        common.run_script(main)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_never_happened_becomes_null(load):
    assert load("common").plain({"never": float("nan"), "late": [float("inf"), 2.0]}) == {
        "never": None,
        "late": [None, 2.0],
    }


def test_every_experiment_is_described_once_in_the_readme():
    text = (SIMS / "README.md").read_text()
    assert [text.count(f"python sims/{name}.py") for name in SCRIPTS] == [1] * len(SCRIPTS)


def test_an_interrupted_script_draws_nothing(load, pressable, capsys):
    def main():
        simulate(Params.from_paper(40, samples=2, neurons=2, steps=50, engine="reduced"), until=memorised(),
                 progress=lambda *told: signal.raise_signal(signal.SIGINT))  # fmt: skip
        raise AssertionError("drew half a run")

    with pytest.raises(SystemExit) as caught:
        load("common").run_script(main)
    assert caught.value.code == 130
    assert capsys.readouterr().err == "Interrupted; nothing was drawn.\n"
