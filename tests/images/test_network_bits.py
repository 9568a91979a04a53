"""Bits of the compiled network that threads, lanes, batches and repetition must not change."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from network_cases import LAYOUTS, NAMED, check_everything, fits, make_case, network, pairs

from cgrosim.images.network.architectures import lenet, stack3x3
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool, ReLU
from cgrosim.kernels.microkernels import LANES_VARIABLE

pytest.importorskip("cgrosim.images.network.network")


@pytest.mark.parametrize(("architecture", "layout"), pairs(NAMED[:4]))
def test_logits_do_not_depend_on_the_batch(architecture: Architecture, layout: str) -> None:
    case = make_case(architecture, 70, seed=2)
    ours = network(case, layout)
    whole = ours.logits(case.images)
    gradient = ours.input_gradient(case.images, case.labels)
    for size in (1, 5, 16, 33):
        parts = [slice(at, at + size) for at in range(0, 70, size)]
        assert np.array_equal(np.concatenate([ours.logits(case.images[part]) for part in parts]), whole)
        found = np.concatenate([ours.input_gradient(case.images[part], case.labels[part]) for part in parts])
        assert np.array_equal(found, gradient)
    order = np.random.default_rng(0).permutation(70)
    assert np.array_equal(ours.logits(case.images[order]), whole[order])
    assert np.array_equal(ours.logits(np.asfortranarray(case.images)), whole)


POOLS = Architecture(  # pools that follow no convolution: one at the image, two in a row, of odd sizes
    "pools",
    (15, 14, 2),
    (MaxPool(), Convolution(5, 3), ReLU(), MaxPool(), MaxPool(), FullyConnected(3)),
)


@pytest.mark.parametrize(("architecture", "layout"), pairs([*NAMED[:4], POOLS]))
def test_what_was_computed_before_leaves_nothing_behind(architecture: Architecture, layout: str) -> None:
    case, earlier = make_case(architecture, 21, seed=2), make_case(architecture, 40, seed=3)
    ours, fresh = network(case, layout), network(case, layout)
    ours.input_gradient(earlier.images, earlier.labels)
    ours.accumulate_gradient(earlier.images, earlier.labels, 1.0)
    ours.step(0.0)
    found, expected = (each.input_gradient(case.images, case.labels) for each in (ours, fresh))
    assert np.array_equal(found, expected)
    for each in (ours, fresh):
        each.accumulate_gradient(case.images, case.labels, 1.0)
    for name, value in fresh.gradient().items():
        assert np.array_equal(ours.gradient()[name], value), name


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
import test_network_bits
print(getattr(test_network_bits, sys.argv[3])(int(sys.argv[2])))
"""


def outputs(layout: str) -> Iterator[np.ndarray]:
    """Everything a network computes, of sizes that are shared out among threads and of sizes that are not."""
    for architecture, samples in ((lenet(2, (12, 11, 1)), 70), (stack3x3(5, (9, 8, 3)), 33), (NAMED[3], 200)):
        if not fits(architecture, layout):
            continue
        case = make_case(architecture, samples, seed=3)
        ours = network(case, layout)
        yield ours.logits(case.images)
        yield ours.input_gradient(case.images, case.labels)
        options = {"norm": "l2", "radius": 1.0, "step_size": 0.5, "steps": 3, "keep_worst": True}
        yield from ours.perturb(case.images, case.labels, case.images, **options)
        for _ in range(3):
            yield ours.accumulate_gradient(case.images, case.labels, 1.0)
            ours.step(0.05, 0.9, 1e-3)
        yield from ours.parameters().values()
        yield from ours.velocity().values()


def fingerprint(threads: int) -> str:
    """Hash of the bits of both layouts, with all threads in every call."""
    import numba

    from cgrosim.images.network import engine

    numba.set_num_threads(threads)
    engine.threads.run_quicker = lambda problem, forms, *rest: engine.threads.run(True, forms, *rest)
    digest = hashlib.sha256()
    for layout in LAYOUTS:
        for array in outputs(layout):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def compare_all(threads: int) -> str:
    """Compare every named network, in both layouts, with the reference."""
    for architecture in NAMED:
        for layout in LAYOUTS:
            if fits(architecture, layout):
                check_everything(make_case(architecture, 19, seed=1), layout)
    return "compared"


def run_child(lanes: int | None, threads: int, task: str = "fingerprint") -> subprocess.Popen[str]:
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    environment.pop(LANES_VARIABLE, None)
    if lanes is not None:
        environment[LANES_VARIABLE] = str(lanes)
    arguments = [sys.executable, "-c", CHILD, os.path.dirname(__file__), str(threads), task]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen[str]) -> str:
    out, error = child.communicate(timeout=300)
    assert child.returncode == 0, error
    return out.strip()


@pytest.mark.slow  # compiles the threaded kernels; tests/reliability does it for every experiment
def test_threads_and_repetition_do_not_change_bits() -> None:
    children = [run_child(None, 1), run_child(None, 2)]
    assert finish(children[0]) == finish(children[1])


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [8, 4])
def test_lanes_do_not_change_bits(lanes: int) -> None:
    children = [run_child(None, 1), run_child(lanes, 1)]
    assert finish(children[0]) == finish(children[1])


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [8, 4, 2])
def test_every_number_of_lanes_is_within_rounding(lanes: int) -> None:
    """Two lanes multiply and add in two roundings, so their bits are others; the bound holds for them as well."""
    assert finish(run_child(lanes, 1, "compare_all")) == "compared"
