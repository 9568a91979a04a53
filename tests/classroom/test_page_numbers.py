"""The page's numbers against Python's: the same bits drawn, the same trajectories, predictions and errors."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from page_engine import settings_of, start_of
from scipy.integrate import solve_ivp

import cgrosim
from cgrosim.classroom.generator import Generator, Purpose, draw_start
from cgrosim.model.params import Params
from cgrosim.model.reference import forces
from cgrosim.model.sampling import draw_gram, weight_gram
from cgrosim.model.streams import RunStream, stream
from cgrosim.predictions.experiment import Experiment, Silent
from cgrosim.predictions.quantities import QUANTITIES
from cgrosim.predictions.starts import draw_starts
from cgrosim.theory.decay import decay_edge, decayed_growth_time

CASES = {
    "classroom": {"dimension": 1000, "samples": 20, "patches": 2},
    "three patches": {"dimension": 1000, "samples": 12, "patches": 3, "seed": 3},
    "power five": {"dimension": 1000, "samples": 6, "patches": 2, "power": 5.0, "seed": 2},
    "power two": {"dimension": 500, "samples": 6, "patches": 2, "power": 2.0, "seed": 2},
    "power 2.5": {"dimension": 500, "samples": 6, "patches": 2, "power": 2.5, "seed": 2},
    "power four": {"dimension": 500, "samples": 6, "patches": 2, "power": 4.0, "seed": 3},
    "large dimension": {"dimension": 1_000_000, "samples": 8, "patches": 2, "seed": 5},
    "weak attack": {"dimension": 1000, "samples": 20, "patches": 2, "gap": 0.3},
    "fixed direction": {"dimension": 1000, "samples": 10, "patches": 2, "threat": "fixed_direction", "seed": 4},
    "standard": {"dimension": 1000, "samples": 10, "patches": 2, "adversarial_weight": 0.0},
}
# The signal of the page passes U < 0 in half of all starts, where the attack turns it round; both kinds are here.


def params_of(case, **changes):
    values = {"neurons": 8, "engine": "flow", "sampling": "gram", "flow_tolerance": 1e-11, **CASES[case], **changes}
    return Params.from_paper(**values)


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 7, 2**53 - 1])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_generator_gives_the_same_bits(page, seed, purpose):
    found = page.run(
        "(() => { const g = new Generator(seed, purpose); return [0, 1, 2, 3].map(() => [g.bits(), g.uniform(), "
        "g.normal(), g.chiSquare(7), g.chiSquare(1e12)]); })()",
        seed=seed,
        purpose=int(purpose),
    )
    own = Generator(seed, purpose)
    for row in found:
        assert row == [own.bits(), own.uniform(), own.normal(), own.chi_square(7), own.chi_square(1e12)]


@pytest.mark.parametrize("case", ["classroom", "three patches", "large dimension"])
def test_the_start_has_the_same_bits(page, case):
    params = params_of(case, seed=11)
    found, own = page.run("drawStart(s)", s=settings_of(params)), start_of(draw_start(params))
    for name, values in own.items():
        assert found[name] == values, name


def test_the_generator_draws_from_its_laws():
    """Mean and variance of 4,000 draws lie within five standard errors, so a right one fails in 1e-6 of all seeds."""
    own = Generator(12345, Purpose.FRESH)
    count, degrees = 4000, 9.0
    for draw, mean, variance, fourth in (
        (own.uniform, 0.5, 1 / 12, 1 / 80),
        (own.normal, 0.0, 1.0, 3.0),
        (lambda: own.chi_square(degrees), degrees, 2 * degrees, 12 * degrees * (degrees + 4)),
    ):
        values = np.array([draw() for _ in range(count)])
        assert abs(values.mean() - mean) < 5 * np.sqrt(variance / count)
        assert abs(((values - mean) ** 2).mean() - variance) < 5 * np.sqrt((fourth - variance**2) / count)


@cache
def experiment(params):
    """One experiment as its predictions see it, made once."""
    return Experiment(params, draw_starts(params))


TABLE = {quantity.name: quantity for quantity in QUANTITIES}


def predicted(params, name):
    """One predicted quantity, without the others, which take longer; None where the theory is silent."""
    try:
        with np.errstate(all="ignore"):
            return TABLE[name].function(experiment(params))
    except Silent:
        return None


def steps_of(params):
    """Steps over the whole story of an experiment, from its predictions, or over the control's."""
    end = predicted(params, "end")
    return [0, *np.unique(np.geomspace(1, end, 40).astype(np.int64)).tolist()]


