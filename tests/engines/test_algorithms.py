"""Engines under decay, momentum, batches, smoothing and flips: the reference, each other, order in eta, resuming."""

import signal

import numpy as np
import pytest

from cgrosim import Params, resume, simulate
from cgrosim.engines import make_engine
from cgrosim.model import reference
from cgrosim.model.algorithms import kept_after
from cgrosim.model.sampling import draw_explicit

SMALL = Params.from_paper(
    30, samples=6, patches=3, neurons=4, gap=0.2, init_std=0.3, learning_rate=0.02, steps=40, records=8, test_samples=50
)
ALGORITHMS = {
    "decay": {"weight_decay": 0.5},
    "momentum": {"momentum": 0.8},
    "decay and momentum": {"weight_decay": 0.5, "momentum": 0.8},
    "batches": {"batch_size": 2},
    "batches with replacement": {"batch_size": 4, "batch_replacement": True},
    "smoothing": {"label_smoothing": 0.2},
    "flips": {"label_noise": 0.17},
    "no feature": {"unlearnable_fraction": 0.34, "unlearnable_certainty": 0.5},
    "all": {
        "weight_decay": 0.3, "momentum": 0.5, "batch_size": 3, "label_smoothing": 0.1, "label_noise": 0.17,
        "unlearnable_fraction": 0.17,
    },
}  # fmt: skip
SMOOTH = [name for name, changes in ALGORITHMS.items() if "batch_size" not in changes]


