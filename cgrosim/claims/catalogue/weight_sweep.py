"""The adversarial weight from 0 to 1: how it sets the memorisation time, and which stage comes first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import Check, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.control_runs import control_experiment, live_starts, standard_limit
from cgrosim.model.params import Params
from cgrosim.model.sampling import ClosedSystem
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.laws import predict_starts
from cgrosim.predictions.regime import slacks
from cgrosim.predictions.setting import setting_of
from cgrosim.predictions.starts import starts_of_system
from cgrosim.studies.recording import record, whole_steps
from cgrosim.studies.world import World, plus, raised_to, times

Array = NDArray[np.float64]

SMALL = (0.003, 0.007, 0.017, 0.04, 0.1)  # weights whose memorisation time is regressed on
QUICK = (*SMALL, 0.5, 0.99, 1.0)
FULL = (*SMALL, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)
UNDECIDED = 1.5  # predicted times closer than this factor are not asked for their order
STEPS_A_DECADE = 100  # more than the integrator takes on a logarithmic scale of time
CLOCK_ERROR = 1e-5  # of a growth time: the integrator's 1e-8 a step, a few dozen steps, amplified by u(T)/u(0) ~ 50


class Outcome(NamedTuple):
    """One start at one weight: predicted and measured times, in steps (nan or inf: never)."""

    weight: float
    growth: float
    predicted_growth: float
    noise_margin: float  # largest |V_i| at the predicted growth time
    memorised: Array
    predicted: Array
    share: float  # of the samples memorised at the common horizon
    robust_error: float  # on attacked training samples, at the common horizon
    signal_margin: float  # at the end of the run
    signal_limit: float  # its upper bound there, from the flow of the signal with V_i = 0
    signal_error: float  # what the integrator may add to it


def _run(params: Params, simulated: Params, system: ClosedSystem, horizon: float) -> Outcome:
    starts = starts_of_system(params, system)
    flow = signal_flow(params, starts.signal)
    growth, predicted = float(flow.time_of_margin(1.0)), predict_starts(params, starts)
    end = 3.0 * float(np.max(predicted))
    stops = [min(growth, end), min(horizon, end), end]
    run = record(simulated, whole_steps(stops), "memorization", "robust_train_error", "signal_margin", start=system)
    at_growth, at_horizon, _ = np.searchsorted(run.values("step"), np.array(stops).astype(np.int64))
    memorised = run.values("memorization_time")
    return Outcome(
        weight=params.adversarial_weight,
        growth=float(run.values("signal_growth_time")),
        predicted_growth=growth,
        noise_margin=float(np.max(np.abs(run.values("memorization")[at_growth]))),
        memorised=memorised,
        predicted=predicted,
        share=float(np.mean(memorised <= horizon)),
        robust_error=float(run.values("robust_train_error")[at_horizon]),
        signal_margin=float(run.final("signal_margin")),
        signal_limit=float(flow.margin_at(end * (1.0 + 1e-3))),
        signal_error=_margin_error(params, system, end),
    )


def _margin_error(params: Params, system: ClosedSystem, end: float) -> float:
    """Error of alpha^q U at lam = 1, where the correlations hardly move: every step adds at most the tolerance.

    It matters for starts with U(0) < 0: the attack then pushes U up to 0, where the inner maximiser changes sides, and
    the true U stays there; a step of the integrator that straddles the change overshoots by its local error.
    """
    components = system.noise.size + len(system.signal)
    local = params.flow_tolerance * np.sqrt(components)
    scale = params.power * np.sum(np.abs(params.signal_strength * system.signal) ** params.power)
    return float(STEPS_A_DECADE * np.log10(end) * local * scale)


def _coupling(params: Params) -> float:
    """Relative spread of memorisation times that the couplings can make.

    A memorised patch moves the others of its neuron by chi N(0, 1) relative to their starts (kick of `Setting`); of the
    M patches about M/m are memorised by the same neuron, so a time moves by chi sqrt(1 + M/m), in either direction.
    """
    return setting_of(params).coupling * float(np.sqrt(1.0 + params.noise_patches / params.neurons))


def _slope_check(rows: list[list[Outcome]], head_start: float, coupling: float) -> Check:
    """The slope of the last time against -1; `head_start` is what of it can depend on lam, relative to T_mem.

    lam T_mem / 2 = E - H: E is the exposure the sample needs, H what the clean loss gives until T_mem. The signal runs
    on the clock of H, so H = H(inf) (1 - (u(0)/u(T_mem))^(q-2)) whatever lam is, u >= 1/alpha after T_I, and E >= R
    H(inf): log(lam T_mem) differs between two weights by (alpha u(0))^(q-2) / (R - 1) at most. Derived here.
    """
    x = np.log(np.array(SMALL))
    last = np.log(np.array([[np.max(o.memorised) for o in row if o.weight in SMALL] for row in rows]))
    slopes = np.polyfit(x, last.T, 1)[0]
    worst = float(slopes[np.argmax(np.abs(slopes + 1.0))]) if np.all(np.isfinite(slopes)) else np.nan
    centred = x - np.mean(x)
    lever = 0.5 * float(np.sum(np.abs(centred)) / np.sum(centred**2))  # slope of values in a range of 1, at most
    room = lever * head_start + 4.0 * coupling / float(x[-1] - x[0])
    return inside(
        f"slope of log T_mem in log lam farthest from -1 ({len(rows)} starts)",
        f"-1 within {room:.3f}",
        worst,
        (-1.0 - room, -1.0 + room),
        "lam T_mem / 2 = exposure - clean head start, which depends on lam by a share (alpha u(0))^(q-2)/(R-1) = "
        f"{head_start:.2g} of T_mem at most; couplings move either end by {2 * coupling:.2g}",
    )


def _time_checks(rows: list[list[Outcome]], coupling: float) -> tuple[Check, ...]:
    flat = [outcome for row in rows for outcome in row]
    medians = [float(np.median(np.log(o.memorised / o.predicted))) for o in flat]
    worst = float(medians[int(np.argmax(np.abs(medians)))])
    clocks = [abs(np.log(o.growth / o.predicted_growth)) - o.noise_margin for o in flat if o.noise_margin < 0.1]
    return (
        inside(
            f"median of log(measured / predicted T_i) farthest from 0, {len(flat)} runs",
            f"within {2 * coupling:.3g}",
            worst,
            (-2.0 * coupling, 2.0 * coupling),
            "decoupled times with the clean head start at every weight; the couplings move a time by "
            f"{coupling:.3g} in either direction, the median of ten by less than twice that",
        ),
        inside(
            "largest |log(T_I / predicted)| beyond the largest |V_i|",
            f"at most {CLOCK_ERROR:g}",
            float(np.max(clocks)),
            (-np.inf, CLOCK_ERROR),
            "c1(lam) = (eta q/2) alpha^q [(1-lam) + lam gap^q] with the fall of the weight by quadrature; margins V_i "
            "change the clock by a factor within e^(+-V)",
        ),
    )


def _order_check(rows: list[list[Outcome]]) -> Check:
    right, asked = 0, 0
    for outcome in (o for row in rows for o in row):
        first, growth = float(np.min(outcome.predicted)), outcome.predicted_growth
        if max(first, growth) < UNDECIDED * min(first, growth):
            continue
        asked += 1
        measured = float(np.nanmin(np.append(outcome.memorised, np.inf)))
        signal_first = bool(outcome.growth < measured)
        right += signal_first == (growth < first)
    return inside(
        f"stage order as predicted ({asked} runs with times a factor {UNDECIDED:g} apart)",
        "in every run: signal first while R [(1-lam) + lam gap^q] > 1, noise first above",
        right / asked,
        (1.0, 1.0),
        "the times are right within the couplings, far less than the factor left out",
    )


def _zero_excess(params: Params, system: ClosedSystem, weight: float, horizon: float) -> float:
    """Largest excess of any V_i over its bound for lam = 0 after `horizon` steps, in units of the largest bound."""
    limit = standard_limit(params.replace(adversarial_weight=0.0), system, horizon)
    run = record(params.replace(adversarial_weight=weight), [int(horizon)], "memorization", start=system)
    return float(np.max(run.final("memorization") - limit.margins) / np.max(np.abs(limit.margins)))


def _zero_check(excesses: list[float]) -> Check:
    return inside(
        "lam = 0: largest excess of V_i over its bound, after thrice the longest T_mem of the sweep",
        "at most 0",
        float(np.max(excesses)),
        (-np.inf, 0.0),
        "without an attack the clock of the noise stops with the clean loss (claim control-limit)",
    )


def _pure_check(rows: list[list[Outcome]]) -> Check:
    pure = [o for row in rows for o in row if o.weight == 1.0]
    return inside(
        "lam = 1: signal margin at thrice T_mem above that of the residual push, in integrator errors",
        f"at most 1; the margin itself stays below {np.max([o.signal_limit + o.signal_error for o in pure]):.2g}",
        float(np.max([(o.signal_margin - o.signal_limit) / o.signal_error for o in pure])),
        (-np.inf, 1.0),
        "without a clean loss only (gap alpha)^q pulls, and memorised samples weaken the pull (a part in a thousand of "
        "time covers negative V_i); from U(0) < 0 the attack pushes U to 0 and holds it there",
    )


def _measure(context: Context, world: World) -> Evidence:
    weights = FULL if context.full else QUICK
    base = control_experiment()
    starts = live_starts(base, context.seeds("weight-sweep", 100), context.choose(1, 6))
    rows, ratio, head_start = [], np.inf, 0.0
    horizon, zero = 0.0, []
    for params, system in starts:
        noise = starts_of_system(params, system)
        if not np.all(np.max(noise.noise, axis=1) > 0.0):
            continue
        own = standard_limit(params.replace(adversarial_weight=0.0), system, 1e12).ratio
        reach = (base.signal_strength * float(np.max(system.signal))) ** (base.power - 2.0)
        ratio, head_start = min(ratio, own), max(head_start, reach / (own - 1.0))
        horizon = horizon or 1.5 * float(np.median(predict_starts(params.replace(adversarial_weight=0.03), noise)))
        row = []
        for weight in weights:
            one = params.replace(adversarial_weight=weight)
            row.append(_run(one, world.of(one), system, horizon))
        rows.append(row)
        longest = 3.0 * max(float(np.max(outcome.predicted)) for outcome in row)
        zero.append(_zero_excess(params, system, world.number("zero_weight", 0.0), longest))
    coupling = _coupling(base)
    checks = (
        _slope_check(rows, head_start, coupling), *_time_checks(rows, coupling), _order_check(rows), _pure_check(rows),
        _zero_check(zero),
    )  # fmt: skip
    return Evidence(
        checks=checks,
        hypotheses=slacks(
            base, "small-initialisation", "decoupled-memorisation", "memorises-before-escape", "power-above-two"
        ),
        params=base,
        seeds=tuple(p.seed for p, _ in starts),
        tested_range=f"lam 0 and {weights[0]:g} to 1, R >= {ratio:.3g}, chi = {setting_of(base).coupling:.2g}, N = 10, "
        "q = 3",
        panels=(_panel(rows, horizon),),
    )


def _panel(rows: list[list[Outcome]], horizon: float) -> Panel:
    weights = np.array([o.weight for o in rows[0]])
    measured, robust = (
        np.mean([[getattr(o, f) for o in row] for row in rows], axis=0) for f in ("share", "robust_error")
    )
    predicted = np.mean([[np.mean(o.predicted <= horizon) for o in row] for row in rows], axis=0)
    return Panel(
        f"After {horizon:.2g} gradient steps",
        "adversarial weight lam",
        "share of the training samples",
        (
            Series("points", "memorised, simulated", weights, measured),
            Series("line", "memorised, predicted", weights, predicted),
            Series("points", "robust training error", weights, robust),
        ),
        x_scale="log",
    )


CLAIMS = (
    Claim(
        name="adversarial-weight-sweep",
        title="adversarial weight from 0 to 1",
        statement="T_mem ~ 1/lam and T_I ~ 1/[(1-lam) + lam gap^q]; the signal comes first while "
        "R [(1-lam) + lam gap^q] > 1; at lam = 1 all noise is memorised while the signal is not learnt, at lam = 0 "
        "none is.",
        source="arXiv 2306.01271 (lam in [1/poly(d), 1)); times, head start and order derived here",
        kind="derived here",
        measure=_measure,
        worlds=(
            World("the attack leaves 40 % of the signal, the prediction is for a gap of 1e-4", gap=0.4),
            World("lam = 0.003 where 0 is claimed", zero_weight=SMALL[0]),
            World("lam^1.05 for lam", adversarial_weight=raised_to(1.05)),
            World("power q + 0.05", power=plus(0.05)),
            World("a tenth of the signal, which comes last", signal_strength=times(0.1)),
        ),
        cost=3.0,
    ),
)
