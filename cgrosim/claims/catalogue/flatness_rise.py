"""The other direction of flatness: a steep loss makes the adversarial loss exceed the clean one (Proposition 6.4)."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cgrosim.claims.checks import exact
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.model.params import Params
from cgrosim.model.sampling import draw_explicit
from cgrosim.studies.flatness import STEPS, Look, experiment, looks
from cgrosim.studies.world import World, times
from cgrosim.theory.flatness import loss_slope, odd_power
from cgrosim.theory.flatness_rise import bend_along_feature, least_mean_rise

Array = NDArray[np.float64]

GAPS = (0.99, 0.97, 0.9)  # radii of 1, 3 and 10 per cent of the signal, where the bound is nearly attained
ROUNDING = 1e-12  # relative: means of some hundred losses of a few roundings each
CANCELLED = 1e-14  # and what is left of two losses of order one that nearly cancel
LIVE = 0.3  # of init_std: with a filter above it the signal grows, and the loss has a slope


class Rise(NamedTuple):
    """Of one network at one time: the mean rise of the loss, and its bounds from below and above."""

    rise: float
    bound: float
    ceiling: float


def rise_of(told: Params, there: Params, look: Look) -> Rise:
    """The mean rise of the loss of fresh samples under the attack of `there`, and the bounds for that of `told`."""
    total, noise, q, alpha = look.learnt_signal, look.fresh, told.power, told.signal_strength

    def loss(position: float) -> float:
        return float(np.mean(np.logaddexp(0.0, -odd_power(position, q) * total - noise)))

    worst = alpha - float(np.sign(total)) * there.perturbation_radius
    gradients = loss_slope(alpha, total, noise, power=q)
    bends = bend_along_feature(told.perturbation_radius, total, noise, signal_strength=alpha, power=q)
    radius = told.perturbation_radius
    steepest = q * abs(total) * (alpha + (radius if total < 0.0 else 0.0)) ** (q - 1.0)
    ceiling = float(np.mean(expit(-(alpha**q * total + noise)))) * float(np.expm1(steepest * radius))
    return Rise(loss(worst) - loss(alpha), least_mean_rise(radius, gradients, bends), ceiling)


def _live(seed: int) -> bool:
    params = experiment(seed)
    return bool(np.max(draw_explicit(params).signal) > LIVE * params.init_std)


def _measure(context: Context, world: World) -> Evidence:
    count = context.choose(5, 12)
    candidates = context.seeds("steep-loss-rise", 4 * count)
    seeds = list(islice(filter(_live, candidates), count))
    found: dict[float, list[Rise]] = {gap: [] for gap in GAPS}
    for seed in seeds:
        trained = experiment(seed)
        for look in looks(trained, STEPS, context.choose(500, 2000)):
            for gap in GAPS:
                told = trained.replace(gap=gap)
                found[gap].append(rise_of(told, world.of(told), look))
    table = np.array([found[gap] for gap in GAPS])  # (radii, moments, 3)
    short = table[..., 0] < table[..., 1] * (1.0 - ROUNDING) - CANCELLED
    above = table[..., 0] > table[..., 2] * (1.0 + ROUNDING) + CANCELLED
    checks = (
        exact(f"moments whose loss rises less than the bound, of {short.size}", "0", float(short.sum()), 0.0,
              "max(0, delta |grad| - H delta^2 / 2) at every sample, H from the closed form of the margin"),
        exact(f"moments whose loss rises more than its ceiling, of {above.size}", "0", float(above.sum()), 0.0,
              "the margin falls at most at the slope h' at the steeper end, and the weight grows by at most e^(h' r)"),
    )  # fmt: skip
    lines = np.array([table[..., 1].min(), table[..., 1].max()])
    panel = Panel(
        "Steeper loss, larger rise",
        "least rise promised by gradient and curvature (loss)",
        "mean rise of the loss under attack",
        (
            Series("line", "rise = bound", lines, lines),
            *(Series("points", f"radius {1 - gap:.2g} alpha", rows[:, 1], rows[:, 0])
              for gap, rows in zip(GAPS, table, strict=True)),
        ),
        "log",
        "log",
    )  # fmt: skip
    return Evidence(
        checks,
        params=experiment(seeds[0], gap=GAPS[0]),
        seeds=tuple(seeds),
        tested_range=f"radii of 1, 3 and 10 % of alpha, {STEPS[0]} to {STEPS[-1]} steps, fresh samples",
        panels=(panel,),
    )


CLAIMS = (
    Claim(
        name="steep-loss-rise",
        title="flatness: a steep loss is not robust",
        statement="Adversarial minus clean loss is at least E max(0, delta |grad| - H delta^2 / 2), H minus the least "
        "second derivative along w_star within the radius, and at most E s (e^(delta h') - 1): Omega(delta E |grad|) "
        "with the constant 1/2 where delta H <= |grad|.",
        source="Proposition 6.4 of the ICLR 2023 predecessor of arXiv 2306.01271, there without constants; constants "
        "derived here",
        kind="bound",
        measure=_measure,
        worlds=(
            World("an attack of 0.8 of the radius", gap=times(1.002)),
            World("an attack of 1.2 times the radius", gap=times(0.998)),
        ),
        proved_for="power, real q >= 2",
        cost=0.1,
    ),
)
