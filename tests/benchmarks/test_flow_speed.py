"""A run of the gradient flow with compiled steps beside the same one with scipy's: processor time, in turns.

``pytest tests/benchmarks/test_flow_speed.py -m benchmark -s -n 0`` prints the ratios.
"""

import statistics
import time

import numpy as np
import pytest
from scipy.integrate import DOP853

from cgrosim import Params, simulate
from cgrosim.engines import integrator
from cgrosim.run.stopping import memorised

TURNS = 9
SIZES = {
    "N = 4, m = 10": (4, 10),
    "N = 20, m = 10": (20, 10),
    "N = 100, m = 10": (100, 10),
    "N = 300, m = 30": (300, 30),
}


class Plain(DOP853):
    """The steps as scipy takes them."""

    def __init__(self, rates, trial, start, vector, end, *, rtol, atol):
        super().__init__(rates, start, vector, end, rtol=rtol, atol=atol)


@pytest.mark.benchmark
@pytest.mark.parametrize("name", SIZES)
def test_compiled_steps_beside_those_of_scipy(name, monkeypatch):
    samples, neurons = SIZES[name]
    params = Params.from_paper(
        10**8, init_exponent=-0.33, init_polylog=1.0, samples=samples, patches=2, neurons=neurons, engine="flow",
        sampling="gram", seed=1, test_samples=0, records=2,
    )  # fmt: skip
    compiled = integrator.CompiledDOP853

    def turn(kind):
        monkeypatch.setattr(integrator, "CompiledDOP853", kind)
        began = time.process_time()
        times = simulate(params, until=memorised()).values("memorization_time")
        return time.process_time() - began, times

    (_, ours), (_, theirs) = turn(compiled), turn(Plain)  # kernels loaded
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    pairs = [(turn(compiled)[0], turn(Plain)[0]) for _ in range(TURNS)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"\n{name}: {1e3 * statistics.median(ours for ours, _ in pairs):.1f} ms, {ratio:.2f} of the time of scipy's")
