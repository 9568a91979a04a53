"""The cost of a run: predicted with what is measured, said before the first step, and what `auto` decides by."""

import pytest

from cgrosim import Params, resume, simulate
from cgrosim.commands.main import main
from cgrosim.engines.cost import Cost, in_time, run_cost
from cgrosim.run import recorder
from cgrosim.run.planning import plan

FEW = Params.from_paper(10**6, samples=2, gap=3e-3)
SMALL = Params.from_paper(200, samples=4, neurons=4, steps=30, records=4, test_samples=50)


def chosen(params, steps):
    return plan(params, steps).engine


def test_a_long_run_of_cheap_steps_goes_through_the_flow():
    # 14 million steps of four microseconds took a minute of processor time, the flow four seconds
    assert chosen(FEW, 14 * 10**6) == "flow"
    assert chosen(FEW, 10**6) == "reduced"


def test_where_measuring_is_most_of_the_time_the_flow_saves_too_little():
    steps = 14 * 10**6
    dear = FEW.model_copy(update={"test_samples": 10**6})
    alone = plan(dear.model_copy(update={"test_samples": 0}), steps)
    assert (alone.engine, chosen(dear, steps)) == ("flow", "reduced")
    assert "not much quicker" in plan(dear, steps).reason
    assert plan(dear, steps, keep=("clean_loss",)).engine == "flow"


def test_kinks_are_no_work_for_the_flow():
    relu = Params.from_paper(10**6, samples=2, activation="relu")
    assert [chosen(relu, 10**power) for power in (5, 8, 12)] == ["reduced"] * 3


def test_margins_that_rest_are_no_work_for_the_flow():
    """Smoothed and flipped labels let the signal rest, where an explicit integrator takes steps like descent's own."""
    for change in ({"label_smoothing": 0.1}, {"label_noise": 0.05}):
        stiff = FEW.replace(**change, samples=20)
        assert chosen(stiff, 14 * 10**6) == "reduced"
        assert "stiff" in plan(stiff, 14 * 10**6).reason
    assert chosen(FEW.replace(weight_decay=1e-3), 14 * 10**6) == "flow"


def test_attacks_on_fresh_samples_are_part_of_the_cost():
    few, many = (
        plan(Params.from_paper(1000, samples=20, threat="l2_pgd", test_samples=count), 20).cost for count in (100, 2000)
    )
    assert 10 < many.measuring / few.measuring <= 20
    assert many.measuring > 10 * many.stepping
    assert "2000 fresh samples: test_samples or records make it less" in many.sentence()
    gentle = plan(Params.from_paper(1000, samples=20, threat="fgsm"), 20).cost
    assert gentle.measuring < many.measuring / 5  # one gradient instead of ten


@pytest.mark.parametrize("changes", [{}, {"steps": None, "neurons": 8}, {"threat": "fgsm"}])
def test_it_is_said_once_before_the_first_step(changes, monkeypatch):
    said, began = [], []
    monkeypatch.setattr("cgrosim.run.session.drive", lambda *arguments: began.append(list(said)))
    simulate(SMALL.replace(**changes), announce=said.append)
    assert began == [said]
    assert len(said) == 1
    assert said[0].startswith("about ")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["reduced", "flow"])
def test_a_resumed_run_costs_what_is_left(engine, tmp_path):
    state, said = tmp_path / "state.npz", []
    steps, kept = 10**7, {"engine": engine, "records": 100, "steps": 10**7}
    whole = plan(SMALL.replace(**kept), steps).cost
    calls = 0

    class Enough(Exception):
        pass

    def stop(what, share):
        nonlocal calls
        calls += 1
        if share > 0.5:
            raise Enough

    with pytest.raises(Enough):
        simulate(SMALL.replace(**kept), checkpoint=state, checkpoint_seconds=0.0, progress=stop)

    def note(cost):
        said.append(cost)
        raise Enough

    with pytest.raises(Enough):
        resume(state, announce=note)
    count = int(said[0].split("measuring ")[1].split()[0])
    assert 0 < count < 0.6 * whole.records


@pytest.mark.slow
def test_the_command_says_it_and_so_does_info(tmp_path, capsys):
    options = ["--dimension", "200", "--samples", "4", "--neurons", "4", "--steps", "30", "--test-samples", "50"]
    assert main(["simulate", *options, "--no-paired", "--out", str(tmp_path)]) == 0
    assert "cgrosim: this run takes about " in capsys.readouterr().err
    assert main(["info", *options]) == 0
    assert "cost    about " in capsys.readouterr().out


def test_dear_measurements_do_not_wait_for_each_other(monkeypatch):
    """Else minutes of them pass at once, in which nothing is said and Ctrl-C has to wait."""
    monkeypatch.setattr(recorder, "record_seconds", lambda *arguments, **options: 3.0)
    measured = []
    measure = recorder.Recorder._measure
    monkeypatch.setattr(
        recorder.Recorder, "_measure", lambda self: (measured.append(len(self._waiting)), measure(self))
    )
    simulate(SMALL)
    assert max(measured) == 1
    assert len(measured) > 5


def test_no_number_is_too_large_for_a_sentence():
    cost = Cost(0.0, 1e300, 3e9, 1e18, 10**9, 10**9)
    assert cost.sentence().startswith("about 1.16e+295 days")
    assert [in_time(value) for value in (0.0123, 59.0, 600.0, 1e4, 1e6)] == [
        "0.012 s",
        "59 s",
        "10 min",
        "2.8 hours",
        "12 days",
    ]
    largest = SMALL.model_copy(
        update={"dimension": 10**18, "samples": 10**15, "neurons": 10**15, "test_samples": 10**15}
    )
    for engine in ("direct", "reduced", "flow"):
        assert run_cost(largest, "gram", engine, 1e18, 10**15).total < float("inf")
