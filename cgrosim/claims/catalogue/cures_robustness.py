"""What lowers the robust test error and what does not: weight decay above the noise edge, and stopping early."""

from __future__ import annotations

import numpy as np

from cgrosim.claims import checks
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.cure_runs import STOPS, TIMES, ErrorsInTime, cured, stopped
from cgrosim.predictions.regime import slacks
from cgrosim.studies.world import World, times

HYPOTHESES = ("gram-nearly-orthogonal", "some-live-filter", "radius-below-signal", "adversarial-weight-inside")


def _evidence(made: list[checks.Check], world: World, runs: tuple[ErrorsInTime, ...], text: str) -> Evidence:
    params, first = runs[0].params, runs[0]
    panel = Panel(
        "Robust test error in time",
        "step",
        "robust test error",
        (
            Series("points", "measured", first.steps, first.measured),
            Series("line", "predicted", first.steps, first.predicted),
        ),
        x_scale="log",
    )
    slack = slacks(params, *HYPOTHESES) if not world.wrong else ()
    return Evidence(tuple(made), slack, params, tuple(run.params.seed for run in runs), text, (panel,))


def _pooled(runs: tuple[ErrorsInTime, ...], place: int, room: float, name: str, reason: str) -> checks.Check:
    """All fresh samples of all runs at one of the times; the region is the prediction and `room` of what it may be "
    "off.
    """
    tested = runs[0].tested * len(runs)
    wrong = round(sum(float(run.measured[place]) * run.tested for run in runs))
    predicted = float(np.mean([run.predicted[place] for run in runs]))
    low, high = checks.clopper_pearson(round(predicted * tested), tested)
    wide = 2.0 * max(high - predicted, predicted - low) + room
    return checks.proportion(name, wrong, tested, (predicted - wide, predicted + wide), reason)


def judge_cure(context: Context, world: World, runs: tuple[ErrorsInTime, ...]) -> Evidence:
    """The error at three times up to that at which it is predicted to be 5 per cent."""
    made = [
        _pooled(
            runs,
            k,
            0.004,
            f"robust test error at {share:g} of the time of the cure",
            "the law of independent filters; their norms, within d^(-1/2), and what samples below their edge learn "
            "move it by less than 0.004; twice the interval of so many fresh samples",
        )
        for k, share in enumerate(TIMES)
    ]
    text = "d = 1e6, N = 10, P = 2, m = 10, q = 3, gap 0.003, weight decay three times the largest edge"
    return _evidence(made, world, runs, text)


def judge_stopping(context: Context, world: World, runs: tuple[ErrorsInTime, ...]) -> Evidence:
    """The error at four stops up to half of the first memorisation, and what a stop gains."""
    made = [
        _pooled(
            runs,
            k,
            0.002,
            f"robust test error if stopped at time {k + 1} of {STOPS}",
            "the filters' random parts are those of the start until somebody is memorised; their norms and overlaps, "
            "within d^(-1/2), move 1/2 less the error by 2 per cent; twice the interval of so many fresh samples",
        )
        for k in range(STOPS)
    ]
    gains = [float(run.measured[STOPS] - np.min(run.measured[:STOPS])) for run in runs]
    made.append(
        checks.inside(
            "what the best stop gains: robust test error after memorisation less the least before it, largest",
            "at most 0",
            max(gains),
            (-1.0, 0.0),
            "the signal goes on growing, and the noise of memorised samples is less than that of the starts",
        )
    )
    return _evidence(made, world, runs, "d = 1e4, N = 10, P = 2, m = 10, q = 3, gap 0.02, no weight decay")


CLAIMS = (
    Claim(
        name="decay-cures-the-test-error",
        title="weight decay makes it robust on test data, and when",
        statement="Above every noise edge the test noise shrinks like exp(-q rho t) while the signal rests, so "
        "that the robust test error is P(S(0) < -exp(q rho t) (gap alpha)^q U): it falls to 5 per cent at "
        "log(z/b) / (q rho).",
        source="derived here; a statement about this model and attacks on the true feature",
        kind="asymptotic",
        study=cured,
        rules=judge_cure,
        worlds=(
            World("weight decay 10 % stronger", weight_decay=times(1.1)),
            World("gap 10 % larger", gap=times(1.1)),
            World("starts 10 % larger", init_std=times(1.1)),
        ),
        cost=1.8,
    ),
    Claim(
        name="early-stopping-gains-nothing",
        title="stopping early gains no robustness on test data",
        statement="Without weight decay the robust test error is 1/2 - P(0 <= S <= (gap alpha)^q U), S of the start, "
        "at any time before memorisation, and no less than after it, as long as memorised samples add less to S than "
        "the start has.",
        source="derived here; on real images stopping early gains something, because there features differ in strength",
        kind="asymptotic",
        study=stopped,
        rules=judge_stopping,
        worlds=(
            World("gap 10 % larger", gap=times(1.1)),
            World("gap half as large again", gap=times(1.5)),
            World("starts 10 % larger", init_std=times(1.1)),
            World("weight decay 0.02", weight_decay=0.02),
            World("starts a third, noise 3/2 as large", init_std=times(0.3), noise_std=times(1.5)),
        ),
        cost=3.0,
    ),
)
