"""How does what adversarial training reaches depend on the capacity of the network?

LeNet of several widths on the same images of MNIST (in CGROSIM_DATA, else downloaded; digits with --toy), adversarial
and standard training, several seeds; Table 1 of the paper in the small. Look for robust train accuracy rising with
width to 100 % while the robust generalisation gap stays, clean test accuracy high throughout, and below a capacity the
collapse to a constant prediction. Every training is a file in OUT/images_capacity: a rerun goes on. An hour, or with
--toy seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import run_images, run_script, start

from cgrosim.figures import save_figure
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments.catalogue.capacity import Capacity
from cgrosim.images.training.defaults import default_settings

WIDTHS, SEEDS = (1, 2, 4, 8, 16), 3
# Half of the loss is clean: at radius 0.3 a thousand images are too few to leave the constant prediction otherwise.
FULL = {"subset": 1000, "validation": 200, "epochs": 80, "batch_size": 25, "learning_rate": 0.03,
        "adversarial_weight": 0.5, "evaluation_samples": 500, "evaluation_steps": 3}  # fmt: skip
TOY = {"subset": 60, "validation": 20, "epochs": 3, "evaluation_samples": 60, "attack_steps": 2, "evaluation_steps": 2}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the sweep, or go on with it, and draw it."""
    run = start(__file__, __doc__, argv)
    name, seeds = run.choose("mnist", "digits"), run.seeds(run.choose(SEEDS, 2))
    settings, widths = default_settings(name, **run.choose(FULL, TOY)), run.choose(WIDTHS, (1, 2))
    attack = Attack.pgd("linf", settings.attack.radius, run.choose(20, 4), restarts=run.choose(2, 1))
    sweep = Capacity(settings, widths, tuple(seeds), attack, black_box_samples=run.choose(100, 2))
    found = sweep.conclude(run_images(sweep, load_dataset(name), run.out / run.name))
    for sentence in found.sentences:
        print(sentence)
    save_figure(found.figures["capacity"](), run.out / f"{run.name}.png", dpi=run.choose(150.0, 50.0))
    params = {"sweep": {**settings.dump(), "widths": widths}}
    told = {name: found.records["capacity"][name] for name in ("results", "statements")}
    return run.write_described(params, {"sweep": sweep.attack_line()}, seeds, told)


if __name__ == "__main__":
    run_script(main)
