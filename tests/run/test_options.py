"""A given start, given steps, stop rules and kept variables: each on its own, together, and across a resume."""

import dataclasses
import signal

import numpy as np
import pytest

import cgrosim
from cgrosim import Params, simulate
from cgrosim.errors import FileError, ParameterError
from cgrosim.run.session import resume
from cgrosim.run.stopping import Reached, escaped, grown, memorised, rule_from

SMALL = Params.from_paper(40, samples=8, neurons=5, steps=2000, records=6, test_samples=100)
SEARCHED = SMALL.replace(threat="l2_pgd", perturbation_radius=0.02, steps=12, attack_steps=2, test_samples=20)
CASES = {
    "direct": SMALL.replace(engine="direct"),
    "reduced": SMALL.replace(engine="reduced"),
    "flow": SMALL.replace(engine="flow"),
    "gram": SMALL.replace(engine="reduced", sampling="gram"),
    "searched": SEARCHED,
    "everything": SMALL.replace(record=("noise_correlation", "coefficients", "weights"), steps=50, engine="direct"),
}


def same_bits(one, two):
    assert set(one.data.variables) == set(two.data.variables)
    for name in one.data.variables:
        assert np.array_equal(one.data[name].values, two.data[name].values, equal_nan=True), name


@pytest.mark.parametrize("name", CASES)
def test_a_run_from_the_start_of_another_has_its_bits(name, tmp_path):
    run = simulate(CASES[name])
    again = simulate(CASES[name], start=run.start)
    same_bits(run, again)
    assert (run.attributes["start"], again.attributes["start"]) == ("drawn", "given")
    loaded = cgrosim.load(again.save(tmp_path / "run.nc", with_start=True))
    same_bits(run, loaded)
    same_bits(run, simulate(CASES[name], start=loaded.start))


def test_a_start_decides_the_run_and_the_seed_only_the_test_samples():
    other = simulate(SMALL.replace(seed=1))
    moved = simulate(SMALL, start=other.start)
    kept = [name for name in other.data.variables if "test" not in name]
    for name in kept:
        assert np.array_equal(moved.data[name].values, other.data[name].values, equal_nan=True), name
    assert moved.start is moved.start
    stronger = SMALL.replace(signal_strength=2 * SMALL.signal_strength)
    assert simulate(stronger, start=other.start).start.data.signal_strength == stronger.signal_strength


def test_a_given_start_that_was_not_saved_is_missed_and_a_drawn_one_is_drawn_again(tmp_path):
    run = simulate(SMALL)
    assert np.array_equal(cgrosim.load(run.save(tmp_path / "drawn.nc")).start.noise, run.start.noise)
    given = simulate(SMALL, start=simulate(SMALL.replace(seed=1)).start)
    with pytest.raises(ParameterError, match="with_start"):
        _ = cgrosim.load(given.save(tmp_path / "given.nc")).start


def broken_starts():
    start = simulate(SMALL.replace(engine="reduced")).start
    change = dataclasses.replace
    data = start.data
    return {
        "of shape": change(start, signal=start.signal[:-1]),
        "of type": change(start, noise=start.noise.astype(np.float32)),
        "not finite": change(start, weights=np.where(start.weights > 0, np.nan, start.weights)),
        "other than -1 and": change(start, labels=2 * start.labels),
        "another second_layer": change(start, second_layer=-start.second_layer),
        "signal that disagrees": change(start, signal=1.001 * start.signal),
        "noise that disagrees": change(start, noise=1.001 * start.noise),
        "gram that disagrees": change(start, gram=1.001 * start.gram),
        "weight_gram that disagrees": change(start, weight_gram=1.001 * start.weight_gram),
        "no Gram matrix": change(start, gram=np.triu(start.gram)),
        "data with other labels": change(start, data=change(data, labels=-data.labels)),
        "data_signal_index outside": change(start, data=change(data, signal_index=data.signal_index + 5)),
        "data_direction of norm": change(start, data=change(data, direction=2 * data.direction)),
    }


@pytest.mark.parametrize("words", broken_starts())
def test_a_start_that_does_not_fit_gets_one_sentence(words):
    with pytest.raises(ParameterError, match=f"^start has .*{words}.*\\.$"):
        simulate(SMALL, start=broken_starts()[words])


def test_a_start_without_vectors_is_refused_where_they_are_needed():
    bare = simulate(SMALL.replace(sampling="gram")).start
    for changes in ({"engine": "direct"}, {"record": "weights"}, {"sampling": "explicit"}, {"threat": "fgsm"}):
        with pytest.raises(ParameterError, match="no vectors"):
            simulate(SMALL.replace(**changes), start=bare)
    with pytest.raises(ParameterError, match="neither a Gram matrix"):
        simulate(SMALL, start=dataclasses.replace(bare, gram=None))
    with pytest.raises(ParameterError, match="must be a ClosedSystem"):
        simulate(SMALL, start=simulate(SMALL))


