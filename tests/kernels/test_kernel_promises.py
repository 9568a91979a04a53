"""What the kernels promise: bits, hitting times, located divergence, no allocation, any shape and any processor."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import EPS, Setting, make_params, sum_rounding
from numba.core.runtime import _nrt_python, rtsys
from numpy.typing import NDArray

from cgrosim import kernels
from cgrosim.kernels import microkernels
from cgrosim.kernels import reduced as reduced_kernels
from cgrosim.kernels.blocks import pack_blocks, pack_panels, unpack_blocks
from cgrosim.kernels.problem import make_problem
from cgrosim.model import reference
from cgrosim.model.activations import ACTIVATIONS, activate, derivative

Array = NDArray[np.float64]


@pytest.mark.parametrize("neurons", [1, 7, 12, 13, 25])
@pytest.mark.parametrize("samples", [1, 70])
def test_threads_and_calls_do_not_change_bits(neurons: int, samples: int) -> None:
    case = Setting(make_params(neurons=neurons, samples=samples, dimension=150, learning_rate=0.02))
    _, serial = case.reduced(6)
    hits = case.hits("memorised")
    _, threaded = case.reduced(6, parallel=True)
    assert all(np.array_equal(a, b) for a, b in zip(serial, threaded, strict=True))
    assert np.array_equal(hits, case.hits("memorised"))
    assert np.array_equal(case.direct(6)[1], case.direct(6, parallel=True)[1])
    state = kernels.pack_reduced_state(case.problem, case.signal, case.noise, np.zeros_like(case.noise))
    work, gram = kernels.make_reduced_workspace(case.problem), kernels.pack_gram(case.gram)
    for step in range(6):
        kernels.advance_reduced(case.problem, gram, state, work, case.record, case.params.learning_rate, 1, step)
    pieces = kernels.unpack_reduced_state(case.problem, state)
    assert all(np.array_equal(a, b) for a, b in zip(serial, pieces, strict=True))


def test_size_chooses_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 2)

    def stand_in(name: str) -> Callable[..., tuple[int, int, int, int]]:
        def take(*arguments: int) -> tuple[int, int, int, int]:
            taken.extend([name] * arguments[-2])
            return arguments[-2], kernels.RUNNING, -1, -1

        return take

    monkeypatch.setattr(reduced_kernels, "FORMS", (stand_in("serial"), stand_in("parallel")))
    for samples in (5, 700):
        case = Setting(make_params(samples=samples))
        state = kernels.pack_reduced_state(case.problem, case.signal, case.noise, case.noise)
        work = kernels.make_reduced_workspace(case.problem)
        kernels.advance_reduced(case.problem, case.gram, state, work, case.record, 0.1, 2, 0)
    assert taken == ["serial", "serial", "serial", "parallel"]  # the larger one tries both ways


@pytest.mark.parametrize("form", ["reduced", "direct"])
def test_hitting_times_are_exact(form: str) -> None:
    params = make_params(
        dimension=200,
        samples=8,
        neurons=6,
        signal_strength=2.0,
        gap=0.5,
        init_std=0.25,
        learning_rate=0.2,
        noise_std=0.08,
    )
    case, steps, first = Setting(params), 400, 1000
    getattr(case, form)(steps, first)
    trajectory = case.oracle(steps - 1)  # the state that the call ends in is left for the next call
    alpha, q = params.signal_strength, params.power
    strength = np.array([np.sum(np.sign(u) * np.abs(u) ** q) for u, *_ in trajectory])
    memorised = np.array([v for *_, v in trajectory])

    def first_step(reached: NDArray[np.bool_]) -> int:
        return first + int(np.argmax(reached)) if reached.any() else -1

    assert case.hits("grown")[0] == first_step(alpha**q * strength >= 1.0)
    assert case.hits("escaped")[0] == first_step((params.gap * alpha) ** q * strength >= 0.7)
    expected = [first_step(memorised[:, i] >= 0.7) for i in range(params.samples)]
    assert case.hits("memorised").tolist() == expected
    assert case.hits("grown")[0] > first  # the thresholds are really crossed inside the run
    assert case.hits("escaped")[0] > case.hits("grown")[0]


def test_an_earlier_hit_is_kept() -> None:
    case = Setting(make_params(signal_strength=3.0))
    case.signal[:] = 1.0
    case.reduced(2, first=10)
    assert case.hits("grown")[0] == 10
    state = kernels.pack_reduced_state(case.problem, case.signal, case.noise, case.noise)
    work = kernels.make_reduced_workspace(case.problem)
    kernels.advance_reduced(case.problem, kernels.pack_gram(case.gram), state, work, case.record, 0.1, 2, 50)
    assert case.hits("grown")[0] == 10


@pytest.mark.parametrize("where", ["signal", "noise"])
def test_divergence_is_located_and_not_committed(where: str) -> None:
    # An odd activation saturates on the signal, however large u: only a step beyond the limit itself diverges there.
    # Noise patches of opposite labels overlap, so an overshoot makes some margins hugely negative and feeds itself.
    eta, alpha = (1e103, 3.0) if where == "signal" else (1e30, 0.0)
    params = make_params(signal_strength=alpha, gap=1.0, noise_std=3.0, power=5.0, learning_rate=eta, samples=6)
    case = Setting(params)
    (done, status, neuron, row), state = case.reduced(50)
    assert status == kernels.DIVERGED
    assert done < 50
    assert all(np.all(np.abs(part) <= 1e100) for part in state)
    (again, *_), good = case.reduced(done)  # the state is that of exactly the steps taken
    assert again == done
    assert all(np.array_equal(a, b) for a, b in zip(state, good, strict=True))
    with np.errstate(all="ignore"):
        on_signal, force, _, _ = reference.forces(params, case.second_layer, case.data.labels, good[0], good[1])
        u, c = good[0] + eta * on_signal, good[1] + eta * (case.gram @ force)
    if where == "signal":
        assert (row, neuron) == (-1, int(np.flatnonzero(~(np.abs(u) <= 1e100))[0]))
    else:
        assert (row, neuron) == tuple(np.argwhere(~(np.abs(c) <= 1e100))[0])


def test_direct_divergence_names_neuron_and_patch() -> None:
    case = Setting(make_params(signal_strength=0.0, gap=1.0, noise_std=3.0, power=5.0, learning_rate=1e30, samples=6))
    (done, status, neuron, row), weights = case.direct(50)
    assert status == kernels.DIVERGED
    assert np.array_equal(weights, case.direct(done)[1])
    assert 0 <= neuron < case.params.neurons
    projections = np.abs(case.rows @ weights.T)[:, neuron]
    with np.errstate(all="ignore"):
        _, force, _, _ = reference.forces(
            case.params, case.second_layer, case.data.labels, weights @ case.data.direction, case.rows @ weights.T
        )
    bad = np.flatnonzero(~(np.abs(force[:, neuron]) <= 1e100))
    assert row == (bad[0] if bad.size else int(np.argmax(np.abs(force[:, neuron]))))
    assert np.all(np.isfinite(projections))


@pytest.mark.parametrize("form", ["reduced", "direct"])
@pytest.mark.parametrize(("size", "expected"), [(1.5e100, kernels.DIVERGED), (0.5e100, kernels.RUNNING)])
def test_one_number_beyond_the_limit_is_enough(form: str, size: float, expected: int) -> None:
    """Of all numbers of a state one is large, and nothing moves it: its patch is of length 0, or no patch sees it."""
    case = Setting(make_params(power=2.0, second_layer="positive"))
    case.gram[3, :] = case.gram[:, 3] = 0.0
    case.noise[3, 1] = size * case.data.labels[3 // (case.params.patches - 1)]
    case.rows[:, 2] = case.data.direction[2] = 0.0
    case.weights[1, 2] = size
    (done, status, neuron, _), _ = getattr(case, form)(1)
    assert (done, status) == ((0, 1) if expected == kernels.DIVERGED else (1, 0))
    assert neuron == (1 if expected == kernels.DIVERGED else -1)


@pytest.mark.parametrize("form", ["reduced", "direct"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_state_that_is_not_finite_is_refused(form: str, bad: float) -> None:
    case = Setting(make_params())
    case.noise[3, 1] = bad
    case.weights[1, 2] = bad
    (done, status, neuron, _), _ = getattr(case, form)(5)
    assert (done, status) == (0, kernels.DIVERGED)
    assert neuron >= 0


@pytest.fixture
def count_allocations() -> Iterator[Callable[[Callable[[], object]], int]]:
    """Counts what a call allocates through Numba's runtime."""
    _nrt_python.memsys_enable_stats()

    def count(call: Callable[[], object]) -> int:
        before = rtsys.get_allocation_stats().alloc
        call()
        return int(rtsys.get_allocation_stats().alloc - before)

    yield count
    _nrt_python.memsys_disable_stats()


