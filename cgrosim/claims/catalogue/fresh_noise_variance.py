"""The variance of the noise S that a fresh sample puts into the margin of a trained network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.model.patches import draw_patch_data
from cgrosim.studies.fresh_noise import NORMAL, spherical_second_moments
from cgrosim.studies.small_networks import Told, overlapping
from cgrosim.studies.world import World, plus, times
from cgrosim.theory.noise_moments import gram_test_noise_std, hermite_activation_moment, log_absolute_moment

Array = NDArray[np.float64]

POWERS = (3.0, 5.0, 2.5)
ROOM = 0.02  # relative, to which the identity is told from another one
PART = 50_000  # draws at a time; two parts bring the interval below half of the room


def variance(told: Told) -> float:
    """Var S by the exact formula, from the weights and what the claim is told of the noise."""
    p = told.claimed
    exact = gram_test_noise_std(told.trained.weight_gram, power=p.power, noise_std=p.noise_std, patches=p.patches)
    return float(exact**2)


def linear_variance(told: Told) -> float:
    """Var S without the higher chaos: E phi(x) phi(y) replaced by its first Hermite term, (E|z|^(q+1))^2 rho."""
    p, gram = told.claimed, told.trained.weight_gram
    linear = np.exp(2.0 * log_absolute_moment(p.power + 1.0))
    sizes = np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    total = np.sum(gram * sizes ** (p.power - 1.0))
    return float((p.patches - 1) * p.noise_std ** (2 * p.power) * linear * total)


def measure_variance(context: Context, world: World) -> Evidence:
    """Variance of S for q = 3, 5 and 2.5 against Monte Carlo, and explicit noise against the law that is drawn."""
    generator = context.generator("noise-variance")
    seeds = context.seeds("noise-variance", 3)
    networks = [overlapping(power, seed, world) for power, seed in zip(POWERS, seeds, strict=True)]
    found = [_second_moments(told, generator, context.choose(2, 8)) for told in networks]
    made = [_isserlis(networks[0])]
    made += [_spherical(told, values) for told, values in zip(networks, found, strict=True)]
    made += _explicit(overlapping(3.0, seeds[0], world, explicit=True), generator, context.choose(10, 40))
    return Evidence(
        tuple(made),
        (),
        networks[0].claimed,
        tuple(seeds),
        "weights after training at d = 400, N = 6, P = 3, m = 8, for q = 3, 5 and 2.5",
        (_variance_panel(networks, found),),
    )


def _isserlis(told: Told) -> Check:
    """The hypergeometric form used for every real q against 9 G_rr G_ss G_rs + 6 G_rs^3 and the Hermite sum."""
    p, gram = told.claimed, told.trained.weight_gram
    d = np.diag(gram)
    form = (p.patches - 1) * p.noise_std**6
    isserlis = form * np.sum(9.0 * np.outer(d, d) * gram + 6.0 * gram**3)
    rho = gram / np.sqrt(np.outer(d, d))
    hermite = form * np.sum(np.outer(d, d) ** 1.5 * hermite_activation_moment(rho, 3))
    exact = gram_test_noise_std(gram, power=3.0, noise_std=p.noise_std, patches=p.patches) ** 2
    scale = form * np.sum(9.0 * np.outer(d, d) * np.abs(gram) + 6.0 * np.abs(gram) ** 3)
    error = max(abs(isserlis - exact), abs(hermite - exact)) / scale
    # m^2 terms summed plus about 20 operations a term, each rounding to 2^-53 of the sum of absolute values
    return checks.guard(
        checks.exact(
            "closed form of Var S against Isserlis and Hermite, q = 3",
            "equal",
            float(error),
            (gram.size + 20) * 2.0**-52,
            "rounding of m^2 terms of about 20 operations each, relative to the sum of absolute values",
        ),
        "three forms of one formula at the same weights: nothing simulated enters but these",
    )


def _second_moments(told: Told, generator: np.random.Generator, parts: int) -> Array:
    p, gram = told.trained.params, told.trained.weight_gram
    return np.concatenate([
        spherical_second_moments(generator, PART, gram, power=p.power, noise_std=p.noise_std, patches=p.patches)
        for _ in range(parts)
    ])  # fmt: skip


def _spherical(told: Told, values: Array) -> Check:
    ratio = float(values.mean()) / variance(told)
    half = NORMAL * float(values.std(ddof=1)) / np.sqrt(len(values)) / variance(told)
    return checks.inside(
        f"measured over predicted variance, q = {told.claimed.power:g}",
        f"1 to {100 * ROOM:.0f} % (the linear chaos alone would be {linear_variance(told) / variance(told):.2f})",
        ratio,
        (1.0 - ROOM, 1.0 + ROOM),
        "an identity, to twice what so many draws resolve; normal interval of bounded values with control variates",
        (ratio - half, ratio + half),
    )


def _explicit(told: Told, generator: np.random.Generator, batches: int) -> list[Check]:
    """Projections of explicit noise patches of fresh samples, whitened by what the claim is told of their law.

    They are N(0, sigma_p^2 G): of the whitened ones, all independent, mean square 1 and mean fourth power 3.
    """
    p, data = told.trained.params, told.trained.system.data
    assert data is not None
    factor = told.claimed.noise_std * np.linalg.cholesky(told.trained.weight_gram)
    found = []
    for _ in range(batches):
        fresh = draw_patch_data(p, generator, data.direction, samples=2_000)
        found.append(np.linalg.solve(factor, (fresh.noise @ told.trained.weights.T).reshape(-1, len(factor)).T).ravel())
    whitened = np.concatenate(found)
    rows = (("square", 2, 1.0, 2.0), ("fourth power", 4, 3.0, 96.0))  # and the variance of z^k
    return [
        checks.inside(
            f"mean {name} of {len(whitened)} whitened projections of explicit patches",
            f"{expected:g}",
            float(np.mean(whitened**k)),
            (expected - 2.0 * half, expected + 2.0 * half),
            "moments of a standard normal, to twice the half-width of the interval, which has their exact variance",
            (float(np.mean(whitened**k)) - half, float(np.mean(whitened**k)) + half),
        )
        for name, k, expected, spread in rows
        if (half := NORMAL * np.sqrt(spread / len(whitened)))
    ]


def _variance_panel(networks: list[Told], found: list[Array]) -> Panel:
    rows = []
    for told, values in sorted(zip(networks, found, strict=True), key=lambda pair: pair[0].claimed.power):
        exact, error = variance(told), 2.0 * float(values.std(ddof=1)) / np.sqrt(len(values))
        mean = float(values.mean())
        rows.append(
            (told.claimed.power, mean / exact, (mean - error) / exact, (mean + error) / exact,
             linear_variance(told) / exact)
        )  # fmt: skip
    power, ratio, low, high, wrong = np.array(rows).T
    return Panel(
        "Variance of the fresh noise S given trained weights",
        "power q of the activation",
        "variance over the exact formula",
        (
            Series("points", "Monte Carlo, two standard errors", power, ratio, low, high),
            Series("line", "exact formula", power, np.ones(len(rows))),
            Series("points", "linear chaos alone", power, wrong),
        ),
    )


CLAIMS = (
    Claim(
        name="fresh-noise-variance",
        title="variance of the noise S of fresh samples",
        statement="Given the weights the noise S of a fresh sample has this variance for q = 3, a Hermite sum for odd "
        "q and a hypergeometric form for real q, G the Gram matrix of the weights projected off w_star.",
        source="derived here (Isserlis; Hermite expansion)",
        kind="exact identity",
        measure=measure_variance,
        worlds=(
            World("noise 1 % stronger", noise_std=times(1.01)),
            World("noise 3 % stronger", noise_std=times(1.03)),
            World("power 0.05 higher", power=plus(0.05)),
        ),
        cost=3.0,
    ),
)
