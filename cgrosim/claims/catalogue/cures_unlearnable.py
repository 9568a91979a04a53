"""Samples without a learnable feature: from which share on they matter, and to which attack."""

from __future__ import annotations

import numpy as np

from cgrosim.claims import checks
from cgrosim.claims.claim import Claim, Context, Evidence
from cgrosim.claims.unlearnable_runs import Unlearnable, unlearnable
from cgrosim.files.words import counted
from cgrosim.predictions.regime import slacks
from cgrosim.studies.world import World, plus, times


def judge(context: Context, world: World, rows: tuple[Unlearnable, ...]) -> Evidence:
    """The first memorisation, the noise in the filters, and robust errors under both attacks."""
    without = [row for row in rows if row.params.unlearnable_fraction == 0.0]
    some = [row for row in rows if row.params.unlearnable_fraction > 0.0]
    late = max((float(np.log(row.measured / row.predicted)) for row in some), key=abs)
    radius = (1.0 - rows[0].params.gap) * rows[0].params.signal_strength
    # the one without such samples always: 1.34 to 1.2; a fresh sample's own noise moves its radius by some per cent
    strong = [row for row in rows if row.falling > 1.05 * radius]
    weak = [row for row in rows if row.fallen <= radius]
    # where no feature has been learnt, nothing is left to fall
    ratios = [(row.fallen / row.falling, row.safe / row.falling) if row.falling else (np.inf, np.inf) for row in rows]
    reach = max((fallen for fallen, _ in ratios), key=lambda ratio: abs(np.log(ratio)))
    odd = max((row.patches_train - row.params.unlearnable_fraction for row in strong), key=abs, default=1.0)
    table = "; ".join(
        f"p = {row.params.unlearnable_fraction:g}: true feature only {row.signal_train:.2g} / {row.signal_test:.2g}, "
        f"all patches {row.patches_train:.2g} / {row.patches_test:.2g}"
        for row in rows
    )
    made = (
        checks.inside(
            "log of the memorisation of the sample without a feature that should be the first, over its prediction",
            "0",
            late,
            (-0.03, 0.03),
            "nobody has kicked it, and what the others' overlaps add is predicted to first order: d^(-1/2) times the "
            "root of the four others, 0.06, or twice that where another one ties with it; the square, 0.004 to 0.016, "
            "is left",
        ),
        checks.inside(
            "samples with a feature that are memorised, and the first without one if it is not, largest share",
            "0",
            max(row.otherwise for row in rows),
            (0.0, 0.0),
            "the signal has escaped before, and nobody has kicked the first; the others it kicks, and may turn over",
        ),
        checks.guard(
            checks.inside(
                "largest filter off the feature over its start, p = 0",
                "1",
                max(row.noise for row in without),
                (0.95, 1.05),
                "the signal escapes before anybody is memorised",
            ),
            "every near miss of this setting escapes as well",
        ),
        checks.guard(
            checks.inside(
                "the same, p from 1/N on, smallest",
                "of order 1 and more: V^(1/q) / |X| beside the start",
                min(row.noise for row in some),
                (1.5, np.inf),
                "one memorised sample gives a filter 0.9 / |X|",
            ),
            "a sample is memorised or not, whatever moves its time by a little",
        ),
        checks.inside(
            "robust test error, attack on the feature, largest",
            "0",
            max(row.signal_test for row in rows),
            (0.0, 0.0),
            "the attacked signal has escaped, and a fresh noise patch meets filters in random directions",
        ),
        checks.inside(
            "radius over all patches at which half of the fresh samples fall to the attack the theory names, over its "
            "own, furthest from 1",
            "alpha u / sqrt(|w_s|^2 + n^2), n^q = max over |e| = 1 of sum_r <w_r, e>^q",
            reach,
            (0.97, 1.03),
            "another filter that has learnt at most half as much adds (1/2)^3 of it, a third of that in the radius, at "
            "most 0.04 and with a sign of its own, mostly below 0.01; the median over samples is rid of their noise",
        ),
        checks.inside(
            "radius up to which no attack on any fresh sample succeeds, proved, over the same, largest",
            "at most 1",
            max(safe for _, safe in ratios),
            (0.0, 1.0),
            "what is proved ends where an attack succeeds; cosines of filters and a sample's own noise keep it below",
        ),
        checks.inside(
            "robust error over all patches where that radius is beyond the attack's, less p in training, furthest from "
            "0",
            "0",
            max((odd, max((row.patches_test for row in strong), default=1.0)), key=abs),
            (0.0, 0.0),
            "only what rests on noise alone can be turned over by a radius that the signal stands, and it always is",
        ),
    )
    params = rows[0].params
    return Evidence(
        made,
        slacks(params, "radius-below-signal", "adversarial-weight-inside") if not world.wrong else (),
        params,
        tuple(sorted({row.params.seed for row in rows})),
        f"d = {params.dimension}, N = {params.samples}, m = {params.neurons}, gap {params.gap:g}; robust train / "
        f"test: {table}",
        finding="Robust overfitting as reported for this setting (robust test error 1/2 from p ~ 1/N on) is met in "
        "part: the noise in the filters is of order 1 from one sample on, and where a filter holds several, |w_r| "
        "grows like the root of their number. An attack on all patches then needs a smaller radius, but at p = 1/N "
        f"that is beyond the attack's {radius:g} unless the feature's own filter holds the sample. Here it is enough "
        f"in {len(weak)} of {counted(len(rows), 'network')} (at p = "
        f"{', '.join(f'{p:g}' for p in sorted({row.params.unlearnable_fraction for row in weak})) or 'none'}), and "
        f"gradient ascent finds it in {sum(row.patches_test > 0.0 for row in weak)} of them. The threat model, and the "
        "attack, must stand beside the number.",
    )


CLAIMS = (
    Claim(
        name="unlearnable-samples",
        title="samples without a feature are memorised from one on",
        statement="Where the signal escapes first, p = 0 leaves the noise of the filters as it was; samples without a "
        "learnable feature, p >= 1/N, are memorised at a_i = q kappa_i / (2N), both losses pushing: the first one "
        "when its starts and, to first order, the overlaps say; of the others kicks of d^(-1/2) turn some over. The "
        "noise becomes of order 1. Fresh samples stay robust to an attack on the "
        "feature; one on all patches turns those training samples over, and fresh ones from the radius "
        "alpha u / (|w_s|^2 + n^2)^(1/2) on, w_s the filter that has learnt the feature and n how far all reach "
        "together, n^q = max of sum_r <w_r, e>^q, |e| = 1.",
        source="derived here; thresholds in p of arXiv 2605.21999, another activation and attack",
        kind="asymptotic",
        study=unlearnable,
        rules=judge,
        worlds=(
            World("a teacher that is 90 per cent certain", unlearnable_certainty=0.9),
            World("noise 5 % stronger", noise_std=times(1.05)),
            World("power q + 0.05", power=plus(0.05)),
            World("twice as many such samples", unlearnable_fraction=times(2.0)),
            World("gap 0.04 for 0.4: the signal does not escape", gap=times(0.1)),
            World("the feature of fresh samples 10 % stronger", fresh_strength=times(1.1)),
            World("the feature of fresh samples twice as strong", fresh_strength=times(2.0)),
        ),
        cost=1.3,
    ),
)