@pytest.mark.parametrize("case", list(CASES))
def test_trajectories_agree_with_the_flow_engine(page, case):
    """The page at its tolerance at rest, 1e-10 a step: some thousand steps add up to less than 1e-6, as promised."""
    params = params_of(case)
    steps = steps_of(params)
    run = cgrosim.simulate(params, record_at=steps)
    found = page.run(
        "Flow.run(s, received(start), steps, { tolerance: Story.FINAL })",
        s=settings_of(params),
        start=start_of(draw_gram(params)),
        steps=steps,
    )
    assert found["problem"] == ""
    scale = {"u": np.abs(run.values("signal_correlation")).max(axis=1, keepdims=True)}
    scale["memorised"] = np.abs(run.values("memorization")).max(axis=1, keepdims=True)
    for name, variable in (("u", "signal_correlation"), ("memorised", "memorization")):
        values = np.array([record[name] for record in found["records"]])
        assert np.max(np.abs(values - run.values(variable)) / scale[name]) < 1e-6, name
    for name, variable in (
        ("grown", "signal_growth_time"),
        ("escaped", "escape_time"),
        ("memorised", "memorization_time"),
    ):
        own, theirs = np.atleast_1d(found["times"][name]), np.atleast_1d(run.values(variable))
        assert np.array_equal(np.isfinite(own), np.isfinite(theirs)), name
        happened = np.isfinite(theirs)
        # a crossing is read off the page's interpolant, whose order is one below that of the step
        np.testing.assert_allclose(own[happened], theirs[happened], rtol=1e-6)


def test_a_draft_is_right_within_a_pixel(page):
    """While a slider moves: 0.02 decades are a pixel where the widest panel has 50 a decade (worst of eleven sliders:
    0.018). A draft keeps every second record of the run at rest.
    """
    s = settings_of(params_of("power four"))
    draft, final = (
        page.run(f"Story.run(Story.begin(s, drawStart(s)), {{ draft: {draft} }})", s=s) for draft in ("true", "false")
    )
    hits = [np.array(run["main"]["times"]["memorised"]) for run in (draft, final)]
    assert 0.0 < np.abs(np.log10(hits[0] / hits[1])).max() < 0.02
    steps = [[record["step"] for record in run["main"]["records"]] for run in (draft, final)]
    assert set(steps[0]) < set(steps[1])


