"""Is the loss of an adversarially trained network flat around training points, inside the training radius only?

Standard and adversarial training of a LeNet on 1000 MNIST images (toy: digits), from the same start. Around training
and test points the largest gradient norm and the largest change of the loss within radius r are sought, over r and over
the epochs; what is found are lower bounds of the maxima. The paper reports that training points are flat inside the
training radius and sharp beyond it, test points less so. In the JSON file stand the ratio test / train at the training
radius and the growth from there to 1.5 times that radius, with intervals, and whether they say so. The radius is 0.1
because adversarial training of this network on 1000 images left the trivial solution (loss log 10) neither at 0.2, in
12 epochs, nor at 0.3, in 60. Trainings and measurements go on where they were stopped. A quarter of an hour on an idle
core; MNIST is looked for in CGROSIM_DATA.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import run_images, run_script, start

from cgrosim.figures import save_figure
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.catalogue.landscape import landscape_of
from cgrosim.images.experiments.landscape_search import Search
from cgrosim.images.experiments.landscape_statistics import contrasts, curves, last_epoch, numbers
from cgrosim.images.training.defaults import default_settings

FULL = {"dataset": "mnist", "radius": 0.1, "epochs": 60, "batch_size": 50, "learning_rate": 0.01,
        "adversarial_weight": 1.0, "validation": 0, "evaluation_samples": 200}  # fmt: skip
TOY = {"dataset": "digits", "width": 1, "epochs": 2, "subset": 100, "validation": 0, "evaluation_samples": 50}
NETWORKS, POINTS, SEARCH = (5, 2), (100, 10), (Search(steps=10), Search(steps=2, randoms=1, segments=1))  # full, toy


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train both, measure the kept networks, draw, and say what was seen."""
    run = start(__file__, __doc__, argv)
    seed = run.seeds(1)[0]
    settings = default_settings(**run.choose(FULL, TOY), seed=seed)
    study = landscape_of(settings, run.choose(*NETWORKS), run.choose(*POINTS), search=run.choose(*SEARCH))
    place = run.out / f"{run.name}_runs" / f"{settings.dataset}{'_toy' if run.toy else ''}"
    results = run_images(study, load_dataset(settings.dataset), place)
    found, data = study.conclude(results), study.dataset(results)
    for sentence in found.sentences:
        print(sentence)
    save_figure(found.figures["landscape"](), run.out / f"{run.name}.png", dpi=run.choose(150.0, 50.0))
    last = {name: last_epoch(data, name) for name in study.trainings}
    told = {
        name: {q: numbers(each) for q, each in contrasts(data, name, epoch).items()}
        for name, epoch in last.items()
        if epoch is not None
    }
    return run.write_described(
        {name: each.dump() for name, each in study.trainings.items()},
        {**{name: each.attack_description for name, each in study.trainings.items()}, "search": data.attrs["search"]},
        [seed],
        {"contrasts": told, "means": course(curves(data)),
         "accuracy": accuracies({name: results[name] for name in study.trainings})},
    )  # fmt: skip


def course(means: Any) -> dict[str, Any]:
    """The curves after every measured epoch."""
    found: dict[str, Any] = {"radius": means["radius"].values, "epoch": means["epoch"].values}
    for name in means["training"].values.tolist():
        for part in means["points_of"].values.tolist():
            chosen = means.sel(training=name, points_of=part)
            found[f"{name}, {part}"] = {q: chosen[q].values for q in ("gradient_norm", "value_change")}
    return found


def accuracies(trainings: Any) -> dict[str, Any]:
    """The last accuracies of each training, by the attack that measured its epochs."""
    kinds = ("clean_train", "robust_train", "clean_test", "robust_test")
    return {name: {kind: float(each.history[kind][-1]) for kind in kinds} for name, each in trainings.items()}


if __name__ == "__main__":
    run_script(main)
