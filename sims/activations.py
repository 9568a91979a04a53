"""Do the stages need the cubic? Other powers, ReLU, its powers, smoothed ReLU and a linear network on the same data.

The same data and start for all of them; activations that are not odd have a signed second layer. Look for: every power
above 2 shows the three stages, later and more sharply the higher it is; with ReLU and the linear network nothing is
sudden, and both shares keep growing; all of them end with training errors 0 and a robust test error of about 1/2, or
somewhat less for these two. Ten seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params, Run, simulate
from cgrosim.figures import style

POWERS = (2.0, 2.5, 3.0, 4.0, 5.0)
OTHERS = {"relu": 100_000, "linear": 100_000, "smoothed_relu": 2_000_000}  # gradient steps; the flow stalls at kinks
COMMON = {"samples": 10, "patches": 2, "neurons": 10, "init_polylog": 1.0, "sampling": "gram", "records": 20}
ERRORS = ("clean_train_error", "clean_test_error", "robust_train_error", "robust_test_error")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run every activation, draw signal and noise of each, and write the final errors."""
    experiment = start(__file__, __doc__, argv)
    common: dict[str, Any] = {**COMMON, "flow_tolerance": 1e-6, "seed": experiment.seed + 3}
    settings = {f"power, q = {q:g}": Params.from_paper(1000, power=q, engine="flow", **common) for q in POWERS}
    settings["relu_power, q = 3"] = Params.from_paper(1000, activation="relu_power", engine="flow", **common)
    for name, steps in OTHERS.items():
        settings[name] = Params.from_paper(1000, activation=name, steps=steps, engine="reduced", **common)
    if experiment.toy:
        settings = {name: p.replace(steps=300, records=3, test_samples=100) for name, p in settings.items()}
    runs = {name: simulate(settings[name]) for name in experiment.track(settings, "activations")}
    with experiment.figure(15.0, 11.5) as figure:
        panels = figure.subplots(3, 3, sharex=True)
        for axes, (name, run) in zip(panels.flat, runs.items(), strict=True):
            _draw(axes, name, run)
        panels[2, 0].legend(loc="center left")
        for axes in panels[-1]:
            axes.set_xlabel("gradient step")
        for axes in panels[:, 0]:
            axes.set_ylabel("part of the margin")
    return experiment.write(settings, [experiment.seed + 3], {name: _numbers(run) for name, run in runs.items()})


def _draw(axes: Any, name: str, run: Run) -> None:
    data = run.data.isel(step=slice(1, None))
    values = data.memorization.values
    axes.plot(data.step, data.signal_margin, color=style.BLUE, lw=3, label="true feature")
    axes.plot(data.step, np.median(values, axis=1), color=style.VERMILION, ls="--", lw=3, label="noise, median $V_i$")
    axes.fill_between(data.step, values.min(axis=1), values.max(axis=1), color=style.VERMILION, alpha=0.25, lw=0)
    axes.set(xscale="log", title=name)
    clean, robust = (f"{run.final(f'{kind}_test_error'):.2f}" for kind in ("clean", "robust"))
    train = f"{run.final('robust_train_error'):.2f}"
    text = f"clean test {clean}\nrobust train {train}\nrobust test {robust}"
    axes.text(0.03, 0.97, text, transform=axes.transAxes, va="top", fontsize=style.FONT - 1)
    axes.set_ylim(top=1.35 * float(max(np.nanmax(values), np.nanmax(data.signal_margin), 1.0)))
    style.log_ticks(axes.xaxis)


def _numbers(run: Run) -> dict[str, Any]:
    times = run.data.memorization_time.values
    return {
        "T_I": run.data.signal_growth_time.item(),
        "samples_memorised": int(np.sum(np.isfinite(times))),
        "T_mem_median": float(np.median(np.nan_to_num(times, nan=np.inf))),
        "signal_margin": run.final("signal_margin"),
        "V_mean": run.final("memorization").mean(),
        **{name: run.final(name) for name in ERRORS},
    }


if __name__ == "__main__":
    run_script(main)
