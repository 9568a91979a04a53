"""Results of experiments and reports: a folder is looked at before the work, and nothing is replaced unasked."""

import dataclasses
import json
import os

import pytest

from cgrosim.commands import experiment_folder, verify
from cgrosim.commands.folders import first_free, held
from cgrosim.commands.main import main
from cgrosim.errors import FileError
from cgrosim.images.data import datasets

SMALL = ["--subset", "20", "--test-subset", "20", "--filters", "4", "--steps", "4", "--records", "2"]
DRAWN = ["adversarial.nc", "experiment.json", "image_stages.png", "standard.nc"]


def stages(out, *more):
    return main(["images", "stages", *SMALL, *more, "--out", str(out)])


def told(capsys):
    return " ".join(capsys.readouterr().err.split())


def contents(folder):
    """Of all files but the plan of the table, which is nothing without its cells."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "plan.json"}


def never(*arguments, **options):
    raise AssertionError("the work began")


@pytest.fixture(scope="module", autouse=True)
def blank_figures():
    """Empty figures in place of the true ones, written like them."""
    from cgrosim.figures.style import new_figure, styled

    def blank(*data):
        with styled():
            return new_figure(1.0, 1.0, layout=None)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cgrosim.figures.image_stages.image_stages_figure", blank)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("stages")
    assert stages(out) == 0
    return out


@pytest.fixture
def copy(done, tmp_path):
    out = tmp_path / "copy"
    out.mkdir()
    for name, content in contents(done).items():
        (out / name).write_bytes(content)
    return out


def test_a_folder_says_of_which_work_it_is(done):
    record = json.loads((done / "experiment.json").read_text())
    assert (record["experiment"], record["status"]) == ("stages", "finished")
    assert record["settings"]["settings"]["steps"] == 4
    assert sorted(os.listdir(done)) == sorted(
        [*DRAWN, "adversarial.npz", "cells.zarr", "marks", "plan.json", "standard.npz"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["images", "stages", *SMALL, "--filters", "6"], "holds results of other settings (filters)"),
        (["images", "stages", *SMALL, "--steps", "5", "--seed", "1"], "holds results of other settings (seed, steps)"),
        (["images", "train", "--subset", "20"], "holds results of cgrosim images stages"),
    ],
)
def test_other_work_is_refused_before_it_begins(copy, arguments, words, monkeypatch, capsys):
    monkeypatch.setattr(datasets, "load_dataset", never)
    before = contents(copy)
    assert main([*arguments, "--out", str(copy)]) == 2
    assert words in told(capsys)
    assert contents(copy) == before


def test_work_that_has_only_grown_is_not_other_work(tmp_path):
    from cgrosim.files.records import write_record
    from cgrosim.images import Capacity, default_settings, final_attack

    settings = default_settings("digits", epochs=2)

    def sweep(widths, seeds, of=settings):
        return Capacity(of, widths, seeds, final_attack(settings, 1, "pgd"))

    record = experiment_folder.record_of("capacity", sweep((1, 2), (0,)).dump(), "data", "finished")
    write_record(tmp_path / "experiment.json", record)
    for grown in (sweep((1, 2), (0,)), sweep((1, 2), (0, 1)), sweep((1, 2, 4), (0,))):
        assert experiment_folder.check_work(tmp_path, "capacity", grown, False) == "data"
    for other, names in ((sweep((1,), (0,)), "widths"), (sweep((1, 2), (1, 2)), "seeds"),
                         (sweep((1, 2), (0, 1), settings.replace(epochs=3)), "epochs, seeds")):  # fmt: skip
        with pytest.raises(FileError, match=rf"holds results of other settings \({names}\)"):
            experiment_folder.check_work(tmp_path, "capacity", other, False)


def test_the_same_work_on_other_images_is_refused(copy, monkeypatch, capsys):
    load = datasets.load_dataset

    def other(*arguments, **options):
        data = load(*arguments, **options)
        return dataclasses.replace(data, train_images=data.train_images * 0.5)

    monkeypatch.setattr(datasets, "load_dataset", other)
    monkeypatch.setattr("cgrosim.images.experiments.runner.run_experiment", never)
    assert stages(copy) == 2
    assert "holds results of other images" in told(capsys)


def test_tables_and_figures_of_unknown_work_are_refused_but_trainings_go_on(copy, capsys):
    (copy / "experiment.json").unlink()
    before = contents(copy)
    assert stages(copy) == 2
    assert "adversarial.nc exists already" in told(capsys)
    assert contents(copy) == before
    for path in copy.iterdir():
        if path.suffix in (".nc", ".png"):
            path.unlink()
    assert stages(copy) == 0


def test_overwriting_replaces_tables_but_no_training(copy, capsys):
    assert stages(copy, "--steps", "5", "--overwrite") == 2
    assert "choose another place" in told(capsys)
    before = contents(copy)
    for name in ("standard.npz", "adversarial.npz"):
        (copy / name).unlink()
    assert stages(copy, "--steps", "5", "--overwrite") == 0
    assert stages(copy, "--steps", "5") == 0
    assert contents(copy)["standard.nc"] != before["standard.nc"]


def test_half_the_work_never_replaces_all_of_it(copy, monkeypatch, capsys):
    from cgrosim.images.experiments import runner

    for name in ("standard.npz", "adversarial.npz"):
        (copy / name).unlink()
    before, work = contents(copy), runner.run_experiment

    def half(*arguments, **options):
        return dataclasses.replace(work(*arguments, **options), status="interrupted")

    monkeypatch.setattr(runner, "run_experiment", half)
    assert stages(copy, "--steps", "5", "--overwrite") == 130
    assert "they stay" in told(capsys)
    assert {name: contents(copy)[name] for name in before} == before
    assert sorted(os.listdir(copy / "interrupted")) == DRAWN
    monkeypatch.undo()
    assert stages(copy, "--steps", "5", "--overwrite") == 0
    assert contents(copy)["standard.nc"] != before["standard.nc"]


def test_half_the_work_may_replace_half(copy):
    record = experiment_folder.record_of("stages", {}, "", "interrupted")
    from cgrosim.files.records import write_record

    write_record(copy / "experiment.json", record)
    assert experiment_folder.place_of(copy, "interrupted") == copy
    assert experiment_folder.place_of(copy, "finished") == copy


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": "cgrosim experiment 1", "checksum": "x"}'])
def test_a_damaged_record_is_a_sentence(copy, content, capsys):
    (copy / "experiment.json").write_bytes(content)
    assert stages(copy) == 2
    assert "experiment.json is not a" in told(capsys)
    assert stages(copy, "--overwrite") == 0


def test_a_folder_that_another_program_holds(copy, capsys):
    with held(copy):
        assert stages(copy) == 2
    assert "is being written by another run" in told(capsys)
    assert stages(copy) == 0


def test_a_figure_that_fails_costs_a_sentence_and_nothing_else(tmp_path, monkeypatch, capsys):
    def broken(*arguments):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("cgrosim.figures.image_stages.image_stages_figure", broken)
    assert stages(tmp_path) == 1
    assert "no image_stages.png (ZeroDivisionError: division by zero); what was computed is saved." in told(capsys)
    assert (tmp_path / "standard.nc").exists()
    monkeypatch.undo()
    assert stages(tmp_path) == 0


@pytest.fixture
def verified(monkeypatch):
    """Verification without its work: a report is two files."""
    done = []

    def instead(asked):
        done.append(asked.out)
        for name in verify.REPORT:
            (asked.out / name).write_text("new")
        return 0

    monkeypatch.setattr(verify, "_verify", instead)
    return done


def test_an_older_report_is_never_replaced_unasked(tmp_path, verified, capsys):
    (tmp_path / "index.html").write_text("old")
    assert main(["verify", "--out", str(tmp_path)]) == 2
    assert "index.html exists already; choose another --out, or give --overwrite to replace it." in told(capsys)
    assert (verified, (tmp_path / "index.html").read_text()) == ([], "old")
    assert main(["verify", "--overwrite", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "index.html").read_text() == "new"


def test_a_verification_without_a_folder_gets_the_next_one(tmp_path, verified, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert [main(["verify"]) for _ in range(3)] == [0, 0, 0]
    assert sorted(os.listdir(tmp_path)) == ["report", "report-2", "report-3"]
    with held(first_free(verify.FOLDER, verify.REPORT)):
        assert main(["verify"]) == 2
    assert "is being written by" in told(capsys)


def test_a_verification_that_came_to_nothing_leaves_no_folder(tmp_path, monkeypatch):
    def fails(*arguments):
        raise FileError("No.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verify, "_verify", fails)
    assert main(["verify"]) == 2
    assert os.listdir(tmp_path) == []
