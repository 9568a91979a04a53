"""How does what adversarial training reaches depend on the capacity of the network?

LeNet of several widths on the same images of MNIST (in CGROSIM_DATA, else downloaded; digits with --toy), adversarial
and standard training, several seeds; Table 1 of the paper in the small. Look for robust train accuracy rising with
width to 100 % while the robust generalisation gap stays, clean test accuracy high throughout, and below a capacity the
collapse to a constant prediction. Every training is a file in OUT/images_capacity: a rerun goes on. An hour, or with
--toy seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from common import run_script, start

from cgrosim.figures import save_figure
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.capacity import Result, Sweep, run_sweep
from cgrosim.images.experiments.capacity_report import attack_line, draw, numbers, sentences
from cgrosim.images.experiments.capacity_statistics import statements
from cgrosim.images.training.defaults import default_settings

WIDTHS, SEEDS = (1, 2, 4, 8, 16), 3
# Half of the loss is clean: at radius 0.3 a thousand images are too few to leave the constant prediction otherwise.
FULL = {"subset": 1000, "validation": 200, "epochs": 80, "batch_size": 25, "learning_rate": 0.03,
        "adversarial_weight": 0.5, "evaluation_samples": 500, "evaluation_steps": 3}  # fmt: skip
TOY = {"subset": 60, "validation": 20, "epochs": 3, "evaluation_samples": 60, "attack_steps": 2, "evaluation_steps": 2}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the sweep, or go on with it, and draw it."""
    experiment = start(__file__, __doc__, argv)
    name = experiment.choose("mnist", "digits")
    seeds = experiment.seeds(experiment.choose(SEEDS, 2))
    settings = default_settings(name, **experiment.choose(FULL, TOY))
    widths = experiment.choose(WIDTHS, (1, 2))
    attack = Attack.pgd("linf", settings.attack.radius, experiment.choose(20, 4), restarts=experiment.choose(2, 1))
    checked = experiment.choose(100, 2)
    sweep = Sweep(settings, widths, tuple(seeds), attack, black_box_samples=checked)
    dataset = load_dataset(name)
    results: list[Result] = []
    for result in run_sweep(sweep, dataset, experiment.out / experiment.name, _tell):
        if not isinstance(result, Result):
            raise KeyboardInterrupt
        results.append(result)
    print(file=sys.stderr)
    told = statements(results)
    for sentence in sentences(told):
        print(sentence)
    save_figure(draw(sweep, results), experiment.out / f"{experiment.name}.png", dpi=experiment.choose(150.0, 50.0))
    params = {"sweep": {**settings.dump(), "widths": widths}}
    return experiment.write_described(params, {"sweep": attack_line(sweep)}, seeds, numbers(results, told))


def _tell(text: str, share: float) -> None:
    """How far the sweep is, on standard error."""
    print(f"\r{text}: {share:.1%} of the sweep" + " " * 20, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_script(main)
