"""Runs on other grids: exact at records, interpolated between, nan outside; and several runs in one dataset."""

import json

import numpy as np
import pytest

import cgrosim
from cgrosim import Params, simulate
from cgrosim.errors import ParameterError

SMALL = Params.from_paper(40, samples=8, neurons=5, steps=2000, records=6, test_samples=100, engine="reduced")


def test_a_record_is_read_as_it_is_and_outside_is_nothing():
    run = simulate(SMALL, record_at=[5, 60, 700])
    read = run.on_grid([0, 5, 60, 700, 701])
    for name, variable in read.data_vars.items():
        if "step" in variable.dims:
            assert np.array_equal(variable.values[1:4], run.data[name].values), name
            assert np.isnan(variable.values[[0, 4]]).all(), name
        else:
            assert np.array_equal(variable.values, run.data[name].values, equal_nan=True), name
        assert variable.attrs == run.data[name].attrs
    assert read["step"].attrs["units"] == "step"


def test_between_records_margins_are_interpolated_in_log_step_and_errors_are_held():
    run = simulate(SMALL, record_at=[0, 3, 15])
    read, data = run.on_grid([7]), run.data
    for name in ("learnt_signal", "memorization", "training_loss", "noise_correlation_max"):
        middle = 0.5 * (data[name].values[1] + data[name].values[2])  # log 8 lies half-way between log 4 and log 16
        assert np.allclose(read[name].values[0], middle, rtol=1e-14, atol=0.0)
    for name in ("clean_test_error", "robust_train_error"):
        assert read[name].values[0] == data[name].values[1]
    assert read["time"].values[0] == pytest.approx(7 * SMALL.learning_rate, rel=1e-15)


def test_a_dense_run_is_met_by_a_coarse_one():
    """Interpolation has an error of second order in the distance of the records."""
    dense = simulate(SMALL, record_at=range(1001)).data["memorization"].values
    errors = []
    for records in (10, 20):
        coarse = simulate(SMALL.replace(records=records)).on_grid(range(1001))["memorization"].values
        errors.append(np.abs(coarse - dense)[100:].max())
    assert errors[1] < 0.4 * errors[0]  # a quarter, were the steps not whole numbers


@pytest.mark.parametrize(
    ("steps", "words"), [([3, 2], "steps holds 2 after 3"), ([0.5], "steps holds 0.5"), ([], "list")]
)
def test_a_bad_grid_gets_one_sentence(steps, words):
    with pytest.raises(ParameterError, match=words):
        simulate(SMALL, keep=()).on_grid(steps)


def test_seeds_stack_on_the_grid_of_the_longest():
    runs = [simulate(SMALL.replace(seed=seed, steps=steps)) for seed, steps in ((3, 500), (4, 2000), (9, 1000))]
    assert len({run.data.sizes["step"] for run in runs}) == 3
    stacked = cgrosim.stack(runs)
    assert stacked["memorization"].dims == ("run", "step", "sample")
    assert stacked["seed"].values.tolist() == [3, 4, 9]
    assert stacked["steps"].values.tolist() == [500, 2000, 1000]
    assert np.array_equal(stacked["step"], runs[1].data["step"])
    assert np.array_equal(stacked["memorization"][1], runs[1].data["memorization"])
    assert np.isnan(stacked["memorization"][0].sel(step=2000)).all()
    assert stacked["memorization"].attrs["units"] == "1"
    shared = json.loads(stacked.attrs["params"])
    assert shared["samples"] == 8
    assert "seed" not in shared
    assert stacked["memorization_time"].dims == ("run", "sample")


def test_stacks_have_the_grid_they_are_asked_for_and_one_run_is_a_stack():
    run = simulate(SMALL, keep=["learnt_signal"])
    stacked = cgrosim.stack([run], steps=[0, 10, 100])
    assert stacked["learnt_signal"].shape == (1, 3)
    whole = cgrosim.stack([run, simulate(SMALL.replace(threat="none", record="weights"))])
    assert "memorization" not in whole
    assert whole["threat"].values.tolist() == ["signal_span", "none"]
    assert whole["record"].values.tolist() == ["", "weights"]


def test_runs_that_cannot_be_stacked_get_one_sentence():
    with pytest.raises(ParameterError, match="at least one run"):
        cgrosim.stack([])
    with pytest.raises(ParameterError, match="cannot be stacked"):
        cgrosim.stack([simulate(SMALL), simulate(SMALL.replace(samples=9))])


def test_a_diverged_run_is_read_up_to_its_end():
    crowded = Params.from_paper(5, samples=30, neurons=5, steps=2000, init_std=0.3, learning_rate=1e3, test_samples=10)
    run = simulate(crowded)
    assert run.status == "diverged"
    read = run.on_grid([0, 1, 2000])
    assert np.isnan(read["learnt_signal"].values[-1])
    assert read["learnt_signal"].values[0] == run.data["learnt_signal"].values[0]


def test_the_figure_of_a_run_that_kept_little_says_what_is_missing():
    with pytest.raises(ParameterError, match="left out by keep"):
        simulate(SMALL, keep=["learnt_signal"]).plot()
