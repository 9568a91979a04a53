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

import sys
from collections.abc import Sequence
from typing import Any

from common import Experiment, run_script, start

from cgrosim.figures import save_figure
from cgrosim.figures.landscape import landscape_figure
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.landscape import Search
from cgrosim.images.experiments.landscape_statistics import contrasts, curves, last_epoch, note, numbers, sentence
from cgrosim.images.experiments.landscape_study import run_study, study_of
from cgrosim.images.training.defaults import default_settings
from cgrosim.images.training.train import new_network, train

FULL = {"dataset": "mnist", "radius": 0.1, "epochs": 60, "batch_size": 50, "learning_rate": 0.01,
        "adversarial_weight": 1.0, "validation": 0, "evaluation_samples": 200}  # fmt: skip
TOY = {"dataset": "digits", "width": 1, "epochs": 2, "subset": 100, "validation": 0, "evaluation_samples": 50}
NETWORKS, POINTS, SEARCH = (5, 2), (100, 10), (Search(steps=10), Search(steps=2, randoms=1, segments=1))  # full, toy


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train both, measure the kept networks, draw, and say what was seen."""
    experiment = start(__file__, __doc__, argv)
    seed = experiment.seeds(1)[0]
    settings = default_settings(**experiment.choose(FULL, TOY), seed=seed)
    study = study_of(settings, *(experiment.choose(*pair) for pair in (NETWORKS, POINTS, SEARCH)))
    dataset = load_dataset(settings.dataset)
    place = experiment.out / f"{experiment.name}_runs" / f"{settings.dataset}{'_toy' if experiment.toy else ''}"
    trainings = {
        name: train(each, dataset, checkpoint=place / f"{name}.npz", progress=progress_of(experiment, f"{name}, "))
        for name, each in study.trainings.items()
    }
    data = run_study(study, dataset, trainings, place / "landscape.nc", new_network, progress_of(experiment))
    means, found = curves(data), {}
    for name in trainings:
        epoch = last_epoch(data, name)
        found[name] = {} if epoch is None else contrasts(data, name, epoch)
        for quantity, each in found[name].items():
            print(sentence(name, epoch or 0, quantity, each))
    notes = {(q, name): note(data, each) for name, both in found.items() for q, each in both.items()}
    path = experiment.out / f"{experiment.name}.png"
    save_figure(landscape_figure(means, notes), path, dpi=experiment.choose(150.0, 50.0))
    told = {name: {q: numbers(each) for q, each in both.items()} for name, both in found.items()}
    return experiment.write_described(
        {name: each.dump() for name, each in study.trainings.items()},
        {**{name: each.attack_description for name, each in study.trainings.items()}, "search": data.attrs["search"]},
        [seed],
        {"contrasts": told, "means": course(means), "accuracy": accuracies(trainings)},
    )


def progress_of(experiment: Experiment, work: str = "measuring ") -> Any:
    """One line on standard error."""
    begin = f"\r{experiment.name}: {work}"
    return lambda what, share: print(f"{begin}{what}, {share:.0%}     ", end="", file=sys.stderr, flush=True)


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
