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

from common import run_script, start

from cgrosim import Params, Table, sweep
from cgrosim.claims.catalogue.success import Setup, predicted_rate
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
    "neurons": ("N = 3, ample time", [Sized("", 3, m, AMPLE) for m in (2, 3, 4, 5, 6, 8)]),
    "samples": ("m = 12, tight time", [Sized("", n, 12, TIGHT) for n in (2, 5, 10, 20, 40)]),
    "dimension": (
        "N = 10, m = 12, tight time",
        [Sized("", 10, 12, TIGHT, d) for d in (1e6, 1e8, 1e10, 1e12, 1e14)],
    ),
}
KEYS = ("predicted", "measured", "low_95", "high_95")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Count successes in every setting, predict the rates, and draw."""
    experiment = start(__file__, __doc__, argv)
    seeds, generator = experiment.seeds(experiment.choose(SEEDS, 2)), stream(experiment.seed)
    described, numbers = {}, {"seeds_each": len(seeds)}
    with experiment.figure(16.0, 5.8) as figure:
        panels = figure.subplots(1, 3, sharey=True)
        for axes, name in zip(panels, experiment.track(SERIES, "sweeps"), strict=True):
            title, setups = SERIES[name][0], experiment.choose(SERIES[name][1], SERIES[name][1][:1])
            table = _swept(name, setups, seeds)
            found = table.intervals(
                lambda data: data.last_memorization_time.notnull() & data.signal_growth_time.notnull()
            )
            predicted = [predicted_rate(setup, generator) for setup in setups]
            columns = (predicted, *(found[end].values for end in ("middle", "low", "high")))
            _draw(axes, name, found[name].values, columns, title)
            rows = zip(found[name].values, *columns, strict=True)
            numbers[name] = {f"{value:g}": dict(zip(KEYS, row, strict=True)) for value, *row in rows}
            described[name] = table.params()
        panels[0].set_ylabel("success rate over seeds")
    return experiment.write(described, seeds, numbers)


def _swept(name: str, setups: Sequence[Sized], seeds: Sequence[int]) -> Table:
    """One run a seed of every setting, each up to its horizon; what the settings differ in varies together."""
    cells = [setup.params(seeds[0]).replace(steps=round(setup.steps())) for setup in setups]
    differing = {field for cell in cells for field in cell.differences(cells[0])} - {"perturbation_radius"}
    names = (name, *sorted(differing - {name}))
    rows = [tuple(getattr(cell, field) for field in names) for cell in cells]
    return sweep(cells[0], {names: rows}, seeds=seeds, keep=(), predicted_seeds=0)


def _draw(axes: Any, name: str, sizes: Any, columns: tuple[Any, ...], title: str) -> None:
    predicted, measured, low, high = columns
    axes.plot(sizes, predicted, color=style.VERMILION, lw=3, marker="_", label="predicted")
    bars = (measured - low, high - measured)
    axes.errorbar(sizes, measured, yerr=bars, fmt="o", color=style.BLUE, capsize=4, label="measured, 95 %")
    if name == "neurons":
        axes.plot(sizes, 1.0 - 0.5**sizes, color=style.BLACK, ls=":", label="$1 - 2^{-m}$: some neuron alive")
    axes.legend(loc="lower right")
    axes.set(xscale="linear" if name == "neurons" else "log", xlabel=name, ylim=(-0.03, 1.05), title=title)
    axes.set_xticks(sizes, [style.number(size) for size in sizes])
    axes.minorticks_off()


if __name__ == "__main__":
    run_script(main)
