"""Signals to commands: at any moment they end within seconds, with a sentence, what was recorded, and no orphans."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import cgrosim
from cgrosim.interrupts import Endings, Interrupts, StoppedCompiling, stop_where_wanted

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")

SECONDS = 30.0
"""Allowed from a signal to the end: an idle machine takes one or two, but tests share theirs."""

LONG = ["--dimension", "200", "--steps", "30000000", "--engine", "direct", "--samples", "20", "--neurons", "4"]
ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.fixture
def begin():
    """Begins commands; whatever is left of them at the end is ended."""
    children = []

    def start(*arguments, **environment):
        children.append(begun(*arguments, **environment))
        return children[-1]

    yield start
    for child in children:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def begun(*arguments, **environment):
    """A command in a process group of its own, as a terminal begins it."""
    # a test runner in the background may ignore signals, which a child would inherit
    code = (
        "import signal, sys\n"
        "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv = ['cgrosim', *sys.argv[1:]]\n"
        "import cgrosim.interrupts\n"
        "from cgrosim.commands.main import entry_point\n"
        "enter = cgrosim.interrupts.Interrupts.__enter__\n"
        "told = lambda self: (print('running', flush=True), enter(self))[1]\n"
        "cgrosim.interrupts.Interrupts.__enter__ = told\n"
        "if __name__ == '__main__': print('begun', flush=True); entry_point()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200", **environment},
        start_new_session=True,
    )
    assert child.stdout.readline() == "begun\n"
    return child


def finish(child):
    """Status and output of a command that is about to end."""
    out, err = child.communicate(timeout=SECONDS)
    return child.returncode, out, err


def members(group):
    """Processes of a group that are not yet dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def workers(group):
    """Worker processes of a group that have begun: they leave SIGTERM to their parent."""
    found = []
    for pid in members(group):
        with suppress(OSError):
            status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            ignores = int(status["SigIgn"], 16) >> (signal.SIGTERM - 1) & 1
            if ignores and "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
    return found


