"""How probable is 'with high probability'? Success rates over seeds against width m, samples N and dimension d.

A run succeeds if the signal has grown and every sample is memorised by a fixed horizon. Predicted (lines, without
simulation): (1 - 2^-m) times the mean of F(T)^N, F the law of one sample's memorisation time, which never reaches 1
because a sample may have no live start, 2^-(m(P-1)). Look for: dots with 95 % Clopper-Pearson intervals on the lines;
width is what buys probability, samples cost it when time is tight, and dimension does not enter (the seeds, and
so the dots, are the same at every d). Two minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params
from cgrosim.claims.catalogue.success import Setup, predicted_rate, succeeds
from cgrosim.claims.checks import clopper_pearson
from cgrosim.figures import style
from cgrosim.model.streams import stream
from cgrosim.studies.world import CLAIMED, World

SEEDS = 50
AMPLE, TIGHT = 30.0, 2.5  # horizons in predicted median memorisation times of one sample


@dataclass(frozen=True)
class Sized(Setup):
    """A setting of the claim at any dimension, with the same small coupling chi = 0.04 that makes samples independent.

    chi = 1 / (sigma_0 sigma_p d), so init_std = 25 / (sigma_p d).
    """

    dimension: float = 1e9

    def params(self, seed: int, world: World = CLAIMED) -> Params:
        """Parameters at the paper's exponents but for the initialisation."""
        base = super().params(seed, world)
        sizes: dict[str, Any] = {"patches": 2, "samples": self.samples, "neurons": self.neurons, "seed": seed}
        chosen = Params.from_paper(self.dimension, engine="flow", sampling="gram", flow_tolerance=1e-5, **sizes)
        return chosen.replace(
            init_std=base.init_std * base.noise_std * base.dimension / chosen.noise_std / self.dimension
        )


SERIES = {
    "neurons m": [(m, Sized("", 3, m, AMPLE, ())) for m in (2, 3, 4, 5, 6, 8)],
    "samples N": [(n, Sized("", n, 12, TIGHT, ())) for n in (2, 5, 10, 20, 40)],
    "dimension d": [(d, Sized("", 10, 12, TIGHT, (), d)) for d in (1e6, 1e8, 1e10, 1e12, 1e14)],
}
TITLES = ("N = 3, ample time", "m = 12, tight time", "N = 10, m = 12, tight time")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Count successes in every setting, predict the rates, and draw."""
    experiment = start(__file__, __doc__, argv)
    seeds = experiment.seeds(experiment.choose(SEEDS, 2))
    series = {name: experiment.choose(each, each[:1]) for name, each in SERIES.items()}
    generator = stream(experiment.seed)
    work = [(name, value, setup, seed) for name, each in series.items() for value, setup in each for seed in seeds]
    hits: dict[tuple[str, float], int] = {}
    for name, value, setup, seed in experiment.track(work, "runs"):
        success = succeeds(setup.params(seed), setup.steps())
        hits[name, value] = hits.get((name, value), 0) + int(success)
    numbers: dict[str, Any] = {"seeds_each": len(seeds)}
    with experiment.figure(16.0, 5.8) as figure:
        for axes, (name, each), title in zip(figure.subplots(1, 3, sharey=True), series.items(), TITLES, strict=True):
            rows = {
                value: (
                    predicted_rate(setup, generator),
                    hits[name, value] / len(seeds),
                    *clopper_pearson(hits[name, value], len(seeds), 0.05),
                )
                for value, setup in each
            }
            _draw(axes, name, np.array(list(rows)), np.array(list(rows.values())), title)
            keys = ("predicted", "measured", "low_95", "high_95")
            numbers[name] = {f"{value:g}": dict(zip(keys, row, strict=True)) for value, row in rows.items()}
        axes.legend(loc="lower right")
        figure.axes[0].set_ylabel("success rate over seeds")
    described = {name: each[0][1].params(seeds[0]) for name, each in series.items()}
    return experiment.write(described, seeds, numbers)


def _draw(axes: Any, name: str, sizes: np.ndarray, rows: np.ndarray, title: str) -> None:
    predicted, measured, low, high = rows.T
    axes.plot(sizes, predicted, color=style.VERMILION, lw=3, marker="_", label="predicted")
    bars = np.array([measured - low, high - measured])
    axes.errorbar(sizes, measured, yerr=bars, fmt="o", color=style.BLUE, capsize=4, label="measured, 95 %")
    if name == "neurons m":
        axes.plot(sizes, 1.0 - 0.5**sizes, color=style.BLACK, ls=":", label="$1 - 2^{-m}$: some neuron alive")
        axes.legend(loc="lower right")
    axes.set(xscale="linear" if name == "neurons m" else "log", xlabel=name, ylim=(-0.03, 1.05), title=title)
    axes.set_xticks(sizes, [style.number(size) for size in sizes])
    axes.minorticks_off()


if __name__ == "__main__":
    run_script(main)
