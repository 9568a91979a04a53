"""Weight decay: who is memorised, where margins rest, the edges of the phase diagram."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from cgrosim.claims import checks
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.decay_runs import BRACKET, DecayedSamples, Edge, Plateau, decayed_samples, edges, plateaus
from cgrosim.predictions.regime import slacks
from cgrosim.studies.world import World, plus, times

SEPARATE = (
    "gram-nearly-orthogonal",
    "signal-grows-first",
    "adversarial-weight-inside",
    "some-live-filter",
    "decoupled-memorisation",
)
SETTING = "init_std = d^-0.33, P = 2, m = 10, q = 3, lam = 1/2"


def judge_fraction(context: Context, world: World, runs: tuple[DecayedSamples, ...]) -> Evidence:
    """Count the memorised samples against the law, and look how far from its edge a sample is that went the other "
    "way.
    """
    done = np.concatenate([run.memorised for run in runs])
    distance = np.concatenate([run.distance for run in runs])
    share = float(np.mean([run.share for run in runs]))
    moved = float(np.mean(ndtr(-np.abs(distance))))
    odd = (distance > 0.0) != done
    furthest = float(np.max(np.abs(distance[odd]), initial=0.0))
    allowed = float(-ndtri(0.5 * checks.ERROR_RATE / len(distance)))
    expected = float(np.sum(ndtr(distance)))
    spread = float(np.sqrt(np.sum(ndtr(distance) * ndtr(-distance))))
    normal = float(-ndtri(0.5 * checks.ERROR_RATE))
    low, high = checks.clopper_pearson(round(share * len(done)), len(done))
    # one half of the interval for where the count may lie, the other for its own interval around that
    wide = moved + (high - low)
    made = (
        checks.guard(
            checks.proportion(
                "samples memorised, all starts",
                int(done.sum()),
                len(done),
                (share - wide, share + wide),
                f"the law of the largest of m starts gives {share:.3f}; kicks carry {moved:.2g} of the samples over "
                "their edges, the rest is twice what these numbers resolve",
            ),
            "so few starts resolve no near miss of the law: the count given the starts, next, does",
        ),
        checks.inside(
            f"samples memorised beyond those expected from their starts, of {len(done)}",
            f"0 (expected {expected:.1f})",
            float(done.sum()) - expected,
            (-1.0 - normal * spread, 1.0 + normal * spread),
            f"every sample is carried over its edge with the probability of its kick: standard deviation {spread:.2g}; "
            "one more for the switch of the clean loss",
        ),
        checks.inside(
            f"sample furthest on the wrong side of its edge, in kicks ({int(odd.sum())} of {len(odd)} samples)",
            f"at most {allowed:.2g}",
            furthest,
            (0.0, allowed),
            "kicks are normal; the quantile of the largest of so many",
        ),
    )
    params = runs[0].params
    order = np.argsort(-np.concatenate([run.edges / run.params.weight_decay for run in runs]))
    ratio = np.concatenate([run.edges / run.params.weight_decay for run in runs])[order]
    panel = Panel(
        "Who is memorised under weight decay",
        "predicted edge of the sample / weight decay",
        "memorised",
        (
            Series("points", "one sample", ratio, done[order].astype(float)),
            Series(
                "line",
                "decoupled prediction",
                np.array([ratio.min(), 1.0, 1.0, ratio.max()]),
                np.array([0.0, 0.0, 1.0, 1.0]),
            ),
        ),
        x_scale="log",
    )
    return Evidence(
        made,
        slacks(params, *SEPARATE) if not world.wrong else (),
        params,
        tuple(run.params.seed for run in runs),
        f"d = 1e12, N = {params.samples}, P = 2, m = 10, q = 3, lam = 1/2, chi = 1e-4, decay at the median edge",
        (panel,),
    )


def judge_plateaus(context: Context, world: World, rows: tuple[Plateau, ...]) -> Evidence:
    """Compare margins at rest with their quadrature-free equations, where all and where none are memorised."""
    made = []
    reason = (
        "overlaps d^(-1/2) = 1e-5 of 10 patches, to the power q, leave 1e-4 of the noise; at rest the flow steps at "
        "the edge of stability, where its tolerance of 1e-9 leaves 1e-6 of the signal (1e-7: 1e-4); the other neurons "
        "have decayed by exp(-20)"
    )
    for who, chosen in (("all memorised", rows[::2]), ("nobody memorised", rows[1::2])):
        for number, name in enumerate(("clean margin of the signal", "noise margin of the samples")):
            if chosen[0].predicted[number] == 0.0:
                continue
            off = max((r.measured[number] / r.predicted[number] - 1.0 for r in chosen), key=abs)
            predicted = ", ".join(f"{r.predicted[number]:.4g}" for r in chosen)
            made.append(
                checks.inside(f"{name}, {who}, over its plateau less 1", f"0 ({predicted})", off, (-1e-4, 1e-4), reason)
            )
    params = rows[0].params
    return Evidence(
        tuple(made),
        slacks(params, *SEPARATE) if not world.wrong else (),
        params,
        tuple(sorted({row.params.seed for row in rows})),
        f"d = {params.dimension:g}, N = {params.samples}, {SETTING}",
    )


def judge_edges(context: Context, world: World, found: tuple[Edge, ...]) -> Evidence:
    """Every edge lies within its bracket: runs 3 per cent on either side of it end differently."""
    made = []
    for name in dict.fromkeys(edge.name for edge in found):
        mine = [edge for edge in found if edge.name == name]
        worst = max((edge.located for edge in mine), key=lambda value: abs(np.log(value)))
        made.append(
            checks.inside(
                f"{name}: edge over its prediction",
                "1, " + ", ".join(f"at {edge.predicted:.4g}" for edge in mine),
                worst,
                (1.0 / BRACKET, BRACKET),
                "twenty decay times tell starts apart that differ by exp(-20); margins at the start, overlaps of "
                "patches and the switch at T_I move an edge by one per cent at most",
            )
        )
    return Evidence(
        tuple(made),
        (),
        None,
        (),
        f"d = 1e8, everybody 1e12, {SETTING}; over gap 1e-5 to 0.3, N = 8, 30; 1: within 3 %, 2: above, 1/2: below",
        finding="The edge of the signal is that of small margins: from starts with alpha^q U = 0.03 it lies 3 per cent "
        "lower, because the loss weighs such a margin less than 1/2.",
    )


CLAIMS = (
    Claim(
        name="decay-memorised-fraction",
        title="who is memorised under weight decay",
        statement="Sample i is memorised iff its largest start outgrows the decay, v_max,i^(q-2) > rho / a_i, up to "
        "the kicks of memorised samples; the share that is not is Phi(v_c / (sigma_0 sigma_p sqrt(d-1)))^(m(P-1)).",
        source="derived here: v' = a v^(q-1) - rho v, with the head start of stage I",
        kind="law",
        study=decayed_samples,
        rules=judge_fraction,
        worlds=(
            World("half as many competing neurons", neurons=times(0.5)),
            World("noise 5 % stronger", noise_std=times(1.05)),
            World("weight decay 10 % stronger", weight_decay=times(1.1)),
            World("power q + 0.05", power=plus(0.05)),
        ),
        cost=0.8,
    ),
    Claim(
        name="decay-plateaus",
        title="margins at rest under weight decay",
        statement="Under weight decay signal and noise margins rest where pull and decay balance: "
        "q alpha^2 a^(1-2/q) [(1-lam) s(a+V) + lam gap^q s(gap^q a+V)] = rho and "
        "q (kappa/N) V^(1-2/q) [(1-lam) s(a+V) + lam s(gap^q a+V)] = rho.",
        source="derived here: one neuron takes all, x_r^(2-q) - x_s^(2-q) grows like exp((q-2) rho t)",
        kind="asymptotic",
        study=plateaus,
        rules=judge_plateaus,
        worlds=(
            World("signal 1 % stronger", signal_strength=times(1.01)),
            World("noise 1 % stronger", noise_std=times(1.01)),
            World("weight decay 1 % stronger", weight_decay=times(1.01)),
            World("power q + 0.01", power=plus(0.01)),
        ),
        cost=0.5,
    ),
    Claim(
        name="decay-phase-diagram",
        title="edges over weight decay, gap and samples",
        statement="Weight decay separates robust overfitting, partial memory, robustness and nothing learnt: everybody "
        "is memorised below min_i, nobody above max_i a_i v_max,i^(q-2) ~ 1/N, whatever the gap, the signal is lost "
        "above c1 u_max^(q-2) (more while U < 0), and below the least pull between its two humps it runs on to its "
        "escape.",
        source="derived here from the flow of stages I to III with weight decay",
        kind="asymptotic",
        study=edges,
        rules=judge_edges,
        worlds=(
            World("noise 3 % stronger", noise_std=times(1.03)),
            World("signal 5 % stronger", signal_strength=times(1.05)),
            World("gap 10 % larger", gap=times(1.1)),
        ),
        cost=1.3,
    ),
)
