"""When does standard training memorise benignly: the sister model, ReLU or its cube with a signed second layer?

Same code, no attack. Every cell is one network, read where its training loss first falls below 0.1: all fit their
training data. Left column: test error; right: how much of the training margin is memorised noise. Lines: predicted
edges of order. Look for: with ReLU^3 one edge, N SNR^3 = 1 (Cao et al. 2022), switches both at once, from memorised
and harmful to not memorised at all; ReLU has two edges, N d SNR^4 = 1 (Kou et al. 2023) for the test error and
N SNR^2 = 1 for the share of noise, and between them nearly everything is memorised, benignly. A minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params, sweep
from cgrosim.figures import style
from cgrosim.figures.sweep_map import Axis, borders

DIMENSION, TARGET_LOSS, MEMORISED, ERROR = 10_000, 0.1, 0.7, 0.05  # V_i from 0.7 on counts as memorised
COMMON = {"patches": 2, "neurons": 20, "noise_std": DIMENSION**-0.5, "threat": "none", "adversarial_weight": 0.0,
          "learning_rate": 0.1, "sampling": "gram", "engine": "reduced"}  # fmt: skip
MODELS = {
    "ReLU^3": {"activation": "relu_power", "power": 3.0, "init_std": 0.1, "steps": 60_000},
    "ReLU": {"activation": "relu", "init_std": 0.001, "steps": 6_000},
}
SNR, SAMPLES = np.geomspace(0.01, 1.0, 13), (5, 10, 20, 40, 80)  # alpha over the norm of a noise patch, which is 1
KEPT = ("training_loss", "clean_test_error", "memorization", "signal_margin")
TITLES = ("clean test error", "share of memorised noise")
EDGES = {  # text, power of SNR, factor beside N, line
    "ReLU^3": [(r"$N\,\mathrm{SNR}^3 = 1$", 3, 1, "--")],
    "ReLU": [(r"$N d\,\mathrm{SNR}^4 = 1$", 4, DIMENSION, ":"), (r"$N\,\mathrm{SNR}^2 = 1$", 2, 1, "--")],
}
WORDS = {
    "ReLU^3": [(0.04, "memorised\nharmfully"), (0.64, "not\nmemorised")],
    "ReLU": [(0.018, "memorised\nharmfully"), (0.085, "memorised\nbenignly"), (0.5, "learns the\nsignal")],
}
BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every cell of both maps, draw them with the predicted edges, and write what is benign where."""
    experiment = start(__file__, __doc__, argv)
    ratios, counts = experiment.choose(SNR, SNR[::6]), experiment.choose(SAMPLES, SAMPLES[:2])
    numbers: dict[str, Any] = {"SNR": ratios, "N": counts}
    base: dict[str, Params] = {}
    with experiment.figure(15.0, 10.5) as figure:
        rows = figure.subplots(2, 2, sharex=True, sharey=True)
        for row, name in zip(rows, experiment.track(MODELS, "sweeps"), strict=True):
            base[name] = Params(dimension=DIMENSION, signal_strength=1.0, **COMMON, **MODELS[name])
            base[name] = experiment.choose(base[name], base[name].replace(steps=300, test_samples=100))
            over = {"samples": counts, "signal_strength": ratios}
            table = sweep(base[name], over, seeds=[experiment.seed + 1], keep=KEPT, points=experiment.choose(100, 9))
            maps = error, share, noise = _read(table.data.isel(seed=0))
            for axes, values, title, top in zip(row, maps, TITLES, (0.5, 1.0), strict=False):
                _draw(
                    figure, axes, name, Axis("SNR", ratios, True), Axis("N", np.array(counts), True), values, title, top
                )
            row[0].set_ylabel("training samples N")
            fitted, good, stored = np.isfinite(error), error <= ERROR, noise >= MEMORISED
            numbers[name] = {"clean_test_error": error, "noise_share": share, "mean_V": noise}
            numbers[name] |= {
                "cells_fitted": int(fitted.sum()),
                "cells_memorised_benignly": int(np.sum(good & stored)),
                "cells_memorised_harmfully": int(np.sum(fitted & ~good & stored)),
                "cells_not_memorised": int(np.sum(fitted & ~stored)),
            }
    return experiment.write(base, [experiment.seed + 1], numbers)


def _read(data: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test error, share of noise in the training margin and mean V_i where the loss first meets the target."""
    met = data.training_loss <= TARGET_LOSS
    at = data.isel(step=met.argmax("step"))
    noise = at.memorization.mean("sample")
    found = (at.clean_test_error, noise / (noise + at.signal_margin), noise)
    return tuple(values.where(met.any("step")).transpose("samples", "signal_strength").values for values in found)


def _draw(figure: Any, axes: Any, name: str, x: Axis, y: Axis, values: np.ndarray, title: str, top: float) -> None:
    """One map with the predicted edges over it."""
    label, counts = "ReLU$^3$" if name == "ReLU^3" else name, y.values
    image = axes.pcolormesh(borders(x), borders(y), values, cmap="cividis", vmin=0.0, vmax=top)
    axes.set(xscale="log", yscale="log", title=f"{label}: {title}", xlabel="SNR" if name == "ReLU" else "")
    axes.set_yticks(counts, [str(n) for n in counts])
    axes.minorticks_off()
    for text, power, factor, dash in EDGES[name]:
        edge = (counts * factor) ** (-1.0 / power)
        axes.plot(edge, counts, color=style.BLACK, lw=6, ls="-")
        axes.plot(edge, counts, color="white", lw=3, ls=dash)
        axes.text(0.93 * edge[0], 1.02 * counts[0], text, ha="right", va="bottom", fontsize=style.FONT, bbox=BOX)
    for where, text in WORDS[name]:
        axes.text(where, 30.0, text, ha="center", va="center", fontsize=style.FONT + 1, weight="bold", bbox=BOX)
    figure.colorbar(image, ax=axes)


if __name__ == "__main__":
    run_script(main)
