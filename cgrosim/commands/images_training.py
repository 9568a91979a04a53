"""Training without and with attacks under one progress bar: shared by the commands on images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cgrosim.commands.terminal import announce_compilation, progress_bar

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.settings import Settings
    from cgrosim.images.training.train import Training

Progress = Callable[[str, float], None]


def train_both(settings: Settings, dataset: Dataset, out: Path) -> dict[str, Training]:
    """Standard and adversarial training of the same start; an interruption ends both."""
    from cgrosim.images.training.train import train, work

    both = {"standard": settings.replace(adversarial_weight=0.0), "adversarial": settings}
    costs = {name: work(each, dataset) for name, each in both.items()}
    announce_compilation("images/network/kernels")
    trainings: dict[str, Training] = {}
    done = 0.0
    with progress_bar("training") as progress:
        for name, each in both.items():
            report = part_of(progress, name, done, costs[name] / sum(costs.values()))
            trainings[name] = train(each, dataset, checkpoint=out / f"{name}.npz", progress=report)
            if trainings[name].status == "interrupted":
                break
            done += costs[name] / sum(costs.values())
    return trainings


def part_of(progress: Progress, name: str, begin: float, share: float) -> Progress:
    """Progress of one part of the work, which begins at `begin` of the whole and is `share` of it."""
    return lambda what, done: progress(f"{name}, {what}", begin + share * done)
