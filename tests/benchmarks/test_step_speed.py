"""One training step against eager PyTorch and against the speed of the processor: same run, same threads.

    NUMBA_NUM_THREADS=2 pytest tests/benchmarks -m benchmark --benchmark-enable -s -n 0

The numbers are printed; nothing asserts a speed, because the machine may be busy. Agreement of the steps is asserted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from cgrosim import kernels

from .torch_steps import LOSSES, make_steps

Array = NDArray[np.float64]
pytestmark = pytest.mark.benchmark
SIZES = {"small": (200, 4, 20, 1000), "large": (1000, 8, 64, 4096)}  # N, P, m, d
THREADS = [count for count in (1, 2) if count <= numba.config.NUMBA_NUM_THREADS]
CASE = {
    "alpha": 2.0, "weakest": 0.1, "attacked_low": 0.1, "attacked_high": 3.9, "adversarial_weight": 0.5,
    "step_size": 0.01,
}  # fmt: skip
WATCHED = [("clean signal margin", 1.0), ("weakest signal margin", 0.7), ("memorisation", 0.7)]


class Problem:
    """Data and weights of one size, and our steps on them."""

    def __init__(self, size: str, loss: str) -> None:
        self.samples, self.patches, self.neurons, self.dimension = SIZES[size]
        generator = np.random.default_rng(0)
        self.labels = 2.0 * generator.integers(0, 2, self.samples) - 1.0
        self.index = generator.integers(0, self.patches, self.samples)
        self.direction = np.zeros(self.dimension)
        self.direction[0] = 1.0
        self.inputs = generator.standard_normal((self.samples, self.patches, self.dimension)) / np.sqrt(self.dimension)
        self.inputs[:, :, 0] = 0.0
        signal = np.arange(self.patches) == self.index[:, None]
        self.noise = self.inputs[~signal].reshape(-1, self.dimension)
        self.inputs[signal] = CASE["alpha"] * self.labels[:, None] * self.direction
        self.weights = 0.1 * generator.standard_normal((self.neurons, self.dimension))
        self.case = {**CASE, "adversarial_weight": 0.5 if loss == "signal_span" else 0.0}
        self.problem = kernels.make_problem(
            self.labels,
            np.ones(self.neurons),
            self.patches - 1,
            activation="power",
            power=3.0,
            **{name: value for name, value in self.case.items() if name != "step_size"},  # type: ignore[arg-type]
        )
        self.record = kernels.make_record(self.samples, WATCHED)

    def direct(self) -> Callable[[], Any]:
        data = kernels.pack_direct_data(self.noise, self.direction)
        self.data, self.state = data, kernels.pack_weights(self.weights)
        work = kernels.make_direct_workspace(self.problem, data)
        parallel = numba.get_num_threads() > 1
        eta = self.case["step_size"]
        return lambda: kernels.advance_direct(self.problem, data, self.state, work, self.record, eta, 1, 0, parallel)

    def reduced(self) -> Callable[[], Any]:
        gram = kernels.pack_gram(self.noise @ self.noise.T)
        noise = self.noise @ self.weights.T
        state = kernels.pack_reduced_state(self.problem, self.weights @ self.direction, noise, np.zeros_like(noise))
        work = kernels.make_reduced_workspace(self.problem)
        parallel = numba.get_num_threads() > 1
        eta = self.case["step_size"]
        return lambda: kernels.advance_reduced(self.problem, gram, state, work, self.record, eta, 1, 0, parallel)


def interleaved(calls: dict[str, Callable[[], Any]], seconds: float, turn: float = 0.05) -> dict[str, float]:
    """Median seconds of each call. The calls take turns, so that all of them see the same machine.

    A turn repeats one call for at least `turn` seconds, as a training does: the first call of a turn finds the caches
    full of somebody else's data, which for calls of a few milliseconds would be half of what is measured.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(len(taken) for taken in times.values()) < 5:
        for name, call in calls.items():
            begin = start = time.perf_counter()
            while start - begin < turn:
                call()
                times[name].append(time.perf_counter() - start)
                start = time.perf_counter()
    return {name: float(np.median(taken)) for name, taken in times.items()}


def matrix_peak(threads: int) -> float:
    """GFLOP/s of numpy's dgemm at n = 2048: the best of five."""
    a = np.random.default_rng(0).standard_normal((2048, 2048))
    best = np.inf
    with threadpool_limits(threads):
        for _ in range(6):
            start = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - start)
    return float(2 * 2048**3 / best / 1e9)


