"""The command line as a user meets it: what it prints, writes and returns."""

import subprocess
import sys

import pytest

import cgrosim
from cgrosim.commands.main import main

TINY = ["--dimension", "200", "--samples", "6", "--neurons", "5", "--records", "5", "--test-samples", "100"]


def cgrosim_command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "cgrosim", *arguments], capture_output=True, text=True, timeout=120, **options
    )


@pytest.mark.parametrize("arguments", [["--help"], ["simulate", "--help"], ["verify", "--help"], ["info", "--help"]])
def test_help_is_quick_because_nothing_heavy_is_imported(arguments):
    code = (
        "import sys\nfrom cgrosim.commands.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "heavy = {'numba', 'numpy.linalg', 'scipy', 'matplotlib', 'xarray', 'pandas', 'h5py'}\n"
        "sys.exit(f'imported {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stderr
    assert "usage: cgrosim" in out.stdout


def test_simulate_writes_a_run_and_its_figures(tmp_path, capsys):
    status = main(["simulate", *TINY, "--steps", "3000", "--out", str(tmp_path)])
    assert status == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "memorisation_law.png",
        "neuron_plane.png",
        "run.nc",
        "three_stages.png",
    ]
    run = cgrosim.load(tmp_path / "run.nc")
    assert run.params.dimension == 200
    printed = capsys.readouterr().out
    assert "memorisation" in printed
    assert "signal_span" in printed


@pytest.mark.usefixtures("blank_figures")
def test_options_override_the_file(tmp_path):
    config = tmp_path / "run.toml"
    config.write_text('dimension = 150\nsamples = 6\nneurons = 5\nsteps = 50\ntest_samples = 20\nthreat = "none"\n')
    main(["simulate", "--config", str(config), "--samples", "4", "--no-paired", "--out", str(tmp_path / "out")])
    params = cgrosim.load(tmp_path / "out" / "run.nc").params
    assert (params.dimension, params.samples, params.threat) == (150, 4, "none")


@pytest.mark.usefixtures("blank_figures")
def test_checkpoint_and_resume(tmp_path):
    state = str(tmp_path / "state.npz")
    assert main(["simulate", *TINY, "--steps", "500", "--checkpoint", state, "--out", str(tmp_path / "one")]) == 0
    assert main(["simulate", "--resume", state, "--out", str(tmp_path / "two")]) == 0
    one, two = (cgrosim.load(tmp_path / name / "run.nc").data for name in ("one", "two"))
    assert (one.memorization.values == two.memorization.values).all()


def test_diverged_run_has_status_one_and_is_saved(tmp_path, capsys):
    arguments = ["--dimension", "5", "--samples", "30", "--neurons", "5", "--init-std", "0.3", "--learning-rate", "1e3"]
    assert main(["simulate", *arguments, "--steps", "500", "--no-paired", "--out", str(tmp_path)]) == 1
    assert "diverged at step" in " ".join(capsys.readouterr().out.split())
    assert cgrosim.load(tmp_path / "run.nc").status == "diverged"


def test_info_shows_versions_plan_and_slack(capsys):
    assert main(["info", "--dimension", "1e12"]) == 0
    printed = capsys.readouterr().out
    for word in ("numba", "BLAS", "sampling gram", "slack", "delta < alpha"):
        assert word in " ".join(printed.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "--noise-std", "-1"], "noise_std is -1"),
        (["simulate", "--samples", "0"], "samples is 0"),
        (["simulate", "--power", "0.5"], "power is 0.5"),
        (["simulate", "--perturbation-radius", "100"], "perturbation_radius is 100"),
        (["simulate", "--neurons", "ten"], "neurons is 'ten'"),
        (["simulate", "--signal-polylog", "x"], "signal_polylog is 'x'"),
        (["simulate", "--dimension", "100", "--samples", "60000", "--engine", "reduced"], "take engine direct"),
        (["simulate", "--config", "missing.toml"], "missing.toml cannot be read"),
        (["simulate", "--resume", "missing.npz"], "missing.npz does not exist"),
        (["simulate", "--resume", "missing.npz", "--samples", "3"], "leave out every other parameter"),
        (["simulate", "--threat", "l2_pgd"], "steps is not given"),
        (["verify", "no-such-claim"], "'no-such-claim' does not exist"),
        (["verify", "--quick", "--full"], "exclude each other"),
        (["verify", "--seed", "-1"], "seed is '-1'"),
        (["info", "--gap", "2"], "gap is 2"),
        (["info", "--gap", "-1"], "signal_span"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert words in error
    assert "Traceback" not in error


def test_unknown_option_has_status_two():
    out = cgrosim_command("simulate", "--wibble", "3")
    assert out.returncode == 2
    assert "Traceback" not in out.stderr


def test_out_that_cannot_be_a_directory(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["simulate", *TINY, "--out", str(tmp_path / "file" / "x")]) == 2
    assert "choose another --out" in " ".join(capsys.readouterr().err.split())
