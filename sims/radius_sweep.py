"""What if the radius is not close to alpha: when does training memorise, and when does the network overfit?

A sweep of gap = 1 - radius / alpha over two decades, several seeds. Look for three regions between the two predicted
edges (lines, from the starts alone): left of both, memorised and robust test error 1/2 (robust overfitting); between
them, memorised and yet robust on test data; right of both, nothing memorised because the signal that the attack leaves
is enough. The theorem's radius lies at the far left. About a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import simulate
from cgrosim.claims.catalogue.phase import observe, phase_params
from cgrosim.figures import style

REGIONS = ("robust\noverfitting", "memorised\nyet robust", "robust\nby signal")
SAMPLES, SEEDS, GAPS = 4, 6, np.geomspace(3e-3, 0.3, 23)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the sweep, average over seeds, find where the predictions cross their edges, and draw."""
    experiment = start(__file__, __doc__, argv)
    seeds = experiment.seeds(experiment.choose(SEEDS, 1))
    gaps = experiment.choose(GAPS, GAPS[::11])
    found = np.empty((len(gaps), len(seeds), 4))
    cells = [(i, j) for i in range(len(gaps)) for j in range(len(seeds))]
    for i, j in experiment.track(cells, "runs"):
        params = phase_params(seeds[j], gap=float(gaps[i]), samples=SAMPLES)
        cell = observe(params, SAMPLES, params.power)  # both edges, predicted from the start of this run
        memorised = simulate(params).final("memorization").mean()
        found[i, j] = cell.robust_error, memorised, cell.overfitting_ratio, cell.time_ratio
    error, memorised, overfitting, escape = np.moveaxis(found, 2, 0)
    edges = {
        "overfitting": _crossing(gaps, overfitting.mean(axis=1)),
        "memorise / escape": _crossing(gaps, escape.mean(axis=1)),
    }
    with experiment.figure(11.0, 8.0) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True)
        for axes, values, colour, marker in ((top, error, style.VERMILION, "o"), (bottom, memorised, style.BLUE, "s")):
            axes.plot(gaps, values, marker, color=colour, ms=5, alpha=0.45)
            axes.plot(gaps, values.mean(axis=1), color=colour, lw=3, label="mean; dots are single runs")
            for (name, gap), dash in zip(edges.items(), ("--", "-."), strict=True):
                axes.axvline(gap, color=style.BLACK, ls=dash, label=f"predicted {name} edge, {gap:.2g}")
        top.set(title="robust test error (signal_span)", ylabel="error", ylim=(-0.03, 0.6), xscale="log")
        top.axhline(0.5, color=style.GREY, lw=1, ls=":")
        top.legend(loc="lower left")
        bottom.set(title="memorised noise, mean over training samples", ylabel="$V_i$")
        bottom.set_xlabel("gap = 1 - radius / alpha       (left: radius close to alpha, the attack hides the signal)")
        for place, text in zip(_middles(gaps, list(edges.values())), REGIONS, strict=True):
            bottom.text(
                place, 0.5, text, ha="center", va="center", fontsize=style.FONT, transform=bottom.get_xaxis_transform()
            )
    numbers = {
        "gap": gaps,
        "robust_test_error": error,
        "mean_V": memorised,
        "predicted_edges": edges,
        "measured_edges": {
            "overfitting (error 1/4)": _crossing(gaps, 0.25 - error.mean(axis=1)),
            "memorise / escape (V 0.7)": _crossing(gaps, 0.7 - memorised.mean(axis=1)),
        },
    }
    return experiment.write({"smallest gap": phase_params(seeds[0], gap=gaps[0], samples=SAMPLES)}, seeds, numbers)


def _crossing(gaps: np.ndarray, values: np.ndarray) -> float:
    """The gap at which a sequence first turns positive, by linear interpolation in log gap."""
    above = np.flatnonzero(values > 0.0)
    if len(above) == 0 or above[0] == 0:
        return float("nan")
    k = above[0]
    share = values[k - 1] / (values[k - 1] - values[k])
    return float(np.exp(np.log(gaps[k - 1]) + share * np.log(gaps[k] / gaps[k - 1])))


def _middles(gaps: np.ndarray, edges: list[float]) -> np.ndarray:
    ends = np.log([gaps[0], *np.sort(np.nan_to_num(edges, nan=gaps[-1])), gaps[-1]])
    return np.exp(0.5 * (ends[1:] + ends[:-1]))


if __name__ == "__main__":
    run_script(main)
