"""The test error against the signal margin given the weights: its law, and rigorous bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.catalogue.generalization import alive, deviation, fresh_noise, independent_law
from cgrosim.claims.catalogue.theorem import range_of
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.studies.paper_scale import PaperRun, paper_runs
from cgrosim.studies.world import World
from cgrosim.theory.errors import (
    chaos_error_bound,
    chebyshev_error_bound,
    fourth_moment_error_bound,
    gaussian_error,
    robust_error_lower_bound,
)
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.noise_moments import noise_kurtosis

Array = NDArray[np.float64]

LEVELS = (0.3, 3.0)  # signal margins in units of sd(S) where the true and the Gaussian law are well apart
FAR = (3.0, 10.0)  # and those where bounds are tested


def measure_laws(context: Context, world: World) -> Evidence:
    """Test error against the signal margin, given the weights of a trained network: the law, and rigorous bounds."""
    runs = [r for r in paper_runs(context, "error-laws", context.choose(1, 4), sizes=(1e4, 1e10)) if alive(r)]
    generator, count = context.generator("error-laws"), context.choose(400_000, 2_000_000)
    run = runs[-1]
    noise = np.sort(fresh_noise(run, generator, count))
    law = independent_law(run)
    made = [_law_check(run, law, noise, level, world) for level in LEVELS]
    for one in (runs[0], run):
        values = noise if one is run else np.sort(fresh_noise(one, generator, count))
        made += [_bound_check(one, values, level) for level in FAR]
        made.append(_lower_check(one, values))
    return Evidence(
        tuple(made),
        (),
        run.trained.params,
        tuple(sorted({r.seed for r in runs})),
        f"{range_of(tuple(runs))}; weights after training, signal margins of 0.03 to 10 sd(S), {count} fresh samples",
        (_law_panel(run, law, noise),),
    )


def _errors_at(noise: Array, level: float) -> int:
    return int(np.searchsorted(noise, -level, side="right"))


def _law_check(run: PaperRun, law: IndependentNoiseLaw, noise: Array, level: float, world: World) -> checks.Check:
    """The error at a margin of `level` standard deviations against the law of independent inputs."""
    sd = deviation(run)
    exact, gaussian = float(law.error_at(level * sd)), float(gaussian_error(level * sd, sd))
    expected, half = (gaussian if world.wrong else exact), 0.5 * abs(gaussian - exact)
    return checks.proportion(
        f"test error at a signal margin of {level:g} sd(S)",
        _errors_at(noise, level * sd),
        len(noise),
        (expected - half, expected + half),
        "half the distance between the law of independent filters and the Gaussian one; overlaps of the filters, about "
        "d^(-1/2) = 1e-5, shift the law by less",
    )


def _bound_check(run: PaperRun, noise: Array, level: float) -> checks.Check:
    """The smallest of the rigorous upper bounds must hold."""
    p, gram, sd = run.trained.params, run.trained.weight_gram, deviation(run)
    kurtosis = noise_kurtosis(gram, power=round(p.power), patches=p.patches)
    bound = min(
        float(chebyshev_error_bound(level * sd, sd)),
        float(fourth_moment_error_bound(level * sd, sd, kurtosis)),
        float(chaos_error_bound(level * sd, sd, round(p.power))),
    )
    return checks.proportion(
        f"error at {level:g} sd(S) below its best bound, d = {p.dimension:.0e}",
        _errors_at(noise, level * sd),
        len(noise),
        (0.0, bound),
        "Chebyshev, fourth moment and chaos tail hold for every weight matrix",
    )


def _lower_check(run: PaperRun, noise: Array) -> checks.Check:
    p, sd = run.trained.params, deviation(run)
    level = 0.03 * sd
    bound = float(robust_error_lower_bound(level, run.trained.weight_gram, power=p.power, noise_std=p.noise_std))
    return checks.proportion(
        f"error at 0.03 sd(S) above 1/2 - P(|S| <= h)/2, d = {p.dimension:.0e}",
        _errors_at(noise, level),
        len(noise),
        (bound, 0.5),
        "a bound for every weight matrix; S is symmetric, so a positive margin errs less than half of the time",
    )


def _law_panel(run: PaperRun, law: IndependentNoiseLaw, noise: Array) -> Panel:
    sd, p = deviation(run), run.trained.params
    x = np.geomspace(0.1, 15.0, 50)
    near = x[x < 5.0]  # beyond, the Gaussian law would stretch the axis over fifty decades
    measured = np.searchsorted(noise, -x * sd, side="right")
    interval = np.array([checks.clopper_pearson(int(k), len(noise), 0.05) for k in measured])
    shown = measured > 0
    return Panel(
        f"Test error against the signal margin, d = {p.dimension:.0e}",
        "signal margin in units of sd(S)",
        "test error",
        (
            Series("points", "fresh samples (95 %)", x[shown], measured[shown] / len(noise), *interval[shown].T),
            Series("line", "predicted law", x, law.error_at(x * sd)),
            Series("line", "Gaussian law", near, gaussian_error(near, 1.0)),
            Series("line", "rigorous bound (chaos tail)", x, chaos_error_bound(x, 1.0, round(p.power))),
        ),
        "log",
        "log",
    )


CLAIMS = (
    Claim(
        name="error-laws",
        title="test errors given the weights",
        statement="Given the weights the test error at signal margin h is P(S <= -h): the law of independent filters "
        "where they are nearly orthogonal, and at every d between 1/2 - P(|S| <= h)/2 and half the chaos tail.",
        source="derived here; bounds by hypercontractivity (Janson 1997, Thm 6.7)",
        kind="derived here",
        measure=measure_laws,
        worlds=(World("the Gaussian law Phi(-h / sd(S)) in place of the exact one"),),
        proved_for="power, odd q for the chaos tail",
        cost=2.0,
    ),
)
