"""A sweep is the runs of `simulate`, labelled: whatever is varied, whoever does it, in whatever order."""

import sys

import numpy as np
import pytest
from sweep_cases import KEEP, OVER, SETTINGS, SMALL, Backwards, Killing

import cgrosim
from cgrosim import Params, UserError, memorised, simulate, sweep
from cgrosim.executors.executor import Here
from cgrosim.predictions.numbers import NUMBERS, predicted_numbers


@pytest.fixture(scope="module")
def table():
    return sweep(SMALL, OVER, **SETTINGS)


def test_every_cell_is_the_run_of_its_parameters(table):
    for cell in ({"gap": 0.01, "samples": 2}, {"gap": 0.3, "samples": 4}):
        for seed in table.data.seed.values:
            run = simulate(table.params(**cell, seed=int(seed)))
            found = table.sel(**cell, seed=int(seed)).data
            assert found.robust_test_error == run.final("robust_test_error")
            np.testing.assert_array_equal(found.memorization[: cell["samples"]], run.final("memorization"))
            assert np.isnan(found.memorization[cell["samples"] :]).all()
            np.testing.assert_equal(float(found.signal_growth_time), float(run.data.signal_growth_time))
            assert found.steps_taken == 40


@pytest.mark.parametrize("engine", ["reduced", "flow", "direct"])
def test_a_run_that_ends_by_itself_has_the_same_end_as_simulate(engine):
    # an attack that leaves much of the signal, at a large start, is over in a few hundred steps
    params = SMALL.replace(steps=None, gap=0.5, engine=engine, sampling="auto", init_std=0.3, learning_rate=0.05)
    table = sweep(params, {"gap": [0.5]}, keep=(*KEEP, "memorization_time"), predicted_seeds=0)
    run = simulate(table.params())
    for name in KEEP:
        np.testing.assert_array_equal(table.data[name].values.reshape(-1), np.ravel(run.final(name)))
    times = run.values("memorization_time")
    np.testing.assert_array_equal(table.data.memorization_time.values.reshape(-1), times)
    last = np.max(np.where(np.isnan(times), np.inf, times))
    np.testing.assert_equal(float(table.data.last_memorization_time.item()), last if np.isfinite(last) else np.nan)


def test_curves_are_the_records_at_the_common_steps():
    table = sweep(SMALL, {"steps": [10, 40]}, keep=KEEP, points=6, predicted_seeds=0)
    steps = table.data.step.values
    assert steps[0] == 0
    assert steps[-1] == 40
    run = simulate(table.params(steps=10), record_at=steps[steps <= 10])
    found = table.sel(steps=10).data.memorization.isel(seed=0).values
    np.testing.assert_array_equal(found[steps <= 10], run.values("memorization"))
    assert np.isnan(found[steps > 10]).all()
    np.testing.assert_array_equal(table.final("robust_test_error").sel(steps=10).values, run.final("robust_test_error"))


class Once(Here):
    """An executor that its owner closes behind the sweep."""

    closed = False

    def map(self, function, jobs):
        assert not self.closed
        yield from super().map(function, jobs)
        self.closed = True


def test_curves_of_what_was_not_kept_run_the_cells_once_more():
    settings = {"over": {"gap": [0.01, 0.3]}, "seeds": 2, "predicted_seeds": 0}
    once = Once()
    ends = sweep(SMALL, keep="robust_test_error", executor=once, **settings)
    assert once.closed
    whole = sweep(SMALL, keep="robust_train_error", points=5, **settings)
    drawn = [each.curves("robust_train_error", points=5).axes[0].lines for each in (ends, whole)]
    assert len(drawn[0]) == len(drawn[1]) > 0
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
    with pytest.raises(UserError, match="robust_train_error was not kept"):
        ends.sel(gap=0.01).curves("robust_train_error")


@pytest.mark.parametrize("executor", [Backwards()])
def test_neither_order_nor_batches_change_a_bit(table, executor):
    assert sweep(SMALL, OVER, executor=executor, **SETTINGS).data.identical(table.data)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_worker_processes_give_the_same_bits_also_where_one_dies(table, tmp_path, monkeypatch):
    monkeypatch.setattr("cgrosim.sweeps.sweep.run_batch", Killing(4, str(tmp_path / "killed")))
    assert sweep(SMALL, OVER, workers=1, out=tmp_path / "out", **SETTINGS).data.identical(table.data)
    assert (tmp_path / "killed").exists()


