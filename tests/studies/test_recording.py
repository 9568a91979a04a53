"""What studies record and choose: the right steps, the right arrays, starts by what they are."""

import signal

import numpy as np
import pytest

from cgrosim import Params
from cgrosim.model.sampling import draw_gram
from cgrosim.run import session
from cgrosim.run.stopping import memorised
from cgrosim.studies import recording
from cgrosim.studies.context import Context
from cgrosim.studies.memorisation import live_seeds, memorisation_times, small_coupling
from cgrosim.studies.recording import projections, record, whole_steps
from cgrosim.studies.starts import chosen_starts
from cgrosim.studies.trained import train

SMALL = Params.from_paper(40, samples=5, patches=3, neurons=4, seed=3, sampling="explicit", steps=70)


@pytest.mark.parametrize("engine", ["direct", "reduced"])
def test_projections_are_those_of_the_recorded_weights(engine):
    run = record(SMALL.replace(engine=engine), [0, 10, 50], "noise_correlation", "weights")
    assert run.values("step").tolist() == [0, 10, 50]  # the 70 steps of the parameters do not count
    assert run.start.data is not None
    rows = run.start.data.noise.reshape(-1, 40)
    for found, weights in zip(projections(run), run.values("weights"), strict=True):
        np.testing.assert_allclose(found, rows @ weights.T, rtol=1e-9, atol=1e-12)  # forty products each


def test_half_a_record_is_none(pressable, monkeypatch):
    """Ctrl-C in the middle of a study is no finding of it."""

    def pressed(params, **how):
        return session.simulate(params, progress=lambda *told: signal.raise_signal(signal.SIGINT), **how)

    monkeypatch.setattr(recording, "simulate", pressed)
    with pytest.raises(KeyboardInterrupt):
        record(SMALL.replace(engine="reduced"), [0, 10, 50], "memorization", until=memorised())


def test_a_rule_ends_a_record():
    run = record(SMALL.replace(engine="flow"), [10**k for k in range(12)], "memorization", until=memorised())
    assert np.all(run.values("memorization")[-1] >= 0.7)
    assert np.any(run.values("memorization")[-2] < 0.7)


def test_a_run_that_diverges_is_no_measurement():
    with pytest.raises(AssertionError, match="diverged"):
        record(SMALL.replace(engine="reduced", learning_rate=1e120), [50], "memorization")


def test_times_are_cut_to_whole_steps_that_increase():
    assert whole_steps([1.0, 1.9, 2.0, 7.99]).tolist() == [1, 2, 7]


def test_starts_are_chosen_by_what_they_are():
    params = Params.from_paper(100, samples=5, patches=3, neurons=4, sampling="gram")
    found = chosen_starts(params, range(200), 3, lambda system: bool(np.all(system.signal > 0.0)))
    assert len(found) == 3  # of two hundred starts of four signs one in sixteen is wanted
    for one, system in found:
        assert np.array_equal(draw_gram(one).signal, system.signal)
        assert np.all(system.signal > 0.0)
    assert chosen_starts(params, range(5), 3, lambda system: False) == []


def test_a_sample_that_is_not_memorised_in_time_never_is():
    params = small_coupling(1e6, 3, samples=6)
    patient, hurried = (memorisation_times(params, first, draw_gram(params)) for first in (1e5, 1e-2))
    assert np.all(np.isfinite(patient))
    assert np.all(np.isinf(hurried))


def test_a_trained_network_is_its_run():
    trained = train(SMALL.replace(engine="flow"), 1e4, vectors=True)
    off = trained.weights - np.outer(trained.weights @ trained.system.data.direction, trained.system.data.direction)
    np.testing.assert_allclose(trained.weight_gram, off @ off.T, rtol=1e-9, atol=1e-12)
    memorised_by_now = trained.memorization_times <= 1e4
    np.testing.assert_array_equal(memorised_by_now, trained.memorization >= 0.7)
    # odd activation: the margin is the signal's share and V, and both attacks leave their own share of the signal
    np.testing.assert_allclose(trained.clean_margin, trained.signal_margin + trained.memorization, rtol=1e-9)
    np.testing.assert_allclose(
        trained.attacked_margin, trained.attacked_signal_margin + trained.memorization, rtol=1e-9
    )
    assert trained.least_memorization <= min(0.0, trained.memorization.min())


def test_seeds_of_starts_in_which_no_filter_sees_the_feature_are_passed_over():
    """Of ten filters all start against it once in a thousand: here the first ones of these names and seeds."""
    for seed, name in ((102, "decay-phase-diagram"), (109, "memorisation-slope-rates")):
        context = Context(seed=seed)
        drawn, live = context.seeds(name, 9), live_seeds(context, name, 8)
        dead = [each for each in drawn if each not in live]
        assert live == [each for each in drawn if each not in dead][:8]
        assert dead
        for samples in (1, 24):
            assert all(np.all(draw_gram(small_coupling(1e9, each, samples=samples)).signal < 0.0) for each in dead[:1])
            assert all(np.any(draw_gram(small_coupling(1e9, each, samples=samples)).signal > 0.0) for each in live)