def test_a_missing_gram_matrix_is_computed():
    start = dataclasses.replace(simulate(SMALL.replace(engine="reduced")).start, gram=None)
    params = SMALL.replace(engine="reduced")
    same_bits(simulate(params), simulate(params, start=start))


def test_given_steps_are_recorded_and_nothing_else_changes():
    whole = simulate(SMALL.replace(record_grid="linear", records=2000, test_samples=0))
    steps = [3, 17, 1999]
    run = simulate(SMALL.replace(test_samples=0), record_at=steps)
    assert run.data["step"].values.tolist() == steps
    for name in run.data.data_vars:
        theirs = whole.data[name].sel(step=steps) if "step" in whole.data[name].dims else whole.data[name]
        assert np.array_equal(run.data[name].values, theirs.values, equal_nan=True), name
    assert run.attributes["steps_taken"] == 2000  # the hitting times are those of all steps asked for
    assert simulate(SMALL.replace(steps=None), record_at=[0, 7]).attributes["steps"] == 7
    assert simulate(SMALL.replace(steps=None), record_at=[0]).data.sizes["step"] == 1


def test_a_hitting_time_at_the_last_step_is_noted_without_a_record():
    full = simulate(SMALL)
    hit = int(full.data["memorization_time"].min())
    assert hit > 1
    short = simulate(SMALL.replace(steps=hit), record_at=[0])
    assert float(short.data["memorization_time"].min()) == hit


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "list of whole steps"), ([[1, 2]], "list of whole steps"), (["a"], "must be numbers"),
        ([True, False], "list of whole steps"), ([0, 1.5], "holds 1.5"), ([-1, 3], "holds -1"),
        ([0, np.nan], "holds nan"), ([0, 3, 3], "must increase"), ([0, 5, 4], "holds 4 after 5"),
        ([0, 3000], "ends at 3000, after steps 2000"), ([10**19], "holds"),
    ],
)  # fmt: skip
def test_bad_steps_get_one_sentence(steps, words):
    with pytest.raises(ParameterError, match=words):
        simulate(SMALL, record_at=steps)


LEARNS = Params.from_paper(300, samples=6, neurons=6, test_samples=0, records=10, seed=1)


@pytest.mark.parametrize("engine", ["reduced", "direct", "flow"])
@pytest.mark.parametrize("rule", [memorised(), memorised(0.5), grown(), grown() & memorised(0.5), grown() | escaped()])
def test_a_rule_ends_the_run_at_the_first_record_where_it_holds(engine, rule):
    run = simulate(LEARNS.replace(engine=engine), until=rule)
    assert run.status == "finished"
    assert f"Stopped at step {int(run.data['step'][-1])}: " in run.message
    assert run.attributes["steps"] == run.attributes["steps_taken"] == int(run.data["step"][-1])
    assert _holds(rule, run, -1)
    assert not _holds(rule, run, -2)


def _holds(rule, run, record):
    """The rule, read from the hitting times of the dataset."""
    step = int(run.data["step"][record])
    known = {"grown": "signal_growth_time", "escaped": "escape_time", "memorised": "memorization_time"}

    def holds(r):
        if isinstance(r, Reached):
            return np.mean(np.atleast_1d(run.data[known[r.event]].values) <= step) >= r.share
        return (any if "any" in r.described() else all)(holds(part) for part in r.rules)

    return holds(rule)


def test_a_rule_changes_nothing_before_it_ends_the_run():
    whole = simulate(LEARNS.replace(engine="reduced", steps=20_000))
    until = simulate(LEARNS.replace(engine="reduced", steps=20_000), until=memorised(0.5))
    count = until.data.sizes["step"]
    assert 2 < count < whole.data.sizes["step"]
    assert np.array_equal(until.data["memorization"].values, whole.data["memorization"].values[:count])
    never = simulate(LEARNS.replace(engine="reduced", steps=50), until=memorised())
    assert never.message == "Went on to the end, step 50, without every sample memorised."


def test_a_rule_needs_no_horizon_and_works_for_searched_threats():
    run = simulate(SEARCHED.replace(steps=None, learning_rate=0.2, perturbation_radius=1e-3), until=grown())
    assert "Stopped at step" in run.message
    assert float(run.data["signal_growth_time"]) <= int(run.data["step"][-1])


def test_shares_are_compared_as_written():
    run = simulate(LEARNS.replace(engine="reduced", samples=20), until=memorised(0.55))
    assert np.sum(run.data["memorization_time"].values <= int(run.data["step"][-1])) >= 11


def test_rules_come_back_from_their_description():
    rule = (grown() & memorised(0.25)) | escaped()
    assert rule_from(rule.described()) == rule
    assert str(rule) == "((signal grown and a share 0.25 of the samples memorised) or attacked signal escaped)"
    with pytest.raises(ParameterError, match="no stop rule"):
        rule_from({"share": 1})