def engine_of(params, name, system):
    return make_engine(params, name, system)[0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("activation", ["power", "smoothed_relu"])
@pytest.mark.parametrize("name", ["direct", "reduced"])
def test_steps_are_those_of_the_reference(algorithm, activation, name):
    """Forty steps against plain NumPy on the weights; rounding as for plain descent, 40 * 30 * 2e-16 * 10 < 1e-11."""
    params = SMALL.replace(activation=activation, record=("coefficients",), **ALGORITHMS[algorithm])
    system = draw_explicit(params)
    data = system.data
    weights = reference.train(params, system.second_layer, system.weights, data, 40)
    plain = reference.train(
        SMALL.replace(activation=activation), system.second_layer, system.weights, draw_explicit(SMALL).data, 40
    )
    assert np.abs(weights - plain).max() > 1e-4  # the algorithm did something
    engine = engine_of(params, name, system)
    engine.advance(40)
    snapshot = engine.snapshot()
    rows = data.noise.reshape(-1, params.dimension)
    assert np.allclose(snapshot.signal, weights @ data.direction, rtol=0, atol=1e-11)
    assert np.allclose(snapshot.noise, rows @ weights.T, rtol=0, atol=1e-11)
    off = weights - np.outer(weights @ data.direction, data.direction)
    assert np.allclose(snapshot.weight_gram, off @ off.T, rtol=0, atol=1e-10)
    kept = kept_after(params, 40)
    learnt = weights - kept * system.weights
    learnt = learnt - np.outer(learnt @ data.direction, data.direction)
    assert np.allclose(snapshot.coefficients.T @ rows, learnt, rtol=0, atol=1e-11)
    attacked = reference.attacked_inputs(params, system.second_layer, weights, data)
    for found, inputs in ((snapshot.clean_margin, data.inputs()), (snapshot.attacked_margin, attacked)):
        assert np.allclose(
            found, system.labels * reference.network(params, system.second_layer, weights, inputs), atol=1e-11
        )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("threat", ["fgsm", "l2_pgd"])
def test_searching_steps_do_the_same_to_plain_gradients(algorithm, threat):
    """At weight 0 of the adversarial loss a search attacks nothing, so the steps are those of the reference."""
    params = SMALL.replace(threat=threat, adversarial_weight=0.0, perturbation_radius=0.1, **ALGORITHMS[algorithm])
    system = draw_explicit(params, with_gram=False)
    engine = engine_of(params, "direct", system)
    engine.advance(10)
    plain = params.replace(threat="none")
    weights = reference.train(plain, system.second_layer, system.weights, system.data, 10)
    assert np.allclose(engine.snapshot().weights, weights, rtol=0, atol=1e-12)
    again = engine_of(params, "direct", system)
    again.advance(4)
    later = engine_of(params, "direct", system)
    later.restore(again.state())
    later.advance(10)
    assert np.array_equal(later.snapshot().weights, engine.snapshot().weights)


@pytest.mark.parametrize("algorithm", SMOOTH)
def test_descent_is_first_order_to_the_flow(algorithm):
    """Halving eta halves the distance at the same time; momentum has the flow's time eta step / (1 - beta) as its own.

    The next term is O(eta) relative, larger by (1+beta)/(1-beta) with momentum: slopes within 0.1 from eight times
    smaller steps on.
    """
    base = SMALL.replace(flow_tolerance=1e-11, learning_rate=0.005, threat="fixed_direction", **ALGORITHMS[algorithm])
    base = base.replace(learning_rate=base.learning_rate * (1.0 - base.momentum))
    system = draw_explicit(base)
    flow = engine_of(base, "flow", system)
    flow.advance(1000)
    exact, gaps = flow.snapshot(), []
    for halving in range(4):
        engine = engine_of(base.replace(learning_rate=base.learning_rate / 2**halving), "reduced", system)
        engine.advance(1000 * 2**halving)
        found = engine.snapshot()
        gaps.append(max(np.abs(found.noise - exact.noise).max(), np.abs(found.signal - exact.signal).max()))
    slope = np.polyfit(np.arange(4), np.log2(gaps), 1)[0]
    assert abs(slope + 1) < 0.1


def test_momentum_is_plain_descent_on_a_faster_clock():
    """(eta (1 - beta), beta) and (eta, 0) at the same steps: apart by O(eta), and by less than the start moved."""
    gaps = []
    for halving in range(4):
        eta, steps = 0.01 / 2**halving, 500 * 2**halving
        params = SMALL.replace(learning_rate=eta, threat="fixed_direction")
        system = draw_explicit(params)
        plain, heavy = (
            engine_of(p, "reduced", system) for p in (params, params.replace(learning_rate=0.2 * eta, momentum=0.8))
        )
        for engine in (plain, heavy):
            engine.advance(steps)
        gaps.append(np.abs(plain.snapshot().noise - heavy.snapshot().noise).max())
        moved = np.abs(plain.snapshot().noise - system.noise).max()
    slope = np.polyfit(np.arange(4), np.log2(gaps), 1)[0]
    assert abs(slope + 1) < 0.1
    assert gaps[-1] < 0.05 * moved


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["direct", "reduced", "flow"])
def test_a_resumed_run_repeats_the_bits(algorithm, name):
    params = SMALL.replace(threat="fixed_direction", **ALGORITHMS[algorithm])
    if name == "flow" and algorithm not in SMOOTH:
        return
    system = draw_explicit(params)
    whole, first, second = (engine_of(params, name, system) for _ in range(3))
    whole.advance(23)
    whole.advance(700)
    first.advance(23)
    second.restore(first.state())
    second.advance(700)
    ours, theirs = whole.snapshot(), second.snapshot()
    assert np.array_equal(ours.noise, theirs.noise)
    assert np.array_equal(ours.weight_gram, theirs.weight_gram)
    assert np.array_equal(whole.crossings.memorised, second.crossings.memorised, equal_nan=True)


