"""What sweeps of many short runs cost, beside a plain loop over runs; on demand with ``pytest -m benchmark -n 0 -s``.

Processor time is printed on any machine. It is held against the bounds on an idle one only: beside other programs,
which share caches and the threads of a core, the same work takes up to twice the processor time. Some minutes; with
CGROSIM_FULL_BENCHMARK=1 the heat map and the phase diagram are run whole, some quarter of an hour.
"""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from cgrosim import Params, sweep
from cgrosim.engines.many import take_together

pytestmark = pytest.mark.benchmark

# the public heat map of benign overfitting: 100 signal norms x 100 dimensions x 10 repeats
NORMS, DIMENSIONS, REPEATS = np.linspace(0.1, 10.0, 100), np.arange(100, 1100, 10), 10
BENIGN = Params(
    dimension=600, samples=20, patches=2, neurons=20, activation="relu", signal_strength=5.0, noise_std=1.0, gap=1.0,
    init_std=0.01, threat="none", adversarial_weight=0.0, learning_rate=0.1, steps=100, test_samples=1000,
    sampling="gram", engine="reduced",
)  # fmt: skip
KEEP = ("clean_train_error", "clean_test_error")


FULL = bool(os.environ.get("CGROSIM_FULL_BENCHMARK"))


def busy():
    """Whether other programs than this one have been running for the last minute."""
    return os.getloadavg()[0] > 1.5


def heat_map(norms, dimensions, **how):
    """Part of the heat map as a sweep."""
    over = {
        "signal_strength": norms,
        ("dimension", "noise_std", "init_std"): [(int(d), BENIGN.noise_std, BENIGN.init_std) for d in dimensions],
    }
    return sweep(BENIGN, over, seeds=REPEATS, keep=KEEP, predicted_seeds=0, **how)


