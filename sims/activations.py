"""Do the stages need the cubic? Other powers, ReLU, its powers, smoothed ReLU and a linear network on the same data.

The same data and start for all of them; activations that are not odd have a signed second layer. Look for: every power
above 2 shows the three stages, later and more sharply the higher it is; with ReLU and the linear network nothing is
sudden, and both parts keep growing; all of them end with training errors 0 and a robust test error of about 1/2, or
somewhat less for these two. Ten seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start, together

from cgrosim import Params, Table, sweep
from cgrosim.figures import style
from cgrosim.model.sampling import draw_gram
from cgrosim.run.horizon import find_horizon

POWERS = (2.0, 2.5, 3.0, 4.0, 5.0)
OTHERS = {"relu": 100_000, "linear": 100_000, "smoothed_relu": 2_000_000}  # gradient steps; the flow stalls at kinks
COMMON = {"samples": 10, "patches": 2, "neurons": 10, "init_polylog": 1.0, "sampling": "gram", "flow_tolerance": 1e-6}
ERRORS = ("clean_train_error", "clean_test_error", "robust_train_error", "robust_test_error")
KEPT = ("signal_margin", "memorization", "memorization_time", *ERRORS)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run every activation, draw signal and noise of each, and write the final errors."""
    experiment = start(__file__, __doc__, argv)
    common: dict[str, Any] = {**COMMON, "seed": experiment.seed + 3}
    changes: dict[str, Any] = {f"power, q = {q:g}": {"power": q, "engine": "flow"} for q in POWERS}
    changes["relu_power, q = 3"] = {"activation": "relu_power", "engine": "flow"}
    changes |= {name: {"activation": name, "engine": "reduced", "steps": steps} for name, steps in OTHERS.items()}
    toy = experiment.choose({}, {"steps": 300, "test_samples": 100})
    settings = {name: Params.from_paper(1000, **{**common, **change, **toy}) for name, change in changes.items()}
    for name, params in settings.items():
        settings[name] = params.replace(steps=params.steps or find_horizon(params, draw_gram(params))[0])
    grids = [np.geomspace(1, p.steps, experiment.choose(20, 3)).round() for p in settings.values()]
    table = sweep(
        *together("activation", settings.values()), seeds=[experiment.seed + 3], keep=KEPT, predicted_seeds=0,
        watch=experiment.watch, record_at=np.unique(np.concatenate(grids)),
    )  # fmt: skip
    cells = {name: Table(table.data.isel(activation=[k], seed=[0])) for k, name in enumerate(settings)}
    with experiment.figure(15.0, 11.5) as figure:
        for axes, (name, run) in zip(figure.subplots(3, 3, sharex=True).flat, cells.items(), strict=True):
            _draw(axes, name, run)
        figure.axes[6].legend(loc="center left")
        figure.supxlabel("gradient step", fontsize=style.FONT)
        figure.supylabel("part of the margin", fontsize=style.FONT)
    return experiment.write(settings, [experiment.seed + 3], {name: _numbers(run) for name, run in cells.items()})


def _draw(axes: Any, name: str, run: Table) -> None:
    data = run.data.isel(activation=0, seed=0).dropna("step", subset=["signal_margin"])
    values = data.memorization.transpose("step", "sample").values
    axes.plot(data.step, data.signal_margin, color=style.BLUE, lw=3, label="true feature")
    axes.plot(data.step, np.median(values, axis=1), color=style.VERMILION, ls="--", lw=3, label="noise, median $V_i$")
    axes.fill_between(data.step, values.min(axis=1), values.max(axis=1), color=style.VERMILION, alpha=0.25, lw=0)
    axes.set(xscale="log", title=name)
    text = "\n".join(f"{name[:-6].replace('_', ' ')} {run.final(name).item():.2f}" for name in ERRORS[1:])
    axes.text(0.03, 0.97, text, transform=axes.transAxes, va="top", fontsize=style.FONT - 1)
    axes.set_ylim(top=1.35 * float(max(np.nanmax(values), np.nanmax(data.signal_margin), 1.0)))
    style.log_ticks(axes.xaxis)


def _numbers(run: Table) -> dict[str, Any]:
    times = run.data.memorization_time.values
    return {
        "T_I": run.data.signal_growth_time.item(),
        "samples_memorised": int(np.sum(np.isfinite(times))),
        "T_mem_median": float(np.median(np.nan_to_num(times, nan=np.inf))),
        "V_mean": run.final("memorization").item(),
        **{name: run.final(name).item() for name in ("signal_margin", *ERRORS)},
    }


if __name__ == "__main__":
    run_script(main)