def test_more_seeds_begin_with_the_same_ones(table):
    more = sweep(SMALL, {"gap": [0.01]}, **{**SETTINGS, "seeds": 3})
    np.testing.assert_array_equal(more.data.seed[:2], table.data.seed)


def test_values_can_be_varied_together_and_follow_from_others():
    over = {("samples", "neurons"): [(2, 3), (4, 5)], "gap": [0.1], "steps": lambda p: 10 * p.samples}
    table = sweep(SMALL, over, keep="signal_correlation", predicted_seeds=0)
    assert table.varied == ("samples", "gap")
    assert table.data.neurons.dims == ("samples",)
    assert table.data.steps.values.tolist() == [[20], [40]]
    params = table.params(samples=4)
    assert (params.samples, params.neurons, params.steps) == (4, 5, 40)
    assert table.data.steps_taken.values.ravel().tolist() == [20, 40]
    assert np.isnan(table.data.signal_correlation.sel(samples=2)).values.sum() == 2


def test_the_paper_s_scales_follow_the_dimension():
    common = {"samples": 4, "patches": 2, "steps": 5, "sampling": "gram", "engine": "reduced", "test_samples": 0}
    given = sweep(Params.from_paper(200, **common), {"dimension": [200, 5000]}, predicted_seeds=0)
    assert given.params(dimension=5000).replace(seed=0) == Params.from_paper(5000, **common)
    plain = sweep({"dimension": 100, "init_polylog": 1.0, "gap": 0.2, **common}, {"dimension": [5000]})
    assert plain.params().replace(seed=0) == Params.from_paper(5000, init_polylog=1.0, gap=0.2, **common)
    with pytest.raises(UserError, match=r"^noise_std is 1, which is not the paper's at dimension 200"):
        sweep(Params.from_paper(200, **common).replace(noise_std=1.0), {"dimension": [200, 5000]})


def test_a_cell_that_diverges_says_so_and_stops_nothing():
    crowded = Params.from_paper(5, samples=30, neurons=5, steps=2000, init_std=0.3, test_samples=10)
    settings = {"seeds": [0], "keep": "robust_test_error", "predicted_seeds": 0}
    table = sweep(crowded, {"learning_rate": [1e-3, 1e3, 2e-3]}, **settings)
    assert table.data.status.values.ravel().tolist() == ["finished", "diverged", "finished"]
    bad = table.sel(learning_rate=1e3)
    assert "diverged at step" in bad.failures[0]
    assert np.isnan(bad.data.robust_test_error).all()
    assert (table.counts, table.status) == ({"finished": 2, "diverged": 1}, "finished")


def test_an_impossible_cell_inside_the_grid_fails_alone():
    # the corners are possible; power 1.5 in the middle of a list of five is not among what is looked at first
    table = sweep(SMALL, {"power": [3.0, 1.5, 3.5, 4.0, 5.0]}, keep=(), predicted_seeds=0)
    assert table.data.status.values.ravel().tolist() == ["finished", "failed", *["finished"] * 3]
    assert table.failures[0].startswith("power is 1.5")


def test_a_cell_that_does_not_fit_into_memory_fails_alone():
    table = sweep(SMALL, {"samples": [2, 10**7, 4]}, keep=(), predicted_seeds=0)
    assert table.data.status.values.ravel().tolist() == ["finished", "failed", "finished"]
    assert table.failures[0].startswith("The Gram matrix of samples * (patches - 1) = 10000000 noise patches needs")


def test_the_theory_s_numbers_stand_beside_the_measured_ones():
    table = sweep(SMALL, {"gap": [0.01, 0.2]}, seeds=2, keep=(), predicted_seeds=1)
    told = predicted_numbers(table.params(gap=0.2))
    for name in NUMBERS:
        found = table.data[f"predicted_{name}"].sel(gap=0.2).values
        np.testing.assert_equal(found[0], told[name])
        assert np.isnan(found[1])
    whole = cgrosim.predict(table.params(gap=0.2))
    assert told["signal_growth_time"] == whole.value("signal_growth_time")
    assert told["last_memorization_time"] == np.max(whole.value("memorization_times"))
    assert told["overfitting_gap"] == whole.value("overfitting_gap")
    assert np.isnan(told["decay_memory_log_ratio"])
    assert np.isnan(told["decay_signal_log_ratio"])


