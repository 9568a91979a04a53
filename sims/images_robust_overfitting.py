"""Is clean generalization with robust overfitting seen on real images, and only under adversarial training?

Digits, MNIST, Fashion-MNIST and CIFAR-10 (in CGROSIM_DATA, else downloaded; with --toy digits only): standard (left)
and adversarial training (right) of the same start on a class-balanced subset. Look for solid and dashed lines: under
adversarial training the robust train and test accuracies (red) part while the clean ones (blue) stay together. Last and
validation-selected network are measured again by a stronger, checked attack. Every training is a file in
OUT/images_robust_overfitting: a rerun goes on where the last one was stopped or killed. Hours, or with --toy seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import run_images, run_script, start

from cgrosim.figures import save_figure
from cgrosim.figures.robust_curves import RobustCurves, robust_curves_figure
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.accuracies import rows_of
from cgrosim.images.experiments.catalogue.train import TITLES, RobustOverfitting
from cgrosim.images.training.defaults import default_settings, final_attack
from cgrosim.images.training.final import overfitting_sentence
from cgrosim.images.training.train import Training

# data set -> changes of its default settings
FULL: dict[str, dict[str, Any]] = {
    "digits": {},
    "mnist": {"evaluation_samples": 500},
    "fashion-mnist": {"evaluation_samples": 500},
    "cifar-10": {"evaluation_samples": 300},
}
TOY: dict[str, dict[str, Any]] = {
    "digits": {"width": 1, "subset": 30, "validation": 20, "epochs": 3, "evaluation_samples": 50, "attack_steps": 2,
               "evaluation_steps": 2},
}  # fmt: skip
NAMES = {"digits": "Digits", "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar-10": "CIFAR-10"}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train both ways on every data set, or go on with it; draw the courses and write the numbers."""
    experiment = start(__file__, __doc__, argv)
    seed = experiment.seeds(1)[0]
    folder = experiment.out / experiment.name
    cases = {
        name: default_settings(name, seed=seed, **changes) for name, changes in experiment.choose(FULL, TOY).items()
    }
    panels: list[RobustCurves] = []
    numbers: dict[str, Any] = {}
    restarts, checked = experiment.choose((5, 100), (1, 5))
    for name, settings in cases.items():
        both = RobustOverfitting(settings, final_attack(settings, restarts), checked)
        results = run_images(both, load_dataset(name), folder / name)
        rows = {kind: rows_of(results, kind) for kind in TITLES}
        numbers[name] = {
            **{kind: [row.numbers() for row in each] for kind, each in rows.items()},
            "sentence": overfitting_sentence(rows["adversarial"]),
            "final attack": both.attack.describe(),
        }
        panels += [_panel(name, kind, results[kind]) for kind in TITLES]
        print(f"{name}: {numbers[name]['sentence']}")
    heading = [
        f"Class-balanced subsets of real images, standard and adversarial training of the same start, seed {seed}"
    ]
    save_figure(
        robust_curves_figure(panels, heading),
        experiment.out / f"{experiment.name}.png",
        dpi=experiment.choose(110.0, 50.0),
    )
    params = {name: settings.dump() for name, settings in cases.items()}
    attacks = {name: settings.attack_description for name, settings in cases.items()}
    return experiment.write_described(params, attacks, [seed], numbers)


def _panel(name: str, kind: str, training: Training) -> RobustCurves:
    settings = training.settings
    loss = f" in {settings.adversarial_weight:g} of the loss" if settings.adversarial_weight < 1.0 else ""
    trained = f", trained against PGD-{settings.attack.steps}{loss}" if kind == "adversarial" else ""
    robust = settings.evaluation_attack.describe()
    note = f"{settings.subset} images, {settings.architecture.name}{trained}; robust: {robust}"
    best = training.best_epoch if kind == "adversarial" else None
    return RobustCurves(f"{NAMES[name]}, {kind}", training.history, best, note)


if __name__ == "__main__":
    run_script(main)
