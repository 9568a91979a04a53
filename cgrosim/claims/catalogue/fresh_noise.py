"""The law of the noise S a fresh sample puts into the margin of a trained network: symmetry, tail, small ball."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.studies.fresh_noise import NORMAL, draw_fresh_noise, noise_probabilities
from cgrosim.studies.small_networks import Told, one_memorising_filter, overlapping
from cgrosim.studies.world import World, plus, times
from cgrosim.theory.chaos import log_tail_bound, small_ball_one_neuron
from cgrosim.theory.noise_moments import gram_test_noise_std

Array = NDArray[np.float64]

BALLS = (0.01, 0.1, 0.5)  # radii of the small balls, in standard deviations of S
TAILS = (1.0, 2.0, 4.0, 8.0)  # and places in the tail
ROOM = 0.01  # relative, to which one filter's law is claimed; what it leaves out is a tenth of that


def measure_law(context: Context, world: World) -> Evidence:
    """Symmetry and chaos tail of S where filters overlap, and its law where one of them dominates."""
    generator, count = context.generator("noise-law"), context.choose(300_000, 3_000_000)
    seeds = context.seeds("noise-law", 2)
    general, single = overlapping(3.0, seeds[0], world), one_memorising_filter(seeds[1], world)
    p = general.trained.params
    noise = draw_fresh_noise(
        generator, count, general.trained.weight_gram, power=p.power, noise_std=p.noise_std, patches=p.patches,
        mean=world.number("mean", 0.0),
    )  # fmt: skip
    sd = deviation(general)
    return Evidence(
        (_symmetry(noise), _tail(noise, sd), *_one_filter(single, generator)),
        (Slack("one-neuron-dominates", "sd of the other neurons' S below 0.001 sd(S)", -_log_rest(single)),)
        if not world.wrong
        else (),
        general.claimed,
        tuple(seeds),
        "weights after training, q = 3: d = 400, N = 6, P = 3, m = 8; and d = 1e9, N = 1, P = 2, m = 8, sigma_0 = "
        "d^-0.6, where the one neuron that memorised dominates",
        (_tail_panel(noise, sd),),
    )


def deviation(told: Told) -> float:
    """Standard deviation of S by its closed form, from the weights and what the claim is told of the noise."""
    p = told.claimed
    return float(gram_test_noise_std(told.trained.weight_gram, power=p.power, noise_std=p.noise_std, patches=p.patches))


def _log_rest(told: Told) -> float:
    """Standard deviation of what the other neurons add to S, over a thousandth of that of S: its logarithm."""
    sizes = np.sort(np.diag(told.trained.weight_gram))[::-1]
    return float(np.log(np.sqrt(np.sum((sizes[1:] / sizes[0]) ** 3)) / 1e-3))


def _symmetry(noise: Array) -> Check:
    room = 2.0 * NORMAL * 0.5 / math.sqrt(len(noise))
    return checks.proportion(
        "P(S > 0)",
        int(np.sum(noise > 0.0)),
        len(noise),
        (0.5 - room, 0.5 + room),
        "1/2 by symmetry, to twice the half-width of the interval",
    )


def _tail(noise: Array, sd: float) -> Check:
    """P(|S| >= t sd) over its bound, the largest over t; simultaneous intervals at all t."""
    levels = (2.0, 4.0, 6.0, 9.0, 13.0)
    rows = []
    for t in levels:
        seen = int(np.sum(np.abs(noise) >= t * sd))
        interval = checks.clopper_pearson(seen, len(noise), checks.ERROR_RATE / len(levels))
        bound = math.exp(float(log_tail_bound(t, 3)))
        rows.append((seen / len(noise) / bound, interval[0] / bound, interval[1] / bound))
    worst, low, high = np.max(rows, axis=0)
    return checks.guard(
        checks.inside(
            "P(|S| >= t sd) over its chaos tail, largest over t = 2 ... 13",
            "at most 1",
            float(worst),
            (0.0, 1.0),
            "hypercontractivity holds for every weight matrix; the error rate is shared among the levels",
            (float(low), float(high)),
        ),
        f"the bound is {1.0 / max(float(worst), 1e-300):.3g} times what these weights give, and holds for weights "
        "that come closer: only "
        "an error of that size would be seen here. What is sharp is the law of one filter below",
    )


def _one_filter(told: Told, generator: np.random.Generator) -> list[Check]:
    """Conditional Monte Carlo of P(|S| <= eps sd) and P(|S| >= t sd) over the law of one filter."""
    p, sd = told.trained.params, deviation(told)
    levels = (*((-e * sd, e * sd) for e in BALLS), *((t * sd, np.inf) for t in TAILS))
    gram = told.trained.weight_gram
    found, errors = noise_probabilities(
        generator, 20_000, gram, levels, power=p.power, noise_std=p.noise_std, patches=p.patches,
        integrated=int(np.argmax(np.diag(gram))),
    )  # fmt: skip
    balls = small_ball_one_neuron(np.array(BALLS), told.claimed.power)
    said = np.concatenate([balls, 0.5 - 0.5 * small_ball_one_neuron(np.array(TAILS), told.claimed.power)])
    names = (*(f"P(|S| <= {e:g} sd)" for e in BALLS), *(f"P(S >= {t:g} sd)" for t in TAILS))
    return [
        checks.inside(
            f"{name} over the law of one filter",
            f"1 to {100 * ROOM:.0f} % ({expected:.3g})",
            value / expected,
            (1.0 - ROOM, 1.0 + ROOM),
            "the other neurons add less than 1e-3 sd(S) (see the hypothesis), which smears the smallest ball by that "
            "over its radius, in second order: a tenth of the room; normal interval of 2e4 conditional probabilities",
            ((value - NORMAL * error) / expected, (value + NORMAL * error) / expected),
        )
        for name, value, error, expected in zip(names, found, errors, said, strict=True)
    ]


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
        "neuron P(|S| <= eps sd) = erf((eps sqrt 15)^(1/3) / sqrt 2) for q = 3, from the smallest balls to the tail.",
        source="derived here; tail by hypercontractivity (Janson 1997, Thm 6.7)",
        kind="derived here",
        measure=measure_law,
        worlds=(
            World("noise 2 % stronger", noise_std=times(1.02)),
            World("power 3.05", power=plus(0.05)),
            World("normals with a mean of 0.05", mean=0.05),
        ),
        proved_for="power, odd q for the tail",
        cost=1.0,
    ),
)
