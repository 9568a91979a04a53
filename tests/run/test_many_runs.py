"""Runs that share their checks are those of one by one."""

import pytest

from cgrosim import Params, simulate
from cgrosim.errors import ParameterError
from cgrosim.run.session import simulate_many


def test_many_runs_in_a_row_are_those_of_simulate_one_by_one():
    base = Params.from_paper(60, samples=6, steps=40, seed=3, test_samples=20)
    cells = [base, base.replace(seed=4), base.replace(gap=0.5, engine="flow"), base.replace(samples=5, steps=20)]
    for params, run in zip(cells, simulate_many(cells, record_at=[0, 7, 20]), strict=True):
        alone = simulate(params, record_at=[0, 7, 20])
        assert run.status == alone.status
        assert run.data.drop_attrs().identical(alone.data.drop_attrs())
        assert {**run.attributes, "seconds": 0.0} == {**alone.attributes, "seconds": 0.0}
    with pytest.raises(ParameterError, match="record_at ends at 20, after steps 10"):
        list(simulate_many([base, base.replace(steps=10)], record_at=[20]))


def test_a_run_that_diverges_among_many_advises_without_a_trial():
    params = Params.from_paper(
        200, samples=5, neurons=10, threat="fgsm", perturbation_radius=3.7, steps=2000, seed=1, test_samples=0
    )
    (run,) = simulate_many([params], keep=("memorization",))
    assert run.status == "diverged"
    assert "or less. Everything before" in run.message
    assert "tried here" not in run.message
    assert "tried here" in simulate(params, keep=("memorization",)).message
