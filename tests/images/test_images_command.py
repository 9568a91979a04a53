"""``cgrosim images train`` as a user meets it: what it prints, writes, resumes and refuses."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from cgrosim.commands.main import main
from cgrosim.images.training.defaults import DEFAULTS, default_settings, final_attack
from cgrosim.images.training.train import Training

TINY = ["--subset", "20", "--validation", "20", "--epochs", "2", "--width", "1", "--attack-steps", "2",
        "--evaluation-steps", "2", "--evaluation-samples", "20", "--restarts", "1"]  # fmt: skip
FILES = ["adversarial.npz", "cells.zarr", "experiment.json", "marks", "plan.json", "robust_overfitting.png",
         "standard.npz", "training.json"]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A tiny training, done by the command."""
    out = tmp_path_factory.mktemp("images")
    assert main(["images", "train", *TINY, "--out", str(out)]) == 0
    return out


def words(captured):
    return " ".join(captured.split())


@pytest.mark.parametrize("arguments", [["images", "--help"], ["images", "train", "--help"]])
def test_help_is_quick_because_nothing_heavy_is_imported(arguments):
    code = (
        "import sys\nfrom cgrosim.commands.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "heavy = {'numba', 'scipy', 'sklearn', 'matplotlib', 'xarray', 'pandas', 'h5py'}\n"
        "sys.exit(f'imported {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stderr
    assert "usage: cgrosim images" in out.stdout


def test_it_writes_figure_table_and_files(done):
    assert sorted(path.name for path in done.iterdir()) == FILES
    told = json.loads((done / "training.json").read_text())
    assert told["final_attack"] == "linf PGD-4, radius 0.1, step 0.0625, random start"
    assert told["sentence"].startswith("Clean generalization with robust overfitting is")
    assert set(told["trainings"]) == {"standard", "adversarial"}
    for name, lam in (("standard", 0.0), ("adversarial", 1.0)):
        training = Training.load(done / f"{name}.npz")
        assert training.settings.adversarial_weight == lam
        assert told["trainings"][name]["history"]["clean_test"] == list(training.history["clean_test"])
        assert told["trainings"][name]["attack"] == training.settings.attack_description
    finals = told["trainings"]["adversarial"]["final"]
    assert [row["selected"] for row in finals] == ["last", "validation-selected"]
    assert [row["selected"] for row in told["trainings"]["standard"]["final"]] == ["last"]
    for row in finals:
        assert row["attack"] == told["final_attack"]
        assert row["robust_gap"] == row["robust_train"] - row["robust_test"]


def test_the_two_trainings_start_at_the_same_network_and_images(done):
    one, other = (Training.load(done / f"{name}.npz").settings for name in ("standard", "adversarial"))
    assert one.replace(adversarial_weight=1.0) == other


def test_again_it_prints_the_same_table_without_training(done, capsys, monkeypatch):
    monkeypatch.setattr("cgrosim.images.training.train._next_epoch", None)
    before = (done / "training.json").read_text()
    assert main(["images", "train", *TINY, "--out", str(done)]) == 0
    printed = words(capsys.readouterr().out)
    assert "robust: linf PGD-4, radius 0.1, step 0.0625, random start" in printed
    for name in ("standard, last", "adversarial, last", "adversarial, selected"):
        assert name in printed
    assert "Clean generalization with robust overfitting" in printed
    assert (done / "training.json").read_text() == before


def test_a_place_with_other_settings_is_refused(done, capsys):
    assert main(["images", "train", *TINY, "--seed", "1", "--out", str(done)]) == 2
    error = words(capsys.readouterr().err)
    assert "other settings (seed)" in error
    assert "--out" in error


def test_ctrl_c_keeps_what_is_there_and_the_same_command_goes_on(done, tmp_path, capsys, monkeypatch):
    """A Ctrl-C in the second epoch of the second training."""
    import cgrosim.commands.images as command

    progress_bar = command.progress_bar

    class Pressing:
        def __init__(self, title):
            self.bar = progress_bar(title)

        def __enter__(self):
            told = self.bar.__enter__()

            def report(what, share):
                told(what, share)
                if what.startswith("adversarial, epoch 2/"):
                    os.kill(os.getpid(), signal.SIGINT)

            return report

        def __exit__(self, *exception):
            return self.bar.__exit__(*exception)

    monkeypatch.setattr(command, "progress_bar", Pressing)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["images", "train", *TINY, "--batch-size", "10", "--out", str(tmp_path)]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    printed = words(capsys.readouterr().out)
    assert "Interrupted in epoch 2; everything up to epoch 1 is kept." in printed
    assert "standard, last" in printed
    assert Training.load(tmp_path / "adversarial.npz").epochs_done == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    monkeypatch.undo()
    assert main(["images", "train", *TINY, "--batch-size", "10", "--out", str(tmp_path)]) == 0
    assert Training.load(tmp_path / "adversarial.npz").status == "finished"


def test_a_diverged_training_has_status_one_and_is_kept(tmp_path, capsys):
    arguments = [*TINY, "--learning-rate", "1e9", "--weight-decay", "1", "--epochs", "9"]
    assert main(["images", "train", *arguments, "--out", str(tmp_path)]) == 1
    printed = words(capsys.readouterr().out)
    assert "Diverged" in printed
    assert "smaller learning rate" in printed
    assert Training.load(tmp_path / "adversarial.npz").status == "diverged"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--dataset", "letters"], "dataset is 'letters'"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "nowhere"),
        (["--subset", "some"], "subset is 'some'"),
        (["--subset", "5000"], "subset 5000"),
        (["--architecture", "vgg"], "architecture is 'vgg'"),
        (["--width", "0"], "width is 0"),
        (["--norm", "l1"], "norm is 'l1'"),
        (["--radius", "8/0"], "radius is '8/0'"),
        (["--radius", "-1"], "radius is -1"),
        (["--attack-steps", "0"], "steps is 0"),
        (["--epochs", "2.5"], "epochs is '2.5'"),
        (["--schedule", "step"], "schedule is 'step'"),
        (["--adversarial-weight", "0"], "adversarial_weight is 0"),
        (["--restarts", "0"], "restarts is 0"),
        (["--seed", "-1"], "seed is -1"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CGROSIM_DATA", raising=False)
    assert main(["images", "train", *arguments]) == 2
    error = words(capsys.readouterr().err)
    assert told in error
    assert "Traceback" not in error


def test_every_data_set_has_defaults_that_fit_its_images():
    for name, start in DEFAULTS.items():
        for norm, radius in (("linf", start.linf_radius), ("l2", start.l2_radius)):
            settings = default_settings(name, norm=norm)
            assert settings.architecture.input_shape == start.input_shape
            assert settings.attack.radius == settings.evaluation_attack.radius == radius
            assert final_attack(settings).steps == 2 * settings.evaluation_attack.steps
    assert np.isclose(default_settings("cifar-10").attack.radius, 8 / 255, rtol=1e-15)
