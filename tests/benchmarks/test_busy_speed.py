"""Steps on one thread and on two while other programs keep every processor busy.

    NUMBA_NUM_THREADS=2 pytest tests/benchmarks/test_busy_speed.py -m benchmark -s -n 0

The numbers are printed; nothing asserts a speed, because a machine may be busier than this makes it. The bits of both
ways are asserted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest

from cgrosim import kernels
from cgrosim.images.network.layers import initial_parameters
from cgrosim.images.network.network import Network
from cgrosim.kernels import threads

from .test_image_speed import WORKS, images_with_classes, our_iteration
from .test_step_speed import CASE, Problem

pytestmark = pytest.mark.benchmark
STEPS = 400
TURNS, WARM = 60, 25  # turns on images, and how many of them until all ways have been tried


@pytest.fixture
def busy_loops() -> Iterator[None]:
    """A program that never sleeps for every processor."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


def seconds(form: str, parallel: bool | None) -> tuple[float, float, bytes]:
    """Wall and processor seconds of a step, and the bits that the steps end in."""
    threads.start()  # before anything else does
    problem = Problem("small", "signal_span")
    getattr(problem, form)()  # packs the data
    if form == "direct":
        state = kernels.pack_weights(problem.weights)
        work = kernels.make_direct_workspace(problem.problem, problem.data)
        fixed = (problem.problem, problem.data, state, work, problem.record, CASE["step_size"])
        advance, changed = kernels.advance_direct, [state]
    else:
        noise = problem.noise @ problem.weights.T
        signal = problem.weights @ problem.direction
        whole = kernels.pack_reduced_state(problem.problem, signal, noise, np.zeros_like(noise))
        work = kernels.make_reduced_workspace(problem.problem)
        gram = kernels.pack_gram(problem.noise @ problem.noise.T)
        fixed = (problem.problem, gram, whole, work, problem.record, CASE["step_size"])
        advance, changed = kernels.advance_reduced, list(whole)
    advance(*fixed, 2, 0, parallel)
    wall, processor = time.perf_counter(), time.process_time()
    advance(*fixed, STEPS, 2, parallel)
    spent = time.perf_counter() - wall, time.process_time() - processor
    return spent[0] / STEPS, spent[1] / STEPS, b"".join(part.tobytes() for part in changed)


@pytest.mark.usefixtures("busy_loops")
@pytest.mark.parametrize("form", ["direct", "reduced"])
def test_steps_on_a_busy_machine(form: str) -> None:
    ways = {"one thread": False, "threads, always": True, "as simulate does": None}
    found = {name: seconds(form, parallel) for name, parallel in ways.items()}
    assert len({bits for *_, bits in found.values()}) == 1
    alone = found["one thread"][0]
    print(f"\n{form}, {numba.config.NUMBA_NUM_THREADS} threads, load {os.getloadavg()[0]:.1f}")
    for name, (wall, processor, _) in found.items():
        print(f"  {name:17s} {wall * 1e3:8.3f} ms ({processor * 1e3:.3f} of processor)  {wall / alone:.2f}")


@pytest.mark.usefixtures("busy_loops")
@pytest.mark.parametrize("work", WORKS)
def test_images_on_a_busy_machine(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack and a step of training in three ways, in turns; medians of both kinds of time."""
    threads.start()  # before anything else does
    architecture, batch, radius, step_size = WORKS[work]
    images, labels = images_with_classes(architecture, batch)
    attack = {"radius": radius, "step_size": step_size, "steps": 10, "rate": 0.01}
    ways: dict[str, Any] = {
        "one thread": lambda problem, forms, *rest: threads.run(False, forms, *rest),
        "threads, always": lambda problem, forms, *rest: threads.run(True, forms, *rest),
        "as training does": threads.run_quicker,
    }
    parameters = initial_parameters(architecture, np.random.default_rng(0))
    networks = {name: Network(architecture, parameters) for name in ways}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, network in networks.items():
            monkeypatch.setattr(threads, "run_quicker", ways[name])
            wall, processor = time.perf_counter(), time.process_time()
            our_iteration(network, images, labels, images, attack)()
            taken[name].append((time.perf_counter() - wall, time.process_time() - processor))
    reached = {b"".join(each.tobytes() for each in network.parameters().values()) for network in networks.values()}
    assert len(reached) == 1
    print(f"\n{work}, {numba.config.NUMBA_NUM_THREADS} threads, load {os.getloadavg()[0]:.1f}")
    for name, times in taken.items():
        spent, processor = np.median(times[WARM:], axis=0)
        print(f"  {name:17s} {spent * 1e3:8.1f} ms ({processor * 1e3:.1f} of processor)")
