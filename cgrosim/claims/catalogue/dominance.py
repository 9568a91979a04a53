"""Phase II read as dominance: per unit of log t, when the noise grows by more than the signal, and by how much."""

from __future__ import annotations

import numpy as np

from cgrosim.claims.checks import Check, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.dominance_runs import LATE, Dominance, dominance_study, experiment
from cgrosim.model.thresholds import MEMORISED
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.studies.world import World, plus, times

DEVIATIONS = 5.0  # standard deviations of what the decoupled system leaves out, normal: once in two million
HYPOTHESES = ("signal-beats-noise", "signal-grows-first", "attack-hides-signal", "memorises-before-escape",
              "decoupled-memorisation", "gram-nearly-orthogonal", "power-above-two")  # fmt: skip


def _dominates(context: Context, world: World, found: tuple[Dominance, ...]) -> Evidence:
    p = experiment()
    overlaps = DEVIATIONS * p.power * float(np.sqrt(p.samples / p.dimension))
    kicks = DEVIATIONS * setting_of(p).coupling / float(np.sqrt(p.samples))
    alone = (
        "until the first sample is memorised the others of a neuron add N(0, 1) sqrt(N/d) of its own push to a "
        "feature, of which growth is the q-th power: five standard deviations"
    )
    kicked = (
        "a memorised patch kicks the start of another by chi N(0, 1) of itself; growth goes with v_0^(q-2), averaged "
        "over N samples: five standard deviations"
    )
    first = found[0].predicted
    rows = (
        ("early", f"growth of the noise over that of the signal, T_I to half of T_1 ({first.early:.2g})", overlaps),
        ("relative", f"step from which v^q grows by the larger factor ({_at(found, 'relative')} T_1)", overlaps),
        ("absolute", f"step from which V grows by more than the signal ({_at(found, 'absolute')} T_1)", overlaps),
        ("late", f"growth of the signal over that of the noise from {LATE[0]:g} to {LATE[1]:g} T_mem "
                 f"({first.late:.2g})", kicks),
    )  # fmt: skip
    checks = tuple(_over(name, words, found, room, kicked if name == "late" else alone) for name, words, room in rows)
    return Evidence(
        checks,
        slacks(p, *HYPOTHESES) if not world.wrong else (),
        found[0].params,
        tuple(one.params.seed for one in found),
        f"d = 1e9, sigma_0 = d^-0.33 (chi = {setting_of(p).coupling:.2g}), N = 10, P = 2, m = 12, q = 3, lam = 1/2; "
        f"{len(found)} starts",
        (_panel(found[0]),),
        ""
        if world.wrong
        else "Between T_I and the first memorisation the signal grows by more than V_i for all but the last per cent "
        "of the time; the noise grows by the larger factor for most of it.",
    )


def _at(found: tuple[Dominance, ...], name: str) -> str:
    return f"{float(np.mean([getattr(one.predicted, name) / one.first for one in found])):.3g}"


def _over(name: str, words: str, found: tuple[Dominance, ...], room: float, reason: str) -> Check:
    """Measured over predicted, the one farthest from 1 of the starts."""
    ratios = np.array([getattr(one.measured, name) / getattr(one.predicted, name) for one in found])
    worst = float(ratios[np.argmax(np.abs(ratios - 1.0))]) if np.all(np.isfinite(ratios)) else np.nan
    return inside(
        f"{words}, over its prediction, farthest from 1", f"1 to {100 * room:.2g} %", worst, (1.0 - room, 1.0 + room),
        reason,
    )  # fmt: skip


def _panel(one: Dominance) -> Panel:
    middle = np.sqrt(one.steps[1:] * one.steps[:-1])
    logs = np.diff(np.log(one.steps))
    signal, noise = np.diff(one.signal) / logs, np.diff(one.noise) / logs
    ends = np.array([one.predicted.absolute / one.first] * 2)
    shown = noise > 0.0
    return Panel(
        "The noise outgrows the signal only shortly before it is memorised, and then for ever",
        "steps over those of the first memorisation",
        "growth per unit of log t",
        (
            Series("line", "signal alpha^q U", middle / one.first, signal),
            Series("points", "noise V of the first sample", middle[shown] / one.first, noise[shown]),
            Series("line", "predicted: as fast as the signal", ends, np.array([np.min(noise[shown]), MEMORISED * 1e2])),
        ),
        "log",
        "log",
    )


CLAIMS = (
    Claim(
        name="noise-growth-dominates",
        title="phase II: the noise's growth dominates, and when",
        statement="Per unit of log t, V_i grows by more than alpha^q U from t_abs on, shortly before it is memorised; "
        "by a larger factor from t_rel on; once all samples are memorised, the signal grows by v_0^(q-2) (q-2)/(2q) "
        "V^-(2-2/q) of what the noise does.",
        source="arXiv 2306.01271 v4, phase II: the growth of the signal is dominated by that of the noise; times and "
        "factor derived here",
        kind="derived here",
        study=dominance_study,
        rules=_dominates,
        worlds=(
            World("noise 1 % stronger", noise_std=times(1.01)),
            World("starts 10 % larger", init_std=times(1.1)),
            World("power q + 0.05", power=plus(0.05)),
            World("adversarial weight 0.505 for 0.5", adversarial_weight=0.505),
        ),
        cost=4.0,
    ),
)
