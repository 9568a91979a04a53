"""Is it adversarial training that memorises, or the data? Standard and adversarial training from the same starts.

Pairs of runs share data, initial weights and length; only the weight of the adversarial loss differs (0 or 1/2).
Look for: the noise of the training samples stays where it started under standard training and is memorised under
adversarial training (top left), which alone brings the robust training error to 0, with no gain on test data (top
right); in the plane of a neuron's true and spurious correlation (bottom) standard neurons move right only, adversarial
ones right and then up. Twenty seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim import Params, Run, simulate
from cgrosim.figures import style
from cgrosim.figures.neuron_plane import draw_track, tracks_of

SIZES = {"samples": 12, "patches": 2, "neurons": 8, "init_polylog": 1.0, "engine": "flow", "sampling": "gram"}
DIMENSION, PAIRS = 2000, 8


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the pairs, draw the first one neuron by neuron and all of them over time."""
    experiment = start(__file__, __doc__, argv)
    seeds = experiment.seeds(experiment.choose(PAIRS, 1))
    pairs = []
    for seed in experiment.track(seeds, "pairs"):
        common = {**SIZES, "seed": seed, **experiment.choose({}, {"records": 5, "test_samples": 100})}
        adversarial = simulate(Params.from_paper(DIMENSION, **common))
        steps = adversarial.data.attrs["steps"]
        pairs.append((simulate(adversarial.params.replace(adversarial_weight=0.0, steps=steps)), adversarial))
    with experiment.figure(14.0, 11.0) as figure:
        panels = figure.subplots(2, 2)
        for k, name in enumerate(("standard", "adversarial")):
            look = {"color": (style.BLUE, style.VERMILION)[k], "ls": ("--", "-")[k]}
            for nth, run in enumerate(pair[k] for pair in pairs):
                _course(panels[0, 0], run, run.data.memorization.mean("sample"), None if nth else name, look)
            _course(panels[0, 1], pairs[0][k], pairs[0][k].data.robust_train_error, f"{name}, robust train", look)
            thin = {**look, "lw": 1.5, "alpha": 0.7}
            _course(panels[0, 1], pairs[0][k], pairs[0][k].data.robust_test_error, f"{name}, robust test", thin)
        panels[0, 0].set(title=f"memorised noise, {len(pairs)} pairs", ylabel="mean $V_i$", xlabel="gradient step")
        panels[0, 1].set(
            title="errors of the first pair",
            ylabel="error",
            xlabel="gradient step",
            ylim=(-0.03, 1.45),
            yticks=np.linspace(0.0, 1.0, 6),
        )
        for axes in panels[0]:
            axes.legend(loc="upper left")
        _planes(panels[1], pairs[0])
    numbers = {
        name: {
            "V_mean": [run.final("memorization").mean() for run in (pair[k] for pair in pairs)],
            "V_max": [run.final("memorization").max() for run in (pair[k] for pair in pairs)],
            "robust_train_error": [pair[k].final("robust_train_error") for pair in pairs],
            "robust_test_error": [pair[k].final("robust_test_error") for pair in pairs],
            "clean_test_error": [pair[k].final("clean_test_error") for pair in pairs],
            "signal_margin": [pair[k].final("signal_margin") for pair in pairs],
        }
        for k, name in enumerate(("standard", "adversarial"))
    }
    return experiment.write({"adversarial": pairs[0][1].params, "standard": pairs[0][0].params}, seeds, numbers)


def _course(axes: Any, run: Run, values: Any, label: str | None, look: dict[str, Any]) -> None:
    axes.plot(run.data.step[1:], values[1:], label=label, **{"lw": 3.0, **look})
    axes.set_xscale("log")


def _planes(panels: Any, pair: tuple[Run, Run]) -> None:
    tracks = tracks_of(pair[1], pair[0])
    last = max(float(track.steps[-1]) for track in tracks)
    pairs = [(track.true, track.spurious) for track in tracks]
    reach = [max(float(np.max(values)) for values in both) for both in zip(*pairs, strict=True)]
    for axes, track in zip(panels, tracks, strict=True):
        axes.set(xlim=(-0.2 * reach[0], 1.15 * reach[0]), ylim=(-0.12 * reach[1], 1.2 * reach[1]), title=track.title)
        axes.set(xlabel=r"correlation with the true feature, $\alpha u_r$", ylabel="largest correlation with noise")
        draw_track(axes, track, last, last)


if __name__ == "__main__":
    run_script(main)
