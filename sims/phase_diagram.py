"""Where does training overfit robustly: gap against samples, noise and dimension, with both predicted edges?

Three maps of the robust test error, several seeds a point; the gap is what the attack leaves of the signal. Dashed:
predicted from the starts alone, the edge beyond which the attacked signal grows before the noise is memorised, and the
edge below which the noise of a fresh sample covers the attacked signal. Look for: overfitting (1/2, bright) left of the
nearer edge, robust (0, dark) to the right; more samples and less noise move both to the left. Folders OUT/phase_NAME go
on where they ended. Four minutes of one processor.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Table, sweep
from cgrosim.figures import style
from cgrosim.figures.sweep_map import BEHIND, draw_map
from cgrosim.sweeps.drawing import EDGES, crossing, map_of

BASE = {"dimension": 2000, "patches": 2, "samples": 12, "neurons": 10, "init_exponent": -0.4, "init_polylog": 1.0,
        "sampling": "gram", "engine": "flow", "flow_tolerance": 1e-5}  # fmt: skip
GAPS, SEEDS = np.geomspace(3e-3, 0.3, 25), 5
MAPS: dict[str, tuple[str, Any]] = {
    "samples": ("training samples N", (4, 6, 8, 11, 16, 23, 32, 45, 64)),
    "noise_polylog": ("noise, in the paper's", np.geomspace(0.5, 2.0, 9).round(3)),
    "dimension": ("dimension d of a patch", (500, 1000, 2000, 4000, 8000, 16000, 32000)),
}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the three sweeps, draw the maps, and write where the edges are measured and predicted."""
    experiment = start(__file__, __doc__, argv)
    gaps, base = experiment.choose(GAPS, GAPS[::12]), {**BASE, "seed": experiment.seed}
    settings: dict[str, Any] = {"seeds": experiment.choose(SEEDS, 1), "keep": ("robust_test_error", "memorization")}
    settings |= {"watch": experiment.watch} | experiment.choose({"workers": os.cpu_count()}, {})
    tables: dict[str, Table] = {}
    for name in experiment.track(MAPS, "maps"):
        others = experiment.choose(MAPS[name][1], MAPS[name][1][::6])
        folder = experiment.choose(experiment.out / f"phase_{name}", None)
        tables[name] = sweep(base, {"gap": gaps, name: others}, out=folder, **settings)
    numbers = {name: _edges(table, name) for name, table in tables.items()}
    with experiment.figure(17.0, 6.4) as figure:
        for axes, (name, table) in zip(figure.subplots(1, len(tables)), tables.items(), strict=True):
            image, handles = draw_map(axes, map_of(table, "robust_test_error", "gap", name))
            axes.set_ylabel(MAPS[name][0])
        figure.colorbar(image, ax=figure.axes, label="robust test error")
        figure.legend(handles=handles, loc="outside lower left", ncols=4, facecolor=BEHIND, fontsize=style.FONT)
    params = {name: table.params() for name, table in tables.items()}
    return experiment.write(params, [int(seed) for seed in tables["samples"].data.seed], numbers)


def _edges(table: Table, name: str) -> list[dict[str, Any]]:
    """For every row of a map the gap at which the error is half-way, and those of the predicted edges."""
    found = map_of(table, "robust_test_error", "gap", name)
    rows = []
    for row, value in enumerate(found.y.values):
        edges = {edge: crossing(found.x, found.edges[edge][row]) for edge in EDGES if edge in found.edges}
        rows.append({name: value, "measured": crossing(found.x, 0.25 - found.values[row]), **edges})
    return rows


if __name__ == "__main__":
    run_script(main)
