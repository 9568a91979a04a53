"""Samples without a learnable feature: from which share on they matter, and to which attack."""

from __future__ import annotations

import numpy as np

from cgrosim.claims import checks
from cgrosim.claims.claim import Claim, Context, Evidence
from cgrosim.claims.unlearnable_runs import Unlearnable, unlearnable
from cgrosim.predictions.regime import slacks
from cgrosim.studies.world import World, plus, times


def judge(context: Context, world: World, rows: tuple[Unlearnable, ...]) -> Evidence:
    """The first memorisation, the noise in the filters, and robust errors under both attacks."""
    without = [row for row in rows if row.params.unlearnable_fraction == 0.0]
    some = [row for row in rows if row.params.unlearnable_fraction > 0.0]
    late = max((float(np.log(np.min(row.measured) / np.min(row.predicted))) for row in some), key=abs)
    odd = max(
        (row.patches_train - row.params.unlearnable_fraction for row in rows), key=lambda x: x if x > 0 else -0.01 * x
    )
    table = "; ".join(
        f"p = {row.params.unlearnable_fraction:g}: true feature only {row.signal_train:.2g} / {row.signal_test:.2g}, "
        f"all patches {row.patches_train:.2g} / {row.patches_test:.2g}"
        for row in rows
    )
    made = (
        checks.inside(
            "log of the first memorisation of a sample without a feature over its prediction",
            "0",
            late,
            (-0.05, 0.05),
            "nobody has kicked the first one; overlaps of patches, d^(-1/2), times the square "
            "root of 20 samples that have hardly grown: less than 0.05",
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
            "robust test error, both attacks, largest",
            "0",
            max(max(row.signal_test, row.patches_test) for row in rows),
            (0.0, 0.0),
            "the attacked signal has escaped, and a fresh noise patch meets filters in random directions",
        ),
        checks.inside(
            "robust training error over all patches less p, largest",
            "at most 0",
            odd,
            (-1.0, 0.0),
            "only what rests on noise alone can be turned over by a radius that the signal stands",
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
        finding="Robust overfitting as reported for this setting (robust test error 1/2 from p ~ 1/N on) is not met: "
        "the noise in the filters is of order 1, but the attack that may move all patches turns over training samples "
        "without a feature, and no fresh sample with one up to p = 1/4 (at 1/2 all of them). The threat model must "
        "stand beside the number.",
    )


CLAIMS = (
    Claim(
        name="unlearnable-samples",
        title="samples without a feature are memorised from one on",
        statement="Where the signal escapes first, p = 0 leaves the noise of the filters as it was; every sample "
        "without a learnable feature, p >= 1/N, is memorised at a_i = q kappa_i / (2N), both losses pushing, and the "
        "noise becomes of order 1. Fresh samples stay robust; under an attack on all patches those training samples do "
        "not.",
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
        ),
        cost=1.3,
    ),
)