def test_bad_rules_get_one_sentence():
    for share in (0, 1.5, -1, np.nan, True, "all"):
        with pytest.raises(ParameterError, match="share is"):
            memorised(share)
    with pytest.raises(ParameterError, match="must be a StopRule"):
        simulate(SMALL, until="memorised")
    with pytest.raises(ParameterError, match="needs an end"):
        simulate(SMALL.replace(steps=None, record_grid="linear"), until=grown())
    with pytest.raises(ParameterError, match="does not have"):
        simulate(SEARCHED, until=grown() | escaped())


def test_what_is_kept_is_the_same_and_the_rest_is_not_computed(monkeypatch):
    from cgrosim.run import observation

    whole = simulate(SMALL)
    some = simulate(SMALL, keep=["robust_test_error", "learnt_signal"])
    hitting = {"signal_growth_time", "escape_time", "memorization_time"}
    assert set(some.data.variables) == {"step", "robust_test_error", "learnt_signal", *hitting}
    for name in some.data.variables:
        assert np.array_equal(some.data[name].values, whole.data[name].values, equal_nan=True), name
    monkeypatch.setattr(observation.TestNoise, "__init__", None)
    simulate(SMALL, keep="memorization")
    assert set(simulate(SMALL, keep=()).data.variables) == {"step", *hitting}
    simulate(SMALL, keep=("memorization", "escape_time"))


def test_searched_test_samples_are_drawn_only_where_they_are_kept(monkeypatch):
    from cgrosim.engines import searching

    monkeypatch.setattr(searching.AttackedTest, "__init__", None)
    simulate(SEARCHED, keep=["memorization"])


def test_unknown_and_unrecorded_names_get_one_sentence():
    with pytest.raises(ParameterError, match=r"'memorisation', which no run records; did you mean memorization\?"):
        simulate(SMALL, keep=["memorisation"])
    with pytest.raises(ParameterError, match="do not record; give record='weights'"):
        simulate(SMALL, keep=["weights"])
    with pytest.raises(ParameterError, match="do not record; give test_samples"):
        simulate(SMALL.replace(test_samples=0), keep=["clean_test_error"])


def interrupted(params, path, records, **options):
    """Simulate until some records are there, then press Ctrl-C; the checkpoint stays."""
    seen = []

    def press(what, share):
        seen.append(what)
        if len(seen) == records:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test worker may ignore the signal
    try:
        return simulate(params, checkpoint=path, progress=press, **options)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("engine", ["reduced", "direct", "flow"])
@pytest.mark.parametrize("records", [1, 12])
def test_every_option_survives_a_resume_bit_for_bit(engine, records, tmp_path):
    params = LEARNS.replace(engine=engine, test_samples=50)
    options = {
        "start": simulate(params.replace(seed=5, steps=1)).start,
        "until": memorised(0.5) | (grown() & escaped()),
        "keep": ("memorization", "clean_test_error"),
    }
    path = tmp_path / "state.npz"
    assert interrupted(params, path, records, **options).status == "interrupted"
    resumed, whole = resume(path), simulate(params, **options)
    same_bits(whole, resumed)
    assert resumed.message == whole.message
    assert resumed.data.attrs["until"] == whole.data.attrs["until"]
    assert np.array_equal(resumed.start.weights, options["start"].weights)
    same_bits(whole, resume(path))  # a finished run that is resumed stays as it is


@pytest.mark.parametrize("engine", ["reduced", "flow"])
def test_given_steps_survive_a_resume(engine, tmp_path):
    params, path = LEARNS.replace(engine=engine, steps=10**5), tmp_path / "state.npz"
    steps = [0, 5, 500, 5_000, 60_000]
    assert interrupted(params, path, 3, record_at=steps).status == "interrupted"
    whole = simulate(params, record_at=steps)
    assert np.isfinite(whole.data["memorization_time"]).any()
    same_bits(whole, resume(path))
    same_bits(whole, resume(path))


def test_a_file_of_the_first_format_is_read_under_the_new_name(tmp_path):
    run = simulate(SMALL)
    path = tmp_path / "old.nc"
    old = run.data.rename(learnt_signal="signal_strength").assign_attrs(format="cgrosim run 1")
    old.to_netcdf(path, engine="h5netcdf")
    assert np.array_equal(cgrosim.load(path).data["learnt_signal"].values, run.data["learnt_signal"].values)


def test_a_file_with_a_part_of_a_start_is_refused(tmp_path):
    from cgrosim.files.netcdf import read_netcdf, write_netcdf
    from cgrosim.run.run_file import RUN

    path = simulate(SMALL).save(tmp_path / "run.nc", with_start=True)
    whole = read_netcdf(path, RUN)
    for changed in (whole.drop_vars("start_noise"), whole.assign(start_noise=2.0 * whole["start_noise"])):
        write_netcdf(path, RUN, changed)
        with pytest.raises(FileError, match="noise"):
            cgrosim.load(path)