def wait_until(condition, seconds=240.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


SLOW = pytest.mark.slow  # siblings of a case of the ordinary suite; tests/reliability tries all of them at random


@pytest.mark.parametrize(
    ("number", "status"), [ENDINGS[0], *(pytest.param(*ending, marks=SLOW) for ending in ENDINGS[1:])]
)
def test_a_signal_to_simulate_keeps_what_was_recorded(number, status, tmp_path, begin):
    checkpoint = tmp_path / "run.checkpoint"
    child = begin("simulate", *LONG, "--out", tmp_path, "--checkpoint", checkpoint)
    assert any("simulating: engine direct, step" in line for line in iter(child.stderr.readline, ""))  # in the middle
    child.send_signal(number)
    returned, out, err = finish(child)
    assert (returned, "Traceback" in err) == (status, False), err
    assert cgrosim.load(tmp_path / "run.nc").status == "interrupted"
    assert checkpoint.exists()
    assert "everything recorded until then is kept" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wait", "presses"), [(0.5, 1), pytest.param(2.0, 1, marks=SLOW), pytest.param(3.0, 2, marks=SLOW)]
)
def test_ctrl_c_while_kernels_compile_ends_the_command(wait, presses, tmp_path, begin):
    child = begin("simulate", *LONG, "--out", tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert child.stdout.readline() == "running\n"
    time.sleep(wait)
    for _ in range(presses):
        child.send_signal(signal.SIGINT)
        time.sleep(0.3)
    returned, _, err = finish(child)
    assert (returned, "Traceback" in err, "Exception ignored" in err) == (130, False, False), err


TRAIN = ["images", "train", "--subset", "20", "--validation", "20", "--epochs", "500", "--width", "1"]


@SLOW
@pytest.mark.parametrize(("number", "status", "fresh"), [(signal.SIGHUP, 129, False), (signal.SIGTERM, 143, True)])
def test_a_signal_to_an_experiment_ends_it_also_while_its_kernels_compile(number, status, fresh, tmp_path, begin):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")} if fresh else {}
    child = begin(*TRAIN, "--out", tmp_path / "out", **cache)
    assert child.stdout.readline() == "running\n"
    time.sleep(2.0)
    child.send_signal(number)
    returned, out, err = finish(child)
    assert (returned, "Traceback" in err, "Exception ignored" in err) == (status, False, False), err
    assert "interrupted; the same command goes on from here" in out or "interrupted" in err
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
@pytest.mark.parametrize(
    ("number", "status"), [pytest.param(signal.SIGTERM, 143, marks=SLOW), pytest.param(signal.SIGKILL, -9, marks=SLOW)]
)
def test_no_worker_of_verify_outlives_it(number, status, tmp_path, begin):
    (tmp_path / "verdicts.json").write_text("{}")
    child = begin("verify", "theorem-scaling", "phase-edges", "--workers", "2", "--overwrite", "--out", tmp_path)
    wait_until(lambda: child.poll() is None and len(workers(child.pid)) == 2)
    child.send_signal(number)
    returned, _, err = finish(child)
    assert returned == status
    assert "Traceback" not in err
    wait_until(lambda: not members(child.pid), SECONDS)
    assert json.loads((tmp_path / "verdicts.json").read_text()) == {}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_ctrl_c_in_a_terminal_reaches_the_workers_too_and_none_of_them_complains(tmp_path, begin):
    child = begin("verify", "theorem-scaling", "phase-edges", "--workers", "2", "--overwrite", "--out", tmp_path)
    wait_until(lambda: child.poll() is None and len(workers(child.pid)) == 2)
    os.killpg(child.pid, signal.SIGINT)
    returned, _, err = finish(child)
    assert (returned, "Traceback" in err, "Exception" in err) == (130, False, False), err
    wait_until(lambda: not members(child.pid), SECONDS)


@pytest.mark.slow  # tests/sweeps kills a worker in the ordinary suite
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_a_killed_worker_is_a_sentence(tmp_path, begin):
    child = begin("verify", "theorem-scaling", "phase-edges", "--workers", "2", "--overwrite", "--out", tmp_path)
    wait_until(lambda: child.poll() is None and len(workers(child.pid)) == 2)
    os.kill(workers(child.pid)[0], signal.SIGKILL)
    returned, _, err = finish(child)
    assert (returned, "Traceback" in err) == (2, False)
    assert "a worker process was ended from outside" in err


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as below nohup
    try:
        with Endings():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


class Pressing:
    """Presses Ctrl-C in its destructor, where no exception can leave."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        sum(range(10))


def press_where_it_is_lost():
    pressing = Pressing()
    del pressing
    time.sleep(10.0)


def test_a_signal_that_a_destructor_swallows_comes_again(pressable):
    with Endings() as endings:
        with pytest.raises(KeyboardInterrupt):
            press_where_it_is_lost()
        assert endings.status(130) == 130


def half_made(module):
    """An object whose constructor was interrupted, so that its destructor fails."""
    names = {"__name__": module}
    exec("class Handle:\n    def __del__(self):\n        del self.handle", names)
    names["Handle"]()


def test_what_an_interrupted_compiler_leaves_is_told_to_nobody(pressable, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with Endings():
        half_made("llvmlite.binding.ffi")
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert len(told) == 1  # before the signal it was news
        half_made("llvmlite.binding.ffi")
        assert len(told) == 1
        half_made("somebody.else")
        assert len(told) == 2


def test_a_command_says_which_signal_ended_it(pressable):
    with Endings() as endings:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGTERM)
        assert interrupts.asked
        assert [endings.status(status) for status in (0, 1, 130)] == [0, 1, 143]


def test_no_kernel_is_compiled_once_the_work_is_to_stop(pressable):
    with Interrupts() as interrupts:
        stop_where_wanted()
        signal.raise_signal(signal.SIGINT)
        stop_where_wanted()
        pytest.fail("went on")
    assert interrupts.left
    stop_where_wanted()


def test_only_a_wish_to_stop_is_taken_for_one(pressable):
    with pytest.raises(StoppedCompiling), Interrupts():
        raise StoppedCompiling
