"""Do the loss landscapes descend as the epochs go by: around training points on both, around test points on MNIST only?

LeNets on 3,000 images of MNIST (l_inf radius 0.1) and of CIFAR-10 (8/255; both in CGROSIM_DATA, else downloaded;
digits with --toy), adversarial training with a cyclical rate, several seeds. Around training and test points the
largest gradient norm and the largest rise of the loss within radius r are sought after several epochs. Look for: curves
of later epochs (dark) lie below earlier ones around training points; around test points they rise on CIFAR-10. The
numbers are written after every training, and whatever stands in --networks is taken up. A quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import run_images, run_script, start

from cgrosim.figures import save_figure
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.catalogue.landscape import LossLandscape, landscape_of
from cgrosim.images.experiments.landscape_courses import changes, direction, measured_epochs
from cgrosim.images.experiments.landscape_search import Search
from cgrosim.images.experiments.landscape_statistics import QUANTITIES, curves
from cgrosim.images.training.defaults import default_settings

ALIKE = {"subset": 3000, "validation": 0, "batch_size": 50, "schedule": "cyclic", "adversarial_weight": 1.0,
         "architecture": "lenet", "evaluation_samples": 300, "evaluation_steps": 5}  # fmt: skip
FULL: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "mnist": ({**ALIKE, "width": 4, "radius": 0.1, "epochs": 20, "learning_rate": 0.02}, (1, 2, 5, 10, 15, 20)),
    "cifar-10": ({**ALIKE, "width": 8, "radius": "8/255", "epochs": 30, "learning_rate": 0.02}, (1, 2, 5, 10, 20, 30)),
}
TOY: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "digits": ({"width": 1, "epochs": 2, "subset": 60, "validation": 0, "evaluation_samples": 30}, (1, 2)),
}
SEEDS, POINTS, SEARCH = (3, 1), (60, 8), (Search(steps=8), Search(steps=2, randoms=1, segments=1))  # full, toy


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train and measure, the data sets in turn for every seed; draw the first seed, and count what fell and rose."""
    run = start(__file__, __doc__, argv, networks=True)
    params: dict[str, Any] = {}
    attacks: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    seeds, told = run.seeds(run.choose(*SEEDS)), {}
    for place, seed in enumerate(seeds):
        for name, (asked, epochs) in run.choose(FULL, TOY).items():
            settings = default_settings(name, seed=seed, **asked)
            both = landscape_of(settings, epochs, run.choose(*POINTS), search=run.choose(*SEARCH))
            study = both.replace(trainings={"adversarial": both.trainings["adversarial"]})
            results = run_images(study, load_dataset(name), run.networks / f"{name}-seed{seed}")
            label = f"{name}, seed {seed}"
            params[label] = study.trainings["adversarial"].dump()
            attacks[label] = settings.attack_description
            found[label] = _numbers(study, results)
            if place == 0:
                figure = study.conclude(results).figures["landscape_epochs"]()
                save_figure(figure, run.out / f"{run.name}_{name}.png", dpi=run.choose(110.0, 50.0))
            told = run.write_described(params, attacks, seeds, {"trainings": found, "directions": _count(found)})
    return told


def _numbers(study: LossLandscape, results: Any) -> dict[str, Any]:
    """What changed from the first epoch to the last, the means by epoch at the training radius, and the accuracies."""
    data = study.dataset(results)
    assert data is not None  # a study of networks that were measured
    at = curves(data).sel(training="adversarial")
    local, inside = (at.sel(radius=r, method="nearest") for r in (0.0, study.training_radius))
    history = results["adversarial"].history
    return {
        "epochs": data["epoch"].values,
        "compared": measured_epochs(data, "adversarial"),
        "last over first": {
            f"{quantity}, {part}": [float(each.estimate), float(each.low), float(each.high), direction(each)]
            for (quantity, part), each in changes(data, "adversarial").items()
        },
        "means": {
            f"{q}, {part}": inside[q].sel(points_of=part).values for q in QUANTITIES for part in ("train", "test")
        },
        "local": {part: local["gradient_norm"].sel(points_of=part).values for part in ("train", "test")},
        "accuracy": {name: history[name] for name in ("robust_train", "robust_test", "clean_test")},
        "seconds": results["adversarial"].seconds,
    }


def _count(found: dict[str, Any]) -> dict[str, dict[str, int]]:
    """How many trainings of a data set fall, rise or leave it undecided, by quantity and kind of points."""
    counts: dict[str, dict[str, int]] = {}
    for label, numbers in found.items():
        for what, (*_, way) in numbers["last over first"].items():
            each = counts.setdefault(f"{label.split(',')[0]}, {what}", {"falls": 0, "rises": 0, "undecided": 0})
            each[way] += 1
    return counts


if __name__ == "__main__":
    run_script(main)