def plainly(norm, dimension, generator):
    """One training as a script writes it: vectors, full-batch descent, errors on fresh samples."""
    n, m, layer = BENIGN.samples, BENIGN.neurons, np.repeat([1.0, -1.0], BENIGN.neurons // 2)

    def draw(count):
        labels = generator.choice([-1.0, 1.0], count)
        inputs = generator.standard_normal((count, 2, dimension))
        inputs[:, 1, 0] = 0.0  # orthogonal to the feature, which is the first axis
        inputs[:, 0] = 0.0
        inputs[:, 0, 0] = norm * labels
        return labels, inputs

    labels, inputs = draw(n)
    weights = BENIGN.init_std * generator.standard_normal((m, dimension))
    for _ in range(BENIGN.steps):
        before = inputs @ weights.T
        margin = labels * (np.maximum(before, 0.0).sum(axis=1) @ layer)
        pull = labels / (1.0 + np.exp(margin)) / n
        slopes = pull[:, None, None] * layer * (before > 0.0)
        weights += BENIGN.learning_rate * np.tensordot(slopes, inputs, axes=((0, 1), (0, 1)))
    fresh, tests = draw(BENIGN.test_samples)
    return np.mean(fresh * (np.maximum(tests @ weights.T, 0.0).sum(axis=1) @ layer) <= 0.0)


def processor(act, repeats=3):
    """Least processor time of some calls, in seconds, and what the last one gave."""
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        found = act()
        spent.append(time.process_time() - began)
    return min(spent), found


def test_the_heat_map_of_benign_overfitting(capsys):
    norms, dimensions = NORMS[::25], DIMENSIONS[::20]
    runs = len(norms) * len(dimensions) * REPEATS
    heat_map(norms[:1], dimensions[:1])
    spent, table = processor(lambda: heat_map(norms, dimensions))
    generator = np.random.default_rng(0)
    plain, errors = processor(lambda: [plainly(x, int(d), generator) for x in norms for d in dimensions], 1)
    each, loop = 1e3 * spent / runs, 1e3 * plain / (len(norms) * len(dimensions))
    # the same experiment: both errors are shares of 1000 samples, and differ between draws of the training set
    assert abs(np.mean(errors) - float(table.data.clean_test_error.mean())) < 0.1
    with capsys.disabled():
        print(f"\nheat map: {each:.2f} ms a training, 100,000 in {50 * each:.0f} s on two cores; loop {loop:.0f} ms")
    assert loop > 10 * each
    assert each < 1.2 or busy()


def test_what_a_run_costs_beside_its_steps(capsys):
    cells = [BENIGN.replace(seed=seed, test_samples=0) for seed in range(200)]
    params = cells[0]
    sweep(params, {"gap": [1.0]}, seeds=3, keep="clean_train_error", predicted_seeds=0)
    grid = np.array([params.steps])
    steps = processor(lambda: take_together(cells, params.steps, grid), 5)[0]
    none = processor(lambda: take_together(cells, 0, np.array([0])), 5)[0]
    whole = processor(lambda: sweep(params, {"gap": [1.0]}, seeds=200, keep="clean_train_error", predicted_seeds=0), 5)[
        0
    ]
    overhead = 1e3 * (whole - (steps - none)) / len(cells)
    with capsys.disabled():
        print(f"\n{overhead:.2f} ms a run beside {1e3 * (steps - none) / len(cells):.2f} ms of steps")
    assert overhead < 0.5 or busy()


def test_a_phase_diagram_by_the_flow(capsys, tmp_path):
    params = Params.from_paper(
        1000, patches=2, init_polylog=1.0, engine="flow", sampling="gram", flow_tolerance=1e-6, seed=3
    )
    gaps, samples = np.geomspace(3e-3, 0.3, 25), np.round(np.linspace(5, 60, 25)).astype(int)
    sweep(params, {"gap": [0.1], "samples": [5]}, keep="robust_test_error", predicted_seeds=0)
    over = {"gap": gaps[::8], "samples": samples[::4]}
    spent, table = processor(lambda: sweep(params, over, keep="robust_test_error", predicted_seeds=0), 1)
    each = spent / table.data.status.size
    with capsys.disabled():
        print(f"\nflow: {1e3 * each:.0f} ms a run, 12,500 in {12_500 * each / 120:.1f} minutes on two cores")
    assert 12_500 * each / 120 < 15 or busy()
    if FULL:
        began = time.perf_counter()
        over = {"gap": gaps, "samples": samples}
        sweep(params, over, seeds=20, keep="robust_test_error", predicted_seeds=0, workers=2, out=tmp_path / "flow")
        minutes = (time.perf_counter() - began) / 60
        with capsys.disabled():
            print(f"\nflow: 12,500 runs by two workers in {minutes:.1f} minutes")
        assert minutes < 15 or busy()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor")
def test_two_workers_are_nearly_twice_as_fast(capsys, tmp_path):
    if busy():
        pytest.skip(f"other programs are running (load {os.getloadavg()[0]:.1f}), so that there is nothing to gain")
    spent = {}
    for workers in (1, 2):
        began = time.perf_counter()
        table = heat_map(NORMS, DIMENSIONS[::2], workers=workers, out=tmp_path / str(workers))
        spent[workers] = time.perf_counter() - began
    with capsys.disabled():
        print(
            f"\n{table.data.status.size} trainings: one worker {spent[1]:.1f} s, two {spent[2]:.1f} s, their start "
            f"and end included: {spent[1] / spent[2]:.2f} times"
        )
    assert spent[1] / spent[2] >= 1.8


@pytest.mark.skipif(not FULL, reason="a minute on two idle cores; set CGROSIM_FULL_BENCHMARK=1")
def test_the_whole_heat_map_by_two_workers(capsys, tmp_path):
    began = time.perf_counter()
    table = heat_map(NORMS, DIMENSIONS, workers=2, out=tmp_path)
    spent = time.perf_counter() - began
    with capsys.disabled():
        print(f"\nheat map: {table.counts} by two workers in {spent:.1f} s")
    assert table.counts == {"finished": 100_000}
    assert spent < 60 or busy()


MEMORY = """
import sys
sys.path.insert(0, {folder!r})
from test_sweep_speed import BENIGN, np, sweep
cells = int(sys.argv[1])
cheap = BENIGN.replace(steps=5, test_samples=0)
over = {{"signal_strength": np.linspace(0.1, 10.0, cells // 20)}}
how = {{"seeds": 20, "keep": "clean_train_error", "predicted_seeds": 0}}
sweep(cheap, {{"signal_strength": [1.0, 2.0]}}, out=sys.argv[2] + "warm", **how)  # compiling has a peak of its own
held = []

def watch(state):
    held.append(4096 * int(open("/proc/self/statm").read().split()[1]))

table = sweep(cheap, over, out=sys.argv[2], watch=watch, **how)
watch(None)
assert table.counts == {{"finished": cells}}
print(max(held))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_flat_in_the_number_of_cells(capsys, tmp_path):
    script = MEMORY.format(folder=os.path.dirname(__file__))
    peak = {}
    for cells in (2_000, 20_000):
        command = [sys.executable, "-c", script, str(cells), str(tmp_path / str(cells))]
        peak[cells] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    each = (peak[20_000] - peak[2_000]) / 18_000
    small, large = (peak[cells] / 2**20 for cells in (2_000, 20_000))
    with capsys.disabled():
        print(f"\npeak {small:.0f} MiB at 2,000 cells, {large:.0f} MiB at 20,000: {each:.0f} bytes a cell")
    # table and index have some 700 bytes a cell, a state of a run 7 kB: one that is kept by mistake would show
    assert each < 2_000
