"""Results come first: a folder is looked at before the work, and nothing said or drawn afterwards costs a run."""

import io
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

import cgrosim
from cgrosim.commands import simulate, terminal
from cgrosim.commands.folders import held, next_folder
from cgrosim.commands.main import main
from cgrosim.errors import FileError
from cgrosim.predictions.predict import predict

pytestmark = pytest.mark.usefixtures("blank_figures")

TINY = ["simulate", "--dimension", "200", "--samples", "6", "--neurons", "5", "--records", "5", "--test-samples", "20"]
QUICK = [*TINY, "--steps", "20", "--no-paired"]


def printed(capsys):
    out = capsys.readouterr()
    return " ".join(out.out.split()), " ".join(out.err.split())


def break_(monkeypatch, name, error):
    def broken(*arguments, **options):
        raise error

    monkeypatch.setattr(name, broken)


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        ("cgrosim.figures.neuron_plane_figure", "neuron_plane.png"),
        ("cgrosim.predictions.predict.predict", "prediction"),
        ("cgrosim.commands.simulate.stage_rows", "table"),
    ],
)
def test_what_fails_after_the_run_is_one_sentence_and_the_run_is_there(tmp_path, monkeypatch, capsys, broken, missing):
    break_(monkeypatch, broken, ZeroDivisionError("division by zero"))
    status = main([*QUICK, "--out", str(tmp_path)])
    assert status == (1 if missing.endswith(".png") else 0)
    assert cgrosim.load(tmp_path / "run.nc").status == "finished"
    assert (tmp_path / "three_stages.png").exists()
    _, err = printed(capsys)
    assert f"no {missing} (ZeroDivisionError: division by zero); what was computed is saved." in err


def test_a_folder_whose_name_is_markup(tmp_path, capsys):
    out = tmp_path / "run[" / "b]"  # printed as run[/b]
    assert main([*QUICK, "--out", str(out)]) == 0
    assert f"saved {out}" in printed(capsys)[0]


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_that_cannot_be_written_loses_words_only(tmp_path, monkeypatch, name):
    monkeypatch.setattr(sys, name, Full())
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    assert cgrosim.load(tmp_path / "run.nc").status == "finished"
    assert (tmp_path / "memorisation_law.png").exists()


def test_letters_that_the_terminal_lacks(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    terminal.print_line("λ = 0.5 [/b]")
    assert written.getvalue() == b"? = 0.5 [/b]\n"


def test_a_reader_that_went_away_costs_neither_result_nor_status():
    code = (
        "import sys, time\nfrom cgrosim.commands.terminal import print_line\n"
        "sys.stdin.read()\nprint_line('one')\nprint_line('two')\nsys.exit(0)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1)
    process.stdout.close()
    process.stdin.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), errors) == (0, b"")


