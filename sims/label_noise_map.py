"""Where does a ReLU network overfit flipped labels benignly: signal norm against dimension, one label in ten flipped?

The sister model's heat map: 20 samples, 10 filters a sign, two patches, noise of standard deviation 1, 100 epochs of
full-batch descent at rate 0.1, no attack, 100 x 100 cells of 10 repeats (three and a half minutes of processor time;
`--workers N`). Colour: clean test error; line: N |mu|^4 = C sigma^4 d through the middle of the measured edge, C read
from it; beyond the dashed line some flipped label is not fitted. Look for: along the edge |mu| grows about like
d^(1/4). Six conventions differ from the public study: docs/explanation/cures-in-detail.md lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params, sweep
from cgrosim.figures import style
from cgrosim.figures.sweep_map import Axis, borders

SAMPLES, FILTERS, PATCHES, FLIPS, RATE, EPOCHS, INITIAL = 20, 10, 2, 0.1, 0.1, 100, 0.01
SCALE = 1.0 / (FILTERS * PATCHES)
GRID, REPEATS = (100, 100), 10
MIDDLE = 0.25  # test error at which the edge is read
FITTED = 0.998  # share of a cell's 200 labels: between all of them and one less
BASE = Params(
    dimension=100, samples=SAMPLES, patches=PATCHES, neurons=2 * FILTERS, activation="relu", signal_strength=1.0,
    noise_std=1.0, init_std=SCALE * INITIAL, learning_rate=SCALE**2 * RATE, steps=EPOCHS, label_noise=FLIPS,
    threat="none", adversarial_weight=0.0, sampling="gram", engine="reduced", test_samples=1000,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every cell, read the edge, and draw it with the theoretical curve."""
    experiment = start(__file__, __doc__, argv, parallel=True)
    (across, up), repeats = experiment.choose((GRID, REPEATS), ((4, 3), 1))
    norms, dimensions = np.linspace(0.5, 4.0, across), np.unique(np.geomspace(100.0, 4000.0, up).round().astype(int))
    seeds = experiment.seeds(repeats)
    scales = [(int(d), BASE.noise_std, BASE.init_std) for d in dimensions]
    over = {("dimension", "noise_std", "init_std"): scales, "signal_strength": norms.tolist()}
    asked = {"record_at": [EPOCHS], "workers": experiment.workers, "watch": experiment.watch}
    table = sweep(BASE, over, seeds=seeds, keep=("clean_test_error", "clean_margin"), **asked)
    last = table.data.isel(step=-1).transpose("dimension", "signal_strength", ...)
    error, fitted = last.clean_test_error.mean("seed").values, (last.clean_margin > 0.0).mean(("sample", "seed")).values
    edge = np.array([_crossing(norms, row) for row in error])
    found = np.isfinite(edge)
    slope = float(np.polyfit(np.log(dimensions[found]), np.log(edge[found]), 1)[0]) if found.sum() > 2 else np.nan
    constant = float(np.exp(np.mean(np.log(SAMPLES * edge[found] ** 4 / dimensions[found])))) if found.any() else np.nan
    with experiment.figure(9.5, 6.5) as figure:
        _draw(figure, norms, dimensions, error, fitted, constant)
    numbers = {"norms": norms, "dimensions": dimensions, "clean_test_error": error, "share_fitted": fitted,
               "edge": edge, "slope_of_edge": slope, "predicted_slope": 0.25, "constant": constant}  # fmt: skip
    return experiment.write({"map": BASE}, seeds, numbers)


def _draw(figure: Any, norms: Any, dimensions: Any, error: Any, fitted: Any, constant: float) -> None:
    """The map, the theoretical curve through its middle, and where flipped labels are no longer all fitted."""
    axes = figure.subplots()
    places = borders(Axis("|mu|", norms, False)), borders(Axis("d", dimensions.astype(float), True))
    image = axes.pcolormesh(*places, error, cmap="cividis", vmin=0.0, vmax=0.5)
    curve = (constant * dimensions / SAMPLES) ** 0.25
    axes.plot(curve, dimensions, color="white", lw=5)
    axes.plot(curve, dimensions, color=style.VERMILION, lw=2.5)
    words = {"color": "white", "xycoords": "axes fraction", "fontsize": style.FONT}
    axes.annotate(rf"$N |\mu|^4 = {constant:.2g}\, \sigma^4 d$", (0.58, 0.83), **words)
    if fitted.min() < FITTED < fitted.max():
        axes.contour(norms, dimensions, fitted, [FITTED], colors="white", linestyles="--", linewidths=1.5)
        axes.annotate("some flipped labels\nnot fitted", (0.98, 0.03), ha="right", **words)
    axes.set(yscale="log", xlabel="norm of the feature |mu|", ylabel="dimension d", xlim=(norms[0], norms[-1]))
    figure.colorbar(image, ax=axes, label="clean test error, one training label in ten flipped")


def _crossing(norms: np.ndarray, errors: np.ndarray) -> float:
    """The norm at which the test error falls below `MIDDLE` for the first time, between two cells; nan for never."""
    below = np.flatnonzero(errors < MIDDLE)
    k = int(below[0]) if len(below) else 0
    return float(np.interp(-MIDDLE, -errors[k - 1 : k + 1], norms[k - 1 : k + 1])) if k else float("nan")


if __name__ == "__main__":
    run_script(main)
