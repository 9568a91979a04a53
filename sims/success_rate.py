"""How probable is 'with high probability'? Success rates over seeds against width m, samples N and dimension d.

A run succeeds if the signal has grown and every sample is memorised by a fixed horizon. Predicted (lines, without
simulation): (1 - 2^-m) times the mean of F(T)^N, F the law of one sample's memorisation time, which never reaches 1
because a sample may have no live start, 2^-(m(P-1)). Look for: dots with 95 % Clopper-Pearson intervals on the lines;
width buys probability, samples cost it when time is tight, dimension does not enter (the same at every d). Two minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common import run_script, start, together

from cgrosim import Params, Table, sweep
from cgrosim.claims.success_runs import Setup, predicted_rate
from cgrosim.figures import style
from cgrosim.model.streams import stream
from cgrosim.studies.world import CLAIMED, World

SEEDS, AMPLE, TIGHT = 50, 30.0, 2.5  # horizons in predicted median memorisation times of one sample


@dataclass(frozen=True)
class Sized(Setup):
    """A setting of the claim at any d, with the small coupling that decouples samples: init_std = 25 / (sigma_p d)."""

    dimension: float = 1e9

    def params(self, seed: int, world: World = CLAIMED) -> Params:
        """Parameters at the paper's exponents but for the initialisation."""
        base = super().params(seed, world)
        sizes: dict[str, Any] = {"patches": 2, "samples": self.samples, "neurons": self.neurons, "seed": seed}
        new = Params.from_paper(self.dimension, engine="flow", sampling="gram", flow_tolerance=1e-5, **sizes)
        return new.replace(init_std=base.init_std * base.noise_std * base.dimension / new.noise_std / self.dimension)


SERIES = {
    "neurons": ("N = 3, ample time", [Sized("", 3, m, AMPLE) for m in (2, 3, 4, 5, 6, 8)]),
    "samples": ("m = 12, tight time", [Sized("", n, 12, TIGHT) for n in (2, 5, 10, 20, 40)]),
    "dimension": ("N = 10, m = 12, tight time", [Sized("", 10, 12, TIGHT, 10.0**k) for k in (6, 8, 10, 12, 14)]),
}
ENDS, KEYS = ("middle", "low", "high"), ("predicted", "measured", "low_95", "high_95")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Count successes in every setting, predict the rates, and draw."""
    experiment = start(__file__, __doc__, argv)
    seeds, watch, generator = experiment.seeds(experiment.choose(SEEDS, 2)), experiment.watch, stream(experiment.seed)
    tables, numbers = dict[str, Table](), dict[str, Any](seeds_each=len(seeds))
    with experiment.figure(16.0, 5.8) as figure:
        for axes, name in zip(figure.subplots(1, 3, sharey=True), experiment.track(SERIES, "sweeps"), strict=True):
            title, setups = SERIES[name][0], experiment.choose(SERIES[name][1], SERIES[name][1][:1])
            cells = [setup.params(seeds[0]).replace(steps=round(setup.steps())) for setup in setups]
            tables[name] = sweep(*together(name, cells), seeds=seeds, keep=(), predicted_seeds=0, watch=watch)
            found = tables[name].intervals(lambda d: (d.last_memorization_time + d.signal_growth_time).notnull())
            columns = [[predicted_rate(each, generator) for each in setups], *(found[end].values for end in ENDS)]
            _draw(axes, name, found[name].values, columns, title)
            rows = zip(cells, *columns, strict=True)
            numbers[name] = {f"{getattr(p, name):g}": dict(zip(KEYS, row, strict=True)) for p, *row in rows}
        figure.axes[0].set_ylabel("success rate over seeds")
    return experiment.write({name: table.params() for name, table in tables.items()}, seeds, numbers)


def _draw(axes: Any, name: str, sizes: Any, columns: Sequence[Any], title: str) -> None:
    predicted, rate, low, high = columns
    axes.plot(sizes, predicted, color=style.BLACK, lw=2.2, marker="_", label="predicted")
    axes.errorbar(sizes, rate, (rate - low, high - rate), fmt="o", color=style.BLUE, capsize=4, label="measured, 95 %")
    if name == "neurons":
        axes.plot(sizes, 1.0 - 0.5**sizes, color=style.BLACK, ls=":", label="$1 - 2^{-m}$: some neuron alive")
    axes.legend(loc="lower right")
    axes.set(xscale="linear" if name == "neurons" else "log", xlabel=name, ylim=(-0.03, 1.05), title=title)
    axes.set_xticks(sizes, [style.number(size) for size in sizes])
    axes.minorticks_off()


if __name__ == "__main__":
    run_script(main)
