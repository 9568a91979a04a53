"""The search for the horizon says how far it is, and ends where its pilot fails or does not get on."""

import pytest

from cgrosim import Params, simulate
from cgrosim.run import horizon

SMALL = {"samples": 4, "neurons": 4, "records": 2, "test_samples": 10}


def test_the_search_says_how_far_it_is():
    said = []
    simulate(Params.from_paper(200, **SMALL), progress=lambda what, share: said.append(what))
    steps = [float(what.rsplit(" ", 1)[1]) for what in said if what.startswith("finding the horizon, step ")]
    assert len(steps) > 10
    assert steps == sorted(steps)


def test_a_pilot_that_fails_ends_the_search():
    params = Params.from_paper(200, activation="relu", **SMALL).replace(init_std=1e-250)
    run = simulate(params)
    assert "The search for the horizon failed at step" in run.message
    assert run.data.attrs["steps"] >= 100


def test_a_pilot_that_does_not_get_on_ends_the_search(monkeypatch):
    monkeypatch.setattr(horizon, "MOST_EVALUATIONS", 200)
    run = simulate(Params.from_paper(200, **SMALL))
    assert "The search for the horizon came to step" in run.message
    assert run.status == "finished"


@pytest.mark.parametrize("power", [50.0, 1000.0])
def test_extreme_powers_end(power):
    run = simulate(Params.from_paper(200, power=power, **SMALL))
    assert run.message
