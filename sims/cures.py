"""What cures robust overfitting in this model, and what only moves it?

One start, ten trainings: plain, stopped early, with too little, the right and too much weight decay, more data, a
weaker attack, smoothed labels, momentum, minibatches; each beside what is predicted from the start alone. Beside the
table, runs over weight decay and gap, and over weight decay and samples, with the predicted edges. Look for: only the
right weight decay, and an attack that leaves more of the signal (at more data sooner), lower the robust *test* error;
everything else moves the time of memorisation. True of the model and of attacks on the true feature. Three minutes;
--workers N does the runs side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params, predict
from cgrosim.figures.cures import draw_cures
from cgrosim.studies.cures import Row, cures, decay_plane, measure

DIMENSION, SAMPLES, NEURONS, GAP = 1e4, 20, 10, 0.01


def base_params(seed: int, samples: int) -> Params:
    """The paper's exponents but init_std = d^-0.33, so that the coupling chi is small and samples stand alone."""
    return Params.from_paper(
        DIMENSION, samples=samples, patches=2, neurons=NEURONS, init_exponent=-0.33, init_polylog=1.0, gap=GAP,
        sampling="gram", engine="flow", records=20, seed=seed,
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run every row and the plane, and draw both."""
    experiment = start(__file__, __doc__, argv, parallel=True)
    base = base_params(experiment.seeds(1)[0], experiment.choose(SAMPLES, 4))
    table = experiment.choose(list(cures(base)), list(cures(base))[:2])
    rows = measure(experiment.track(table, "trainings"), experiment.workers)
    found = predict(base)
    edges, signal = np.asarray(found.value("decay_edges")), float(np.asarray(found.value("decay_signal_edge")))
    decays = np.geomspace(0.2 * edges.min(), 5.0 * signal, experiment.choose(11, 2))
    gaps = np.geomspace(3e-3, 0.3, experiment.choose(4, 2)).tolist()
    sizes = experiment.choose([5, 16, 50, 160], [2, 4])
    planes = [
        decay_plane(base, decays.tolist(), over, experiment.workers, experiment.watch)
        for over in ({"gap": gaps}, {"samples": sizes})
    ]
    with experiment.figure(21.0, 12.0) as figure:
        draw_cures(figure, rows, planes)
    numbers = {"table": {row.label: _both(row) for row in rows}, "planes": [vars(plane) for plane in planes]}
    return experiment.write({row.label: row.params for row in rows}, [base.seed], numbers)


def _both(row: Row) -> dict[str, Any]:
    return {"predicted": vars(row.predicted), "measured": vars(row.measured)}


if __name__ == "__main__":
    run_script(main)
