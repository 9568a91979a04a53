"""With high probability, quantified: how often a run succeeds, against the rate its sources of failure predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims import checks
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series, Slack
from cgrosim.model.params import Params
from cgrosim.predictions.clock import Clock
from cgrosim.predictions.laws import memorisation_law
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.trained import train
from cgrosim.studies.world import CLAIMED, World, times

Array = NDArray[np.float64]

STARTS = 8  # a-priori starts of the signal over which its small effect on the clock of memorisation is averaged
HYPOTHESES = ("signal-beats-noise", "signal-wins-race", "signal-grows-first", "attack-hides-signal",
              "memorises-before-escape", "decoupled-memorisation", "gram-nearly-orthogonal")  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """A setting and its horizon in predicted median times of one sample."""

    name: str
    samples: int
    neurons: int
    horizon: float

    def params(self, seed: int, world: World = CLAIMED) -> Params:
        """Parameters with chi = 0.04, where samples are memorised independently."""
        params = Params.from_paper(
            10**9, init_exponent=-0.33, init_polylog=1.0, patches=2, samples=self.samples, neurons=self.neurons,
            seed=seed, engine="flow", sampling="gram", flow_tolerance=1e-5,
        )  # fmt: skip
        return world.of(params)

    def steps(self) -> float:
        """The number of steps a run is given."""
        return self.horizon * setting_of(self.params(0)).memorisation_time()


# horizons at which the predicted rates are near 1/2, where the fewest seeds tell them from 0 and from 1
SETUPS = (
    Setup("few filters, ample time: dead filters and dead samples", 3, 3, 30.0),
    Setup("many filters, tight time: the slowest sample", 10, 12, 1.9),
)


def predicted_rate(setup: Setup, generator: np.random.Generator) -> float:
    """P(success) = (1 - 2^-m) E[F(T)^N], F the a-priori law of the memorisation time of one sample.

    A run fails if every filter starts with u_r <= 0 (2^-m), if a sample has no positive v_{r,i,j}(0) (2^-(m(P-1)), the
    mass F lacks at infinity), or if a sample is not done by T. Derived here; exact as chi -> 0.
    """
    params, steps = setup.params(0), setup.steps()
    rates: list[float] = []
    while len(rates) < STARTS:
        signal = params.init_std * generator.standard_normal(params.neurons)
        if np.any(signal > 0.0):
            rates.append(float(memorisation_law(params, Clock(params, signal), steps)) ** params.samples)
    return float((1.0 - 0.5**params.neurons) * np.mean(rates))


def succeeds(params: Params, steps: float) -> bool:
    """Whether the signal has grown and every sample is memorised after `steps` steps."""
    trained = train(params, steps)
    return bool(np.isfinite(trained.growth_time) and np.all(np.isfinite(trained.memorization_times)))


def measure(context: Context, world: World) -> Evidence:
    """Success rates over seeds against the predicted rates."""
    count, generator = context.choose(24, 400), context.generator("success-rate")
    made, rows, seeds = [], [], context.seeds("success-rate", count)
    for setup in SETUPS:
        rate = predicted_rate(setup, generator)
        hits = sum(succeeds(setup.params(seed, world), setup.steps()) for seed in seeds)
        # halfway to certain success and to certain failure
        made.append(
            checks.proportion(
                setup.name,
                hits,
                count,
                (0.5 * rate, 0.5 + 0.5 * rate),
                f"predicted {rate:.3f}; halfway from it to 'never' and to 'always', what this number of seeds can tell",
            )
        )
        rows.append((rate, hits / count, *checks.clopper_pearson(hits, count, 0.05)))
    return Evidence(
        tuple(made),
        _worst_slacks() if not world.wrong else (),
        SETUPS[0].params(seeds[0]),
        tuple(seeds),
        "d = 1e9, sigma_0 = d^-0.33 (chi = 0.04), P = 2, q = 3, lam = 0.5; N = m = 3 with T = 30 predicted medians of "
        "one sample, and N = 10, m = 12 with T = 1.9",
        (_panel(np.array(rows)),),
    )


def _worst_slacks() -> tuple[Slack, ...]:
    """The smaller slack of every hypothesis over the settings."""
    both = zip(*(slacks(setup.params(0), *HYPOTHESES) for setup in SETUPS), strict=True)
    return tuple(min(pair, key=lambda slack: slack.slack) for pair in both)


def _panel(rows: Array) -> Panel:
    predicted, measured, low, high = rows.T
    return Panel(
        "Success rate over seeds",
        "predicted rate",
        "measured rate (95 % interval)",
        (
            Series("points", "settings", predicted, measured, low, high),
            Series("line", "prediction", np.array([0.0, 1.0]), np.array([0.0, 1.0])),
        ),
    )


CLAIMS = (
    Claim(
        name="success-rate",
        title="with high probability, quantified",
        statement="A run succeeds (signal grown, every sample memorised by T) with probability (1 - 2^-m) F(T)^N, F "
        "the law of one sample's memorisation time, of mass 1 - 2^-(m(P-1)): dead filters, dead samples, slow samples.",
        source="arXiv 2306.01271 v4 Thm 5.9 says with high probability; rate derived here",
        kind="law",
        measure=measure,
        worlds=(
            World("more filters: 8 for 3, and 32 for 12", neurons=times(8 / 3)),
            World("attack weight 0.1 for 0.5", adversarial_weight=0.1),
        ),
        cost=4.0,
    ),
)
