"""Can a network be clean, certified robust on every training ball, and still break on nearly every test point?

A clean classifier (one hidden layer, trained by scikit-learn) gets a ball around every training image: an explicit ReLU
network, exact in l_inf, with sawtooth squares in l_2. Digits, and MNIST where its files are found (CGROSIM_DATA), 1000
images each. Look for: clean test error that of the clean classifier, robust training error 0 (proved by interval
bounds, and no attack breaks a ball), robust test error far above both. Half a minute, with MNIST three.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from common import run_script, start

from cgrosim.claims.image_runs import local_data
from cgrosim.claims.memorising_networks import Measured, Task, image_task, measure_task
from cgrosim.figures import style
from cgrosim.images.data.datasets import load_dataset
from cgrosim.model.streams import stream
from cgrosim.theory.relu_network import ReluNetwork
from cgrosim.theory.representation import classification_margins

SAMPLES, TEST, ATTACKED = 1000, 500, 100
RADII = {"digits": {"linf": 0.2, "l2": 0.5}, "mnist": {"linf": 0.3, "l2": 1.5}}
NORMS = {"linf": r"$\ell_\infty$", "l2": r"$\ell_2$"}
SHOWN = 6
ATTACK = "random point and corner (or sphere point), followed along the gradients of both networks; no pixel box"


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Build, certify and attack the networks; draw errors and adversarial examples."""
    experiment = start(__file__, __doc__, argv)
    seed = experiment.seeds(1)[0]
    generator = stream(seed)
    folder = None if experiment.toy else local_data("mnist")[0]
    names = ["digits"] if folder is None else ["digits", "mnist"]
    cases = [(name, norm) for name in names for norm in NORMS]
    tasks: dict[str, Task] = {}
    found: dict[tuple[str, str], Measured] = {}
    for name, norm in experiment.track(cases, "networks"):
        if name not in tasks:
            data = load_dataset(name, folder if name == "mnist" else None)
            count, test = experiment.choose((SAMPLES, TEST), (100, 60))
            tasks[name] = image_task(data.subset(count, test, generator))
            tasks[name] = replace(tasks[name], clean=trained(tasks[name], seed % 2**31, experiment.choose(300, 30)))
        attacked = experiment.choose(ATTACKED, 20)
        found[name, norm] = measure_task(tasks[name], RADII[name][norm], norm, generator, attacked=attacked,
                                         steps=experiment.choose(10, 2), restarts=1)  # fmt: skip
    with experiment.figure(15.0, 3.0 + 2.6 * len(names)) as figure:
        left, right = figure.subfigures(1, 2, width_ratios=(1.0, 1.25))
        _draw_errors(left.subplots(), found)
        _draw_examples(right, tasks, found)
    numbers = {f"{name} {norm}": _numbers(measured, tasks[name]) for (name, norm), measured in found.items()}
    return experiment.write_described({}, {}, [seed], numbers)


def trained(task: Task, seed: int, epochs: int) -> ReluNetwork:
    """A clean classifier with one hidden layer of 64 units, as an explicit network."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((64,), max_iter=epochs, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a clean classifier need not be the best one
        model.fit(task.points, task.labels)
    return ReluNetwork([weight.T for weight in model.coefs_], model.intercepts_)


def _numbers(measured: Measured, task: Task) -> dict[str, Any]:
    built = measured.classifier
    return {
        "samples": len(task.labels), "input_dimension": task.points.shape[1], "radius": measured.radius,
        "parameters": built.parameter_count, "parameters_by_formula": built.parameter_formula,
        "parameters_of_clean_network": task.clean.parameter_count,
        "certified_robust_training_error": measured.certified_error,
        "smallest_certified_margin": measured.certified_margin,
        "training_balls_attacked": len(measured.attacked_margins),
        "training_balls_broken": int(np.sum(measured.attacked_margins <= 0)),
        "clean_test_error": measured.clean_error, "clean_test_error_of_clean_network": measured.clean_error_before,
        "robust_test_error_found": measured.robust_error,
        "robust_test_error_found_of_clean_network": measured.robust_error_before,
        "test_points_attacked": len(measured.test_points), "test_points_covered": measured.covered,
        "attack": ATTACK,
    }  # fmt: skip


def _draw_errors(axes: Any, found: dict[tuple[str, str], Measured]) -> None:
    rows = (
        ("clean test", "clean_error", style.GREEN),
        ("robust training (certified)", "certified_error", style.BLUE),
        ("robust test (attacked)", "robust_error", style.VERMILION),
    )
    place = np.arange(len(found))
    for k, (text, name, colour) in enumerate(rows):
        height = [getattr(measured, name) for measured in found.values()]
        bars = axes.bar(place + 0.27 * (k - 1), height, 0.25, color=colour, label=text)
        axes.bar_label(bars, [f"{value:.3g}" for value in height], fontsize=style.FONT - 2)
    before = [measured.clean_error_before for measured in found.values()]
    axes.plot(place - 0.27, before, "_", ms=26, mew=2.5, color=style.BLACK, label="clean test, clean network")
    axes.set_xticks(place, [f"{name}\n{NORMS[norm]}, {m.radius:g}" for (name, norm), m in found.items()])
    axes.set(ylabel="error", ylim=(0.0, 1.25), yticks=np.linspace(0.0, 1.0, 6), title="Clean, robust on its balls only")
    axes.legend(loc="upper left", ncols=2, fontsize=style.FONT - 3)


def _draw_examples(figure: Any, tasks: dict[str, Task], found: dict[tuple[str, str], Measured]) -> None:
    """Test images that the network classifies correctly, above the nearest images found that it does not."""
    chosen = {name: found[name, "linf"] for name in tasks}
    grid = figure.subplots(2 * len(chosen), SHOWN, squeeze=False)
    for row, (name, measured) in enumerate(chosen.items()):
        labels = tasks[name].test_labels[: len(measured.test_points)]
        network, side = measured.classifier.network, round(np.sqrt(measured.test_points.shape[1]))
        right = classification_margins(network, measured.test_points, labels) > 0
        fooled = np.flatnonzero(right & (classification_margins(network, measured.adversarial, labels) <= 0))[:SHOWN]
        for line, points in enumerate((measured.test_points, measured.adversarial)):
            for axes in grid[2 * row + line]:
                axes.set_axis_off()
            for axes, index in zip(grid[2 * row + line], fooled, strict=False):
                axes.imshow(points[index].reshape(side, side), cmap="gray_r", vmin=0.0, vmax=1.0)
                says = int(np.argmax(network(points[index])))
                axes.set_title(f"says {says}", color=style.GREEN if line == 0 else style.VERMILION, loc="center")
    figure.suptitle(f"Test images and adversarial examples ({NORMS['linf']})", fontsize=style.FONT + 1, weight="bold")


if __name__ == "__main__":
    run_script(main)
