"""How much adversarial training does it take? The weight lam of the adversarial loss from 0 to 1.

Same data and starts, several seeds. Look for: memorisation sets in not at some fixed lam but where lam T is large
enough (top, predicted thresholds for two horizons: ten times longer training needs a tenth of the weight), and above
it lam hardly matters. Where 1 - lam is tiny (bottom) noise is memorised before the signal is learnt, and the clean
test error is that of the start. A minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params, Table, sweep
from cgrosim.figures import style
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.laws import required_weight
from cgrosim.predictions.setting import setting_of
from cgrosim.predictions.starts import starts_of_system

COMMON = {"samples": 10, "patches": 2, "neurons": 10, "init_polylog": 1.0, "engine": "flow", "sampling": "gram",
          "flow_tolerance": 1e-6}  # fmt: skip
DIMENSION, SEEDS, HORIZONS = 2000, 5, (10.0, 100.0)  # in median memorisation times at lam = 1/2
WEIGHTS, COMPLEMENTS = np.geomspace(1e-4, 0.9, 15), np.geomspace(1e-7, 0.9, 15)
KEPT = ("memorization", "signal_margin", "clean_test_error", "robust_train_error", "robust_test_error")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Sweep the weight towards 0 and towards 1, predict the threshold, and draw both sweeps."""
    experiment = start(__file__, __doc__, argv)
    seeds = [s + 1 for s in experiment.seeds(experiment.choose(SEEDS, 1))]
    weights, complements = (experiment.choose(x, x[::7]) for x in (WEIGHTS, COMPLEMENTS))
    bases = [Params.from_paper(DIMENSION, **COMMON, seed=seed) for seed in seeds]
    horizons = [round(h * setting_of(bases[0]).memorisation_time()) for h in HORIZONS]
    asked: dict[str, Any] = {"seeds": seeds, "keep": KEPT, "predicted_seeds": 0, "watch": experiment.watch}
    towards_0 = _means(sweep(bases[0], {"steps": horizons, "adversarial_weight": weights}, **asked))
    last = bases[0].replace(steps=horizons[0])
    towards_1 = _means(sweep(last, {"adversarial_weight": 1.0 - np.append(complements, 0.0)}, **asked))
    starts = [starts_of_system(base, draw_gram(base)) for base in bases]
    needed = [[required_weight(b, s, steps) for b, s in zip(bases, starts, strict=True)] for steps in horizons]
    thresholds = [float(np.median(each)) for each in needed]
    with experiment.figure(12.0, 10.0) as figure:
        top, bottom = figure.subplots(2, 1)
        looks = ((style.VERMILION, "-", "o", ":"), (style.DARK_VERMILION, "--", "s", "-."))
        for steps, threshold, (colour, dash, marker, dots) in zip(horizons, thresholds, looks, strict=True):
            memorised = towards_0.memorization.sel(steps=steps)
            label = f"T = {style.number(steps)} steps"
            top.plot(weights, memorised, color=colour, ls=dash, marker=marker, lw=3, label=label)
            top.axvline(threshold, color=style.BLACK, ls=dots, label=f"predicted threshold {threshold:.2g}")
        top.set(xscale="log", xlabel="adversarial weight λ", ylabel="mean $V_i$", title="towards 0: memorised noise")
        top.legend(loc="upper left")
        for name, dash, colour in zip(
            KEPT[2:], ("-", "--", "-"), (style.BLUE, style.DARK_VERMILION, style.VERMILION), strict=True
        ):
            bottom.plot(complements, towards_1[name][:-1], color=colour, ls=dash, lw=3, label=name.replace("_", " "))
        bottom.set(xscale="log", xlabel="1 - λ       (λ = 1 to the right)", ylabel="error", ylim=(-0.03, 0.8))
        bottom.set_title(f"towards 1: errors after {style.number(horizons[0])} steps")
        bottom.invert_xaxis()
        bottom.legend(loc="upper left")
    numbers: dict[str, Any] = {
        "predicted_thresholds": dict(zip(map(str, horizons), thresholds, strict=True)),
        "towards 0": {name: towards_0[name].transpose("steps", ...).values for name in KEPT},
        "towards 1": {name: towards_1[name].values for name in KEPT},
        "weights": weights,
        "complements": [*complements, 0.0],
    }
    return experiment.write({"base": bases[0].replace(steps=horizons[0])}, seeds, numbers)


def _means(table: Table) -> Any:
    """What was kept, as means over samples and seeds."""
    return table.data[list(KEPT)].mean([dim for dim in ("sample", "seed") if dim in table.data.dims])


if __name__ == "__main__":
    run_script(main)