def test_the_edges_of_weight_decay_change_the_sign_of_its_numbers():
    edges = cgrosim.predict(SMALL)
    memory, signal = float(np.max(edges.value("decay_edges"))), edges.value("decay_signal_edge")
    for decay in (0.5 * memory, 2.0 * memory, 2.0 * signal):
        told = predicted_numbers(SMALL.replace(weight_decay=decay))
        assert told["decay_memory_log_ratio"] == pytest.approx(np.log(decay / memory))
        assert told["decay_signal_log_ratio"] == pytest.approx(np.log(decay / signal))


def test_batches_are_varied_beside_none():
    table = sweep(
        SMALL.replace(engine="reduced", sampling="gram", steps=20), {"batch_size": [None, 1]}, predicted_seeds=0
    )
    assert table.data.batch_size.values.tolist() == ["all", "1"]
    plain = cgrosim.simulate(table.params(batch_size="all"))
    assert table.data.signal_margin.values[0, 0] == plain.final("signal_margin")
    with pytest.raises(UserError, match="gap is to be None"):
        sweep(SMALL, {"gap": [None, 0.1]})


def test_a_rule_ends_runs():
    table = sweep(SMALL.replace(steps=None, gap=0.01, init_std=0.5), {"samples": [2, 4]}, until=memorised(0.5), keep=())
    run = simulate(table.params(samples=4), until=memorised(0.5))
    assert float(table.sel(samples=4).data.steps_taken.item()) == run.attributes["steps_taken"]


@pytest.mark.parametrize(
    ("over", "settings", "sentence"),
    [
        ({}, {}, "over is empty"),
        ({"gapp": [1]}, {}, r"gapp cannot be varied, because no such parameter is; did you mean gap\?"),
        ({"seed": [1]}, {}, "seed cannot be varied; give seeds="),
        ({"gap": []}, {}, "gap is varied over no values"),
        ({"gap": [0.1, 0.1]}, {}, "gap takes 0.1 twice"),
        ({"gap": 0.1}, {}, "gap is to be varied over 0.1; give a list"),
        ({"gap": [0.1, float("nan")]}, {}, "gap is to be nan"),
        ({"gap": [0.1, 2.0]}, {}, "gap is 2, but must be at most 1"),
        ({("gap", "samples"): [(0.1,)]}, {}, "give 2 values a point"),
        ({("gap", "samples"): [(0.1, 2)], "gap": [0.2]}, {}, "gap is varied twice"),
        ({"samples": lambda p: 3}, {}, "over holds functions only"),
        ({"gap": [0.1], "samples": lambda p: p.nothing}, {}, "the function for samples fails at gap 0.1"),
        ({"gap": [0.1], "samples": lambda p: None}, {}, "the function for samples gives None at gap 0.1"),
        ({"gap": [0.1]}, {"seeds": 0}, "seeds is 0"),
        ({"gap": [0.1]}, {"seeds": [1, 1]}, "seeds holds one seed twice"),
        ({"gap": [0.1]}, {"seeds": "x"}, "seeds is 'x'"),
        ({"gap": [0.1]}, {"keep": "robust_test_eror"}, "did you mean robust_test_error"),
        ({"gap": [0.1]}, {"keep": "weights"}, "give record='weights' as well"),
        ({"gap": [0.1]}, {"points": 1}, "points is 1"),
        ({"gap": [0.1]}, {"points": 5, "record_at": [1]}, "exclude each other"),
        ({"gap": [0.1]}, {"workers": 0}, "workers is 0"),
        ({"gap": [0.1]}, {"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, "exclude each other"),
        ({"gap_polylog": [0.1]}, {}, "gap_polylog is for Params.from_paper; begin the sweep with a dictionary"),
        (
            {"gap": np.linspace(0.1, 0.2, 1000), "noise_std": np.linspace(1, 2, 1000)},
            {"seeds": 1000},
            "the grid has 1e.09 cells, which take at least 5.79 days",
        ),
    ],
)
def test_bad_input_is_one_sentence(over, settings, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        sweep(SMALL, over, **settings)
    assert str(caught.value).endswith(".") or str(caught.value).endswith("?")
    assert "\n" not in str(caught.value)
