"""The variance of the noise S that a fresh sample puts into the margin of a trained network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.checks import Check
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.model.params import Params
from cgrosim.model.patches import draw_patch_data
from cgrosim.model.reference import network
from cgrosim.studies.fresh_noise import NORMAL, spherical_second_moments
from cgrosim.studies.paper_scale import horizon_of
from cgrosim.studies.trained import Trained, train
from cgrosim.studies.world import CLAIMED, World
from cgrosim.theory.noise_moments import (
    gram_test_noise_std,
    hermite_activation_moment,
    log_absolute_moment,
    noise_kurtosis,
)

Array = NDArray[np.float64]


def trained_at(power: float, seed: int, dimension: int = 400, explicit: bool = False, **values: float) -> Trained:
    """A small trained network with three patches, whose filters overlap by tens of per cent."""
    params = Params.from_paper(
        dimension,
        samples=6,
        patches=3,
        neurons=8,
        power=power,
        seed=seed,
        engine="flow",
        sampling="explicit" if explicit else "gram",
        flow_tolerance=1e-6,
        **values,
    )
    return train(params, min(horizon_of(params), 1e12), vectors=explicit)


def variance(trained: Trained, world: World) -> tuple[float, float]:
    """Var S by the exact formula, and by the one without its cross terms; swapped in the wrong world."""
    p, gram = trained.params, trained.weight_gram
    exact = gram_test_noise_std(gram, power=p.power, noise_std=p.noise_std, patches=p.patches) ** 2
    # only the linear chaos: E phi(x) phi(y) replaced by its first Hermite term, (E|z|^(q+1))^2 rho
    linear = np.exp(2.0 * log_absolute_moment(p.power + 1.0))
    sizes = np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    wrong = (p.patches - 1) * p.noise_std ** (2 * p.power) * linear * np.sum(gram * sizes ** (p.power - 1.0))
    return (float(wrong), float(exact)) if world.wrong else (float(exact), float(wrong))


def measure_variance(context: Context, world: World) -> Evidence:
    """Variance of S for q = 3, 5 and 2.5 against Monte Carlo, in law and with explicit samples."""
    generator, count = context.generator("noise-variance"), context.choose(30_000, 300_000)
    seeds = context.seeds("noise-variance", 3)
    networks = [trained_at(power, seed) for power, seed in zip((3.0, 5.0, 2.5), seeds, strict=True)]
    made = [_isserlis(networks[0]), *(_spherical(t, generator, count, world) for t in networks)]
    made.append(_explicit(trained_at(3.0, seeds[0], explicit=True), generator, context, world))
    return Evidence(
        tuple(made),
        (),
        networks[0].params,
        tuple(seeds),
        "weights after training at d = 400, N = 6, P = 3, m = 8, for q = 3, 5 and 2.5",
        (_variance_panel(networks, generator, count),),
    )


def _isserlis(trained: Trained) -> Check:
    """The hypergeometric form used for every real q against 9 G_rr G_ss G_rs + 6 G_rs^3 and the Hermite sum."""
    p, gram = trained.params, trained.weight_gram
    d = np.diag(gram)
    form = (p.patches - 1) * p.noise_std**6
    isserlis = form * np.sum(9.0 * np.outer(d, d) * gram + 6.0 * gram**3)
    rho = gram / np.sqrt(np.outer(d, d))
    hermite = form * np.sum(np.outer(d, d) ** 1.5 * hermite_activation_moment(rho, 3))
    exact = gram_test_noise_std(gram, power=3.0, noise_std=p.noise_std, patches=p.patches) ** 2
    scale = form * np.sum(9.0 * np.outer(d, d) * np.abs(gram) + 6.0 * np.abs(gram) ** 3)
    error = max(abs(isserlis - exact), abs(hermite - exact)) / scale
    # m^2 terms summed plus about 20 operations a term, each rounding to 2^-53 of the sum of absolute values
    return checks.exact(
        "closed form of Var S against Isserlis and Hermite, q = 3",
        "equal",
        float(error),
        (gram.size + 20) * 2.0**-52,
        "rounding of m^2 terms of about 20 operations each, relative to the sum of absolute values",
    )


def _spherical(trained: Trained, generator: np.random.Generator, count: int, world: World) -> Check:
    p, gram = trained.params, trained.weight_gram
    values = spherical_second_moments(generator, count, gram, power=p.power, noise_std=p.noise_std, patches=p.patches)
    expected, rival = variance(trained, world)
    error = _standard_error(trained, values)
    ratio, half = float(values.mean()) / expected, 0.5 * abs(rival / expected - 1.0)
    return checks.inside(
        f"measured over predicted variance, q = {p.power:g}",
        "1",
        ratio,
        (1.0 - half, 1.0 + half),
        "half the distance to the formula that keeps the linear chaos alone; standard error from the exact kurtosis "
        "(q = 3) or the sample",
        (ratio - NORMAL * error / expected, ratio + NORMAL * error / expected),
    )


def _standard_error(trained: Trained, values: Array) -> float:
    """Standard error of the mean of the spherical second moments Y = E R^(2q) S(omega)^2.

    E Y^2 = E S^4 (E R^(2q))^2 / E R^(4q), with E S^4 from the exact kurtosis for q = 3.
    """
    from scipy.special import gammaln

    p, gram = trained.params, trained.weight_gram
    if p.power != 3.0:
        return float(values.std(ddof=1) / np.sqrt(len(values)))
    half = 0.5 * (p.patches - 1) * p.neurons
    log_two, log_four = (k * np.log(2.0) + gammaln(half + k) - gammaln(half) for k in (p.power, 2.0 * p.power))
    second = float(gram_test_noise_std(gram, power=3.0, noise_std=p.noise_std, patches=p.patches)) ** 2
    fourth = noise_kurtosis(gram, power=3, patches=p.patches) * second**2
    return float(np.sqrt((fourth * np.exp(2.0 * log_two - log_four) - second**2) / len(values)))


def _explicit(trained: Trained, generator: np.random.Generator, context: Context, world: World) -> Check:
    """The variance of y f on explicit noise patches of fresh samples: the law of the projections is tested too."""
    p, data = trained.params, trained.system.data
    assert data is not None
    squares: list[Array] = []
    batch = 2_000
    for _ in range(context.choose(8, 80)):
        fresh = draw_patch_data(p, generator, data.direction, samples=batch)
        squares.append(network(p, trained.system.second_layer, trained.weights, fresh.noise) ** 2)
    values = np.concatenate(squares)
    expected, rival = variance(trained, world)
    kurtosis = noise_kurtosis(trained.weight_gram, power=3, patches=p.patches)
    error = np.sqrt((kurtosis - 1.0) / len(values))
    ratio, half = float(values.mean()) / expected, 0.5 * abs(rival / expected - 1.0)
    return checks.inside(
        "measured over predicted variance, explicit samples, q = 3",
        "1",
        ratio,
        (1.0 - half, 1.0 + half),
        "half the distance to the formula that keeps the linear chaos alone; standard error from the exact kurtosis",
        (ratio - NORMAL * error, ratio + NORMAL * error),
    )


def _variance_panel(networks: list[Trained], generator: np.random.Generator, count: int) -> Panel:
    rows = []
    for trained in sorted(networks, key=lambda t: t.params.power):
        p, gram = trained.params, trained.weight_gram
        values = spherical_second_moments(
            generator, count, gram, power=p.power, noise_std=p.noise_std, patches=p.patches
        )
        exact, linear = variance(trained, CLAIMED)
        error = 2.0 * float(values.std(ddof=1)) / np.sqrt(count)
        mean = float(values.mean())
        rows.append((p.power, mean / exact, (mean - error) / exact, (mean + error) / exact, linear / exact))
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
        worlds=(World("the linear chaos alone: E phi(x) phi(y) without its higher Hermite terms"),),
        cost=3.0,
    ),
)
