"""A trained network from its file, with the images it is looked at on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.words import quoted, shown
from cgrosim.images.training.file import Parameters, Training
from cgrosim.progress import Progress

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.network.network import Network


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """One network of a training.

    Attributes
    ----------
    training : everything about it
    epoch : after which the network was taken
    network : compiled
    data : images it is looked at on
    """

    training: Training
    epoch: int
    network: Network
    data: Dataset

    @property
    def same_data(self) -> bool:
        """Whether these are the images of its data set; an old file does not say."""
        return self.training.data in ("", self.data.digest)

    def numbers(self) -> dict[str, Any]:
        """What a record says of it: settings, epoch, data set, digests."""
        return {
            "settings": self.training.settings.dump(),
            "epoch": self.epoch,
            "dataset": self.data.name,
            "data": self.data.digest,
            "trained_on": self.training.data,
        }


def chosen_parameters(training: Training, which: str = "last") -> tuple[int, Parameters]:
    """Epoch and parameters of a network of a training.

    Parameters
    ----------
    which : ``last``; ``selected``, the one with the best robust validation accuracy; ``averaged``, the average that the
        training kept beside it; or the number of an epoch after which the training kept its network

    Raises
    ------
    ParameterError
        If the training has no such network.
    """
    if which == "last":
        return training.epochs_done, training.last
    if which == "selected":
        if training.best is None or training.best_epoch is None:
            raise ParameterError("which is 'selected', but the training put no validation images aside; take 'last'.")
        return training.best_epoch, training.best
    if which == "averaged" and training.averaged is not None:
        return training.epochs_done, {name: each.astype(np.float32) for name, each in training.averaged.items()}
    kept = {str(epoch): epoch for epoch in training.snapshots}
    if which not in kept:
        others = {"selected": training.best, "averaged": training.averaged}
        there = ", ".join(("last", *(name for name, each in others.items() if each is not None), *kept))
        raise ParameterError(f"which is {quoted(which)}, but this training has {there}.")
    return kept[which], training.snapshots[kept[which]]


def open_network(
    path: str | Path,
    dataset: str | Path | None = None,
    *,
    which: str = "last",
    data_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainedNetwork:
    """A trained network from the .npz file of its training, and images to look at it on.

    Parameters
    ----------
    path : file that `Training.save` or ``cgrosim images`` wrote
    dataset : as `load_dataset` takes it; without one the network's own, which must not have changed
    which : network of the training, as `chosen_parameters` takes it
    data_dir : folder of a known data set

    Raises
    ------
    UserError
        If the file is no training, has no such network, or the images do not fit it.
    """
    from cgrosim.images.data.datasets import load_dataset
    from cgrosim.images.training.train import new_network

    training = Training.load(path)
    epoch, parameters = chosen_parameters(training, which)
    name = training.settings.dataset if dataset is None else dataset
    data = load_dataset(name, data_dir, progress=progress)
    architecture = training.settings.architecture
    if (data.input_shape, data.classes) != (architecture.input_shape, architecture.classes):
        raise ParameterError(
            f"{shown(path)} takes images of {architecture.input_shape} and {architecture.classes} classes, but "
            f"{shown(data.name)} has {data.input_shape} and {data.classes}; give images that fit it."
        )
    found = TrainedNetwork(training, epoch, new_network(architecture, parameters), data)
    if dataset is None and not found.same_data:
        raise FileError(
            f"{shown(path)} was trained on other images than {shown(name)} holds now; name the images to look at it on "
            "(--dataset)."
        )
    return found
