"""What lowers robust overfitting on real images, and is it what the model says?

Digits, MNIST and CIFAR-10 (in CGROSIM_DATA, else downloaded; with --toy digits only): adversarial trainings from one
start with several weight decays, label smoothings and batch sizes, at the last epoch (filled) and stopped early (open).
Look for: enough weight decay takes the fit of attacked training images (squares) away, as in the model; the robust test
accuracy (circles) falls with it on digits and MNIST, and gains some points on CIFAR-10: in the model it would be cured.
Small networks and few images: sizes for an hour of a laptop, not for a record. Trainings are kept in OUT/images_cures,
also those of `cgrosim images cures --out OUT/images_cures/NAME` with the options below, and a rerun goes on with them;
--workers N trains side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import run_images, run_script, start

from cgrosim.figures import save_figure
from cgrosim.figures.image_cures import image_cures_figure
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.catalogue.cures import PUBLISHED, Options
from cgrosim.images.experiments.cure_rows import columns, sentences, warnings

MEASURED = {"attack_steps": 4, "evaluation_steps": 4, "evaluation_samples": 1000, "subset": 1000, "validation": 500,
            "batch_size": 16, "weight_decays": (0.0, 5e-3, 5e-2), "label_smoothings": (0.2,),
            "batch_sizes": (48,)}  # fmt: skip
FULL: dict[str, dict[str, Any]] = {
    "digits": {"width": 4, "weight_decays": (0.0, 5e-4, 5e-3, 2e-2, 5e-2), "label_smoothings": (0.1, 0.3),
               "batch_sizes": (5, 100), "seeds": 3},
    "mnist": {**MEASURED, "width": 4, "radius": 0.2, "epochs": 24, "seeds": 3},
    "cifar-10": {**MEASURED, "architecture": "lenet", "width": 4, "radius": "2/255", "learning_rate": 0.01,
                 "epochs": 32, "seeds": 2},
}  # fmt: skip
TOY: dict[str, dict[str, Any]] = {
    "digits": {"width": 1, "subset": 30, "validation": 20, "epochs": 2, "evaluation_samples": 50, "attack_steps": 1,
               "evaluation_steps": 1, "restarts": 1, "weight_decays": (0.0, 0.05), "label_smoothings": (0.3,)},
}  # fmt: skip
NAMES = {"digits": "Digits", "mnist": "MNIST", "cifar-10": "CIFAR-10"}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train on every data set, or take up what is there; draw the accuracies and write the numbers."""
    experiment = start(__file__, __doc__, argv, parallel=True)
    panels, numbers, params, attacks = {}, {}, {}, {}
    for name, asked in experiment.choose(FULL, TOY).items():
        cures = Options(dataset=name, seed=experiment.seed, **asked).experiment()
        results = run_images(cures, load_dataset(name), experiment.out / experiment.name / name, experiment.workers)
        found, settings = cures.rows(results), cures.settings
        title = f"{NAMES[name]}, {settings.subset} images, radius {settings.attack.radius:.2g}"
        panels[f"{title}, {cures.seeds} seed{'s' * (cures.seeds > 1)}"] = columns(found)
        numbers[name] = {"sentences": [*sentences(found), *warnings(found)], "accuracies": {
            kind: [[row.numbers() for row in each] for each in seeds] for kind, seeds in found.items()
        }}  # fmt: skip
        params[name], attacks[name] = (
            cures.dump(),
            f"{settings.attack_description}; at the end {cures.attack.describe()}",
        )
        print(name, *sentences(found), sep="\n")
    heading = ["Adversarial training of small LeNets; robust accuracy under l_inf PGD, two restarts"]
    figure = image_cures_figure(panels, PUBLISHED, heading)
    save_figure(figure, experiment.out / f"{experiment.name}.png", dpi=experiment.choose(110.0, 50.0))
    return experiment.write_described(params, attacks, [experiment.seed], numbers)


if __name__ == "__main__":
    run_script(main)
