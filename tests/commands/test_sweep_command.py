"""``cgrosim sweep``: files, exit status, and one sentence for what makes no sense."""

import re
import subprocess
import sys

import pytest

import cgrosim
from cgrosim.commands.main import main

SMALL = ["--dimension", "200", "--samples", "4", "--patches", "2", "--neurons", "3", "--steps", "40", "--engine",
         "reduced", "--sampling", "gram", "--test-samples", "20",
         "--workers", "0", "--predicted-seeds", "0"]  # fmt: skip
VARIED = ["--vary", "gap=0.01:0.3:3:log", "--vary", "neurons=2,3", "--seeds", "2"]


def test_a_sweep_leaves_a_table_figures_a_page_and_its_grid(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = ["--keep", "robust_test_error", "--points", "5"]
    assert main(["sweep", *VARIED, *kept, *SMALL, "--out", "a"]) == 0
    out, err = capsys.readouterr()
    assert "12 cells finished" in out
    assert "gap 3 x neurons 2 x 2 seeds: 12 cells into a" in err
    figures = ["robust_test_error.png", "robust_test_error_curves.png"]
    for name in figures:
        assert (tmp_path / "a" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    page = (tmp_path / "a" / "index.html").read_text()
    assert all(name in page for name in figures)
    assert "http-equiv" not in page  # it reloads itself only while the work goes on
    assert page.count("<rect") == 6
    table = cgrosim.load_table("a/table.nc")
    assert table.data.sizes["step"] == 5

    # the file it wrote runs the same cells, and in the same folder none
    assert main(["sweep", "a/grid.toml", "--workers", "0", "--out", "b"]) == 0
    assert cgrosim.load_table("b").data.identical(cgrosim.load_table("a").data)
    marks = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a" / "marks").iterdir()}
    assert main(["sweep", "a/grid.toml", "--workers", "0", "--out", "a", "--seeds", "2"]) == 0
    assert marks == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a" / "marks").iterdir()}


def test_cells_that_fail_are_told_and_are_status_1(tmp_path, capsys):
    assert main(["sweep", "--vary", "power=3,1.5,3.5,4,5", *SMALL, "--keep", "clean_loss", "--out", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "failed: power is 1.5, but the power activation needs a power of at least 2" in out
    assert "1 cell failed, 4 cells finished" in out
    assert "#D55E00" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "nothing is varied; give --vary"),
        (["--vary", "gapp=1,2"], "gapp cannot be varied, because no such parameter is; did you mean gap?"),
        (["--vary", "gap"], "--vary gap is not of the form NAME=VALUES"),
        (["--vary", "gap="], "--vary gap= is not of the form NAME=VALUES"),
        (["--vary", "gap=,"], "gap is varied over no values"),
        (["--vary", "gap=0.3:0.1:5"], "gap=0.3:0.1:5 ends at 0.1, but must end above its beginning 0.3"),
        (["--vary", "gap=0.1:0.3:1"], "has 1 values, but a range needs at least 2"),
        (["--vary", "gap=0.1:0.3"], "gap=0.1:0.3 is no range"),
        (["--vary", "gap=0:0.3:5:log"], "begins at 0, but even ratios need a positive beginning"),
        (["--vary", "gap=a:b:5"], "gap ranges over 'a', which is not a number"),
        (["--vary", "gap=0.1,0.2", "--vary", "gap=0.3"], "gap is varied twice"),
        (["--vary", "gap=0.1", "--seeds", "x"], "seeds is 'x', but must be a whole number"),
        (["--vary", "gap=0.1", "--keep", "robust"], "keep names 'robust', which no run records"),
        (["--vary", "gap=0.1:0.3:1000", "--vary", "power=2:3:1000", "--seeds", "1000"], "or allow it with --yes"),
        (["--vary", "gap=0.1", "--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (["--vary", "gap=0.1", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "exclude each other"),
        (["nowhere.toml"], "nowhere.toml cannot be read"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *arguments, "--dimension", "200", "--steps", "5"]) == 2
    said = capsys.readouterr().err.splitlines()  # apart from what is to be done, and progress on a busy machine
    err = [line for line in said if " into " not in line and not re.fullmatch(r"cgrosim: (sweep|kernels): \d+ s", line)]
    assert len(err) == 1
    assert sentence in err[0]
    assert list(tmp_path.iterdir()) == []  # no empty folder is left


def test_without_zarr_it_is_refused_before_anything_begins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cgrosim.files.zarr_arrays.find_spec", lambda name: None)
    assert main(["sweep", "--vary", "gap=0.1,0.2", *SMALL]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "Zarr, which is not installed; run pip install '.[sweep]'" in said
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(cgrosim.UserError, match="Zarr, which is not installed"):
        cgrosim.sweep({"dimension": 100}, {"gap": [0.1]}, out=tmp_path / "a")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed = 1", "has 'seed', which no grid has; did you mean seeds?"),
        ("vary = 3", "has a vary that is no section; write [vary]"),
        ('[vary]\n"samples,neurons" = "1,2"', "are varied together over 1,2; write rows"),
        ('[parameters]\nnothing = 1\n[vary]\ngap = "0.1,0.2"', "nothing is not a parameter"),
        ("[vary]\ngap = 0.1", "gap is to be varied over 0.1; give a list"),
    ],
)
def test_a_bad_grid_file_is_one_sentence(text, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text(text)
    assert main(["sweep", "grid.toml"]) == 2
    assert sentence in capsys.readouterr().err


def test_the_folder_of_another_sweep_is_refused_before_anything_is_compiled(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "--vary", "gap=0.1,0.2", *SMALL]) == 0
    monkeypatch.setattr("cgrosim.commands.warmup.compile_kernels", lambda: pytest.fail("it was begun"))
    capsys.readouterr()
    assert main(["sweep", "--vary", "gap=0.1,0.2", *SMALL, "--steps", "41"]) == 2
    assert capsys.readouterr().err.count("holds another sweep: its steps is 40, not 41") == 1


@pytest.mark.parametrize("name", ["grid.toml", "table.nc", "index.html", "clean_loss.png"])
def test_nothing_that_is_of_no_sweep_is_written_over(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text("# mine\n[vary]\nneurons = [2, 3]\n")
    grid = (tmp_path / "grid.toml").rename(tmp_path / name)
    before = grid.read_bytes()
    assert main(["sweep", *VARIED, *SMALL, "--keep", "clean_loss", "--out", "."]) == 2
    assert f"{name} exists already, and is of no sweep there" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert grid.read_bytes() == before


def test_a_page_that_cannot_be_written_is_said_once_and_costs_no_cell(tmp_path, monkeypatch, capsys):
    from cgrosim.sweeps import page

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page, "write_text", full)
    monkeypatch.setattr("cgrosim.sweeps.sweep.WATCH_SECONDS", 0.0)
    assert main(["sweep", *VARIED, *SMALL, "--keep", "clean_loss", "--out", str(tmp_path / "a")]) == 0
    said = capsys.readouterr()
    assert said.err.count("no page") == 1
    assert "12 cells finished" in said.out


@pytest.mark.slow
def test_a_table_that_cannot_be_written_is_no_success(tmp_path, monkeypatch, capsys):
    from cgrosim.sweeps.table import Table

    def full(table, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Table, "to_netcdf", full)
    assert main(["sweep", *VARIED, *SMALL, "--keep", "--out", str(tmp_path / "a")]) == 1
    said = capsys.readouterr()
    assert "no table" in said.err
    assert "table.nc" not in said.out


def test_rows_of_a_grid_file_vary_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text('keep = []\n[vary]\n"samples,neurons" = [[2, 3], [4, 5]]\n')
    assert main(["sweep", "grid.toml", *SMALL]) == 0
    table = cgrosim.load_table("sweep")
    assert (table.data.samples.values.tolist(), table.data.neurons.values.tolist()) == ([2, 4], [3, 5])
    assert '"samples,neurons" = [[2, 3], [4, 5]]' in (tmp_path / "sweep" / "grid.toml").read_text()


# a test runner in the background may ignore Ctrl-C, which a child would inherit; it is pressed when the first cells are
# kept, so that nobody waits, and a busy machine cannot finish the sweep first
COMMAND = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cgrosim.commands.main import main
from cgrosim.sweeps.store import SweepStore
if __name__ == "__main__":
    write = SweepStore.write

    def interrupted(*arguments):
        write(*arguments)
        os.kill(os.getpid(), signal.SIGINT)

    SweepStore.write = interrupted
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_what_is_done_and_the_command_goes_on(tmp_path):
    arguments = ["sweep", *VARIED, *SMALL, "--keep", "clean_loss", "--out", str(tmp_path)]
    child = subprocess.run([sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True)
    assert (child.returncode, "Traceback" in child.stderr) == (130, False), child.stderr
    assert "interrupted; the same command goes on from here" in child.stdout
    done = cgrosim.load_table(tmp_path).counts
    assert 1 <= done["finished"] < 12
    assert main(arguments) == 0
    assert cgrosim.load_table(tmp_path).counts == {"finished": 12}


def test_the_errors_are_drawn_first_however_much_is_kept():
    from cgrosim.commands.sweep import MOST_FIGURES, _most_asked

    losses = [f"loss_{k}" for k in range(9)]
    drawn = _most_asked([*losses, "clean_test_error", "robust_test_error"])
    assert drawn[:3] == ["robust_test_error", "clean_test_error", "loss_0"]
    assert len(drawn) == MOST_FIGURES
