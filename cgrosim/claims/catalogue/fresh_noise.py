"""The law of the noise S a fresh sample puts into the margin of a trained network: symmetry, tail, small ball."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from cgrosim.claims import checks
from cgrosim.claims.catalogue.fresh_noise_variance import trained_at
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.model.params import Params
from cgrosim.studies.fresh_noise import draw_fresh_noise
from cgrosim.studies.paper_scale import horizon_of
from cgrosim.studies.trained import Trained, train
from cgrosim.studies.world import World
from cgrosim.theory.chaos import log_tail_bound, small_ball_one_neuron
from cgrosim.theory.noise_moments import gram_test_noise_std

Array = NDArray[np.float64]

BALLS = (0.01, 0.1)  # radii of the small balls, in standard deviations of S


def measure_law(context: Context, world: World) -> Evidence:
    """Symmetry, chaos tail and small ball of S given trained weights."""
    generator, count = context.generator("noise-law"), context.choose(300_000, 3_000_000)
    seeds = context.seeds("noise-law", 2)
    general = trained_at(3.0, seeds[0])
    sd, noise = _draw(general, generator, count)
    made = [_symmetry(noise, sd, world), _tail(noise, sd, world)]
    single = _one_sample(seeds[1])
    scale, values = _draw(single, generator, count // 3)
    made += [_ball(values, scale, ratio, world) for ratio in BALLS]
    return Evidence(
        tuple(made),
        (Slack("one-neuron-dominates", f"sd of the other neurons' S below {BALLS[0]:g} sd(S)", -_log_rest(single)),),
        general.params,
        tuple(seeds),
        "weights after training, q = 3: d = 400, N = 6, P = 3, m = 8; and d = 1e9, N = 1, P = 2, m = 8, sigma_0 = "
        "d^-0.6, where the one neuron that memorised dominates",
        (_tail_panel(noise, sd),),
    )


def _draw(trained: Trained, generator: np.random.Generator, count: int) -> tuple[float, Array]:
    p, gram = trained.params, trained.weight_gram
    sd = float(gram_test_noise_std(gram, power=p.power, noise_std=p.noise_std, patches=p.patches))
    return sd, draw_fresh_noise(generator, count, gram, power=p.power, noise_std=p.noise_std, patches=p.patches)


def _log_rest(trained: Trained) -> float:
    """Standard deviation of what the other neurons add to S, over that of the smallest ball: its logarithm."""
    sizes = np.sort(np.diag(trained.weight_gram))[::-1]
    return float(np.log(np.sqrt(np.sum((sizes[1:] / sizes[0]) ** 3)) / BALLS[0]))


def _one_sample(seed: int) -> Trained:
    """Train on one sample from a tiny start: the filter that memorises it outgrows the seven others."""
    params = Params.from_paper(
        10**9, samples=1, patches=2, neurons=8, seed=seed, init_exponent=-0.6, init_polylog=1.0, engine="flow",
        sampling="gram", flow_tolerance=1e-6,
    )  # fmt: skip
    return train(params, horizon_of(params))


def _symmetry(noise: Array, sd: float, world: World) -> Check:
    values = noise + 0.1 * sd if world.wrong else noise  # the wrong world: a shifted noise
    return checks.proportion(
        "P(S > 0)",
        int(np.sum(values > 0.0)),
        len(noise),
        (0.49, 0.51),
        "1/2 by symmetry; resolution: a shift by 0.1 sd(S) moves it several times as far (wrong world)",
    )


def _tail(noise: Array, sd: float, world: World) -> Check:
    """P(|S| >= t sd) over its bound, the largest over t; simultaneous intervals at all t."""
    levels = (2.0, 4.0, 6.0, 9.0, 13.0)
    rows = []
    for t in levels:
        seen = int(np.sum(np.abs(noise) >= t * sd))
        interval = checks.clopper_pearson(seen, len(noise), checks.ERROR_RATE / len(levels))
        # the wrong world takes S for Gaussian, whose two-sided tail is below any chaos tail
        bound = math.erfc(t / math.sqrt(2.0)) if world.wrong else math.exp(float(log_tail_bound(t, 3)))
        rows.append((seen / len(noise) / bound, interval[0] / bound, interval[1] / bound))
    worst, low, high = np.max(rows, axis=0)
    return checks.inside(
        "P(|S| >= t sd) over its chaos tail, largest over t = 2 ... 13",
        "at most 1",
        float(worst),
        (0.0, 1.0),
        "hypercontractivity holds for every weight matrix; the error rate is shared among the levels",
        (float(low), float(high)),
    )


def _ball(noise: Array, sd: float, ratio: float, world: World) -> Check:
    one, gaussian = float(small_ball_one_neuron(ratio, 3.0)), float(erf(ratio / math.sqrt(2.0)))
    expected, rival = (gaussian, one) if world.wrong else (one, gaussian)
    half = 0.1 * abs(one - gaussian)
    return checks.proportion(
        f"P(|S| <= {ratio:g} sd), one neuron dominating",
        int(np.sum(np.abs(noise) <= ratio * sd)),
        len(noise),
        (expected - half, expected + half),
        f"a tenth of the distance to the other law ({rival:.3g}); the other neurons add 1e-4 sd(S) (see the "
        "hypothesis), which smears the edges of the ball by a per cent of its width or less",
    )


def _tail_panel(noise: Array, sd: float) -> Panel:
    t = np.geomspace(0.1, 15.0, 50)
    near = t[t < 5.0]  # beyond, the Gaussian tail would stretch the axis over fifty decades
    ordered = np.sort(np.abs(noise))
    beyond = len(ordered) - np.searchsorted(ordered, t * sd)
    shown = beyond > 0
    interval = np.array([checks.clopper_pearson(int(k), len(noise), 0.05) for k in beyond])
    return Panel(
        "Tail of the fresh noise S given trained weights (d = 400, P = 3, m = 8, q = 3)",
        "t, in standard deviations of S",
        "P(|S| >= t sd(S))",
        (
            Series("points", "fresh samples (95 %)", t[shown], beyond[shown] / len(noise), *interval[shown].T),
            Series("line", "chaos tail (bound)", t, np.exp(log_tail_bound(t, 3))),
            Series("line", "Gaussian tail", near, np.array([math.erfc(x / math.sqrt(2.0)) for x in near])),
        ),
        "log",
        "log",
    )


CLAIMS = (
    Claim(
        name="fresh-noise-law",
        title="law of S: symmetry, chaos tail, small ball",
        statement="S is symmetric, P(|S| >= t sd) never exceeds the hypercontractive tail, and with one dominating "
        "neuron P(|S| <= eps sd) = erf((eps sqrt 15)^(1/3) / sqrt 2) for q = 3.",
        source="derived here; tail by hypercontractivity (Janson 1997, Thm 6.7)",
        kind="derived here",
        measure=measure_law,
        worlds=(World("S shifted by 0.1 sd and taken for Gaussian"),),
        proved_for="power, odd q for the tail",
        cost=2.0,
    ),
)
