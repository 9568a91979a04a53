"""The search for the horizon says how far it is, and ends where its pilot fails or does not get on."""

import pytest

from cgrosim import Params, simulate
from cgrosim.errors import ParameterError
from cgrosim.run import horizon

SMALL = {"samples": 4, "neurons": 4, "records": 2, "test_samples": 10}


def test_the_search_says_how_far_it_is():
    said = []
    simulate(Params.from_paper(200, **SMALL), progress=lambda what, share: said.append(what))
    steps = [float(what.rsplit(" ", 1)[1]) for what in said if what.startswith("finding the horizon, step ")]
    assert len(steps) > 10
    assert steps == sorted(steps)


@pytest.mark.parametrize(("activation", "init_std"), [("relu", 1e-250), ("linear", 5e-324)])
def test_a_pilot_that_fails_ends_the_search(activation, init_std):
    params = Params.from_paper(200, activation=activation, **SMALL).replace(init_std=init_std)
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


@pytest.mark.parametrize(
    ("changes", "way_out"), [({}, "give steps, or take engine flow."), ({"batch_size": 3}, "give steps.")]
)
def test_a_horizon_that_no_machine_reaches_is_refused_before_the_first_step(changes, way_out):
    """Nothing is ever memorised or escaped here, so the horizon is the largest number of steps there is."""
    params = Params(
        dimension=25, patches=6, samples=6, neurons=2, activation="relu_power", power=2.0, signal_strength=0.26,
        noise_std=0.0139, init_std=0.2, learning_rate=0.002, gap=1.0, threat="fixed_direction", engine="reduced",
        seed=536, test_samples=0, **changes,
    )  # fmt: skip
    with pytest.raises(ParameterError, match=r"its horizon of 1e\+18 steps would take about .* days") as refused:
        simulate(params)
    assert str(refused.value).endswith(way_out)
    assert simulate(params.replace(steps=50)).status == "finished"


def test_a_crossing_is_found_between_steps_of_any_two_sizes():
    """A level that is passed so soon after the beginning of a step that a hundred halvings do not find where."""
    params = Params(
        dimension=17, patches=3, samples=8, neurons=5, activation="relu_power", power=2.0, threat="none",
        signal_strength=6.114294635918937e-126, noise_std=6.686175957725712e22, init_std=3.871505582001372e-200,
        learning_rate=1002.5187486536115, gap=0.5, adversarial_weight=0.5, engine="reduced", test_samples=0,
        records=8, seed=439,
    )  # fmt: skip
    run = simulate(params)
    assert run.status == "diverged"
    assert "The search for the horizon failed" in run.message
