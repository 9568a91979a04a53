"""Runs: same seed same bits, interruption, kill and resume, divergence, saving and loading."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import cgrosim
from cgrosim import Params, simulate
from cgrosim.errors import FileError, ParameterError
from cgrosim.interrupts import raising_interrupts
from cgrosim.run.checkpoint import load_checkpoint
from cgrosim.run.recorder import record_steps

SMALL = Params.from_paper(40, samples=8, neurons=5, steps=2000, records=6, test_samples=100)


def same_bits(one, two):
    assert set(one.data.variables) == set(two.data.variables)
    for name in one.data.variables:
        assert np.array_equal(one.data[name].values, two.data[name].values, equal_nan=True), name


def test_same_seed_same_bits_and_other_seed_other_bits():
    same_bits(simulate(SMALL), simulate(SMALL))
    assert not np.array_equal(simulate(SMALL).data.memorization, simulate(SMALL.replace(seed=1)).data.memorization)


@pytest.mark.slow  # compiles the threaded forms, which the suite's workers, one thread each, do not use
@pytest.mark.parametrize("engine", ["direct", "reduced"])
def test_bits_do_not_depend_on_the_number_of_threads(engine):
    """A problem large enough for the parallel path, in processes with one and two threads for Numba and BLAS."""
    code = (
        "import hashlib, cgrosim\n"
        "p = cgrosim.Params.from_paper(300, samples=150, patches=4, neurons=24, steps=4, records=2,"
        " test_samples=50, learning_rate=0.01)\n"
        f"run = cgrosim.simulate(p.replace(engine={engine!r}))\n"
        "print(hashlib.sha256(b''.join(run.data[n].values.tobytes() for n in sorted(run.data))).hexdigest())\n"
    )
    digests = []
    for threads in ("1", "2"):
        names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        digests.append(done.stdout)
    assert len(digests[0]) == 65
    assert digests[0] == digests[1]


@pytest.mark.parametrize("grid", ["log", "linear"])
@pytest.mark.parametrize("steps", [1, 2, 7, 1000, 10**15])
def test_record_grid_starts_at_zero_ends_at_the_end_and_grows(grid, steps):
    found = record_steps(SMALL.replace(record_grid=grid), steps)
    assert found[0] == 0
    assert found[-1] == steps
    assert np.all(np.diff(found) > 0)


def test_horizon_is_found_when_steps_are_left_out():
    run = simulate(Params.from_paper(1000, samples=8, engine="flow", records=5))
    last = run.data.memorization_time.max()
    assert run.data.attrs["steps"] == pytest.approx(3 * float(last), rel=0.05)
    with pytest.raises(ParameterError, match="steps is not given"):
        simulate(SMALL.replace(steps=None, threat="l2_pgd", perturbation_radius=0.1))


def test_any_dimension_costs_the_same_and_includes_test_errors():
    run = simulate(Params.from_paper(1e12, samples=10, neurons=8, records=5, seed=3))
    assert run.data.attrs["sampling"] == "gram"
    assert run.data.attrs["engine"] == "flow"
    assert np.isfinite(run.data.memorization_time).all()
    assert run.final("clean_test_error") == 0.0
    assert 0.4 < run.final("robust_test_error") < 0.6


def test_dead_network_says_so():
    seed = next(s for s in range(100) if np.all(_start_signal(s) <= 0))
    run = simulate(SMALL.replace(neurons=2, seed=seed, learning_rate=1e-3))
    assert "cannot be learnt" in run.message
    assert np.isnan(run.data.signal_growth_time)


def _start_signal(seed):
    from cgrosim.model.sampling import draw_explicit

    return draw_explicit(SMALL.replace(neurons=2, seed=seed)).signal


def test_divergence_is_located_explained_and_keeps_the_records():
    crowded = Params.from_paper(5, samples=30, neurons=5, steps=2000, init_std=0.3, learning_rate=1e3, test_samples=10)
    run = simulate(crowded)
    assert run.status == "diverged"
    assert "diverged at step" in run.message
    assert "try" in run.message
    assert np.isfinite(run.data.memorization.values).all()
    suggested = float(run.message.split("try ")[1].split(" ")[0])
    assert simulate(crowded.replace(learning_rate=suggested)).status == "finished"


def test_a_step_above_the_stability_limit_is_said_to_be():
    assert "stability limit" in simulate(SMALL.replace(learning_rate=10.0, steps=5)).message
    assert simulate(SMALL.replace(steps=5)).message == ""


def test_a_gram_matrix_that_does_not_fit_says_how_much_it_needs():
    with pytest.raises(ParameterError, match=r"Gram matrix .* needs .*iB.*take engine direct"):
        simulate(Params.from_paper(100, samples=60_000, engine="reduced"))
    with pytest.raises(ParameterError, match="take sampling gram"):
        simulate(Params.from_paper(1e12, sampling="explicit"))


def test_save_and_load_keep_everything(tmp_path):
    run = simulate(SMALL.replace(record=("noise_correlation",)))
    path = run.save(tmp_path / "deep" / "run.nc")
    back = cgrosim.load(path)
    same_bits(run, back)
    assert back.params == run.params
    assert back.data.memorization.attrs["units"] == "1"
    assert "numba" in back.data.attrs["versions"]
    assert [p.name for p in path.parent.iterdir()] == ["run.nc"]


def test_bad_run_files_give_one_sentence(tmp_path):
    path = simulate(SMALL.replace(steps=10)).save(tmp_path / "run.nc")
    with pytest.raises(FileError, match="does not exist"):
        cgrosim.load(tmp_path / "other.nc")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="not a complete netCDF file"):
        cgrosim.load(path)
    path.write_text("hello")
    with pytest.raises(FileError, match="not a complete netCDF"):
        cgrosim.load(path)
    import xarray

    xarray.Dataset({"x": ("t", [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FileError, match="not a run of cgrosim"):
        cgrosim.load(path)


def test_bad_checkpoints_give_one_sentence(tmp_path):
    path = tmp_path / "state.npz"
    with pytest.raises(FileError, match="does not exist"):
        load_checkpoint(path)
    simulate(SMALL, checkpoint=path)
    whole = path.read_bytes()
    for bad in (whole[: len(whole) // 2], b"hello", b""):
        path.write_bytes(bad)
        with pytest.raises(FileError, match="not a whole checkpoint"):
            load_checkpoint(path)
    with open(path, "wb") as file:
        np.savez(file, x=np.zeros(3))
    with pytest.raises(FileError, match="not a whole checkpoint"):
        load_checkpoint(path)


def test_a_checkpoint_does_not_overwrite_a_thesis(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("A theorem.")
    with pytest.raises(FileError, match="is not a whole checkpoint of cgrosim, and is not overwritten"):
        simulate(SMALL, checkpoint=path)
    assert path.read_text() == "A theorem."


SCRIPT = """
import sys, cgrosim
p = cgrosim.Params.from_paper(200, samples=40, steps={steps}, records=30, test_samples=50, engine={engine!r})
cgrosim.simulate(p, checkpoint=sys.argv[1], checkpoint_seconds=0.0)
"""


@pytest.mark.parametrize(("engine", "steps"), [("reduced", 60_000), ("flow", 10**15)])
def test_resume_after_kill_is_bit_identical(engine, steps, tmp_path):
    """Kill -9 in the middle of the work; the resumed run has the bits of one that was never stopped."""
    path = tmp_path / "state.npz"
    child = subprocess.Popen([sys.executable, "-c", SCRIPT.format(steps=steps, engine=engine), str(path)])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        if path.exists() and len(load_checkpoint(path).records["step"]) > 20:
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    saved = load_checkpoint(path)
    resumed = cgrosim.resume(path)
    same_bits(resumed, simulate(saved.params))
    assert resumed.status == "finished"


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_recorded(tmp_path):
    code = (
        "import signal, sys, cgrosim\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job inherits an ignored one
        "p = cgrosim.Params.from_paper(200, samples=60, steps=100_000_000, engine='reduced', test_samples=0)\n"
        "run = cgrosim.simulate(p, progress=lambda what, share: print('going', flush=True))\n"
        "run.save(sys.argv[1]); print(run.status)\n"
    )
    path = tmp_path / "run.nc"
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    for _ in range(14):
        child.stdout.readline()
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert out.strip().endswith("interrupted")
    run = cgrosim.load(path)
    assert run.status == "interrupted"
    assert run.data.sizes["step"] > 10
    assert np.isfinite(run.data.memorization.values).all()


def test_ctrl_c_raises_where_half_a_run_is_worth_nothing():
    def press(what, share):
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test worker may ignore the signal
    try:
        assert simulate(SMALL, progress=press).status == "interrupted"
        with raising_interrupts(), pytest.raises(KeyboardInterrupt):
            simulate(SMALL, progress=press)
    finally:
        signal.signal(signal.SIGINT, before)


def test_digest_is_stable_within_a_process():
    run = simulate(SMALL)
    digest = hashlib.sha256(run.data.memorization.values.tobytes()).hexdigest()
    assert digest == hashlib.sha256(simulate(SMALL).data.memorization.values.tobytes()).hexdigest()


def test_a_seed_beyond_64_bits_loses_no_run(tmp_path):
    """netCDF has no whole number that long: it is text in the file, and the number it was in what is read."""
    params = Params.from_paper(60, samples=3, neurons=2, steps=3, test_samples=0, engine="reduced", seed=2**65 + 1)
    run = simulate(params)
    found = cgrosim.load(run.save(tmp_path / "run.nc"))
    assert found.params == params
    assert found.attributes["seed"] == run.attributes["seed"] == 2**65 + 1
    stacked = cgrosim.stack([run, simulate(params.replace(seed=3))])
    stacked.to_netcdf(tmp_path / "stacked.nc", engine="h5netcdf")
    assert stacked["seed"].values.tolist() == [str(2**65 + 1), "3"]
