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
COMMON = {"signal_strength": 1.0, "patches": 2, "neurons": 20, "noise_std": DIMENSION**-0.5, "threat": "none",
          "adversarial_weight": 0.0, "learning_rate": 0.1, "sampling": "gram", "engine": "reduced"}  # fmt: skip
MODELS = {"ReLU^3": {"activation": "relu_power", "power": 3.0, "init_std": 0.1, "steps": 60_000},
          "ReLU": {"activation": "relu", "init_std": 0.001, "steps": 6_000}}  # fmt: skip
SNR, SAMPLES = np.geomspace(0.01, 1.0, 13), np.array([5, 10, 20, 40, 80])  # SNR: alpha, as noise patches have norm 1
KEPT = ("training_loss", "clean_test_error", "memorization", "signal_margin")
# what is written before SNR, its power, the factor beside N, line
EDGES = {"ReLU^3": [("N", 3, 1, "--")], "ReLU": [("N d", 4, DIMENSION, ":"), ("N", 2, 1, "--")]}
WORDS = {"ReLU^3": [(0.04, 50, "memorised harmfully"), (0.58, 50, "not memorised")],  # SNR, N
         "ReLU": [(0.02, 13, "memorised harmfully"), (0.118, 13, "memorised benignly"),
                  (0.58, 20, "learns the signal")]}  # fmt: skip
BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every cell of both maps, draw them with the predicted edges, and write what is benign where."""
    experiment = start(__file__, __doc__, argv)
    ratios, counts = experiment.choose(SNR, SNR[::6]), experiment.choose(SAMPLES, SAMPLES[:2])
    numbers: dict[str, Any] = {"SNR": ratios, "N": counts}
    asked = {"seeds": [experiment.seed + 1], "points": experiment.choose(100, 9), "watch": experiment.watch}
    toy = experiment.choose({}, {"steps": 300, "test_samples": 100})
    base = {name: Params(dimension=DIMENSION, **{**COMMON, **model, **toy}) for name, model in MODELS.items()}
    with experiment.figure(15.0, 10.5) as figure:
        maps = figure.subplots(2, 2, sharex=True, sharey=True)
        for row, name in zip(maps, experiment.track(MODELS, "sweeps"), strict=True):
            table = sweep(base[name], {"samples": counts, "signal_strength": ratios}, keep=KEPT, **asked)
            data = table.data[list(KEPT)].isel(seed=0).transpose("samples", "signal_strength", ...)
            at = data.isel(step=(met := data.training_loss <= TARGET_LOSS).argmax("step")).where(met.any("step"))
            error, noise = at.clean_test_error.values, at.memorization.mean("sample").values
            share, label = noise / (noise + at.signal_margin.values), name.replace("^3", "$^3$")
            _draw(figure, row[0], name, ratios, counts, error, f"{label}: clean test error", 0.5)
            _draw(figure, row[1], name, ratios, counts, share, f"{label}: share of noise in the margin", 1.0)
            fitted, good, stored = np.isfinite(error), error <= ERROR, noise >= MEMORISED
            kinds = {"fitted": fitted, "memorised_benignly": good & stored,
                     "memorised_harmfully": fitted & ~good & stored, "not_memorised": fitted & ~stored}  # fmt: skip
            numbers[name] = {"clean_test_error": error, "noise_share": share, "mean_V": noise}
            numbers[name] |= {f"cells_{kind}": int(np.sum(cells)) for kind, cells in kinds.items()}
        figure.supylabel("training samples N", fontsize=style.FONT)
    return experiment.write(base, [experiment.seed + 1], numbers)


def _draw(figure: Any, axes: Any, name: str, ratios: Any, counts: Any, values: Any, title: str, top: float) -> None:
    ends = borders(Axis("SNR", ratios, True)), borders(Axis("N", counts, True))
    figure.colorbar(axes.pcolormesh(*ends, values, cmap="cividis", vmin=0.0, vmax=top), ax=axes)
    axes.set(xscale="log", yscale="log", title=title, xlabel="SNR" if name == "ReLU" else "")
    axes.set_yticks(counts, [str(n) for n in counts])
    axes.minorticks_off()
    for before, power, factor, dash in EDGES[name]:
        edge = (counts * factor) ** (-1.0 / power)
        axes.plot(edge, counts, color=style.BLACK, lw=6, ls="-")
        axes.plot(edge, counts, color="white", lw=3, ls=dash)
        text = rf"${before}\,\mathrm{{SNR}}^{power} = 1$"
        beside = 0.96 * (7.0 * factor) ** (-1.0 / power)  # where the line passes above the text
        axes.text(beside, 1.02 * counts[0], text, ha="right", va="bottom", fontsize=style.FONT, bbox=BOX)
    for ratio, count, text in WORDS[name]:
        axes.text(ratio, count, text.replace(" ", "\n", 1), ha="center", va="center", weight="bold", bbox=BOX)


if __name__ == "__main__":
    run_script(main)