def blas_setting() -> str:
    """Name, architecture and any environment variable that pins numpy's BLAS."""
    pools = [f"{p['internal_api']} {p.get('architecture', '')}" for p in threadpool_info() if p["user_api"] == "blas"]
    pins = [f"{name}={os.environ[name]}" for name in ("OPENBLAS_CORETYPE", "MKL_CBWR") if name in os.environ]
    return ", ".join([*pools, *(pins or ["not pinned"])])


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", SIZES)
def test_step_against_torch(size: str, loss: str, threads: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is only a comparison")
    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    mine = Problem(size, loss)
    theirs, their_weights = make_steps(torch, mine.inputs, mine.labels, mine.index, mine.weights, loss, mine.case)
    direct = mine.direct()
    # The same step: weights after one step agree to the rounding of sums of d and N P terms.
    direct()
    theirs["rows"]()
    changed = kernels.unpack_weights(mine.state, mine.problem, mine.data)
    step = np.abs(changed - mine.weights).max()
    eps = np.finfo(np.float64).eps
    terms = 2 * (mine.dimension + mine.samples * mine.patches * mine.neurons)
    assert np.abs(changed - their_weights()).max() <= terms * eps * step + 4 * eps * np.abs(changed).max()
    with threadpool_limits(threads):
        median = interleaved({**theirs, "direct": direct, "reduced": mine.reduced()}, 12.0 if size == "large" else 3.0)
    best = min(theirs, key=lambda name: median[name])
    peak = matrix_peak(threads)
    rows = mine.noise.shape[0]
    flops = {
        "direct": 4 * mine.neurons * (rows + 1) * mine.dimension,
        "reduced": 2 * mine.neurons * rows * rows,
    }
    print(f"\n{size} {loss}, {threads} thread(s), load {os.getloadavg()[0]:.1f}")
    print(f"  BLAS: {blas_setting()}; dgemm {peak:.0f} GFLOP/s")
    for name in theirs:
        print(f"  torch {name:16s} {median[name] * 1e3:9.3f} ms" + ("  <- best" if name == best else ""))
    for name, count in flops.items():
        speed = count / median[name] / 1e9
        print(
            f"  {name:22s} {median[name] * 1e3:9.3f} ms  ratio {median[name] / median[best]:.2f}  "
            f"{speed:.0f} GFLOP/s = {speed / peak:.2f} of dgemm"
        )


def long_run(samples: int, patches: int, neurons: int) -> tuple[Callable[[int], Any], int]:
    """The reduced engine at a typical study size, as steps -> result."""
    generator = np.random.default_rng(0)
    rows = samples * (patches - 1)
    vectors = generator.standard_normal((rows, 1000)) * 1000**-0.509
    problem = kernels.make_problem(
        2.0 * generator.integers(0, 2, samples) - 1.0,
        np.ones(neurons),
        patches - 1,
        activation="power",
        power=3.0,
        alpha=5.6,
        weakest=0.05,
        attacked_low=0.05,
        attacked_high=11.1,
        adversarial_weight=0.5,
    )
    noise = 0.06 * generator.standard_normal((rows, neurons))
    state = kernels.pack_reduced_state(problem, 0.06 * generator.standard_normal(neurons), noise, np.zeros_like(noise))
    work, record = kernels.make_reduced_workspace(problem), kernels.make_record(samples, WATCHED)
    gram = kernels.pack_gram(vectors @ vectors.T)
    return lambda steps: kernels.advance_reduced(problem, gram, state, work, record, 0.01, steps, 0, False), rows


def test_long_reduced_run(benchmark: Any) -> None:
    """A typical study on one thread, N=50, P=3, m=10; all 400,000 steps with ``CGROSIM_FULL_BENCHMARK=1``."""
    run, _ = long_run(50, 3, 10)
    run(10)
    steps = 400_000 if os.environ.get("CGROSIM_FULL_BENCHMARK") else 20_000
    done, status, *_ = benchmark.pedantic(run, args=(steps,), rounds=1 if steps > 100_000 else 5)
    assert (done, status) == (steps, kernels.RUNNING)
    if benchmark.stats is None:  # run without --benchmark-enable: nothing was timed
        return
    per_step = benchmark.stats.stats.median / steps
    print(f"\nreduced N=50 P=3 m=10: {per_step * 1e6:.2f} us a step, {per_step * 400_000:.2f} s for 400,000 steps")
