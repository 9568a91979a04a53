"""What a short run costs beside its kernels: processor time of whole runs, on demand with ``pytest -m benchmark``.

Compare ``simulate`` with ``steps alone``, the same engine driven by hand: the difference is planning, drawing,
recording and handing over.
"""

import time

import pytest

from cgrosim import Params, simulate
from cgrosim.engines import make_engine
from cgrosim.run.recorder import record_steps

PARAMS = Params.from_paper(100, samples=20, steps=100, test_samples=0, engine="reduced")


@pytest.mark.benchmark(timer=time.process_time, min_rounds=50, warmup=True)
@pytest.mark.parametrize("what", ["simulate", "steps alone", "simulate, one record", "simulate and its dataset"])
def test_a_run_of_a_hundred_steps(benchmark, what):
    start, grid = simulate(PARAMS).start, record_steps(PARAMS, 100).tolist()

    def steps_alone():
        engine, _ = make_engine(PARAMS, "reduced", start)
        for step in grid:
            engine.advance(step)

    calls = {
        "simulate": lambda: simulate(PARAMS),
        "steps alone": steps_alone,
        "simulate, one record": lambda: simulate(PARAMS, record_at=[100]),
        "simulate and its dataset": lambda: simulate(PARAMS).data,
    }
    benchmark(calls[what])
