"""Are the theory's three stages seen on real images, and is it the attack that makes the difference?

The theory's two-layer patch network learns pairs of digits, from the same start without and with attack. The class-mean
part of every patch takes the place of the theory's true feature, the residual that of its noise (left: the signal's
share U of the margin; middle: the residual's margin R, training against fresh samples; right: robust accuracy). Where
the theory's picture holds, U grows and stalls, R of the training samples leaves that of fresh samples behind under
attack only, and with it robust training accuracy the robust test accuracy. Which stages count as seen is decided by the
rules in the JSON file. Runs go on where they were stopped. Ten minutes and more; MNIST is looked for in CGROSIM_DATA.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from common import Experiment, run_script, start

from cgrosim.plotting import style
from cgrosim.vision.attacks import Attack
from cgrosim.vision.datasets import Dataset, load_dataset
from cgrosim.vision.image_stages import StageSettings, run_stages, stage_data
from cgrosim.vision.patch_model import ClassMeanAttack
from cgrosim.vision.stage_rules import RULES

CLASS_MEAN = {"attack": ClassMeanAttack(0.1)}
PGD = {"attack": Attack.pgd("linf", 0.1, 7), "evaluation_attack": Attack.pgd("linf", 0.1, 20)}
DIGITS: dict[str, Any] = {"dataset": "digits", "patch": 4, "steps": 5000}
MNIST: dict[str, Any] = {
    "dataset": "mnist",
    "patch": 14,
    "steps": 3000,
    "learning_rate": 0.02,
    "initial_scale": 0.03,
    "test_samples": 500,
}
# data, classes, training samples, attack
CASES: tuple[tuple[dict[str, Any], tuple[int, int], int | None, dict[str, Any]], ...] = (
    (DIGITS, (0, 1), 60, CLASS_MEAN),
    (DIGITS, (3, 8), 60, CLASS_MEAN),
    (DIGITS, (0, 1), None, CLASS_MEAN),
    (DIGITS, (3, 8), 60, PGD),
    (MNIST, (0, 1), 200, CLASS_MEAN),
    (MNIST, (3, 8), 200, CLASS_MEAN),
    (MNIST, (3, 8), 1000, CLASS_MEAN),
    (MNIST, (0, 1), 200, PGD),
)
TOY = ((DIGITS, (0, 1), 20, CLASS_MEAN),)
LOOKS = {
    "standard": {"color": style.BLUE, "lw": 2.0, "ls": (0, (4, 1.5))},
    "adversarial": {"color": style.VERMILION, "lw": 2.8},
}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every pair, judge the stages, and draw the courses."""
    experiment = start(__file__, __doc__, argv)
    seed = experiment.seeds(1)[0]
    datasets: dict[str, Dataset] = {}
    runs, settings = {}, {}
    for data, classes, samples, attack in experiment.track(experiment.choose(CASES, TOY), "pairs of runs"):
        size = experiment.choose({}, {"steps": 150, "filters": 6, "records": 5, "test_samples": 40})
        chosen = StageSettings(
            **{**data, **attack, "samples": samples, "seed": seed, "classes": classes, **size},
            class_names=tuple(str(k) for k in classes),
        )
        name, label = chosen.dataset, label_of(chosen)
        if name not in datasets:
            datasets[name] = load_dataset(name)
        settings[label] = chosen
        runs[label] = pair(experiment, chosen, datasets[name], label)
    draw(experiment, runs)
    numbers = {"rules": RULES, "runs": {label: {k: told(run) for k, run in two.items()} for label, two in runs.items()}}
    return experiment.write_described(
        {label: each.model_dump() for label, each in settings.items()},
        {label: each.attack_description for label, each in settings.items()},
        [seed],
        numbers,
    )


def label_of(settings: StageSettings) -> str:
    """Data, classes, number of training samples and attack in a few words."""
    samples = "all" if settings.samples is None else settings.samples
    kind = "class-mean attack" if isinstance(settings.attack, ClassMeanAttack) else "l∞ PGD, radius 0.1"
    return f"{settings.dataset} {settings.classes[0]}/{settings.classes[1]}, N = {samples}, {kind}"


