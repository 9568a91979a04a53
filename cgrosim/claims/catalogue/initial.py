"""The laws of the random start."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from cgrosim.claims.checks import Check, law
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem, draw_explicit, draw_gram
from cgrosim.studies.world import World, times
from cgrosim.theory.initial_laws import MaximumLaw, noise_start_cdf, patch_energy_law

Array = NDArray[np.float64]
Law = Callable[[Array], Array]

DRAWS: dict[str, Callable[[Params], ClosedSystem]] = {"explicit": draw_explicit, "gram": draw_gram}
RESOLUTION = 0.1  # Kolmogorov distance a start law is tested to; the one of one patch a seed in a quick run sees 0.2


class _Starts(NamedTuple):
    """Independent draws of everything L8 speaks of, in standard units, seeds by whatever one seed gives."""

    signal: Array  # u_r / sigma_0
    noise: Array  # v whitened by the Bartlett factor of its Gram matrix, over sigma_0: jointly standard normal
    energy: Array  # |X|^2
    largest_noise: Array  # max_r v_r of one patch
    largest_signal: Array  # max_r u_r / sigma_0


def start_experiment() -> Params:
    """A small dimension, where chi^2 with d - 1 degrees is told from its neighbours and from a normal law."""
    return Params(
        dimension=30, samples=3, patches=3, neurons=5, signal_strength=1.0, noise_std=0.2, init_std=0.3,
        learning_rate=0.1,
    )  # fmt: skip


def draw_starts(params: Params, told: Params, sampling: str, seeds: list[int]) -> _Starts:
    """Draw the start of every seed, in the standard units of what is told of the parameters."""
    draws: list[list[Array]] = [[], [], [], [], []]
    for seed in seeds:
        system = DRAWS[sampling](params.model_copy(update={"seed": seed}))
        assert system.gram is not None
        signal, raw = system.signal, system.noise
        whitened = np.linalg.solve(np.linalg.cholesky(system.gram), raw)
        values = (
            signal / told.init_std,
            whitened.ravel() / told.init_std,
            np.diag(system.gram),
            np.array([(system.labels[0] * raw[0]).max()]),
            np.array([signal.max() / told.init_std]),
        )
        for kept, value in zip(draws, values, strict=True):
            kept.append(value)
    return _Starts(*(np.concatenate(kept) for kept in draws))


def start_laws(params: Params) -> dict[str, tuple[str, Law]]:
    """The law of each field of the starts, with its name."""
    energy = patch_energy_law(params.dimension, params.noise_std)
    return {
        "signal": ("u_r(0) / sigma_0 ~ N(0, 1)", ndtr),
        "noise": ("v(0) given the data, whitened ~ N(0, 1)", ndtr),
        "energy": ("|X|^2 / sigma_p^2 ~ chi^2_{d-1}", energy.cdf),
        "largest_noise": (
            "max_r v_r(0) of one patch",
            lambda v: noise_start_cdf(
                v, params.neurons, params.dimension, init_std=params.init_std, noise_std=params.noise_std
            ),
        ),
        "largest_signal": ("max_r u_r(0) / sigma_0", MaximumLaw(params.neurons).cdf),
    }


def measure_start_laws(context: Context, world: World) -> Evidence:
    """Kolmogorov-Smirnov tests of the start over seeds, for vectors and for the closed system drawn in law."""
    count = context.choose(1500, 6000)
    params = start_experiment()
    checks: list[Check] = []
    series: list[Series] = []
    used: list[int] = []
    for sampling in DRAWS:
        seeds = context.seeds(f"start-laws-{sampling}", count)
        used += seeds
        starts = draw_starts(world.of(params), params, sampling, seeds)
        for field, (name, cdf) in start_laws(params).items():
            sample = getattr(starts, field)
            single = field.startswith("largest")  # one value a seed
            checks.append(
                law(
                    f"{name} [{sampling}]",
                    sample,
                    cdf,
                    0.07 if context.full else 2.0 * RESOLUTION if single else RESOLUTION,
                    "exact at every dimension, values independent; exact critical distance of Kolmogorov's test",
                )
            )
            if field == "largest_noise":
                ordered = np.sort(sample)
                series.append(Series("steps", f"{sampling}, {count} seeds", ordered, np.arange(1, count + 1) / count))
    grid = np.linspace(ordered[0], ordered[-1], 200)
    predicted = start_laws(params)["largest_noise"][1](grid)
    panel = Panel(
        "Largest noise start of one patch",
        "largest initial noise correlation over the neurons (1)",
        "distribution function (1)",
        (Series("line", "E Phi(v / (sigma_0 |X|))^m", grid, predicted), *series),
    )
    room = params.dimension - 1 - params.noise_patches - params.neurons
    slack = Slack("general-position", "d - 1 >= N (P - 1) + m, for the Wishart laws to have densities", room + 1.0)
    text = f"d = {params.dimension}, N = 3, P = 3, m = 5, explicit and gram sampling, {count} seeds each"
    return Evidence(tuple(checks), (slack,), params, tuple(used[:100]), text, (panel,))


CLAIMS = (
    Claim(
        name="initial-laws",
        title="laws of the random start",
        statement="u_r(0) ~ N(0, sigma_0^2); |X_i[j]|^2 ~ sigma_p^2 chi^2_{d-1}; given the data v(0) ~ "
        "N(0, sigma_0^2 K) over the patches, independent over neurons; their maxima follow by exact integrals.",
        source="derived here (L8) from the initialisation and Definition 5.1 of arXiv 2306.01271v4",
        kind="law",
        measure=measure_start_laws,
        worlds=(
            World("starts a third larger", init_std=times(4 / 3)),
            World("noise 10 % stronger", noise_std=times(1.1)),
        ),
        proved_for="every activation (no training involved)",
        cost=1.5,
    ),
)
