"""What is recorded only where it is named, variables as arrays, and the count of force evaluations."""

import numpy as np
import pytest

from cgrosim import Params, resume, simulate

SMALL = {"samples": 5, "neurons": 4, "steps": 60, "records": 3, "seed": 2}


@pytest.mark.parametrize("engine", ["direct", "reduced", "flow"])
def test_named_quantities_are_those_of_the_weights(engine):
    params = Params.from_paper(50, **SMALL, engine=engine, record="weights", sampling="explicit")
    run = simulate(params, keep=("weights", "weight_gram", "attacked_margin", "robust_train_error"))
    assert run.data.sizes["neuron_column"] == params.neurons
    assert run.start.data is not None
    for record in range(run.data.sizes["step"]):
        weights = run.values("weights")[record]
        off = weights - np.outer(weights @ run.start.data.direction, run.start.data.direction)
        # sums of d = 50 products, rounded to 2^-53 each, of weights of size 1
        np.testing.assert_allclose(run.values("weight_gram")[record], off @ off.T, rtol=1e-10, atol=1e-13)
    np.testing.assert_array_equal(
        run.values("robust_train_error"), np.mean(run.values("attacked_margin") <= 0.0, axis=1)
    )


def test_named_quantities_are_left_out_where_nobody_names_them(tmp_path):
    params = Params.from_paper(50, **SMALL)
    assert not {"weight_gram", "attacked_margin"} & set(simulate(params).data)
    from cgrosim import load

    kept = simulate(params, keep=("weight_gram",))
    kept.save(tmp_path / "run.nc")
    np.testing.assert_array_equal(load(tmp_path / "run.nc").values("weight_gram"), kept.values("weight_gram"))


def test_values_are_those_of_the_dataset():
    run = simulate(Params.from_paper(50, **SMALL))
    arrays = {name: run.values(name) for name in ("step", "memorization", "clean_loss")}
    assert "data" not in run.__dict__
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, run.data[name].values)
        assert array.dtype == run.data[name].dtype
    with pytest.raises(KeyError):
        run.values("memorisation")


def test_force_evaluations_are_counted(tmp_path):
    assert simulate(Params.from_paper(50, **SMALL, engine="reduced")).attributes["evaluations"] == 60
    params = Params.from_paper(50, **{**SMALL, "steps": 2000}, engine="flow")
    at = [2000]
    whole = simulate(params, record_at=at)
    # DOP853 takes 12 evaluations a step, the last shared with the next one, and at least a step a decade
    assert 33 < whole.attributes["evaluations"] < 2000 * 12
    finer = simulate(params.replace(flow_tolerance=1e-2 * params.flow_tolerance), record_at=at)
    assert finer.attributes["evaluations"] > whole.attributes["evaluations"]
    simulate(params, record_at=at, checkpoint=tmp_path / "checkpoint.npz")
    assert resume(tmp_path / "checkpoint.npz").attributes["evaluations"] == whole.attributes["evaluations"]


def test_the_count_of_a_flow_does_not_depend_on_how_often_it_was_looked_at_or_resumed(tmp_path):
    """Interpolating between two steps takes evaluations too; a resumed run does not repeat those of its records."""
    params = Params.from_paper(50, **SMALL, engine="flow").replace(steps=5000, records=20)
    whole = simulate(params, checkpoint=tmp_path / "state.npz")
    assert resume(tmp_path / "state.npz").attributes["evaluations"] == whole.attributes["evaluations"]
    seldom = simulate(params.replace(records=2))
    assert seldom.attributes["evaluations"] == whole.attributes["evaluations"]
