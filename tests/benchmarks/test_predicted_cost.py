"""Predicted against measured processor time of runs in which different things cost: within a factor of two or three."""

import time

import pytest

from cgrosim import Params, simulate
from cgrosim.run.planning import plan

CASES = {
    "cheap steps": {"dimension": 1000, "samples": 2, "engine": "reduced", "steps": 10**6},
    "a matrix a step": {"dimension": 1000, "samples": 300, "engine": "reduced", "steps": 10**4},
    "weights": {"dimension": 20000, "samples": 100, "engine": "direct", "steps": 200},
    "the flow": {"dimension": 1000, "samples": 100, "engine": "flow", "steps": 10**7},
    "attacked fresh samples": {"dimension": 1000, "samples": 20, "threat": "l2_pgd", "steps": 10, "test_samples": 200},
    "many fresh samples": {"dimension": 1000, "samples": 10, "engine": "reduced", "steps": 1000, "test_samples": 10**5},
    "drawing": {"dimension": 4 * 10**5, "samples": 10, "engine": "reduced", "steps": 10, "test_samples": 0},
}


@pytest.mark.benchmark
@pytest.mark.parametrize("case", CASES)
def test_a_prediction_is_of_the_right_size(case, capsys):
    params = Params.from_paper(**CASES[case])
    simulate(params.replace(steps=2, test_samples=10))  # compiles
    began = time.process_time()
    simulate(params)
    spent = time.process_time() - began
    cost = plan(params, params.steps).cost
    with capsys.disabled():
        print(f"\n{case}: {spent:.2f} s, predicted {cost.total:.2f}: {cost.sentence()}")
    assert 1 / 3 < cost.total / spent < 3
