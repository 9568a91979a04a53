"""Does Table 1 of the paper come out on all of MNIST: too narrow is constant, wide enough fits and keeps a robust gap?

LeNets of six widths, all 60,000 training images of MNIST (in CGROSIM_DATA, else downloaded; digits with --toy), l_inf
radius 0.3, in two ways: attacked at the full radius from the first step on, and with a radius that grows over the first
half; measured on 10,000 training images and all test images. Look for the widths that end in a constant prediction,
beside the paper's (open). Six hours for one core, in as many sittings as one likes: what stands in
OUT/images_table_one.json is not trained again, the table is written after every training, and one that was stopped
(Ctrl-C, or `timeout -s INT 3h python sims/images_table_one.py`) goes on from its last epoch, in --networks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common import Experiment, run_script, start

from cgrosim.errors import FileError, UserError
from cgrosim.figures import save_figure
from cgrosim.figures.capacity import CapacityPanel, capacity_figure
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.capacity_statistics import Result, summarise
from cgrosim.images.experiments.catalogue.capacity import PAPER_MNIST
from cgrosim.images.training.defaults import default_settings
from cgrosim.images.training.final import final_accuracies
from cgrosim.images.training.settings import Settings
from cgrosim.images.training.train import train

WIDTHS, MANY, SEEDS = (1, 2, 4, 8, 12, 16), 8, 3  # so many seeds up to that width, one beyond it
WAYS: dict[str, dict[str, Any]] = {"full radius": {}, "growing radius": {"radius_warmup": 0.5}}
FULL = {"subset": None, "validation": 0, "epochs": 12, "batch_size": 50, "learning_rate": 0.01, "attack_steps": 7,
        "adversarial_weight": 1.0, "evaluation_samples": 500, "evaluation_steps": 10}  # fmt: skip
TOY = {"subset": 60, "validation": 0, "epochs": 2, "evaluation_samples": 60, "attack_steps": 2, "evaluation_steps": 2}
COURSE = ("train_loss", "clean_train", "robust_train", "clean_test", "robust_test")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Do what is missing of the table: all widths of the first seed, from narrow to wide, then the other seeds."""
    run = start(__file__, __doc__, argv, networks=True)
    name, widths = run.choose("mnist", "digits"), run.choose(WIDTHS, (1,))
    asked = {
        f"{way}, x{width}, seed {seed}": default_settings(
            name, width=width, seed=seed, **run.choose(FULL, TOY), **changes
        )
        for place, seed in enumerate(run.seeds(run.choose(SEEDS, 1)))
        for width in widths
        for way, changes in WAYS.items()
        if place == 0 or width <= MANY
    }
    data, radius = load_dataset(name), next(iter(asked.values())).attack.radius
    attack = Attack.pgd("linf", radius, run.choose(20, 4), restarts=run.choose(2, 1))
    rows, told = _kept(run, asked), None
    for label, settings in asked.items():
        if label not in rows:
            rows[label] = _trained(run, label, settings, data, attack)
            told = _write(run, asked, rows, attack)
    return told or _write(run, asked, rows, attack)


def _kept(run: Experiment, asked: Mapping[str, Settings]) -> dict[str, Any]:
    """What stands in the table already, of the same trainings."""
    path = run.out / f"{run.name}.json"
    if not path.exists():
        return {}
    try:
        told = json.loads(path.read_text())
        rows: dict[str, Any] = told["numbers"]["rows"]
        for row in rows.values():
            Result.load(row["result"])
        same = all(told["params"][label] == json.loads(json.dumps(asked[label].dump())) for label in rows)
    except (ValueError, KeyError, TypeError, UserError) as error:
        raise FileError(f"{path} is no table of this script ({error}); choose another --out, or remove it.") from None
    if not same:
        raise FileError(f"{path} is a table of other settings; choose another --out, or remove it.")
    return rows


def _trained(run: Experiment, label: str, settings: Settings, data: Any, attack: Attack) -> dict[str, Any]:
    """The result of a training, its course over the epochs, and what it cost."""
    done: list[int] = []
    began, place = time.process_time(), run.networks / f"{label.replace(', ', '-').replace(' ', '_')}.npz"
    found = train(settings, data, checkpoint=place, progress=run.telling(label), on_epoch=lambda e, _: done.append(e))
    if found.status == "interrupted":
        raise KeyboardInterrupt
    spent = time.process_time() - began
    whole = replace(found, settings=settings.replace(evaluation_samples=run.choose(10_000, 60)))
    (last,) = final_accuracies(whole, data, attack, selected=False, black_box_samples=run.choose(100, 2))
    size = settings.architecture.parameter_count
    width = int(settings.architecture.name.rpartition("x")[2])
    result = Result(width, settings.seed, True, size, last, None, found.status, found.message, found.seconds)
    return {
        "result": result.dump(),
        "course": {name: found.history[name].tolist() for name in COURSE},
        "hours": found.seconds / 3600.0,
        # of the epochs of this sitting, for all epochs; none where an earlier one did them all
        "processor_hours": spent / len(done) * settings.epochs / 3600.0 if done else None,
    }


def _write(run: Experiment, asked: Mapping[str, Settings], rows: dict[str, Any], attack: Attack) -> dict[str, Any]:
    """The table so far, beside the paper's, and what is missing of it."""
    results = {label: Result.load(rows[label]["result"]) for label in asked if label in rows}
    ways = {way: [each for label, each in results.items() if label.startswith(way)] for way in WAYS}
    first = next(iter(asked.values()))
    sizes = {settings.architecture.name: settings.architecture.parameter_count for settings in asked.values()}
    paper = {sizes[f"lenet-x{w}"]: v for w, v in PAPER_MNIST.items() if f"lenet-x{w}" in sizes and not run.toy}
    panels = [
        CapacityPanel(way.capitalize(),
                      summarise(each), paper, "arXiv 2306.01271, Table 1")
        for way, each in ways.items()
    ]  # fmt: skip
    heading = [
        f"{first.dataset}, {first.subset or 'all'} training images, LeNets, {first.epochs} epochs, one dot a seed",
        f"adversarial training against {first.attack.describe()}",
        f"robust: {attack.describe()}",
    ]
    save_figure(capacity_figure(panels, heading), run.out / f"{run.name}.png", dpi=run.choose(130.0, 50.0))
    seeds = list(dict.fromkeys(settings.seed for settings in asked.values()))
    return run.write_described(
        {label: settings.dump() for label, settings in asked.items()},
        {
            label: f"trained against {s.attack.describe()}; measured by {attack.describe()}"
            for label, s in asked.items()
        },
        seeds,
        {"paper": PAPER_MNIST, "rows": rows, "missing": [label for label in asked if label not in rows]},
    )


if __name__ == "__main__":
    run_script(main)
