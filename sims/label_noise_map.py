"""Where does a ReLU network overfit flipped labels benignly: signal norm against dimension, one label in ten flipped?

The sister model's heat map: 20 samples, 10 filters a sign, two patches, noise of standard deviation 1, 100 epochs of
full-batch descent at rate 0.1, no attack. Colour: clean test error of networks that fit their flipped labels; line:
N |mu|^4 = C sigma^4 d through the middle of the measured edge, C read from it. Look for: along the edge |mu| grows
about like d^(1/4). Conventions that differ from the public study: not the vectors are drawn but their Gram matrix,
exactly in law; the noise is orthogonal to the feature; its mean over filters and patches, f/(mP), is our sum at a rate
(mP)^-2 from starts (mP)^-1 as large (ReLU is homogeneous: the same trajectory); two logits with cross-entropy are one
difference with the logistic loss; test labels are not flipped (flips would add tau (1 - 2 error)); ranges of |mu| and
d, the initial scale 0.01 and the reduced grid are ours. --full: 100 x 100 cells, 10 repeats; --workers N.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params, sweep
from cgrosim.figures import style
from cgrosim.figures.sweep_map import Axis, borders

SAMPLES, FILTERS, PATCHES, FLIPS, RATE, EPOCHS, INITIAL = 20, 10, 2, 0.1, 0.1, 100, 0.01
SCALE = 1.0 / (FILTERS * PATCHES)
GRID, REPEATS = (20, 20), 4
MIDDLE = 0.25  # test error at which the edge is read
KEPT = ("clean_test_error", "clean_margin")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every cell, read the edge, and draw it with the theoretical curve."""
    given = list(sys.argv[1:] if argv is None else argv)
    experiment = start(__file__, __doc__, [word for word in given if word != "--full"], parallel=True)
    cells, repeats = ((100, 100), 10) if "--full" in given else experiment.choose((GRID, REPEATS), ((4, 3), 1))
    norms = np.linspace(0.5, 4.0, cells[0])
    dimensions = np.unique(np.geomspace(100.0, 4000.0, cells[1]).round().astype(int))
    base = Params(
        dimension=100, samples=SAMPLES, patches=PATCHES, neurons=2 * FILTERS, activation="relu", signal_strength=1.0,
        noise_std=1.0, init_std=SCALE * INITIAL, learning_rate=SCALE**2 * RATE, steps=EPOCHS, label_noise=FLIPS,
        threat="none", adversarial_weight=0.0, sampling="gram", engine="reduced", test_samples=1000,
    )  # fmt: skip
    seeds = experiment.seeds(repeats)
    scales = [(int(d), base.noise_std, base.init_std) for d in dimensions]
    over = {("dimension", "noise_std", "init_std"): scales, "signal_strength": norms.tolist()}
    asked = {"record_at": [EPOCHS], "workers": experiment.workers, "watch": experiment.watch}
    table = sweep(base, over, seeds=seeds, keep=KEPT, **asked)
    last = table.data.isel(step=-1)
    error = last.clean_test_error.mean("seed").transpose("dimension", "signal_strength").values
    fitted = (last.clean_margin > 0.0).mean(("sample", "seed")).transpose("dimension", "signal_strength").values
    edge = np.array([_crossing(norms, row) for row in error])
    found = np.isfinite(edge)
    slope = float(np.polyfit(np.log(dimensions[found]), np.log(edge[found]), 1)[0]) if found.sum() > 2 else np.nan
    constant = float(np.exp(np.mean(np.log(SAMPLES * edge[found] ** 4 / dimensions[found])))) if found.any() else np.nan
    with experiment.figure(9.5, 6.5) as figure:
        axes = figure.subplots()
        x, y = Axis("|mu|", norms, False), Axis("d", dimensions.astype(float), True)
        image = axes.pcolormesh(borders(x), borders(y), error, cmap="cividis", vmin=0.0, vmax=0.5)
        curve = (constant * dimensions / SAMPLES) ** 0.25
        axes.plot(curve, dimensions, color="white", lw=5)
        axes.plot(
            curve, dimensions, color=style.VERMILION, lw=2.5, label=f"$N |\\mu|^4 = {constant:.2g}\\, \\sigma^4 d$"
        )
        axes.set(yscale="log", xlabel="norm of the feature |mu|", ylabel="dimension d", xlim=(norms[0], norms[-1]))
        axes.legend(loc="lower right")
        figure.colorbar(image, ax=axes, label="clean test error, one training label in ten flipped")
    numbers = {"norms": norms, "dimensions": dimensions, "clean_test_error": error, "share_fitted": fitted,
               "edge": edge, "slope_of_edge": slope, "predicted_slope": 0.25, "constant": constant}  # fmt: skip
    return experiment.write({"map": base}, seeds, numbers)


def _crossing(norms: np.ndarray, errors: np.ndarray) -> float:
    """The norm at which the test error falls below `MIDDLE` for the first time, between two cells; nan for never."""
    below = np.flatnonzero(errors < MIDDLE)
    if not len(below) or below[0] == 0:
        return float("nan")
    k = int(below[0])
    share = (errors[k - 1] - MIDDLE) / (errors[k - 1] - errors[k])
    return float(norms[k - 1] + share * (norms[k] - norms[k - 1]))


if __name__ == "__main__":
    run_script(main)