def independent(params, start, steps, *, rho=0.0, smoothing=0.0, truth=None):
    """The same equations written again with NumPy and handed to SciPy: u and C themselves, weight decay and all."""
    q, lam, alpha, gap = params.power, params.adversarial_weight, params.signal_strength, params.gap
    n, m = len(start.labels), len(start.signal)
    truth = np.ones(n) if truth is None else truth
    labels = start.labels * truth

    def rates(_, y):
        u, c = y[:m], y[m:].reshape(-1, m)
        learnt = np.sum(np.sign(u) * np.abs(u) ** q)
        v = labels * np.sum(np.sign(c) * np.abs(c) ** q, axis=1).reshape(n, -1).sum(axis=1)
        kappa = np.where(truth * learnt >= 0, gap * alpha, (2 - gap) * alpha)
        weights = [s(v + truth * k**q * learnt) - smoothing / 2 for k in (alpha, kappa)]
        on_u = np.mean(truth * ((1 - lam) * weights[0] * alpha**q + lam * weights[1] * kappa**q))
        per_row = np.repeat(labels * ((1 - lam) * weights[0] + lam * weights[1]) / n, len(c) // n)
        on_c = start.gram @ (per_row[:, None] * q * np.abs(c) ** (q - 1))
        return np.concatenate([on_u * q * np.abs(u) ** (q - 1), on_c.ravel()]) - rho * y

    def s(z):
        return np.exp(-np.logaddexp(0, z))

    times = params.learning_rate * np.asarray(steps, dtype=float)
    first = np.concatenate([start.signal, start.noise.ravel()])
    return solve_ivp(rates, (0.0, times[-1]), first, "DOP853", t_eval=times, rtol=1e-11, atol=1e-15).y.T


CURES = [
    {"weight_decay": 2e-4},
    {"weight_decay": 5e-3},
    {"label_smoothing": 0.2},
    {"label_noise": 0.2, "adversarial_weight": 0.05},
    {"weight_decay": 1e-3, "label_smoothing": 0.1, "label_noise": 0.2, "adversarial_weight": 0.0},
]
# Flipped labels come with a small adversarial weight: at 1/2 the attack on them, which strengthens the signal, holds U
# at 0, where it changes sides (a sliding mode that no step size resolves).


def cured(cure):
    """Parameters, start and steps of a short story with a cure."""
    params = params_of("classroom", samples=5, seed=1, noise_polylog=2.0).replace(**cure)
    return params, draw_start(params), [0, *np.unique(np.geomspace(1, 2e4, 40).astype(np.int64)).tolist()]


def assert_near(found, own):
    """Records (K, n) agree to 1e-6 of the largest of their step.

    Under strong decay everything falls by many orders; what is below the absolute tolerance is not compared.
    """
    size = np.maximum(np.abs(own).max(axis=1, keepdims=True), 1e-8)
    assert np.max(np.abs(found - own) / size) < 1e-6


@pytest.mark.parametrize("cure", CURES, ids=str)
def test_cures_agree_with_an_independent_integration(page, cure):
    params, start, steps = cured(cure)
    truth = np.ones(5) if start.features is None else start.features
    plain = dataclasses.replace(start, labels=start.labels * truth)
    own = independent(params, plain, steps, rho=params.weight_decay, smoothing=params.label_smoothing, truth=truth)
    found = page.run("Flow.run(s, drawStart(s), steps, { tolerance: 1e-11 })", s=settings_of(params), steps=steps)
    values = np.array([[*record["u"], *record["C"]] for record in found["records"]])
    for part in (slice(0, params.neurons), slice(params.neurons, None)):
        assert_near(values[:, part], own[:, part])


@pytest.mark.parametrize("cure", CURES, ids=str)
def test_cures_agree_with_the_flow_engine(page, cure):
    params, start, steps = cured(cure)
    run = cgrosim.simulate(params, start=start, record_at=steps)
    found = page.run("Flow.run(s, drawStart(s), steps, { tolerance: Story.FINAL })", s=settings_of(params), steps=steps)
    for name, variable in (("u", "signal_correlation"), ("memorised", "memorization")):
        assert_near(np.array([record[name] for record in found["records"]]), run.values(variable))


@pytest.mark.parametrize("cure", [*CURES[:2], {"weight_decay": 5e-3, "power": 2.0}], ids=str)
def test_edges_of_weight_decay_are_those_of_the_theory(page, cure):
    """The page's rates, edges and times of memorisation are closed forms: rounding is all that separates them."""
    params, start, _ = cured(cure)
    found = page.run(
        "Predictions.cures(s, received(start), Predictions.startsOf(received(start)))",
        s=settings_of(params),
        start=start_of(start),
    )
    largest = (start.labels[:, None] * start.noise).max(axis=1)
    rate = 0.5 * params.power * params.adversarial_weight * np.diag(start.gram) / params.samples
    edges = decay_edge(largest, rate, params.power)
    np.testing.assert_allclose([sample["threshold"] for sample in found["samples"]], edges, rtol=1e-12)
    assert found["noiseEdge"] == pytest.approx(edges.max(), rel=1e-12)
    times = decayed_growth_time(
        largest, 0.7 ** (1 / params.power), rate=rate, decay=params.weight_decay, power=params.power
    )
    np.testing.assert_allclose([sample["time"] for sample in found["samples"]], times / params.learning_rate, rtol=1e-9)


@pytest.mark.parametrize("case", [name for name in CASES if name != "standard"])
def test_predictions_agree(page, case):
    """The same integrals by the same quadrature: what is left is rounding, magnified by at most some 1e4."""
    params = params_of(case)
    found = page.run(
        "Predictions.predict(s, received(start))", s=settings_of(params), start=start_of(draw_gram(params))
    )
    for own, name in (
        ("grown", "signal_growth_time"),
        ("escape", "escape_time"),
        ("times", "memorization_times"),
        ("end", "end"),
        ("margin", "signal_margin"),
        ("attacked", "attacked_signal_margin"),
        ("noise", "noise_margins"),
        ("sd", "test_noise_std"),
        ("escapeGap", "memorise_escape_gap"),
        ("overfittingGap", "overfitting_gap"),
    ):
        wanted = predicted(params, name)
        if wanted is None:
            assert np.isnan(found[own]), name  # the theory is silent, and so is the page
        else:
            np.testing.assert_allclose(found[own], wanted, rtol=1e-9, err_msg=name)
    assert found["regime"] == predicted(params, "regime")
    curve = predicted(params, "signal_margin_curve")
    margins = page.run(
        "((flow) => t.map((x) => flow.marginAt(x)))(Predictions.predict(s, received(start)).flow)",
        s=settings_of(params),
        start=start_of(draw_gram(params)),
        t=curve.steps[::24].tolist(),
    )
    np.testing.assert_allclose(margins, curve.values[::24], rtol=1e-9)


@pytest.mark.parametrize("case", ["classroom", "three patches", "weak attack"])
def test_errors_agree_exactly(page, case):
    """Given Python's Gram matrix and draws the page counts the same errors, and finds the same matrix itself."""
    params = params_of(case, test_samples=500, record=("coefficients",))
    steps = steps_of(params)
    run = cgrosim.simulate(params, record_at=steps)
    start = draw_gram(params)
    size = (params.test_samples, params.patches - 1, params.neurons)
    draws = stream(params.seed, RunStream.TEST).standard_normal(size)
    for index in (0, len(steps) // 2, len(steps) - 1):
        b = run.values("noise_coefficient")[index].reshape(params.neurons, -1).T
        gram = weight_gram(start, b)
        found = page.run(
            "Model.testErrors(s, u, gram, draws)",
            s=settings_of(params),
            u=run.values("signal_correlation")[index].tolist(),
            gram=gram.ravel().tolist(),
            draws=draws.ravel().tolist(),
        )
        assert found["clean"] == run.values("clean_test_error")[index]
        assert found["robust"] == run.values("robust_test_error")[index]
        own = page.run(
            "Model.weightGram(received(start), { u: start.signal, B: Float64Array.from(b), decayed: 1 })",
            start=start_of(start),
            b=b.ravel().tolist(),
        )
        # sums of M^2 terms of either sign: rounding of some hundred eps of the largest
        np.testing.assert_allclose(own, gram.ravel(), rtol=0, atol=1e-12 * np.abs(gram).max())


def test_gradient_steps_are_those_of_the_reference(page):
    """One step of descent against `cgrosim.model.reference.forces`, to rounding."""
    params = params_of("three patches")
    start = draw_gram(params)
    on_signal, on_noise, clean, attacked = forces(params, start.second_layer, start.labels, start.signal, start.noise)
    found = page.run("Model.forces(s, start, start.signal, start.noise)", s=settings_of(params), start=start_of(start))
    for name, own in (("onSignal", on_signal), ("onNoise", on_noise.ravel()), ("clean", clean), ("attacked", attacked)):
        np.testing.assert_allclose(found[name], own, rtol=1e-12, atol=1e-14 * np.abs(own).max())
    moved = page.run(
        "(() => { const state = Model.initial(received(start)); Model.gradientStep(s, received(start), state); "
        "return state; })()",
        s=settings_of(params),
        start=start_of(start),
    )
    eta = params.learning_rate
    np.testing.assert_allclose(moved["u"], start.signal + eta * on_signal, rtol=1e-12)
    np.testing.assert_allclose(moved["B"], eta * on_noise.ravel(), rtol=1e-12, atol=1e-14)


def test_descent_agrees_with_the_reduced_engine(page):
    """Two thousand steps add rounding errors of order eps each; 1e-9 leaves a thousandfold for what they cause."""
    params = params_of("classroom", engine="reduced", samples=6)
    steps = [0, 1, 2, 5, 10, 100, 2000]
    run = cgrosim.simulate(params, record_at=steps)
    found = page.run(
        "Flow.descend(s, received(start), steps)",
        s=settings_of(params),
        start=start_of(draw_gram(params)),
        steps=steps,
    )
    assert found["times"]["grown"] == float(run.values("signal_growth_time"))
    for name, variable in (("u", "signal_correlation"), ("memorised", "memorization")):
        values = np.array([record[name] for record in found["records"]])
        np.testing.assert_allclose(values, run.values(variable), rtol=1e-9, atol=1e-12)


def test_intervals_are_those_of_clopper_and_pearson(page):
    from scipy.stats import binomtest

    for errors, count in ((0, 2000), (3, 2000), (1003, 2000), (2000, 2000)):
        wanted = binomtest(errors, count).proportion_ci(0.95, "exact")
        found = page.run("Predictions.interval(share, count)", share=errors / count, count=count)
        np.testing.assert_allclose(found, [wanted.low, wanted.high], rtol=1e-6, atol=1e-9)
