"""First steps at which thresholds are met: at the start, at the state a run ends in, and where a step diverges."""

import numpy as np
import pytest

from cgrosim import Params, kernels
from cgrosim.engines import make_engine
from cgrosim.engines.closed import ClosedForces
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.sampling import draw_explicit
from cgrosim.model.thresholds import ESCAPED, MEMORISED, SIGNAL_GROWN

GROWS = Params.from_paper(
    60, samples=5, patches=2, neurons=6, gap=0.6, init_std=0.1, learning_rate=0.02, noise_std=0.5, steps=400,
    test_samples=0, threat="fixed_direction",
)  # fmt: skip
DISCRETE = [name for name, kind in ENGINES.items() if kind.discrete]


def live_system(params):
    return next(s for s in (draw_explicit(params.replace(seed=k)) for k in range(50)) if (s.signal**3).sum() > 0.0)


def engine_of(params, name, system):
    return make_engine(params.replace(engine=name), name, system)[0]


def levels(params, snapshot):
    """alpha^q U, (gap alpha)^q U and every V_i of an odd activation, from a snapshot."""
    q, alpha = params.power, params.signal_strength
    total = np.sum(np.sign(snapshot.signal) * np.abs(snapshot.signal) ** q)
    return alpha**q * total, (params.gap * alpha) ** q * total, snapshot.memorization


@pytest.mark.parametrize("name", DISCRETE)
def test_a_run_that_ends_in_the_state_that_meets_a_threshold_says_so(name):
    """The kernel notes a state when it steps on from it; the last state is noted by the snapshot, once and not late."""
    system, whole = live_system(GROWS), {}
    engine, seen = engine_of(GROWS, name, system), {}
    for step in range(401):
        engine.advance(step)
        grown, escaped, memorised = levels(GROWS, engine.snapshot())
        for key, reached in (("grown", grown >= SIGNAL_GROWN), ("escaped", escaped >= ESCAPED)):
            if reached:
                seen.setdefault(key, step)
        for i in np.flatnonzero(memorised >= MEMORISED):
            seen.setdefault(int(i), step)
    whole = engine.crossings
    assert whole.grown == seen["grown"] < whole.escaped == seen["escaped"]
    assert [whole.memorised[i] for i in range(5) if i in seen] == [seen[i] for i in range(5) if i in seen]
    assert any(i in seen for i in range(5))
    for key in ("grown", "escaped"):
        for end, expected in ((seen[key] - 1, np.nan), (seen[key], seen[key])):
            short = engine_of(GROWS, name, system)
            short.advance(end)
            short.snapshot()
            assert np.array_equal(getattr(short.crossings, key), expected, equal_nan=True)


def test_the_flow_notes_what_holds_at_the_start():
    """A signal above both thresholds and a memorised sample from the first moment on: all at step 0."""
    params = GROWS.replace(init_std=2.0, gap=1.0, noise_std=0.4)
    system = live_system(params)
    engine = engine_of(params, "flow", system)
    grown, escaped, memorised = levels(params, engine.snapshot())
    assert grown > SIGNAL_GROWN
    assert escaped > ESCAPED
    assert (memorised >= MEMORISED).any()
    assert (engine.crossings.grown, engine.crossings.escaped) == (0.0, 0.0)
    assert np.array_equal(engine.crossings.memorised == 0.0, memorised >= MEMORISED)


def test_only_what_holds_at_the_start_is_noted_there():
    """Grown but not escaped: the thresholds are two, and neither is taken for the other."""
    params = GROWS.replace(init_std=2.0, gap=0.01)
    engine = engine_of(params, "flow", live_system(params))
    assert engine.crossings.grown == 0.0
    assert np.isnan(engine.crossings.escaped)
    assert ESCAPED < SIGNAL_GROWN


@pytest.mark.parametrize("name", DISCRETE)
def test_a_divergence_of_the_signal_is_the_signals(name):
    """Without noise only the true correlation can run away: row -1, and in words its true correlation."""
    params = GROWS.replace(noise_std=0.0, learning_rate=1e103, init_std=0.1)
    engine = engine_of(params, name, live_system(params))
    found = engine.advance(50)
    assert found is not None
    assert found.row == -1
    assert "its true correlation" in found.sentence(1e103, "try 1", params.patches)


@pytest.mark.parametrize("name", DISCRETE)
def test_a_divergence_of_the_noise_names_the_sample(name):
    """Without a signal the noise runs away: a row of the training set, whose sample the sentence names."""
    params = GROWS.replace(signal_strength=0.0, gap=1.0, noise_std=3.0, power=5.0, learning_rate=1e30, threat="none")
    engine = engine_of(params, name, draw_explicit(params))
    found = engine.advance(50)
    assert found is not None
    assert 0 <= found.row < params.noise_patches
    assert f"training sample {found.row // (params.patches - 1)})" in found.sentence(1e30, "try 1", params.patches)


def test_a_level_that_only_just_reaches_its_threshold_has_reached_it_and_keeps_its_first_step():
    """The threshold is the very value of the level, a float; a later and higher state does not move the step."""
    system = live_system(GROWS)
    forces = ClosedForces(GROWS, system)
    value = float(forces.margins(system.signal, system.noise).memorization.max())
    sample = int(np.argmax(forces.margins(system.signal, system.noise).memorization))
    exact, above = (
        kernels.make_record(GROWS.samples, [("memorisation", threshold)])
        for threshold in (value, np.nextafter(value, 9.0))
    )
    for record in (exact, above):
        forces.note(record, 7)
    assert [int(record.first[0][sample]) for record in (exact, above)] == [7, -1]
    assert np.sum(exact.first[0] >= 0) == 1
    forces.margins(system.signal, 2.0 * system.noise)
    for record in (exact, above):
        forces.note(record, 8)
    assert [int(record.first[0][sample]) for record in (exact, above)] == [7, 8]


@pytest.mark.parametrize(
    "changes",
    [
        # the size of the first step is nan, with which scipy's loop has no end
        {"activation": "relu_power", "power": 6.0, "init_std": 2e196, "learning_rate": 2e21, "threat": "none"},
        # the signal is learnt in 1e-28 of a step
        {"activation": "relu", "signal_strength": 1.5e15, "noise_std": 6.3, "init_std": 2e-29, "gap": 0.3},
    ],
    ids=["infinite forces", "stiff"],
)
def test_a_flow_that_does_not_go_on_ends_with_a_sentence(changes, monkeypatch):
    from cgrosim import simulate
    from cgrosim.engines import flow

    monkeypatch.setattr(flow, "MOST_EVALUATIONS", 2000)
    base = {"dimension": 32, "patches": 3, "samples": 7, "neurons": 4, "signal_strength": 0.8, "noise_std": 3.3,
            "learning_rate": 0.002, "steps": 300, "engine": "flow", "seed": 925, "test_samples": 0}  # fmt: skip
    run = simulate(Params(**{**base, "gap": 0.5, **changes}))
    assert run.status == "diverged"
    assert "came to a stand at step" in run.message
    assert run.data.sizes["step"] >= 1  # the start is kept


def test_a_flow_is_left_between_two_steps_of_its_integrator():
    from cgrosim.interrupts import Interrupts

    engine = engine_of(GROWS, "flow", live_system(GROWS))
    with Interrupts() as interrupts:
        interrupts.asked = True
        engine.advance(10**15)
        raise AssertionError("it went on")
    assert interrupts.left
    assert engine.step == 0.0
