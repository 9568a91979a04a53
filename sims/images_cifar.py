"""Is robust overfitting seen epoch by epoch on CIFAR-10, in the shape of the published logs?

The largest LeNet that two cores train in about an hour (x16, 4.3 million weights) on 19,000 images of CIFAR-10 (in
CGROSIM_DATA, else downloaded; digits with --toy), l_inf radius 8/255, standard and adversarial training of the same
start; 1,000 further training images select an epoch. Look for the robust test accuracy that turns down while the robust
training accuracy rises: best and last epoch under a stronger attack, beside the last epochs of Rice et al. (2020),
whose networks are far larger. Two hours of one core; every training is a file in --networks, and the command goes on
where it was stopped (Ctrl-C, or `timeout -s INT 1h ...`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import run_images, run_script, start

from cgrosim.figures import save_figure
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.accuracies import rows_of
from cgrosim.images.experiments.catalogue.cures import PUBLISHED
from cgrosim.images.experiments.catalogue.train import TITLES, RobustOverfitting
from cgrosim.images.training.defaults import default_settings, final_attack
from cgrosim.images.training.final import overfitting_sentence

# The radius grows at first, because the whole loss is adversarial; the rate falls as in Rice et al.
FULL = {"architecture": "lenet", "width": 16, "subset": None, "validation": 1000, "epochs": 40, "batch_size": 64,
        "learning_rate": 0.01, "schedule": "piecewise:0.5,0.75:0.1", "weight_decay": 5e-4, "adversarial_weight": 1.0,
        "radius_warmup": 0.1, "evaluation_samples": 1000}  # fmt: skip
TOY = {"width": 1, "subset": 30, "validation": 20, "epochs": 3, "evaluation_samples": 50, "attack_steps": 2,
       "evaluation_steps": 2}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train both ways, or go on with it; draw the courses and write the numbers."""
    run = start(__file__, __doc__, argv, networks=True)
    name, seed = run.choose("cifar-10", "digits"), run.seeds(1)[0]
    settings = default_settings(name, seed=seed, **run.choose(FULL, TOY))
    both = RobustOverfitting(settings, final_attack(settings, run.choose(5, 1)), run.choose(100, 5))
    results = run_images(both, load_dataset(name), run.networks)
    rows = {kind: rows_of(results, kind) for kind in TITLES}
    figure = both.draw({kind: results[kind] for kind in TITLES})
    save_figure(figure, run.out / f"{run.name}.png", dpi=run.choose(110.0, 50.0))
    sentence = overfitting_sentence(rows["adversarial"])
    print(sentence)
    courses = {
        kind: {key: values.tolist() for key, values in results[kind].history.items()}
        | {"seconds": results[kind].seconds}
        for kind in TITLES
    }
    published = {decay: dict(zip(("robust_train", "robust_test", "clean_test"), values, strict=True))
                 for decay, values in PUBLISHED.items()}  # fmt: skip
    return run.write_described(
        {kind: results[kind].settings.dump() for kind in TITLES},
        {kind: f"{results[kind].settings.attack_description}; at the end {both.attack.describe()}" for kind in TITLES},
        [seed],
        {"final": {kind: [row.numbers() for row in each] for kind, each in rows.items()}, "courses": courses,
         "published, by weight decay, last epoch": published, "sentence": sentence},
    )  # fmt: skip


if __name__ == "__main__":
    run_script(main)
