"""Is clean generalization with robust overfitting seen on real images, and only under adversarial training?

Digits, MNIST, Fashion-MNIST and CIFAR-10 (in CGROSIM_DATA, else downloaded; with --toy digits only): standard (left)
and adversarial training (right) of the same start on a class-balanced subset. Look for solid and dashed lines: under
adversarial training the robust train and test accuracies (red) part while the clean ones (blue) stay together. Last and
validation-selected network are measured again by a stronger, checked attack. Every training is a file in
OUT/images_robust_overfitting: a rerun goes on where the last one was stopped or killed. Hours, or with --toy seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import run_script, start

from cgrosim.figures import save_figure
from cgrosim.figures.robust_curves import RobustCurves, robust_curves_figure
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.training.defaults import default_settings, final_attack
from cgrosim.images.training.final import final_accuracies, overfitting_sentence
from cgrosim.images.training.settings import Settings
from cgrosim.images.training.train import Training, train

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
    panels, numbers = [], {}
    for name, settings in cases.items():
        trainings, numbers[name] = _one(name, settings, folder, experiment.choose((5, 100), (1, 5)))
        panels += [_panel(name, kind, training) for kind, training in trainings.items()]
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


def _one(
    name: str, settings: Settings, folder: Path, strength: tuple[int, int]
) -> tuple[dict[str, Training], dict[str, Any]]:
    """Both trainings of one data set and their final numbers under `strength`: restarts, images of Square Attack."""
    dataset = load_dataset(name)
    attack = final_attack(settings, strength[0])
    trainings, rows = {}, {}
    for kind, weight in (("standard", 0.0), ("adversarial", settings.adversarial_weight)):
        tell = _teller(f"{name}, {kind}")
        changed = settings.replace(adversarial_weight=weight)
        trainings[kind] = train(changed, dataset, checkpoint=folder / f"{name}_{kind}.npz", progress=tell)
        if trainings[kind].status == "interrupted":
            raise KeyboardInterrupt
        if trainings[kind].status == "diverged":
            print(f"\n{name}, {kind}: {trainings[kind].message}", file=sys.stderr)
        rows[kind] = final_accuracies(
            trainings[kind], dataset, attack, selected=weight > 0.0, black_box_samples=strength[1], progress=tell
        )
    print(file=sys.stderr)
    found: dict[str, Any] = {kind: [row.numbers() for row in each] for kind, each in rows.items()}
    found |= {"sentence": overfitting_sentence(rows["adversarial"]), "final attack": attack.describe()}
    return trainings, found


def _panel(name: str, kind: str, training: Training) -> RobustCurves:
    settings = training.settings
    loss = f" in {settings.adversarial_weight:g} of the loss" if settings.adversarial_weight < 1.0 else ""
    trained = f", trained against PGD-{settings.attack.steps}{loss}" if kind == "adversarial" else ""
    robust = settings.evaluation_attack.describe()
    note = f"{settings.subset} images, {settings.architecture.name}{trained}; robust: {robust}"
    best = training.best_epoch if kind == "adversarial" else None
    return RobustCurves(f"{NAMES[name]}, {kind}", training.history, best, note)


def _teller(label: str) -> Callable[[str, float], None]:
    """Say how far one training or measurement is, on standard error."""

    def tell(what: str, share: float) -> None:
        print(f"\r{label}: {what}, {share:.1%}" + " " * 20, end="", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    run_script(main)
