"""The test error against the signal margin given the weights: its law, and rigorous bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.paper_rules import alive, range_of
from cgrosim.studies.fresh_noise import NORMAL, draw_fresh_noise, noise_probabilities
from cgrosim.studies.paper_scale import PaperRun, paper_runs
from cgrosim.studies.world import World, plus, times
from cgrosim.theory.errors import (
    chaos_error_bound,
    chebyshev_error_bound,
    fourth_moment_error_bound,
    gaussian_error,
    robust_error_lower_bound,
)
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.noise_moments import gram_test_noise_std, noise_kurtosis

Array = NDArray[np.float64]
Intervals = list[tuple[float, float]]
Pair = tuple[Array, Array]

INNER = (0.03, 0.3)  # margins in units of sd(S) at which the distance of the error from 1/2 is measured
TAIL = (1.0, 3.0, 6.0)  # and those at which the error itself is
FAR = (3.0, 10.0)  # and those where bounds are tested
ROOM = 0.03  # relative, to which the law is claimed; overlaps of d^(-1/2) among 66 pairs of filters are far below it


def measure_laws(context: Context, world: World) -> Evidence:
    """Test error against the signal margin, given the weights of a trained network: the law, and rigorous bounds."""
    runs = paper_runs(context, "error-laws", context.choose(1, 4), world, (1e4, 1e12))
    generator, count = context.generator("error-laws"), context.choose(80_000, 300_000)
    run = [r for r in runs if alive(r)][-1]
    law = independent_law(run)
    made = _law_checks(run, law, generator, 4 * count)
    for one in (runs[0], run):
        made += _bound_checks(one, generator, count // 5)
    return Evidence(
        tuple(made),
        (),
        run.claimed,
        tuple(sorted({r.seed for r in runs})),
        f"{range_of(tuple(runs))}; weights after training, signal margins of 0.03 to 10 sd(S)",
        (_law_panel(run, law, generator),),
    )


def deviation(run: PaperRun) -> float:
    """Standard deviation of S given the weights, by what the claim is told of the noise."""
    p, gram = run.claimed, run.trained.weight_gram
    return float(gram_test_noise_std(gram, power=p.power, noise_std=p.noise_std, patches=p.patches))


def independent_law(run: PaperRun) -> IndependentNoiseLaw:
    """Law of S given the weights, overlaps between the filters left out."""
    p = run.claimed
    scales = p.noise_std * np.sqrt(np.diag(run.trained.weight_gram))
    return IndependentNoiseLaw(np.repeat(scales, p.patches - 1), p.power)


def _probabilities(run: PaperRun, generator: np.random.Generator, count: int, intervals: Intervals) -> Pair:
    p = run.trained.params
    return noise_probabilities(
        generator, count, run.trained.weight_gram, intervals, power=p.power, noise_std=p.noise_std, patches=p.patches
    )


def _law_checks(
    run: PaperRun, law: IndependentNoiseLaw, generator: np.random.Generator, count: int
) -> list[checks.Check]:
    """Errors at several margins over those of the law of independent filters."""
    sd = deviation(run)
    inner = [(-level * sd, level * sd) for level in INNER]
    found, errors = _probabilities(run, generator, count, inner + [(level * sd, np.inf) for level in TAIL])
    tails = np.asarray(law.error_at(np.array((*INNER, *TAIL)) * sd))
    said = np.where(np.arange(len(tails)) < len(INNER), 1.0 - 2.0 * tails, tails)
    names = (*(f"1/2 - error at {x:g} sd(S)" for x in INNER), *(f"error at {x:g} sd(S)" for x in TAIL))
    return [
        checks.inside(
            f"{name} over the law of independent filters",
            f"1 to {100 * ROOM:.0f} % ({expected:.3g})",
            value / expected,
            (1.0 - ROOM, 1.0 + ROOM),
            "overlaps of the filters, about d^(-1/2) = 1e-6, shift the law by less, and its quadrature errs by 1e-6; "
            "normal interval of conditional probabilities",
            ((value - NORMAL * error) / expected, (value + NORMAL * error) / expected),
        )
        for name, value, error, expected in zip(names, found, errors, said, strict=True)
    ]


def _bound_checks(run: PaperRun, generator: np.random.Generator, count: int) -> list[checks.Check]:
    """The smallest of the rigorous upper bounds must hold, and the lower one near 1/2."""
    p, gram, sd = run.claimed, run.trained.weight_gram, deviation(run)
    power, kurtosis = round(p.power), noise_kurtosis(gram, power=round(p.power), patches=p.patches)
    inner = 0.03 * sd
    found, errors = _probabilities(run, generator, count, [*((level * sd, np.inf) for level in FAR), (-inner, inner)])
    made = []
    for level, value, error in zip(FAR, found[:-1], errors[:-1], strict=True):
        bound = min(
            float(chebyshev_error_bound(level * sd, sd)),
            float(fourth_moment_error_bound(level * sd, sd, kurtosis)),
            float(chaos_error_bound(level * sd, sd, power)),
        )
        made.append(
            checks.guard(
                checks.inside(
                    f"error at {level:g} sd(S) below its best bound, d = {p.dimension:.0e}",
                    f"at most {bound:.3g}",
                    float(value),
                    (0.0, bound),
                    "Chebyshev, fourth moment and chaos tail hold for every weight matrix",
                    (float(value - NORMAL * error), float(value + NORMAL * error)),
                ),
                f"the bound is {bound / max(float(value), 1e-300):.2g} times the error of these weights: what is "
                "sharp is the law above",
            )
        )
    bound = float(robust_error_lower_bound(inner, gram, power=p.power, noise_std=p.noise_std))
    value, error = 0.5 - 0.5 * float(found[-1]), 0.5 * NORMAL * float(errors[-1])
    made.append(
        checks.guard(
            checks.inside(
                f"error at 0.03 sd(S) above 1/2 - P(|S| <= h)/2, d = {p.dimension:.0e}",
                f"at least {bound:.4f}",
                value,
                (bound, 0.5),
                "a bound for every weight matrix; S is symmetric, so a positive margin errs less than half of the time",
                (value - error, value + error),
            ),
            f"the distance to 1/2 may be {(0.5 - bound) / (0.5 - value):.2g} times as large: what is sharp is the law",
        )
    )
    return made


def _law_panel(run: PaperRun, law: IndependentNoiseLaw, generator: np.random.Generator) -> Panel:
    sd, p = deviation(run), run.trained.params
    noise = np.sort(
        draw_fresh_noise(
            generator, 400_000, run.trained.weight_gram, power=p.power, noise_std=p.noise_std, patches=p.patches
        )
    )
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
        worlds=(World("noise 3 % stronger", noise_std=times(1.03)), World("power q + 0.02", power=plus(0.02))),
        proved_for="power, odd q for the chaos tail",
        cost=10.0,
    ),
)
