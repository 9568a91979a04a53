"""What a run will hold is counted before it begins and refused in a sentence; so are undetermined coefficients."""

import tracemalloc

import pytest

from cgrosim import Params, simulate
from cgrosim.errors import ParameterError
from cgrosim.run import planning

PIXELS = Params.from_paper(2000, threat="l2_pgd", samples=2, neurons=2, test_samples=300, records=2, steps=2)
CLOSED = Params.from_paper(200, samples=4, neurons=20, test_samples=40000, records=2, steps=2)


@pytest.mark.parametrize("params", [PIXELS, pytest.param(CLOSED, marks=pytest.mark.slow)], ids=["pixels", "closed"])
def test_the_predicted_peak_is_within_a_factor_two_of_the_measured_one(params):
    simulate(params.replace(test_samples=10))  # compiles, and imports
    tracemalloc.start()
    try:
        simulate(params)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    predicted = sum(planning.predicted_bytes(params, params.steps).values())
    assert 0.5 < predicted / peak < 2.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threat": "l2_pgd", "dimension": 10**5, "samples": 2}, "lower test_samples"),
        ({"record_grid": "linear", "records": 10**6, "record": "noise_correlation", "samples": 100}, "lower records"),
        ({"test_samples": 10**9}, "test_samples"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_work(changes, words, monkeypatch):
    monkeypatch.setattr(planning, "memory_bytes", lambda: 8 * 2**30)
    with pytest.raises(ParameterError, match=words):
        planning.plan(Params.from_paper(**{"dimension": 1000, "steps": 10**7, **changes}), 10**7)


@pytest.mark.parametrize("samples", [10, 30])  # 20 = d patches in d - 1 dimensions, and more of them
def test_coefficients_of_dependent_noise_patches_are_refused(samples):
    params = Params.from_paper(20, samples=samples, neurons=3, steps=5, test_samples=0, record="coefficients")
    with pytest.raises(ParameterError, match="linearly dependent"):
        simulate(params.replace(engine="direct"))
    assert simulate(params.replace(engine="reduced")).status == "finished"
    assert simulate(params.replace(engine="direct", samples=9)).status == "finished"
