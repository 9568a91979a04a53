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

from cgrosim import Params, simulate
from cgrosim.figures import style

DIMENSION, TARGET_LOSS, MEMORISED, ERROR = 10_000, 0.1, 0.7, 0.05  # V_i from 0.7 on counts as memorised
COMMON = {"patches": 2, "neurons": 20, "noise_std": DIMENSION**-0.5, "threat": "none", "adversarial_weight": 0.0,
          "learning_rate": 0.1, "sampling": "gram", "engine": "reduced", "records": 20}  # fmt: skip
MODELS = {
    "ReLU^3": {"activation": "relu_power", "power": 3.0, "init_std": 0.1, "steps": 60_000},
    "ReLU": {"activation": "relu", "init_std": 0.001, "steps": 6_000},
}
SNR, SAMPLES = np.geomspace(0.01, 1.0, 13), (5, 10, 20, 40, 80)  # alpha over the norm of a noise patch, which is 1
TOY_STEPS = 300
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
    seed = experiment.seed + 1
    base = {
        name: Params(dimension=DIMENSION, signal_strength=1.0, seed=seed, **COMMON, **model)
        for name, model in MODELS.items()
    }
    base = {name: experiment.choose(p, p.replace(steps=TOY_STEPS, records=5)) for name, p in base.items()}
    cells = [(name, i, j) for name in base for i in range(len(counts)) for j in range(len(ratios))]
    maps = {name: np.empty((3, len(counts), len(ratios))) for name in base}
    for name, i, j in experiment.track(cells, "networks"):
        maps[name][:, i, j] = _read(base[name].replace(signal_strength=ratios[j], samples=counts[i]))
    with experiment.figure(15.0, 10.5) as figure:
        for row, name in zip(figure.subplots(2, 2, sharex=True, sharey=True), base, strict=True):
            _draw(figure, row, name, ratios, np.array(counts), maps[name])
    numbers: dict[str, Any] = {"SNR": ratios, "N": counts}
    for name, (error, share, noise) in maps.items():
        fitted, good, stored = np.isfinite(error), error <= ERROR, noise >= MEMORISED
        numbers[name] = {
            "clean_test_error": error,
            "noise_share": share,
            "mean_V": noise,
            "cells_fitted": int(fitted.sum()),
            "cells_memorised_benignly": int(np.sum(good & stored)),
            "cells_memorised_harmfully": int(np.sum(fitted & ~good & stored)),
            "cells_not_memorised": int(np.sum(fitted & ~stored)),
        }
    return experiment.write(base, [seed], numbers)


def _read(params: Params) -> tuple[float, float, float]:
    """Test error, share of noise in the training margin and mean V_i where the loss first meets the target."""
    data = simulate(params).data
    met = np.flatnonzero(data.training_loss.values <= TARGET_LOSS)
    if len(met) == 0:
        return np.nan, np.nan, np.nan
    at = data.isel(step=met[0])
    noise = at.memorization.mean().item()
    return at.clean_test_error.item(), noise / (noise + at.signal_margin.item()), noise


def _draw(figure: Any, row: Any, name: str, ratios: np.ndarray, counts: np.ndarray, values: np.ndarray) -> None:
    label = "ReLU$^3$" if name == "ReLU^3" else name
    for axes, grid, title, top in zip(
        row, values, ("clean test error", "share of memorised noise"), (0.5, 1.0), strict=False
    ):
        image = axes.pcolormesh(_edges(ratios), _edges(counts), grid, cmap="cividis", vmin=0.0, vmax=top)
        axes.set(xscale="log", yscale="log", title=f"{label}: {title}")
        axes.set_yticks(counts, [str(n) for n in counts])
        axes.minorticks_off()
        for text, power, factor, dash in EDGES[name]:
            axes.plot((counts * factor) ** (-1.0 / power), counts, color=style.BLACK, lw=6, ls="-")
            axes.plot((counts * factor) ** (-1.0 / power), counts, color="white", lw=3, ls=dash)
            place = (counts[0] * factor) ** (-1.0 / power) * 0.93, 1.02 * counts[0]
            axes.text(*place, text, ha="right", va="bottom", fontsize=style.FONT, bbox=BOX)
        for where, text in WORDS[name]:
            axes.text(where, 30.0, text, ha="center", va="center", fontsize=style.FONT + 1, weight="bold", bbox=BOX)
        figure.colorbar(image, ax=axes)
        axes.set_xlabel(r"signal-to-noise ratio SNR = $\alpha / (\sigma_p \sqrt{d})$" if name == "ReLU" else "")
    row[0].set_ylabel("training samples N")


def _edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells around points that are evenly spaced on a logarithmic axis."""
    step = np.sqrt(centres[1] / centres[0])
    return np.append(centres / step, centres[-1] * step)


if __name__ == "__main__":
    run_script(main)
