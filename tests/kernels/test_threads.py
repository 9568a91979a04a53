"""Threads of the kernels: free and paying or left alone; forks, other threads and missing layers do no harm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cgrosim import kernels
from cgrosim.kernels.threads import Pace, run_quicker

HERE = Path(__file__).parent
PREPARE = """
import os, sys, threading
import numpy as np
sys.path.insert(0, sys.argv[1])
from kernel_cases import Setting, make_params
from cgrosim import kernels
generator = np.random.default_rng(0)
rows, weights = generator.standard_normal((300, 40)), generator.standard_normal((7, 40))

def bits(parallel=True):
    out = np.empty((300, 7))
    kernels.project(rows, weights, out, parallel)
    return out.tobytes()

if __name__ == "__main__":
    expected = bits()
"""
POOL = """
    import multiprocessing, warnings
    warnings.simplefilter("ignore")  # newer Pythons warn of any fork beside threads
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map_async(bits, [True] * 4).get(timeout=100) == [expected] * 4)
"""
THREADS = """
    found = []
    def work():
        for _ in range(300):
            found.append(bits() == expected)
    several = [threading.Thread(target=work) for _ in range(3)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    print(len(found) == 900 and all(found))
"""


def run_script(tmp_path: Path, body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(PREPARE + body)
    return subprocess.run(
        [sys.executable, str(script), str(HERE)],
        env={**os.environ, "NUMBA_NUM_THREADS": "2", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("layer", ["default", pytest.param("workqueue", marks=pytest.mark.slow)])
def test_a_forked_pool_works_after_kernels_used_threads(tmp_path: Path, layer: str) -> None:
    done = run_script(tmp_path, POOL, NUMBA_THREADING_LAYER=layer)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


def test_several_python_threads_may_use_kernels_at_once(tmp_path: Path) -> None:
    done = run_script(tmp_path, THREADS, NUMBA_THREADING_LAYER="workqueue")
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("CGROSIM_LANES", "16", "CGROSIM_LANES is '16'; on this processor it can be"),
        ("NUMBA_DISABLE_JIT", "1", "NUMBA_DISABLE_JIT is 1: the kernels are machine code"),
        ("NUMBA_NUM_THREADS", "99999", "NUMBA_NUM_THREADS is 99999, but can be at most 1024 here"),
        pytest.param(
            "NUMBA_NUM_THREADS",
            "0",
            "NUMBA_NUM_THREADS is '0'; it must be a whole number of at least 1",
            marks=pytest.mark.slow,
        ),
        ("NUMBA_OPT", "7", "NUMBA_OPT is '7', which the compiler cannot read; correct it, or unset it"),
    ],
)
def test_settings_no_kernel_can_run_with_are_one_sentence(variable: str, value: str, sentence: str) -> None:
    code = "import cgrosim.kernels"
    environment = {**os.environ, variable: value}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert f"cgrosim.errors.UserError: {sentence}" in done.stderr


@pytest.mark.slow
def test_the_command_prints_that_sentence_alone() -> None:
    environment = {**os.environ, "CGROSIM_LANES": "16"}
    arguments = [sys.executable, "-m", "cgrosim", "info"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cgrosim: CGROSIM_LANES is '16'")


def test_a_layer_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = run_script(tmp_path, "", NUMBA_THREADING_LAYER="nonsense")
    assert "cgrosim.errors.UserError: NUMBA_THREADING_LAYER is 'nonsense', which cannot be loaded here" in done.stderr


class Machine:
    """A clock and two forms of a kernel, with what a step of each takes at any time."""

    def __init__(self, serial: float, threaded: float) -> None:
        self.now, self.seconds = 0.0, [serial, threaded]
        self.steps = [0, 0]
        self.next_step = 10
        self.forms = (self.form(0), self.form(1))
        self.stop_at: int | None = None

    def form(self, which: int) -> Any:
        def take(name: str, steps: int, first: int) -> tuple[int, int, int, int]:
            assert (name, first) == ("argument", self.next_step)
            if self.stop_at is not None and first + steps > self.stop_at:
                steps = self.stop_at - first
                status = kernels.DIVERGED
            else:
                status = kernels.RUNNING
            self.now += steps * self.seconds[which]
            self.steps[which] += steps
            self.next_step += steps
            return steps, status, 3, 4

        return take


@pytest.fixture
def free_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cgrosim.kernels.threads.start", lambda: True)


def test_without_threads_the_serial_form_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cgrosim.kernels.threads.start", lambda: False)
    assert run_quicker(("a problem of this test",), (lambda x: ("serial", x), lambda x: ("threaded", x)), 3) == (
        "serial",
        3,
    )


@pytest.mark.usefixtures("free_threads")
@pytest.mark.parametrize(("serial", "threaded"), [(1e-3, 0.55e-3), (1e-3, 35e-3), (0.3, 0.2), (1e-6, 1e-5)])
def test_the_quicker_form_takes_nearly_all_steps(serial: float, threaded: float) -> None:
    machine = Machine(serial, threaded)
    assert Pace(lambda: machine.now).take(machine.forms, ("argument",), 10_000, 10) == (10_000, kernels.RUNNING, 3, 4)
    assert sum(machine.steps) == 10_000
    quicker = int(threaded < serial)
    # The other form gets a turn after 20 times its length; a turn is at least a step.
    assert machine.now <= 10_000 * min(serial, threaded) * (1 + 1 / 20) + 2 * max(serial, threaded, 0.01)
    assert machine.steps[1 - quicker] > 0


@pytest.mark.usefixtures("free_threads")
def test_a_machine_that_becomes_busy_is_noticed() -> None:
    machine = Machine(1e-3, 0.5e-3)
    pace = Pace(lambda: machine.now)
    pace.take(machine.forms, ("argument",), 1000, 10)
    machine.seconds = [2e-3, 20e-3]
    machine.steps = [0, 0]
    pace.take(machine.forms, ("argument",), 1000, machine.next_step)
    assert machine.steps[1] < 50
    machine.seconds = [1e-3, 0.5e-3]
    machine.steps = [0, 0]
    pace.take(machine.forms, ("argument",), 20_000, machine.next_step)
    # Its last turn, 20 steps of 20 ms, keeps the threaded form away for 8 s; then a turn of 10 steps in 20.
    assert machine.steps[0] <= 8_000 + 12_000 / 20


@pytest.mark.usefixtures("free_threads")
def test_turns_end_where_a_run_diverges_and_take_no_step_unasked() -> None:
    machine = Machine(1e-3, 0.5e-3)
    pace = Pace(lambda: machine.now)
    assert pace.take(machine.forms, ("argument",), 0, 10) == (0, kernels.RUNNING, 3, 4)
    machine.stop_at = 510
    assert pace.take(machine.forms, ("argument",), 1000, 10) == (500, kernels.DIVERGED, 3, 4)


@pytest.mark.usefixtures("free_threads")
@pytest.mark.parametrize("seconds", [(1e-3, 0.6e-3), (1e-3, 3e-3)])
def test_whole_calls_go_to_the_quicker_form(seconds: tuple[float, float]) -> None:
    """The first call of a form compiles it, and is no time of it; both give the same."""
    machine, calls = Machine(*seconds), [0, 0]

    def form(which: int) -> Any:
        def call(argument: str) -> str:
            machine.now += seconds[which] + (5.0 if calls[which] == 0 else 0.0)
            calls[which] += 1
            return argument

        return call

    pace = Pace(lambda: machine.now)
    assert {pace.call((form(0), form(1)), ("argument",)) for _ in range(2000)} == {"argument"}
    slower = int(seconds[1] > seconds[0])
    assert 2000 / 20 / 4 < calls[slower] <= 20 + 2000 / 20 + 2  # the first twenty are threaded
