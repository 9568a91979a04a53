"""Do U, V, T_I, T_mem and the distance of the robust test error from 1/2 scale with d as predicted, from 1e3 to 1e14?

Networks at the paper's exponents, drawn exactly in law and trained by gradient flow, several seeds. Every panel shows
the measured values (dots), the prediction from the same starts (line), and the measured slope with its 95 % interval
beside the predicted one, logarithms included. Look for: slopes agree to a few thousandths, the intervals are even
narrower than that, because the starts cancel; V and the distance from 1/2 move by logarithms of d only: at these
exponents the theorem's 1/2 - o(1) is a polylog statement. A minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import sweep
from cgrosim.claims.paper_predictions import predict, predicted_distance
from cgrosim.claims.scale_slopes import slopes, usable
from cgrosim.figures.scale_slopes import ScalePanel, draw_scales
from cgrosim.model.sampling import draw_gram
from cgrosim.studies.context import Context
from cgrosim.studies.fresh_noise import small_ball
from cgrosim.studies.paper_scale import SIZES, horizon_of
from cgrosim.theory.scaling import exponents

DIMENSIONS, SEEDS, DRAWS = tuple(round(10.0**k) for k in range(3, 15)), 6, 10_000
BASE = {**SIZES, "engine": "flow", "sampling": "gram", "flow_tolerance": 1e-6}
KEEP = ("learnt_signal", "memorization", "attacked_signal_margin", "weight_gram")
PURE = exponents()
PANELS = {
    "U": ("learnt signal U", PURE.signal_sum),
    "V": ("memorised noise V (mean)", PURE.noise_margin),
    "T_I": ("signal growth time (steps)", PURE.signal_growth_time),
    "T_mem": ("last memorisation time (steps)", PURE.memorisation_time),
    "distance": ("|robust test error - 1/2|", PURE.attacked_signal_margin_to_noise),
}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train at every dimension, fit the slopes, and draw each quantity against d."""
    experiment = start(__file__, __doc__, argv)
    context, dimensions = Context(seed=experiment.seed), experiment.choose(DIMENSIONS, DIMENSIONS[1::5])
    seeds, generator = context.seeds("scaling", experiment.choose(SEEDS, 3)), context.generator("scaling")
    over: dict[str, Any] = {"dimension": dimensions, "steps": lambda p: round(horizon_of(p))}
    table = sweep(BASE, over, seeds=seeds, keep=KEEP, predicted_seeds=0, watch=experiment.watch)
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in PANELS}
    for d in dimensions:
        for seed in seeds:
            p, cell = table.params(dimension=d, seed=seed), table.data.sel(dimension=d, seed=seed)
            if (said := predict(p, float(p.steps or 0))) is None:
                continue  # every filter starts dead
            level, gram = float(cell.attacked_signal_margin), cell.weight_gram.values
            ball = small_ball(generator, DRAWS, gram, level, power=p.power, noise_std=p.noise_std)[0]
            for name, measured, told in (
                ("U", cell.learnt_signal, said.signal_margin / p.signal_strength**p.power),
                ("V", _mean(cell.memorization.values), _mean(said.memorization)),
                ("T_I", cell.signal_growth_time, said.growth_time),
                ("T_mem", cell.last_memorization_time, np.max(said.memorization_times)),
                ("distance", ball, predicted_distance(p, draw_gram(p), said)),
            ):
                rows[name].append((d, float(measured), float(told), seed))
    tables = {name: usable(rows[name]) for name in PANELS}  # T_I is 0 where a start is at the loss's scale
    found = {name: slopes(tables[name], PANELS[name][1]) for name in PANELS}
    with experiment.figure(16.0, 9.5) as figure:
        draw_scales(figure, [ScalePanel(PANELS[name][0], tables[name], found[name]) for name in PANELS])
    numbers = {"d": dimensions, "runs": table.data.status.size, "runs_with_a_live_filter": len(rows["U"]), **found}
    return experiment.write({"smallest d": table.params()}, sorted(seeds), numbers)


def _mean(values: np.ndarray) -> float:
    return float(np.exp(np.nanmean(np.log(np.maximum(values, 1e-300)))))


if __name__ == "__main__":
    run_script(main)
