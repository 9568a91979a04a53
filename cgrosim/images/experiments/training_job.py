"""The job that trains a network: its file holds the networks, its cell the curves and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cgrosim.files.cells import Variable
from cgrosim.images.experiments.experiment import Job, multiplications
from cgrosim.images.training.measuring import measured_names
from cgrosim.images.training.settings import Settings
from cgrosim.progress import Progress

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.file import Training

CURVES = {"learning_rate": ("learning rate of the epoch's last step", "1"), "train_loss": ("mean of the loss", "nat")}
SETTINGS = ("weight_decay", "label_smoothing", "batch_size", "adversarial_weight")
NUMBERS = {
    "parameters": ("numbers that are trained", "1"),
    "epochs_done": ("whole epochs", "epoch"),
    "best_epoch": ("epoch that validation selects", "epoch"),
    "best_accuracy": ("robust validation accuracy by which it was selected", "1"),
    "seconds": ("time spent on training and measuring", "s"),
}


class TrainingJob(Job):
    """A training; FOLDER/NAME.npz is written after every epoch, and gone on with."""

    kind: ClassVar[str] = "training"

    settings: Settings

    def run(self, data: Dataset, given: Mapping[str, Any], folder: Path | None, tell: Progress) -> Training:
        """Train; Ctrl-C ends it after the last whole epoch."""
        from cgrosim.images.training.train import train

        checkpoint = None if folder is None else folder / f"{self.name}.npz"
        return train(self.settings, data, checkpoint=checkpoint, progress=tell)

    def cost(self, data: Dataset) -> float:
        """In multiplications."""
        from cgrosim.images.training.train import work

        return work(self.settings, data) * multiplications(self.settings.architecture)

    def variables(self) -> tuple[Variable, ...]:
        """What every epoch was measured by, and numbers of the whole training."""
        measured = {name: (f"{name.replace('_', ' ')} accuracy after the epoch", "1") for name in self._measured}
        fields = Settings.model_fields
        single = {**NUMBERS, **{name: (str(fields[name].description), "1") for name in SETTINGS}}
        return (
            *(Variable(name, ("epoch",), "float64", *about) for name, about in {**CURVES, **measured}.items()),
            *(Variable(name, (), "float64", *about) for name, about in single.items()),
        )

    def labels(self) -> Mapping[str, Sequence[Any]]:
        """The epochs."""
        return {"epoch": range(1, self.settings.epochs + 1)}

    def cell(self, result: Training) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its history, as far as it came, and its numbers."""
        numbers = {
            "parameters": self.settings.architecture.parameter_count,
            "epochs_done": result.epochs_done,
            "best_epoch": result.best_epoch,
            "best_accuracy": result.best_accuracy,
            "seconds": result.seconds,
            **{name: getattr(self.settings, name) for name in SETTINGS},
        }
        curves = {name: result.history[name] for name in (*CURVES, *self._measured) if name in result.history}
        return {**curves, **{name: np.float64(np.nan if v is None else v) for name, v in numbers.items()}}, {}

    @property
    def _measured(self) -> tuple[str, ...]:
        return measured_names(self.settings)
