"""What a newcomer has to touch: a recorded quantity is one entry in one table, a hitting time another."""

import json

import numpy as np
import pytest

import cgrosim
from cgrosim import Params, simulate
from cgrosim.kernels import LEVELS
from cgrosim.model.hitting_times import HITTING_TIMES, HittingTime
from cgrosim.run import quantities
from cgrosim.run.session import resume
from cgrosim.run.stopping import Reached, rule_from

SMALL = Params.from_paper(
    60, samples=5, neurons=4, steps=700, records=6, test_samples=0, seed=3, learning_rate=0.05, init_std=0.02,
    noise_std=0.3,
)  # fmt: skip
SEARCHED = SMALL.replace(threat="l2_pgd", perturbation_radius=0.02, steps=25, attack_steps=2, init_std=0.05)


@pytest.fixture
def spread(monkeypatch):
    """A toy quantity: how far the memorised noise of the samples is apart."""
    monkeypatch.setattr(quantities, "QUANTITIES", dict(quantities.QUANTITIES))

    @quantities.quantity("spread of the memorised noise over the samples", between="held")
    def memorization_spread(o):
        return np.ptp(o.memorization, axis=1)


@pytest.mark.usefixtures("spread")
def test_a_toy_quantity_is_recorded_kept_saved_read_stacked_and_compared(tmp_path, monkeypatch):
    for module in ("dataset", "run_file", "grids"):  # they imported the table that the fixture replaced
        monkeypatch.setattr(f"cgrosim.run.{module}.QUANTITIES", quantities.QUANTITIES)
    run = simulate(SMALL, keep=["memorization", "memorization_spread"])
    assert np.array_equal(run.data["memorization_spread"].values, np.ptp(run.data["memorization"].values, axis=1))
    assert run.data["memorization_spread"].attrs["long_name"].startswith("spread")
    back = cgrosim.load(run.save(tmp_path / "run.nc"))
    assert np.array_equal(back.data["memorization_spread"], run.data["memorization_spread"])
    assert cgrosim.stack([run, back])["memorization_spread"].dims == ("run", "step")
    assert cgrosim.compare(run, back).parts_at("memorization_spread") is None
    path = tmp_path / "state.npz"
    simulate(SMALL, checkpoint=path)
    assert "memorization_spread" in resume(path).data


TOYS = {
    "barely": HittingTime("touch_time", "memorisation", 0.003, "first step at which V_i >= 0.003", "{which} touched"),
    "fitted": HittingTime("fit_time", "clean margin", 2.0, "first step at which a margin >= 2", "{which} fitted"),
    "started": HittingTime("take_off_time", "clean signal margin", 0.2, "first step at 0.2", "signal taken off"),
}


@pytest.fixture(params=list(TOYS))
def toy(request, monkeypatch):
    monkeypatch.setitem(HITTING_TIMES, request.param, TOYS[request.param])
    return request.param


RECORDED = {"memorisation": "memorization", "clean signal margin": "signal_margin"}


@pytest.mark.parametrize("engine", ["reduced", "direct", "flow", "searched"])
def test_a_toy_hitting_time_is_found_to_the_step_by_every_engine(toy, engine, tmp_path):
    params = SEARCHED if engine == "searched" else SMALL.replace(engine=engine)
    entry = TOYS[toy]
    run = simulate(params, record_at=range(params.steps + 1))
    found = np.atleast_1d(run.values(entry.variable))
    assert found.shape == ((SMALL.samples,) if entry.per_sample else (1,))
    if engine == "searched" and toy == "fitted":  # margins under a search are not watched at every step
        assert np.isnan(found).all()
        return
    if toy != "fitted":
        values = run.data[RECORDED[entry.level]].values.reshape(params.steps + 1, -1)
        reached = values >= entry.threshold
        first = np.where(reached.any(axis=0), reached.argmax(axis=0).astype(float), np.nan)
        assert np.isfinite(first).any()
        assert np.nanmax(first) > 0
        # the flow meets a threshold between two whole steps, and gives that time
        assert np.array_equal(np.ceil(found) if engine == "flow" else found, first, equal_nan=True)
    back = cgrosim.load(run.save(tmp_path / "run.nc"))
    assert np.array_equal(back.values(entry.variable), run.values(entry.variable), equal_nan=True)
    assert back.data[entry.variable].attrs["long_name"] == entry.long_name


@pytest.mark.parametrize("engine", ["reduced", "flow"])
def test_a_toy_hitting_time_is_a_rule_and_survives_a_resume(toy, engine, tmp_path):
    path, params, rule = tmp_path / "state.npz", SMALL.replace(engine=engine), Reached(toy)
    run = simulate(params, until=rule, checkpoint=path)
    assert run.message.startswith("Stopped at step")
    assert rule_from(json.loads(run.attributes["until"])) == rule
    again = resume(path)
    variable = TOYS[toy].variable
    assert np.array_equal(again.values(variable), run.values(variable), equal_nan=True)
    assert again.message == run.message


def test_every_level_is_one_the_kernels_know_and_has_as_many_values_as_it_says():
    assert {entry.level for entry in HITTING_TIMES.values()} <= set(LEVELS)
    run = simulate(SMALL.replace(engine="reduced", steps=1))
    for event, entry in HITTING_TIMES.items():
        size = SMALL.samples if "margin" not in entry.level or entry.level in ("clean margin",) else 1
        assert (size > 1) == entry.per_sample, event
        assert run.data[entry.variable].shape == ((SMALL.samples,) if entry.per_sample else ())


def test_a_threshold_met_at_the_last_step_of_a_searched_run_is_noted():
    whole = simulate(SEARCHED, record_at=range(26))
    hit = int(whole.values("signal_growth_time"))
    assert 0 < hit < 25
    assert simulate(SEARCHED.replace(steps=hit)).values("signal_growth_time") == hit