@pytest.mark.parametrize("algorithm", ["momentum", "all"])
@pytest.mark.parametrize(
    "way", [{"engine": "direct"}, {"engine": "reduced"}, {"engine": "flow"}, {"threat": "l2_pgd"}], ids=str
)
def test_an_interrupted_run_goes_on_from_its_checkpoint(algorithm, way, tmp_path, pressable):
    """What the file of a checkpoint is allowed to hold is what the engine puts there, velocities included."""
    if way.get("engine") == "flow" and algorithm not in SMOOTH:
        return
    params = SMALL.replace(**{"threat": "fixed_direction", "steps": 12, **ALGORITHMS[algorithm], **way})
    whole, asked = simulate(params), [0]

    def interrupt(what, share):
        asked[0] += 1
        if asked[0] == 3:
            signal.raise_signal(signal.SIGINT)

    path = tmp_path / "state.npz"
    half = simulate(params, progress=interrupt, checkpoint=path, checkpoint_seconds=0.0)
    assert half.status == "interrupted"
    found = resume(path)
    assert found.status == "finished"
    for name in ("step", "learnt_signal", "memorization", "clean_loss"):
        assert np.array_equal(found.data[name].values, whole.data[name].values)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_threads_do_not_change_the_bits(algorithm):
    from cgrosim import kernels
    from cgrosim.engines.closed import make_kernel_problem, make_kernel_record
    from cgrosim.model.algorithms import draw_batches

    params = SMALL.replace(samples=60, dimension=200, noise_std=0.07, init_std=0.1, **ALGORITHMS[algorithm])
    system = draw_explicit(params)
    problem, found = make_kernel_problem(params, system), []
    for parallel in (False, True):
        state = kernels.pack_reduced_state(problem, system.signal, system.noise, np.zeros_like(system.noise))
        batches = draw_batches(params, 0, 30) if params.batch_size else None
        kernels.advance_reduced(
            problem, kernels.pack_gram(system.gram), state, kernels.make_reduced_workspace(problem),
            make_kernel_record(params), 0.02, 30, 0, parallel, batches=batches,
        )  # fmt: skip
        found.append(kernels.unpack_reduced_state(problem, state))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


def test_a_step_that_would_diverge_is_not_taken_with_velocity_either():
    params = SMALL.replace(learning_rate=50.0, momentum=0.5, weight_decay=0.02, threat="fixed_direction")
    system = draw_explicit(params)
    for name in ("direct", "reduced"):
        engine = engine_of(params, name, system)
        trouble = engine.advance(2000)
        assert trouble is not None
        assert np.all(np.isfinite(engine.snapshot().noise))
        before = engine.state()
        assert engine.advance(int(trouble.step) + 5) is not None
        assert all(np.array_equal(before[key], value) for key, value in engine.state().items())


def test_simulate_runs_them_all_and_says_so():
    run = simulate(SMALL.replace(steps=300, **ALGORITHMS["all"]))
    assert run.params.batch_size == 3
    assert run.data.sizes["step"] > 5
    assert np.all(np.isfinite(run.data["training_loss"].values))


def test_a_run_with_decay_has_an_end_even_if_nothing_happens():
    """Twenty decay times, in steps of 10^(1/4), unless the samples are memorised before."""
    strong = Params.from_paper(200, samples=5, weight_decay=50.0, learning_rate=1e-3, test_samples=0)
    steps = float(simulate(strong).data["step"].values[-1])
    assert 20.0 / 0.05 <= steps <= 1.01 * 20.0 / 0.05 * 10**0.25


def test_the_recorded_training_loss_is_what_is_minimised():
    params = SMALL.replace(label_smoothing=0.2, label_noise=0.17, unlearnable_fraction=0.17, record=("weights",))
    run, system = simulate(params), draw_explicit(params)
    for k in (0, -1):
        weights = run.data["weights"].isel(step=k).values
        attacked = reference.attacked_inputs(params, system.second_layer, weights, system.data)
        loss = reference.training_loss(params, system.second_layer, weights, system.data, attacked)
        assert float(run.data["training_loss"].isel(step=k)) == pytest.approx(loss, rel=1e-10)


def test_another_attack_is_measured_on_flipped_samples_too():
    """Trained without attack, evaluated under signal_span: the margins of flipped samples fall to alpha + delta."""
    params = SMALL.replace(adversarial_weight=0.0, threat="none", evaluation_threat="signal_span", gap=0.2, **FLIPS)
    run, system = simulate(params.replace(record=("weights",), steps=200)), draw_explicit(params)
    weights = run.data["weights"].isel(step=-1).values
    attacked = reference.attacked_inputs(params.evaluation, system.second_layer, weights, system.data)
    margins = system.labels * reference.network(params, system.second_layer, weights, attacked)
    assert float(run.data["robust_train_error"].isel(step=-1)) == np.mean(margins <= 0.0)
    assert np.allclose(run.data["adversarial_loss"].isel(step=-1), reference.logistic_loss(margins).mean(), rtol=1e-10)


FLIPS = {"label_noise": 0.34, "unlearnable_fraction": 0.17}
