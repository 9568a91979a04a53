"""``cgrosim images capacity`` as a user meets it."""

import json

import pytest

from cgrosim.commands.main import main

TINY = ["--subset", "20", "--validation", "20", "--epochs", "2", "--attack-steps", "1", "--evaluation-steps", "1",
        "--evaluation-samples", "20", "--restarts", "1", "--widths", "1,2", "--seeds", "2"]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A tiny sweep, done by the command."""
    out = tmp_path_factory.mktemp("capacity")
    assert main(["images", "capacity", *TINY, "--out", str(out)]) == 0
    return out


def words(captured):
    return " ".join(captured.split())


def test_it_writes_figure_numbers_and_every_training(done):
    names = {path.name for path in done.iterdir()}
    stems = {f"lenet-x{w}-{kind}-seed{s}" for w in (1, 2) for kind in ("adversarial", "standard") for s in (0, 1)}
    assert names == {
        "experiment.json",
        "capacity.png",
        "capacity.json",
        "cells.zarr",
        "marks",
        "plan.json",
        *(f"{s}.npz" for s in stems),
    }
    assert (done / "capacity.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = json.loads((done / "capacity.json").read_text())
    assert "measured by linf PGD-2, radius 0.1" in told["attack"]
    assert len(told["results"]) == 8
    assert told["statements"]["seeds"] == 2
    assert (told["widths"], told["seeds"]) == ([1, 2], [0, 1])


def test_again_it_trains_nothing_and_says_the_same(done, monkeypatch, capsys):
    before = (done / "capacity.json").read_text()
    monkeypatch.setattr("cgrosim.images.training.train._descend", lambda *_: pytest.fail("trained again"))
    assert main(["images", "capacity", *TINY, "--out", str(done)]) == 0
    assert (done / "capacity.json").read_text() == before
    printed = words(capsys.readouterr().out)
    for text in (
        "robust: linf PGD-2, radius 0.1",
        "adversarial x1",
        "standard x2",
        " selected ",
        "Robust train",
    ):
        assert text in printed
    assert "the paper" not in printed  # which has no digits


def test_the_paper_stands_beside_mnist():
    from cgrosim.images.experiments.capacity_statistics import Result
    from cgrosim.images.experiments.catalogue.capacity import Capacity
    from cgrosim.images.training.defaults import default_settings, final_attack
    from cgrosim.images.training.final import FinalAccuracies

    settings = default_settings("mnist")
    sweep = Capacity(settings, (2, 8, 16), (0,), final_attack(settings))
    last = FinalAccuracies("last", 9, "an attack", 1.0, 0.9, 0.8, 0.7, 10, 10, False)
    results = [Result(w, 0, True, 100 * w, last, None, "finished", "", 1.0) for w in (2, 8, 16)]
    table = sweep._table(results)
    theirs = [row for row in table.rows if "the paper" in row[0]]
    assert [row[3:] for row in theirs] == [("11.35", "11.35", "11.70", "0.35"), ("94.85", "83.43", "99.50", "16.07")]
    assert "the paper" in table.title  # it says which numbers those are
    assert "radius 0.3" in table.title
    sweep.draw(results).draw_without_rendering()
    stack = Capacity(default_settings("cifar-10"), (2, 8), (0,), final_attack(settings), "stack3x3")
    assert stack.paper_numbers() == {}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--widths", "1,two"], "widths is 'two'"),
        (["--workers", "0"], "workers is 0, but must be a whole number from 1 to"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "exclude each other; give one of them"),
        (["--widths", "1,1"], "widths are (1, 1)"),
        (["--widths", "0"], "widths are (0,)"),
        (["--seeds", "0"], "seeds are ()"),
        (["--seeds", "some"], "seeds is 'some'"),
        (["--width", "4"], "give --widths instead"),
        (["--restarts", "0"], "restarts is 0"),
        (["--adversarial-weight", "0"], "adversarial_weight is 0"),
        (["--dataset", "nist"], "dataset is 'nist'"),
        (["--architecture", "resnet"], "architecture is 'resnet'"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(arguments, text, capsys, tmp_path):
    assert main(["images", "capacity", *arguments, "--out", str(tmp_path / "out")]) == 2
    error = words(capsys.readouterr().err)
    assert text in error
    assert "Traceback" not in error


def test_other_settings_in_the_same_place_are_refused(done, capsys):
    assert main(["images", "capacity", *TINY, "--epochs", "3", "--out", str(done)]) == 2
    assert "holds results of other settings (epochs" in words(capsys.readouterr().err)