def pair(experiment: Experiment, settings: StageSettings, dataset: Dataset, label: str) -> dict[str, Any]:
    """Standard and adversarial training of one start; each goes on from its file."""
    data, found = stage_data(settings, dataset), {}
    place = experiment.out / f"{experiment.name}_runs"
    stem = "".join(letter if letter.isalnum() else "_" for letter in label)
    for name, weight in (("standard", 0.0), ("adversarial", settings.adversarial_weight)):
        path = place / f"{stem}_{name}{'_toy' if experiment.toy else ''}.npz"
        found[name] = run_stages(settings.replace(adversarial_weight=weight), data, checkpoint=path)
    return found


def told(run: Any) -> dict[str, Any]:
    """The verdicts, the times and the last records of a run."""
    last = run.isel(step=-1)
    names = [f"{kind}_{where}_accuracy" for kind in ("clean", "robust") for where in ("train", "test")]
    return {
        "status": run.attrs["status"],
        "stages": json.loads(run.attrs["stages"]),
        "samples": run.sizes["sample"],
        "fresh": run.sizes["fresh"],
        **{name: float(last[name]) for name in names},
        "signal_margin": float(last.signal_margin.mean()),
        "median_residual_margin": float(last.residual_margin.median()),
        "median_fresh_residual_margin": float(last.fresh_residual_margin.median()),
        "signal_growth_time": float(run.signal_growth_time),
        "signal_stall_time": float(run.signal_stall_time),
        "half_memorized_time": float(run.half_memorized_time),
    }


def draw(experiment: Experiment, runs: dict[str, dict[str, Any]]) -> None:
    """One row a pair: signal, residuals, robust accuracy."""
    with experiment.figure(19.0, 3.5 * len(runs) + 1.2, title(runs)) as figure:
        rows = figure.subplots(len(runs), 3, squeeze=False, sharex="row")
        for panels, (label, two) in zip(rows, runs.items(), strict=True):
            for name, run in two.items():
                course(panels, name, run.isel(step=slice(1, None)))
            marks = "\n".join(f"{name}: {seen(run)}" for name, run in two.items())
            panels[0].set_title(f"{label}\n{marks}", fontsize=style.FONT)
            panels[1].set_yscale("symlog", linthresh=1.0)
            panels[1].axhline(0.7, color=style.GREY, lw=1.2, ls=":")
            panels[0].axhline(1.0, color=style.GREY, lw=1.2, ls=":")
            panels[2].set_ylim(-0.03, 1.05)
            panels[0].set(xscale="log", ylabel="signal margin U")
            panels[1].set_ylabel("median residual margin R")
            panels[2].set_ylabel("robust accuracy")
        for axes in rows[-1]:
            axes.set_xlabel("gradient step")
        for axes in rows[0]:
            axes.legend(loc="upper left", fontsize=style.FONT - 2)


def title(runs: dict[str, dict[str, Any]]) -> str:
    """Both attacks in full, and what the lines are."""
    measured = {run.attrs["attack"].partition("; measured by ")[2] for two in runs.values() for run in two.values()}
    return "Robust: " + ";\n".join(sorted(measured)) + ". Dotted: thresholds of the rules."


def seen(run: Any) -> str:
    """The stages that were seen, by their numerals."""
    found = [v["stage"].split()[0] for v in json.loads(run.attrs["stages"]) if v["seen"]]
    return "stages " + ", ".join(found) + " seen" if found else "no stage seen"


def course(panels: Any, name: str, run: Any) -> None:
    """Draw one run: full width for training samples, thin for fresh ones."""
    look, steps = LOOKS[name], run.step.values
    thin = {**look, "lw": 1.1, "marker": "o", "ms": 4.0, "markevery": max(1, len(steps) // 12)}
    panels[0].plot(steps, run.signal_margin.mean("class"), label=name, **look)
    panels[1].plot(steps, np.median(run.residual_margin, axis=1), label=f"{name}, training", **look)
    panels[1].plot(steps, np.median(run.fresh_residual_margin, axis=1), label=f"{name}, fresh", **thin)
    panels[2].plot(steps, run.robust_train_accuracy, label=f"{name}, train", **look)
    panels[2].plot(steps, run.robust_test_accuracy, label=f"{name}, test", **thin)


if __name__ == "__main__":
    run_script(main)
