"""A step with weight decay costs at most a tenth more than one without: processor time, in turns, in one process."""

import statistics
import time

import pytest

from cgrosim import Params
from cgrosim.engines import make_engine
from cgrosim.model.sampling import draw_explicit

TURNS = 15
SECONDS = 0.05  # of a turn


@pytest.mark.benchmark
@pytest.mark.parametrize("engine", ["direct", "reduced"])
def test_decay_costs_at_most_a_tenth(engine):
    """Turns of both follow each other, so that a busy machine slows both; the median of the ratios counts."""
    plain = Params.from_paper(2000, samples=20, patches=3, neurons=10, engine=engine, sampling="explicit")
    decayed = plain.replace(weight_decay=1e-3)
    engines = [make_engine(p, engine, draw_explicit(p))[0] for p in (plain, decayed)]
    steps, reached = 64, [0, 0]

    def turn(number: int) -> float:
        began = time.process_time()
        reached[number] += steps
        assert engines[number].advance(reached[number]) is None
        return time.process_time() - began

    turn(0), turn(1)  # compiled
    steps = max(int(steps * SECONDS / max(turn(0), 1e-6)), 1)
    ratios = []
    for _ in range(TURNS):
        first, second = turn(0), turn(1)
        ratios.append(second / first)
    assert statistics.median(ratios) <= 1.1, ratios
