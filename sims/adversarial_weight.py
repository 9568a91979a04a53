"""How much adversarial loss does it take? The adversarial weight lambda from 0 (standard) to 1 (attacked only).

Same starts at every weight, same number of gradient steps. Left: the two times against lambda, dots measured, lines
predicted from the starts: T_mem ~ 1/lambda, T_I ~ 1/(1 - lambda). Right: what the network is at the end. Look for:
T_mem falls and T_I rises as predicted, and every weight from 1e-3 to 0.97 ends the same, in robust overfitting; at 0
nothing is memorised. Near 1 the lines cross: noise is memorised first, then no sample pulls on the signal any more,
so it is never learnt (no dots) and the clean test error rises. A minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Run, simulate
from cgrosim.plotting import style
from cgrosim.verify.claims.control import control_experiment, live_starts
from cgrosim.verify.predictions import Clock, predict_starts, starts_of_run

WEIGHTS = (0.0, 1e-4, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9999, 1.0)
STARTS, LONGER, SLOWEST = 5, 3.0, 1e-3  # every run lasts 3 times as long as the weight 1e-3 needs to memorise
ERRORS = ("clean_test_error", "robust_train_error", "robust_test_error")
FRESH = {"test_samples": 2000, "records": 5, "flow_tolerance": 1e-6}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Sweep the weight from several starts, draw times and outcome, and write both."""
    experiment = start(__file__, __doc__, argv)
    weights = np.array(experiment.choose(WEIGHTS, WEIGHTS[::8]))
    base = control_experiment(**FRESH)
    starts = [p for p, _ in live_starts(base, experiment.seeds(50), experiment.choose(STARTS, 1))]
    slow = [simulate(p.replace(adversarial_weight=SLOWEST, steps=1)) for p in starts]
    steps = int(
        LONGER * max(np.max(_predicted(run)[1], where=np.isfinite(_predicted(run)[1]), initial=1.0) for run in slow)
    )
    found = np.empty((len(weights), len(starts), 10))
    for i, k in experiment.track(list(np.ndindex(found.shape[:2])), "runs"):
        found[i, k] = _outcome(simulate(starts[k].replace(adversarial_weight=weights[i], steps=steps)))
    growth, memorised, predicted_growth, predicted, noise, signal, share, *errors = np.moveaxis(found, 2, 0)
    with experiment.figure(15.0, 7.0) as figure:
        left, right = figure.subplots(1, 2)
        _times(left, weights, (growth, predicted_growth, memorised, predicted))
        _outcomes(right, weights, share, errors, steps)
    numbers = {
        "weight": weights,
        "steps": steps,
        "T_I": growth,
        "T_I_predicted": predicted_growth,
        "T_mem_median": memorised,
        "T_mem_median_predicted": predicted,
        "V_mean": noise,
        "signal_margin": signal,
        "share_memorised": share,
        **dict(zip(ERRORS, errors, strict=True)),
    }
    return experiment.write({"base": base.replace(steps=steps)}, [p.seed for p in starts], numbers)


def _predicted(run: Run) -> tuple[float, np.ndarray]:
    """Predicted growth time and memorisation times, from the start of the run alone."""
    starts = starts_of_run(run)
    assert starts is not None
    clock = Clock(run.params, starts.signal)
    growth = np.inf if clock.flow is None else float(clock.flow.time_of_margin(1.0))
    return growth, np.asarray(predict_starts(run.params, starts, clock))


def _outcome(run: Run) -> list[float]:
    times = np.nan_to_num(run.data.memorization_time.values, nan=np.inf)
    growth, predicted = _predicted(run) if run.params.adversarial_weight > 0 else (np.nan, np.array([np.inf]))
    return [
        np.nan_to_num(run.data.signal_growth_time.item(), nan=np.inf),
        float(np.median(times)),
        growth,
        float(np.median(predicted)),
        float(run.final("memorization").mean()),
        float(run.final("signal_margin")),
        float(np.mean(np.isfinite(times))),
        *(float(run.final(name)) for name in ERRORS),
    ]


def _place(weights: np.ndarray) -> np.ndarray:
    """Log-odds of the weight, with 0 and 1 at the ends of the axis."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log10(weights) - np.log10(1.0 - weights), -5.0, 5.0)


def _axis(axes: Any) -> None:
    shown = np.array([0.0, 1e-3, 0.03, 0.5, 0.97, 0.999, 1.0])
    axes.set_xticks(_place(shown), [f"{w:g}" for w in shown])
    axes.set_xlabel(r"adversarial weight $\lambda$ (log-odds)")


def _times(axes: Any, weights: np.ndarray, times: Sequence[np.ndarray]) -> None:
    growth, predicted_growth, memorised, predicted = (np.median(each, axis=1) for each in times)
    x = _place(weights)
    axes.plot(x, growth, "s", ms=9, color=style.BLUE, label="$T_I$, signal grown")
    axes.plot(x, predicted_growth, color=style.BLUE, lw=2.5, label="$T_I$ predicted")
    axes.plot(x, memorised, "o", ms=9, color=style.VERMILION, label=r"$T_\mathrm{mem}$, sample memorised")
    axes.plot(x, predicted, color=style.VERMILION, lw=2.5, ls="--", label=r"$T_\mathrm{mem}$ predicted")
    axes.set(yscale="log", ylim=(50.0, 3e10), ylabel="gradient steps", title="times (medians); no dot: never")
    axes.legend(loc="upper center")
    _axis(axes)


def _outcomes(axes: Any, weights: np.ndarray, share: np.ndarray, errors: Sequence[np.ndarray], steps: int) -> None:
    x = _place(weights)
    axes.plot(x, share.mean(axis=1), "o-", color=style.VERMILION, lw=4, label="share of samples memorised")
    looks = ((style.BLUE, "s", "-"), (style.GREEN, "^", "--"), (style.PURPLE, "D", ":"))
    for name, values, (colour, marker, dash) in zip(ERRORS, errors, looks, strict=True):
        axes.plot(x, values.mean(axis=1), marker=marker, ls=dash, color=colour, lw=3, label=name.replace("_", " "))
    axes.set(title=f"after {style.number(steps)} gradient steps", ylim=(-0.03, 1.03), ylabel="share or error")
    axes.legend(loc="center", bbox_to_anchor=(0.5, 0.72))
    _axis(axes)


if __name__ == "__main__":
    run_script(main)
