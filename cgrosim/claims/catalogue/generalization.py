"""Clean generalization and robust overfitting together: the four errors of the theorem."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.catalogue.robust_distance import distance_from_start
from cgrosim.claims.catalogue.theorem import HYPOTHESES, range_of, worst_slacks
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.paper_predictions import predicted_of
from cgrosim.studies.fresh_noise import draw_fresh_noise
from cgrosim.studies.paper_scale import PaperRun, paper_runs
from cgrosim.studies.world import World
from cgrosim.theory.errors import chaos_error_bound
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.noise_moments import gram_test_noise_std

Array = NDArray[np.float64]

SIZES = (1e4, 1e9)


def alive(run: PaperRun) -> bool:
    """Whether a filter can learn the true feature; with probability 2^-m none can."""
    return bool(np.any(run.trained.system.signal > 0.0))


def fresh_noise(run: PaperRun, generator: np.random.Generator, count: int) -> Array:
    """Noise S of fresh samples of a trained network."""
    p, gram = run.trained.params, run.trained.weight_gram
    return draw_fresh_noise(generator, count, gram, power=p.power, noise_std=p.noise_std, patches=p.patches)


def deviation(run: PaperRun) -> float:
    """Standard deviation of S given the weights."""
    p, gram = run.trained.params, run.trained.weight_gram
    return float(gram_test_noise_std(gram, power=p.power, noise_std=p.noise_std, patches=p.patches))


def independent_law(run: PaperRun) -> IndependentNoiseLaw:
    """Law of S given the weights, overlaps between the filters left out."""
    p = run.trained.params
    scales = p.noise_std * np.sqrt(np.diag(run.trained.weight_gram))
    return IndependentNoiseLaw(np.repeat(scales, p.patches - 1), p.power)


def measure_overfitting(context: Context, world: World) -> Evidence:
    """Train and test errors, clean and attacked, over seeds and fresh samples."""
    runs = paper_runs(context, "clean-robust", context.choose(3, 12), world, SIZES, independent=True)
    generator, count = context.generator("clean-robust"), context.choose(60_000, 300_000)
    learnt = [run for run in runs if alive(run)]
    clean = attacked = unfitted = 0
    for run in learnt:
        noise, final = fresh_noise(run, generator, count), run.trained
        unfitted += int(np.sum((final.clean_margin <= 0.0) | (final.attacked_margin <= 0.0)))
        clean += int(np.sum(run.trained.signal_margin + noise <= 0.0))
        attacked += int(np.sum(run.trained.attacked_signal_margin + noise <= 0.0))
    trials, samples = count * len(learnt), len(learnt) * runs[0].claimed.samples
    told = [(run, said) for run in learnt if (said := predicted_of(run))]
    unmemorised = sum(int(np.sum(np.isnan(said.memorization))) for _, said in told)
    predicted = 0.5 - float(np.mean([distance_from_start(run, said) for run, said in told]))
    # twice the half-width of the interval at a rate of 1/2: what this many samples can tell
    width = 2.0 * 4.5 * 0.5 / np.sqrt(trials)
    made = (
        checks.inside(
            f"share of {samples} training samples misclassified, clean or attacked",
            "at most the share predicted not to be memorised by T",
            unfitted / samples,
            (0.0, unmemorised / samples),
            "a memorised sample, V_i >= 0.7 and U > 0, is classified right; nothing random is left once trained",
        ),
        checks.proportion(
            "clean test error, P(alpha^q U + S <= 0)",
            clean,
            trials,
            (0.0, 1e-3),
            "the chaos tail predicts less than 1e-6 for every run (next check); 1e-3 is what this many samples resolve",
        ),
        checks.inside(
            "largest rigorous bound of the clean test error (chaos tail)",
            "below 1e-6",
            max(_chaos(run) for run in learnt),
            (0.0, 1e-6),
            "exp(-c (alpha^q U / sd(S))^(2/q)) with the margin at a logarithm of T and sd(S) ~ d^(-3/2) polylog",
        ),
        checks.proportion(
            "robust test error, P((gap alpha)^q U + S <= 0)",
            attacked,
            trials,
            (predicted - width, predicted + width),
            "1/2 minus the small ball predicted from the starts, resolved to two half-widths of the interval",
        ),
    )
    return Evidence(
        made,
        worst_slacks(runs, (*HYPOTHESES, "noise-covers-residual")) if not world.wrong else (),
        runs[0].trained.params,
        tuple(sorted({run.seed for run in runs})),
        f"{range_of(runs)}; {len(learnt)} of {len(runs)} runs with a live filter, {trials} fresh samples",
        (_overfitting_panel(learnt, context),),
    )


def _chaos(run: PaperRun) -> float:
    return float(chaos_error_bound(run.trained.signal_margin, deviation(run), round(run.trained.params.power)))


def _overfitting_panel(runs: list[PaperRun], context: Context) -> Panel:
    """Test error of one trained network against the share of the signal the test-time attack leaves."""
    run, generator = runs[0], context.generator("clean-robust-panel")
    noise, sd, law = np.sort(fresh_noise(run, generator, 40_000)), deviation(run), independent_law(run)
    p, a = run.trained.params, run.trained.signal_margin
    left = np.geomspace(p.gap, 1.0, 60)
    level = left**p.power * a
    measured = np.searchsorted(noise, -level, side="right") / len(noise)
    bound = np.array([chaos_error_bound(x, sd, round(p.power)) for x in level])
    return Panel(
        f"One trained network: from clean (1) to the training attack ({p.gap:.1e}), d = {p.dimension:.0e}",
        "share of the signal left by the attack at test time",
        "test error",
        (
            Series("points", "fresh samples", left, measured),
            Series("line", "predicted, independent filters", left, law.error_at(level)),
            Series("line", "rigorous bound (chaos tail)", left, bound),
        ),
        "log",
        "linear",
    )


CLAIMS = (
    Claim(
        name="clean-generalization-robust-overfitting",
        title="clean generalization, robust overfitting",
        statement="After adversarial training the clean training, clean test and robust training errors are o(1), and "
        "the robust test error is 1/2 - o(1): P(alpha^q U + S >= 0) = 1 - o(1), "
        "P((gap alpha)^q U + S >= 0) = 1/2 + o(1).",
        source="arXiv 2306.01271 v4 Thm 5.9, v1 Thm 4.1",
        kind="asymptotic",
        measure=measure_overfitting,
        worlds=(World("a weak attack, gap 0.3: the residual signal is not hidden by the noise", gap=0.3),),
        cost=4.0,
    ),
)
