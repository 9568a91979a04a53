"""The compiled trial step against scipy's own: the same method, to rounding, with and without threads."""

import numpy as np
import pytest
from scipy.integrate import DOP853

from cgrosim import Params, kernels
from cgrosim.engines.base import Stuck
from cgrosim.engines.closed import ClosedForces
from cgrosim.engines.flow import FlowEngine
from cgrosim.engines.integrator import ESTIMATES, METHOD, CompiledDOP853
from cgrosim.model.sampling import draw_gram

CASES = [{}, {"weight_decay": 0.03}, {"momentum": 0.5}, {"weight_decay": 0.01, "momentum": 0.9, "threat": "none"}]


def problem(changes, **more):
    params = Params.from_paper(3000, samples=5, patches=3, neurons=4, seed=2, engine="flow", sampling="gram")
    params = params.replace(**{**changes, **more})
    system = draw_gram(params)
    vector = np.concatenate([system.signal, np.zeros(system.noise.size)])
    return params, ClosedForces(params, system), vector


@pytest.mark.parametrize("changes", CASES)
def test_steps_are_those_of_scipy_to_rounding(changes):
    """The same sums in another order. An error is a difference of nearly equal slopes, whose rounding moves step sizes
    by some 1e-8, and so the states by a small share of what a step may be off by: a hundredth is allowed.
    """
    _, forces, vector = problem(changes)
    given = {"rtol": 1e-7, "atol": np.full(len(vector), 1e-10)}

    def rates(time, state):
        return forces.rates(state, time)

    ours = CompiledDOP853(rates, forces.take_trial, 0.0, vector, 1e3, **given)
    theirs = DOP853(rates, 0.0, vector, 1e3, **given)
    for _ in range(30):
        assert ours.step() is theirs.step() is None
        assert ours.t == pytest.approx(theirs.t, rel=1e-6)
        inside = ours.t_old + 0.3 * (ours.t - ours.t_old)
        one, other = ours.dense_output()(inside), theirs.dense_output()(inside)
        assert np.abs(one - other).max() <= 1e-2 * given["rtol"] * np.abs(other).max()
        if ours.status == "finished":
            break
    assert ours.status == theirs.status


@pytest.mark.parametrize("changes", CASES)
def test_a_state_large_enough_for_threads_takes_the_same_steps(changes, monkeypatch):
    found = []
    for threads in (False, True):
        monkeypatch.setattr(kernels, "wants_threads", lambda start, threads=threads: threads)
        _, forces, vector = problem(changes)
        slopes, ahead = np.full((len(METHOD.nodes), len(vector)), np.nan), np.empty(len(vector))
        slopes[0] = forces.rates(vector, 2.0)
        forces.take_trial(METHOD, 2.0, vector, 0.7, slopes, ahead)
        found.append((slopes, ahead))
        assert np.array_equal(slopes[-1], forces.rates(ahead, 2.7))  # the last slope is the next step's first
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


def test_the_error_is_that_of_both_embedded_formulas():
    generator = np.random.default_rng(1)
    slopes, vector, ahead = (generator.standard_normal(shape) for shape in ((13, 7), 7, 7))
    absolute, relative, step = generator.uniform(1.0, 2.0, 7), 0.3, -0.2
    scale = absolute + relative * np.maximum(np.abs(vector), np.abs(ahead))
    fine, coarse = (np.linalg.norm(weights @ slopes / scale) for weights in ESTIMATES)
    expected = 0.2 * fine**2 / np.sqrt((fine**2 + 0.01 * coarse**2) * 7)
    assert kernels.trial_error(slopes, ESTIMATES, vector, ahead, absolute, relative, step) == pytest.approx(expected)
    assert kernels.trial_error(0.0 * slopes, ESTIMATES, vector, ahead, absolute, relative, step) == 0.0


def test_an_error_of_a_known_solution_is_within_the_tolerance():
    """u' = -u through the protocol: steps grow and shrink with the tolerance, and the end is exp(-4)."""

    def rates(time, state):
        return -state

    def trial(tableau, time, vector, step, slopes, ahead):
        for stage in range(1, len(slopes)):
            kernels.combine(vector, slopes, tableau.table, stage, step, ahead)
            slopes[stage] = rates(time + tableau.nodes[stage] * step, ahead)

    counts = []
    for tolerance in (1e-4, 1e-8, 1e-12):
        solver = CompiledDOP853(rates, trial, 0.0, np.ones(1), 4.0, rtol=tolerance, atol=np.zeros(1))
        steps = 0
        while solver.status == "running":
            assert solver.step() is None
            steps += 1
        assert solver.t == 4.0
        assert solver.y[0] == pytest.approx(np.exp(-4.0), rel=10.0 * tolerance)
        counts.append(steps)
    assert counts == sorted(set(counts))


def test_a_step_that_only_shrinks_ends_with_a_sentence():
    def nowhere(tableau, time, vector, step, slopes, ahead):
        slopes[1:], ahead[:] = np.nan, np.nan

    solver = CompiledDOP853(lambda time, state: -state, nowhere, 1.0, np.ones(2), 9.0, rtol=1e-6, atol=np.ones(2))
    assert "step size" in solver.step()
    assert solver.status == "failed"


def test_evaluations_are_counted_as_before():
    """Twelve a trial step and two to begin with, after every restart: what ends a flow that does not go on."""
    params, _, _ = problem({})
    engine = FlowEngine(params, draw_gram(params))
    assert engine.advance(3) is None
    assert engine.evaluations % 12 == 2


def test_tolerances_are_in_the_scale_of_the_start():
    """u is of the size of init_std; B moves C by its own start where it is that start over the energy of a patch."""
    params, _, _ = problem({}, learning_rate=0.05)
    system = draw_gram(params)
    engine = FlowEngine(params, system)
    size = np.sqrt(np.mean(system.noise**2)) / np.mean(np.diag(system.gram))
    expected = np.concatenate([np.full(4, params.init_std), np.full(system.noise.size, size)])
    assert engine._absolute_tolerance() == pytest.approx(params.flow_tolerance * expected)


def test_a_flow_that_does_not_go_on_says_at_which_step(monkeypatch):
    params, _, _ = problem({}, learning_rate=0.05)
    monkeypatch.setattr("cgrosim.engines.flow.MOST_EVALUATIONS", 100)
    engine = FlowEngine(params, draw_gram(params))
    ended = engine.advance(10**9)
    assert isinstance(ended, Stuck)
    assert ended.step == engine._solver.t / 0.05
    assert 0.0 < ended.step < 10**9
