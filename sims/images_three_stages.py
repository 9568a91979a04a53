"""Are the theory's three stages seen on real images, and is it the attack that makes the difference?

The theory's two-layer patch network learns pairs of digits, from the same start without and with attack. The class-mean
part of every patch takes the place of the theory's true feature, the residual that of its noise (left: the signal's
part U of the margin; middle: the residual's margin R, training against fresh samples; right: robust accuracy). Where
the theory's picture holds, U grows and stalls, R of the training samples leaves that of fresh samples behind under
attack only, and with it robust training accuracy the robust test accuracy. Which stages count as seen is decided by the
rules in the JSON file. Runs go on where they were stopped. Twenty minutes; MNIST is looked for in CGROSIM_DATA.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from common import Experiment, run_images, run_script, start

from cgrosim.figures import style
from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.datasets import Dataset, load_dataset
from cgrosim.images.experiments.catalogue.stages import ThreeStages
from cgrosim.images.experiments.stage_rules import RULES
from cgrosim.images.experiments.stage_settings import StageSettings

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
SEEDS = 3
TOY = ((DIGITS, (0, 1), 20, CLASS_MEAN),)
LOOKS = {
    "standard": {"color": style.BLUE, "lw": 2.0, "ls": (0, (4, 1.5))},
    "adversarial": {"color": style.VERMILION, "lw": 2.8},
}
Pair = dict[str, Any]  # runs by "standard" and "adversarial"


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train every pair, judge the stages, and draw the courses."""
    experiment = start(__file__, __doc__, argv)
    seeds = experiment.seeds(experiment.choose(SEEDS, 1))
    datasets: dict[str, Dataset] = {}
    runs: dict[str, list[Pair]] = {}
    settings = {}
    cases = [(case, seed) for case in experiment.choose(CASES, TOY) for seed in seeds]
    for (data, classes, samples, attack), seed in experiment.track(cases, "pairs of runs"):
        size = experiment.choose({}, {"steps": 150, "filters": 6, "records": 5, "test_samples": 40})
        chosen = StageSettings(
            **{**data, **attack, "samples": samples, "seed": seed, "classes": classes, **size},
            class_names=tuple(str(k) for k in classes),
        )
        name, label = chosen.dataset, label_of(chosen)
        if name not in datasets:
            datasets[name] = load_dataset(name)
        settings.setdefault(label, chosen)
        runs.setdefault(label, []).append(pair(experiment, chosen, datasets[name], label))
    draw(experiment, runs)
    numbers = {
        "rules": RULES,
        "runs": {label: {name: [told(two[name]) for two in pairs] for name in LOOKS} for label, pairs in runs.items()},
    }
    return experiment.write_described(
        {label: each.dump() for label, each in settings.items()},
        {label: each.attack_description for label, each in settings.items()},
        seeds,
        numbers,
    )


def label_of(settings: StageSettings) -> str:
    """Data, classes, number of training samples and attack in a few words."""
    samples = "all" if settings.samples is None else settings.samples
    kind = "class-mean attack" if isinstance(settings.attack, ClassMeanAttack) else "l∞ PGD, radius 0.1"
    return f"{settings.dataset} {settings.classes[0]}/{settings.classes[1]}, N = {samples}, {kind}"


def pair(experiment: Experiment, settings: StageSettings, dataset: Dataset, label: str) -> Pair:
    """Standard and adversarial training of one start; each goes on from its file."""
    stem = "".join(letter if letter.isalnum() else "_" for letter in label)
    place = experiment.out / f"{experiment.name}_runs" / f"{stem}_{settings.seed}{'_toy' if experiment.toy else ''}"
    results = run_images(ThreeStages(settings), dataset, place)
    return {name: results[name] for name in LOOKS}


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


def draw(experiment: Experiment, runs: dict[str, list[Pair]]) -> None:
    """One row a case, all seeds in it: signal, residuals, robust accuracy."""
    with experiment.figure(19.0, 3.5 * len(runs) + 1.2, title(runs)) as figure:
        rows = figure.subplots(len(runs), 3, squeeze=False, sharex="row")
        for panels, (label, pairs) in zip(rows, runs.items(), strict=True):
            for nth, two in enumerate(pairs):
                for name, run in two.items():
                    course(panels, name, run.isel(step=slice(1, None)), first=nth == 0)
            marks = "\n".join(f"{name}: {seen([two[name] for two in pairs])}" for name in LOOKS)
            panels[0].set_title(f"{label}\n{marks}", fontsize=style.FONT)
            panels[0].axhline(1.0, color=style.GREY, lw=1.2, ls=":")
            panels[0].set(xscale="log", ylabel="signal margin U")
            residual_axis(panels[1])
            panels[2].set(ylim=(-0.03, 1.05), ylabel="robust accuracy")
        for axes in rows[-1]:
            axes.set_xlabel("gradient step")
        for axes in rows[0]:
            axes.legend(loc="upper left", fontsize=style.FONT - 2)


def residual_axis(axes: Any) -> None:
    """Linear between -1 and 1, where the threshold is, logarithmic beyond, in every row with the same ticks."""
    axes.set_yscale("symlog", linthresh=1.0)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -1.0), max(high, 10.0))
    axes.set_yticks([tick for tick in (-10.0, -1.0, 0.0, 1.0, 10.0) if tick >= axes.get_ylim()[0]])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.axhline(0.7, color=style.GREY, lw=1.2, ls=":")
    axes.set_ylabel("median residual margin R")


def title(runs: dict[str, list[Pair]]) -> str:
    """Both attacks in full, and what the lines are."""
    every = [run for pairs in runs.values() for two in pairs for run in two.values()]
    measured = sorted({run.attrs["attack"].partition("; measured by ")[2] for run in every})
    count = len(next(iter(runs.values())))
    return "Robust: " + ";\n".join(measured) + f". Seeds: {count}. Dotted: thresholds of the rules."


def seen(runs: list[Any]) -> str:
    """How many of the runs showed each stage."""
    judged = [json.loads(run.attrs["stages"]) for run in runs]
    counts = [(stage["stage"].split()[0], sum(each[k]["seen"] for each in judged)) for k, stage in enumerate(judged[0])]
    return "stage seen: " + ", ".join(f"{name} {count}/{len(runs)}" for name, count in counts)


def course(panels: Any, name: str, run: Any, first: bool) -> None:
    """Draw one run: full width for training samples, thin with dots for fresh ones; the first seed names the lines."""
    look, steps = LOOKS[name], run.step.values
    thin = {**look, "lw": 1.1, "marker": "o", "ms": 4.0, "markevery": max(1, len(steps) // 12)}
    lines = (
        (panels[0], run.signal_margin.mean("class"), name, look),
        (panels[1], np.median(run.residual_margin, axis=1), f"{name}, training", look),
        (panels[1], np.median(run.fresh_residual_margin, axis=1), f"{name}, fresh", thin),
        (panels[2], run.robust_train_accuracy, f"{name}, train", look),
        (panels[2], run.robust_test_accuracy, f"{name}, test", thin),
    )
    for axes, values, label, how in lines:
        axes.plot(steps, values, label=label if first else None, alpha=1.0 if first else 0.6, **how)


if __name__ == "__main__":
    run_script(main)
