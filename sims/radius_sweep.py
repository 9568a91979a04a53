"""What if the radius is not close to alpha: when does training memorise, and when does the network overfit?

A sweep of gap = 1 - radius / alpha over two decades, several seeds. Look for three regions between the two predicted
edges (lines, from the starts alone): left of both, memorised and robust test error 1/2 (robust overfitting); between
them, memorised and yet robust on test data; right of both, nothing memorised because the signal that the attack leaves
is enough. The theorem's radius lies at the far left. About a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import sweep
from cgrosim.claims.phase_edges import REGIONS, phase_params
from cgrosim.figures import style
from cgrosim.figures.sweep_map import draw_line
from cgrosim.sweeps.drawing import crossing, line_of

SAMPLES, SEEDS, GAPS = 4, 6, np.geomspace(3e-3, 0.3, 23)
LEVELS = {"robust_test_error": 0.25, "memorization": 0.7}  # half-way, and what counts as memorised


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the sweep, draw both quantities with the predicted edges, and say where the measured ones are."""
    experiment = start(__file__, __doc__, argv)
    gaps, seeds = experiment.choose(GAPS, GAPS[::11]), experiment.seeds(experiment.choose(SEEDS, 1))
    base = phase_params(seeds[0], gap=gaps[0], samples=SAMPLES)
    table = sweep(
        base, {"gap": gaps}, seeds=seeds, keep=tuple(LEVELS), predicted_seeds=len(seeds), watch=experiment.watch
    )
    lines = {name: line_of(table, name) for name in LEVELS}
    edges = lines["robust_test_error"].edges
    with experiment.figure(11.0, 8.0) as figure:
        panels = figure.subplots(2, 1, sharex=True)
        for axes, line in zip(panels, lines.values(), strict=True):
            draw_line(axes, line, style.VERMILION)
        panels[0].set(title="robust test error (signal_span)", xlabel="", ylim=(-0.03, 0.6))
        panels[0].legend(loc="lower left")
        panels[1].set(title="memorised noise, mean over training samples", ylabel="$V_i$")
        panels[1].set_xlabel("gap = 1 - radius / alpha       (left: radius close to alpha, which hides the signal)")
        left, between, right = _middles(gaps, list(edges.values()))
        for (x, y), text in zip(((left, 5.5), (0.5 * between, 2.0), (right, 5.5)), REGIONS, strict=True):
            panels[1].text(x, y, text.replace(" ", "\n", 1), ha="center", va="center")
        # between the edges is no room for the words
        panels[1].annotate("", (between, 2.0), xytext=(0.63 * between, 2.0), arrowprops={"arrowstyle": "->"})
    numbers = {
        "gap": gaps,
        **{name: table.final(name).transpose("gap", "seed").values for name in LEVELS},
        "predicted_edges": edges,
        "measured_edges": {name: crossing(lines[name].x, LEVELS[name] - lines[name].values) for name in LEVELS},
    }
    return experiment.write({"smallest gap": base}, seeds, numbers)


def _middles(gaps: np.ndarray, edges: list[float]) -> np.ndarray:
    """Where the words of the regions between the edges stand."""
    ends = np.log([gaps[0], *np.sort(np.nan_to_num(edges, nan=gaps[-1])), gaps[-1]])
    return np.exp(0.5 * (ends[1:] + ends[:-1]))


if __name__ == "__main__":
    run_script(main)