@pytest.mark.parametrize("form", ["reduced", "direct"])
@pytest.mark.parametrize("activation", ["power", "smoothed_relu"])
def test_steps_allocate_nothing(
    form: str, activation: str, count_allocations: Callable[[Callable[[], object]], int]
) -> None:
    case = Setting(make_params(activation=activation, learning_rate=1e-3))
    run = getattr(case, form)
    run(1)
    assert count_allocations(lambda: run(1000)) == count_allocations(lambda: run(10))
    out = np.empty_like(case.noise)  # the count is not blind: a product of plain arrays packs its operands
    assert count_allocations(lambda: kernels.project(case.rows, case.weights, out)) > 0


@settings(max_examples=40)
@given(rows=st.integers(1, 230), neurons=st.integers(1, 30), columns=st.integers(1, 150), seed=st.integers(0, 2**16))
def test_general_products(rows: int, neurons: int, columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    inputs, weights = generator.standard_normal((rows, columns)), generator.standard_normal((neurons, columns))
    force = generator.standard_normal((rows, neurons))
    results = []
    for parallel in (False, True):
        projected, back, total = np.empty((rows, neurons)), np.empty((rows, columns)), weights.copy()
        kernels.project(inputs, weights, projected, parallel)
        kernels.backproject(force, weights, back, parallel)
        kernels.accumulate(force, inputs, total, 0.5, parallel)
        results.append((projected, back, total))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
    assert np.all(
        np.abs(projected - inputs @ weights.T) <= sum_rounding(columns) * (np.abs(inputs) @ np.abs(weights.T))
    )
    assert np.all(np.abs(back - force @ weights) <= sum_rounding(neurons) * (np.abs(force) @ np.abs(weights)))
    change = np.abs(force.T) @ np.abs(inputs)
    assert np.all(np.abs(total - weights - 0.5 * force.T @ inputs) <= sum_rounding(rows) * (change + np.abs(weights)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("power", [2.0, 2.5, 3.0])
def test_margins_and_coefficients_from_projections(activation: str, power: float) -> None:
    generator = np.random.default_rng(3)
    projections, labels = generator.standard_normal((12, 5)), np.array([1.0, -1.0, 1.0, -1.0])
    second_layer, per_sample = generator.standard_normal(5), generator.standard_normal(4)
    margins, coefficients = np.empty(4), np.empty_like(projections)
    kernels.margins_from_projections(projections, labels, second_layer, activation, power, margins)
    kernels.coefficients_from_projections(projections, per_sample, second_layer, activation, power, coefficients)
    values = activate(activation, projections, power) * second_layer
    bound = (sum_rounding(15) + 8 * EPS) * np.abs(values).reshape(4, -1).sum(axis=1)
    assert np.all(np.abs(margins - labels * values.reshape(4, -1).sum(axis=1)) <= bound)
    expected = np.repeat(per_sample, 3)[:, None] * second_layer * derivative(activation, projections, power)
    assert np.all(np.abs(coefficients - expected) <= 20 * EPS * np.abs(expected))


@settings(max_examples=30)
@given(rows=st.integers(1, 40), neurons=st.integers(1, 30))
def test_blocks_and_panels_hold_every_element(rows: int, neurons: int) -> None:
    matrix = np.arange(1.0, rows * neurons + 1).reshape(rows, neurons)
    blocks = pack_blocks(matrix)
    assert blocks.ctypes.data % 64 == 0
    assert np.array_equal(unpack_blocks(blocks, rows, neurons), matrix)
    assert blocks.sum() == matrix.sum()
    panels = pack_panels(matrix)
    k, j = rows - 1, neurons - 1
    assert panels[j // 8, k, j % 8] == matrix[k, j]
    assert panels.sum() == matrix.sum()


CHILD = """
import sys, numpy as np, numba
sys.path.insert(0, sys.argv[1])
from kernel_cases import Setting, make_params
numba.set_num_threads(int(sys.argv[3]))
parts, parallel = [], sys.argv[4] == "parallel"
sizes = dict(dimension=150, samples=70, neurons=13, learning_rate=0.02)
for activation in ("power", "smoothed_relu"):
    for power in (3.0, 2.5):
        case = Setting(make_params(activation=activation, power=power, **sizes))
        parts += [*case.reduced(4, parallel=parallel)[1], case.direct(4, parallel=parallel)[1]]
np.save(sys.argv[2], np.concatenate([part.ravel() for part in parts]))
"""


def run_child(path: str, lanes: int | None, threads: int, way: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    environment.pop(microkernels.LANES_VARIABLE, None)
    if lanes is not None:
        environment[microkernels.LANES_VARIABLE] = str(lanes)
    arguments = [sys.executable, "-c", CHILD, os.path.dirname(__file__), path, str(threads), way]
    return subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen[str]) -> None:
    _, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors


@pytest.mark.slow  # compiles the threaded forms anew; runs with one and two threads are compared in tests/run
def test_one_and_two_threads_give_the_same_bits(tmp_path: object) -> None:
    paths = [f"{tmp_path}/{name}.npy" for name in ("serial", "one", "two")]
    for path, threads, way in zip(paths, (1, 1, 2), ("serial", "parallel", "parallel"), strict=True):
        finish(run_child(path, None, threads, way))
    digests = {hashlib.sha256(np.load(path).tobytes()).hexdigest() for path in paths}
    assert len(digests) == 1


@pytest.mark.slow  # compiles for other widths; those of the image kernels are compared in tests/images
def test_every_vector_width_agrees(tmp_path: object) -> None:
    widest = microkernels.lanes()
    widths = [width for width in (8, 4, 2) if width <= widest]
    children = [run_child(f"{tmp_path}/{width}.npy", width, 1, "serial") for width in widths]
    for child in children:
        finish(child)
    results = {width: np.load(f"{tmp_path}/{width}.npy") for width in widths}
    if widest == 8:
        assert np.array_equal(results[8], results[4])  # both fuse, in the same order
    # Two lanes round the product and the sum: four steps of sums of at most 151 terms, on numbers below 4, each step
    # multiplying an error by less than 4 (see test_reduced_steps_follow_the_reference).
    assert np.abs(results[widths[0]] - results[2]).max() <= sum_rounding(151 + 39) * 4 * 4.0**4
    assert np.isfinite(results[2]).all()


@pytest.mark.parametrize("wanted", [8, 4, 2])
def test_every_lane_count_that_the_processor_has_is_allowed(monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    if wanted > microkernels.lanes():
        pytest.skip(f"this processor has no registers of {wanted} doubles")
    monkeypatch.setenv(microkernels.LANES_VARIABLE, str(wanted))
    assert microkernels.lanes.__wrapped__() == wanted


@pytest.mark.parametrize("wanted", ["1", "3", "sixteen", "16"])
def test_an_impossible_lane_count_is_refused(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setenv(microkernels.LANES_VARIABLE, wanted)
    with pytest.raises(ValueError, match=f"CGROSIM_LANES is '{wanted}'"):
        microkernels.lanes.__wrapped__()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labels": np.array([1.0, 0.5])}, "labels must be"),
        ({"labels": np.array([])}, "labels must be"),
        ({"second_layer": np.array([np.nan])}, "second_layer must be"),
        ({"noise_patches": 0}, "at least 1"),
        ({"activation": "tanh"}, "no activation 'tanh', only power, relu"),
        ({"power": 1.0}, "power of the activation"),
        ({"attacked_low": -0.1}, "radius of at most alpha"),
        ({"attacked_high": 0.05}, "low <= high"),
        ({"weakest": 1.5}, "alpha - delta <= alpha"),
        ({"alpha": -1.0, "weakest": -1.0}, "must not be negative"),
        ({"adversarial_weight": 1.5}, "adversarial weight is 1.5"),
    ],
)
def test_bad_constants_are_refused(changes: dict[str, object], sentence: str) -> None:
    good: dict[str, object] = {
        "labels": np.array([1.0, -1.0]),
        "second_layer": np.ones(2),
        "noise_patches": 1,
        "activation": "power",
        "power": 3.0,
        "alpha": 1.0,
        "weakest": 0.1,
        "attacked_low": 0.1,
        "attacked_high": 1.9,
        "adversarial_weight": 0.5,
    }
    with pytest.raises(ValueError, match=sentence):
        make_problem(**{**good, **changes})  # type: ignore[arg-type]
