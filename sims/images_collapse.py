"""What decides whether adversarial training ends in a constant prediction?

Narrow LeNets on 3,000 images of MNIST at l_inf radius 0.3 (in CGROSIM_DATA, else downloaded; digits with --toy), 720
steps: four learning rates, and at two of them a radius that grows from 0 over the first half, a loss that is half
clean, an attack without random start, and convolutions that begin half as large. Look for the settings whose trainings
leave the constant prediction, right of the dotted line. Every training is a file in OUT/images_collapse: a rerun goes
on. A quarter of an hour, or with --toy seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from common import run_script, start

from cgrosim.figures import style
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.network.layers import Architecture, Convolution
from cgrosim.images.training.defaults import default_settings
from cgrosim.images.training.settings import Settings
from cgrosim.images.training.train import train

WIDTHS, RATES, SEEDS = (1, 2, 4), {"alone": (0.003, 0.01, 0.03, 0.1), "changed": (0.01, 0.03)}, 2
FULL = {"subset": 3000, "epochs": 12, "batch_size": 50, "adversarial_weight": 1.0, "validation": 0,
        "schedule": "constant", "evaluation_samples": 300, "evaluation_steps": 5}  # fmt: skip
TOY = {"subset": 60, "epochs": 2, "batch_size": 20, "validation": 0, "evaluation_samples": 60, "attack_steps": 2,
       "evaluation_steps": 2}  # fmt: skip
CHANGES = ("as it is", "radius grows", "half clean", "no random start", "half-size start")
LAST = ("train_loss", "clean_train", "clean_test", "robust_train", "robust_test")
CONSTANT = 0.2  # clean training accuracy below it, twice that of guessing, counts as a constant prediction


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train all, or go on with it; draw where each ended and write the numbers."""
    run = start(__file__, __doc__, argv)
    name, widths, seeds = run.choose("mnist", "digits"), run.choose(WIDTHS, (1,)), run.seeds(run.choose(SEEDS, 1))
    ways = [
        (change, rate)
        for change in CHANGES
        for rate in run.choose(RATES["alone" if change == CHANGES[0] else "changed"], (0.02,))
    ]
    data, rows, settings = load_dataset(name), [], {}
    for width, seed, (change, rate) in run.track(list(product(widths, seeds, ways)), "trainings"):
        start_at = default_settings(name, width=width, seed=seed, learning_rate=rate, **run.choose(FULL, TOY))
        label, one = f"x{width}, rate {rate:g}, {change}", _changed(start_at, change)
        place = run.out / run.name / f"{label.replace(', ', '-').replace(' ', '_')}-seed{seed}.npz"
        found = train(one, data, checkpoint=place)
        if found.status == "interrupted":
            raise KeyboardInterrupt
        last = {kind: float(found.history[kind][-1]) if found.epochs_done else math.nan for kind in LAST}
        rows.append({"change": change, "rate": rate, "width": width, "seed": seed, "status": found.status, **last})
        settings[label] = one
        if len(rows) % (len(seeds) * len(ways)) == 0:  # a width is done
            told = _tell(run, rows, settings, seeds)
    return told


def _tell(run: Any, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Settings], seeds: Any) -> dict[str, Any]:
    """Draw and write the widths that are done."""
    _draw(run, rows, list(dict.fromkeys(each["width"] for each in rows)))
    left = dict.fromkeys((f"{each['change']}, rate {each['rate']:g}, x{each['width']}" for each in rows), 0)
    for each in rows:
        left[f"{each['change']}, rate {each['rate']:g}, x{each['width']}"] += each["clean_train"] >= CONSTANT
    return run.write_described(
        {label: one.dump() for label, one in settings.items()},
        {label: one.attack_description for label, one in settings.items()},
        seeds,
        {"trainings": rows, f"not constant, of {len(seeds)}": left},
    )


def _changed(settings: Settings, change: str) -> Settings:
    """The settings with one thing changed."""
    network, attack = settings.architecture, settings.attack
    return {
        "as it is": settings,
        "radius grows": settings.replace(radius_warmup=0.5),
        "half clean": settings.replace(adversarial_weight=0.5),
        "no random start": settings.replace(attack=attack.replace(random_start=False)),
        "half-size start": settings.replace(architecture=_scaled(network, 0.5)),
    }[change]


def _scaled(network: Architecture, factor: float) -> Architecture:
    """The same network, whose convolutions begin `factor` times as large."""
    layers = list(network.layers)
    for place, layer in enumerate(layers):
        if isinstance(layer, Convolution):
            shape = network.parameter_shapes[f"layer{place}.weight"]
            layers[place] = replace(layer, initial_scale=factor * math.sqrt(2.0 / math.prod(shape[:-1])))
    return replace(network, layers=tuple(layers))


def _draw(run: Any, rows: Sequence[Mapping[str, Any]], widths: Sequence[int]) -> None:
    labels = list(dict.fromkeys((each["change"], each["rate"]) for each in rows))
    with run.figure(
        4.2 * len(widths) + 3.4, 0.42 * len(labels) + 2.2, "Adversarial training of narrow LeNets"
    ) as figure:
        for axes, width in zip(figure.subplots(1, len(widths), sharey=True, squeeze=False)[0], widths, strict=True):
            chosen = [each for each in rows if each["width"] == width]
            places = [-labels.index((each["change"], each["rate"])) for each in chosen]
            for kind, marker, colour in (("clean_train", "o", style.BLUE), ("robust_train", "s", style.VERMILION)):
                values = [100.0 * each[kind] for each in chosen]
                axes.plot(values, places, marker, color=colour, label=kind.replace("_", " "), alpha=0.8)
            axes.axvline(100.0 * CONSTANT, color=style.GREY, ls=":", label="constant, below")
            axes.set(xlim=(-3.0, 103.0), xlabel="accuracy (%)", title=f"LeNet x{width}")
            axes.set_yticks(
                [-place for place in range(len(labels))], [f"{change}, rate {rate:g}" for change, rate in labels]
            )
        axes.legend(loc="lower right")


if __name__ == "__main__":
    run_script(main)