def test_a_backend_that_is_not_there_stops_no_figure():
    code = (
        "from cgrosim.figures import style\nwith style.styled():\n    style.new_figure(1, 1)\n"
        "import os\nassert os.environ['MPLBACKEND'] == 'module://of_a_notebook'"
    )
    environment = {**os.environ, "MPLBACKEND": "module://of_a_notebook"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert out.returncode == 0, out.stderr


def test_progress_in_a_pipe_says_a_line_though_the_work_says_nothing(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "PIPE_SECONDS", 0.05)
    with terminal.progress_bar("simulating") as progress:
        terminal.time.sleep(0.5)
        progress("step 7", 0.25)
        terminal.time.sleep(0.5)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("cgrosim: simulating: ")
    assert lines[-1].startswith("cgrosim: simulating: step 7, 25 %, ")


def test_what_follows_a_run_is_not_silent_either(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "PIPE_SECONDS", 1e-3)
    for name in ("three_stage_figure", "neuron_plane_figure"):  # the thread that speaks gets its turn while others wait
        draw = getattr(cgrosim.figures, name)
        monkeypatch.setattr(f"cgrosim.figures.{name}", lambda *a, draw=draw, **k: time.sleep(0.05) or draw(*a, **k))
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    err = printed(capsys)[1]
    for phase in ("saving and predicting", "drawing three_stages.png", "drawing neuron_plane.png"):
        assert f"cgrosim: {phase}: " in err


def test_a_slow_prediction_is_not_silent(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "PIPE_SECONDS", 1e-3)
    found = predict(cgrosim.Params.from_paper(200))
    monkeypatch.setattr("cgrosim.predictions.predict.predict", lambda params: time.sleep(0.1) or found)
    assert main(["info", "--dimension", "200"]) == 0
    assert "cgrosim: predicting: " in printed(capsys)[1]


def test_a_second_run_is_refused_before_its_first_step(tmp_path, monkeypatch, capsys):
    (tmp_path / "neuron_plane.gif").write_bytes(b"of an earlier run")
    break_(monkeypatch, "cgrosim.run.session.simulate", AssertionError("it began"))
    assert main([*QUICK, "--out", str(tmp_path)]) == 2
    assert f"{tmp_path / 'neuron_plane.gif'} exists already; choose another --out" in printed(capsys)[1]
    assert os.listdir(tmp_path) == ["neuron_plane.gif"]


def test_overwriting_leaves_nothing_of_the_earlier_run(tmp_path):
    for name in ("neuron_plane.gif", "interrupted.nc"):
        (tmp_path / name).write_bytes(b"of an earlier run")
    assert main([*QUICK, "--overwrite", "--out", str(tmp_path)]) == 0
    assert sorted(os.listdir(tmp_path)) == ["memorisation_law.png", "neuron_plane.png", "run.nc", "three_stages.png"]


def test_a_run_without_a_folder_gets_the_next_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert main(QUICK) == 0
        assert cgrosim.load(tmp_path / "results" / f"run-{number}" / "run.nc").status == "finished"
    (tmp_path / "results" / "run-x").mkdir()
    assert next_folder(tmp_path / "results").name == "run-3"


def test_an_interrupted_run_never_replaces_a_finished_one(tmp_path, capsys):
    params = cgrosim.Params.from_paper(200, samples=6, neurons=5, records=5, test_samples=20, steps=20)
    finished, half = cgrosim.simulate(params), cgrosim.simulate(params.replace(seed=1))
    half.data.attrs["status"] = "interrupted"
    assert simulate._save(half, tmp_path).name == "run.nc"
    assert simulate._save(finished, tmp_path).name == "run.nc"
    assert simulate._save(half, tmp_path).name == "interrupted.nc"
    assert "and stays" in printed(capsys)[1]
    assert (cgrosim.load(tmp_path / "run.nc").params.seed, cgrosim.load(tmp_path / "interrupted.nc").params.seed) == (
        0,
        1,
    )


def test_a_resumed_run_may_take_the_place_of_its_own_half(tmp_path):
    params = cgrosim.Params.from_paper(200, samples=6, neurons=5, records=5, test_samples=20, steps=20)
    state, out = tmp_path / "state.npz", tmp_path / "out"
    half = cgrosim.simulate(params, checkpoint=state)
    half.data.attrs["status"] = "interrupted"
    half.save(out / "run.nc")
    assert main(["simulate", "--resume", str(state), "--no-paired", "--out", str(out)]) == 0
    assert cgrosim.load(out / "run.nc").status == "finished"
    assert main(["simulate", "--resume", str(state), "--no-paired", "--out", str(out)]) == 2


def test_an_interrupted_control_is_said_and_not_drawn(tmp_path, monkeypatch, capsys):
    params = cgrosim.Params.from_paper(200, samples=6, neurons=5, records=5, test_samples=20, steps=20)
    half = cgrosim.simulate(params.replace(adversarial_weight=0.0))
    half.data.attrs.update(status="interrupted", steps_taken=7)
    drawn = []
    monkeypatch.setattr(simulate, "_standard_run", lambda run: half)
    monkeypatch.setattr("cgrosim.figures.neuron_plane_figure", lambda run, other: drawn.append(other) or run.plot())
    assert main([*TINY, "--steps", "20", "--out", str(tmp_path)]) == 130
    assert drawn == [None]
    assert (
        "without attack was interrupted at step 7 of 20, so the neuron plane is drawn without it" in printed(capsys)[1]
    )


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(capsys):
    assert main([*QUICK, "--out", "/proc"]) == 2
    assert "/proc cannot be written to" in printed(capsys)[1]


def test_a_disk_that_is_too_small_is_refused_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=2**20))
    assert main([*QUICK, "--out", str(tmp_path)]) == 2
    assert "has 1 MiB left" in printed(capsys)[1]


def test_two_programs_cannot_hold_one_folder(tmp_path):
    with held(tmp_path), pytest.raises(FileError, match="is being written by another run"), held(tmp_path):
        pass
    assert os.listdir(tmp_path) == []
    (tmp_path / ".cgrosim.lock").touch()  # of a program that was killed
    with held(tmp_path):
        pass


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    break_(monkeypatch, "fcntl.flock", OSError(38, "Function not implemented"))
    with held(tmp_path) as lock:
        assert lock.folder == tmp_path


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EOFError("marshal data too short"), "a library cannot be loaded (EOFError: marshal data too short)"),
        (ImportError("bad magic number"), "a library cannot be loaded (ImportError: bad magic number)"),
        (MemoryError(), "there is not enough memory for this"),
    ],
    ids=["half a file of bytecode", "another file of bytecode", "memory"],
)
def test_what_importing_raises_is_one_sentence(error, words, monkeypatch, capsys):
    def broken(arguments):
        raise error

    monkeypatch.setattr("cgrosim.commands.main._parse", broken)
    assert main(["info"]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_no_bytecode_is_written_where_the_size_of_files_is_limited():
    """Python does not notice that it wrote half a file, and fails to load it in every later process."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (99, 99)); "
        "from cgrosim.commands import main; main.main = lambda: 7 * sys.dont_write_bytecode; main.entry_point()"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 7


@pytest.mark.parametrize("arguments", [["simulate", "--config"], ["simulate", "--start"], ["sweep"]])
def test_a_text_without_an_end_is_refused(arguments, monkeypatch, capsys):
    monkeypatch.setattr("cgrosim.files.texts.LARGEST", 2**20)
    assert main([*arguments, "/dev/zero"]) == 2
    out, err = printed(capsys)
    assert out == ""
    assert "/dev/zero is" in err
    assert "more than 1 MiB" in err or "larger than any lesson file" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_place_of_the_page_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "lesson.html")
    assert main(["classroom", "--out", str(tmp_path / "lesson.html")]) == 2
    assert "exists and is no page of cgrosim" in printed(capsys)[1]


def test_a_checkpoint_where_a_result_goes_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cgrosim.run.session.simulate", lambda *run, **how: pytest.fail("began to work"))
    (tmp_path / "link").symlink_to(tmp_path / "out")
    assert main([*QUICK, "--out", str(tmp_path / "out"), "--checkpoint", str(tmp_path / "link" / "run.nc")]) == 2
    assert "run.nc, where a result goes; choose another name." in printed(capsys)[1]
