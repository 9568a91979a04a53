"""The capacity sweep: one training for every width and seed, with the same data, and what came out of each.

Table 1 of arXiv 2306.01271 asks how clean test, robust test and robust train accuracy depend on the width of the
network: a network that is too small for adversarial training ends at the trivial solution, a constant prediction; a
larger one fits the attacked training images while its robust generalisation gap stays.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.kinds import Kind
from cgrosim.files.records import read_record, write_record
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected
from cgrosim.images.training.defaults import ARCHITECTURES
from cgrosim.images.training.settings import Settings

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.file import Training
    from cgrosim.images.training.final import FinalAccuracies

MEASURED = Kind("cgrosim capacity 3", "measurement of a sweep", "another place", "remove it")
CONSTANT = 0.99  # share of the images in one class from which on a network has collapsed
CURVES = ("clean_test", "robust_test", "robust_train")
PAPER_MNIST: Mapping[int, Mapping[str, float]] = {
    1: dict(zip(CURVES, (0.1135, 0.1135, 0.1170), strict=True)),
    8: dict(zip(CURVES, (0.1135, 0.1135, 0.1170), strict=True)),
    12: dict(zip(CURVES, (0.9506, 0.7796, 0.9930), strict=True)),
    16: dict(zip(CURVES, (0.9485, 0.8343, 0.9950), strict=True)),
}
"""Accuracies by width of LeNet on all of MNIST, linf radius 0.3: Table 1 of arXiv 2306.01271."""

Progress = Callable[[str, float], None]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


@dataclass(frozen=True)
class Sweep:
    """What is trained, and how the trained networks are measured.

    Attributes
    ----------
    settings
        Of every training but for architecture and seed. The training images are drawn from the seed alone: all widths
        of one seed have the same ones, and every seed has a draw of its own.
    family, widths
        ``lenet`` or ``stack3x3``, and its capacity factors.
    seeds
        One training each for every width.
    attack
        Of the final measurement, on the images that every epoch is measured on.
    black_box_samples
        Images on which Square Attack checks the attack, for every network.
    control
        Also train every width and seed without attack.

    Raises
    ------
    ParameterError
        If there is nothing to train, or a number makes no sense.
    """

    settings: Settings
    widths: tuple[int, ...]
    seeds: tuple[int, ...]
    attack: Attack
    family: str = "lenet"
    control: bool = True
    black_box_samples: int = 100

    def __post_init__(self) -> None:
        if self.family not in ARCHITECTURES:
            raise ParameterError(f"family is {self.family!r}, but must be one of {', '.join(ARCHITECTURES)}.")
        for name in ("widths", "seeds"):
            values, least = getattr(self, name), 1 if name == "widths" else 0
            if not values or len(set(values)) < len(values) or min(values) < least:
                raise ParameterError(f"{name} are {values}, but must be different whole numbers of at least {least}.")
        if self.settings.adversarial_weight <= 0.0:
            raise ParameterError("adversarial_weight is 0, but the sweep is about adversarial training; take up to 1.")

    def runs(self) -> tuple[tuple[int, int, bool], ...]:
        """(width, seed, adversarial) of every training; a whole table of the first seed comes before the second."""
        kinds = (True, False) if self.control else (True,)
        return tuple((w, seed, kind) for seed in self.seeds for w in sorted(self.widths) for kind in kinds)

    def settings_of(self, width: int, seed: int, adversarial: bool) -> Settings:
        """Settings of one training."""
        base = self.settings.architecture
        weight = self.settings.adversarial_weight if adversarial else 0.0
        network = ARCHITECTURES[self.family](width, base.input_shape, base.classes)
        return self.settings.replace(architecture=network, seed=seed, adversarial_weight=weight)

    def file_of(self, width: int, seed: int, adversarial: bool) -> str:
        """Stem of the files of one training."""
        return f"{self.family}-x{width}-{'adversarial' if adversarial else 'standard'}-seed{seed}"


@dataclass(frozen=True)
class Measured:
    """One network, measured on training and test images.

    Attributes
    ----------
    clean_train, robust_train, clean_test, robust_test : accuracies in [0, 1]
    collapsed : at least 99 % of the clean training and test images get the same class
    epoch : after which the network is taken
    warnings : of the checks of the attack
    """

    clean_train: Share
    robust_train: Share
    clean_test: Share
    robust_test: Share
    collapsed: bool
    epoch: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """One training of the sweep and its networks: the last one, and the one selected on validation images (or None).

    Attributes
    ----------
    parameters : number of trained numbers
    train_samples, test_samples : images measured
    status, message : of the training; a diverged one is measured after its last whole epoch
    """

    width: int
    seed: int
    adversarial: bool
    parameters: int
    last: Measured
    selected: Measured | None
    train_samples: int
    test_samples: int
    status: str
    message: str
    seconds: float


def run_sweep(
    sweep: Sweep, dataset: Dataset, folder: Path, progress: Progress | None = None
) -> Iterator[Result | Training]:
    """Train and measure, or take up what is already in `folder`; every training and every measurement is a file there.

    Yields
    ------
    Result
        Of every training, in the order of `Sweep.runs`.
    Training
        One that was interrupted; nothing comes after it, and another call goes on from there.

    Raises
    ------
    FileError
        If a file in `folder` is damaged, or of a training with other settings.
    """
    from cgrosim.images.training.train import train, work

    settings = [sweep.settings_of(*run) for run in sweep.runs()]
    costs = [work(each, dataset) * multiplications(each.architecture) for each in settings]
    for place, (run, each) in enumerate(zip(sweep.runs(), settings, strict=True)):
        done, share = sum(costs[:place]) / sum(costs), costs[place] / sum(costs)

        def tell(text: str, part: float, run: Any = run, done: float = done, share: float = share) -> None:
            if progress is not None:
                progress(f"{sweep.file_of(*run)}, {text}", done + share * part)

        stem = folder / sweep.file_of(*run)
        training = train(each, dataset, checkpoint=stem.with_suffix(".npz"), progress=tell)
        if training.status == "interrupted":
            yield training
            return
        yield _measured_once(stem.with_suffix(".json"), sweep, run[0], training, dataset)


def multiplications(architecture: Architecture) -> int:
    """Multiplications of one forward pass, to share out a progress bar."""
    total = 0
    shapes = architecture.shapes
    for layer, before, after in zip(architecture.layers, shapes, shapes[1:], strict=False):
        if isinstance(layer, Convolution):
            total += math.prod(after) * layer.size**2 * before[2]
        elif isinstance(layer, FullyConnected):
            total += math.prod(before) * layer.units
    return total


def is_constant(predictions: NDArray[Any]) -> bool:
    """The trivial solution: at least 99 of 100 predictions are one class.

    Not all: the logits of a collapsed network are the biases but for a hair, and where the two largest of them tie
    a few images fall on the other side, while the loss stays at that of the constant prediction.
    """
    counts = np.unique(predictions, return_counts=True)[1]
    return bool(counts.max() >= CONSTANT * counts.sum())


def _measured_once(path: Path, sweep: Sweep, width: int, training: Training, dataset: Dataset) -> Result:
    """The result in the file if it is of this training and measurement; otherwise measure, and write the file."""
    key = {
        "settings": training.settings.dump(),
        "epochs": training.epochs_done,
        "attack": sweep.attack.dump(),
        "black_box_samples": sweep.black_box_samples,
    }
    key = json.loads(json.dumps(key))
    with suppress(FileError):  # not there, or not whole: measuring again costs little beside the training
        found = read_result(path)
        if found.key == key:
            return found.result
    result = _measure(sweep, width, training, dataset)
    write_record(path, {"format": MEASURED.format, "key": key, "result": dataclasses.asdict(result)})
    return result


class MeasuredFile(BaseModel):
    """The file of one result: what it is of, and the result."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: str
    key: dict[str, Any]
    result: Result


def read_result(path: Path) -> MeasuredFile:
    """Read the file of one result.

    Raises
    ------
    FileError
        If it is missing, cut, changed or of another kind.
    """
    content = read_record(path, MEASURED)
    with MEASURED.judging(path):
        return MeasuredFile.model_validate_json(json.dumps(content), strict=True)


def _measure(sweep: Sweep, width: int, training: Training, dataset: Dataset) -> Result:
    from cgrosim.images.training.final import final_accuracies

    settings = training.settings
    adversarial = settings.adversarial_weight > 0.0  # standard training has no robust accuracy to select an epoch by
    checked = sweep.black_box_samples
    found = final_accuracies(training, dataset, sweep.attack, selected=adversarial, black_box_samples=checked)
    networks = [training.last, training.best]
    last, *selected = (
        _measured(settings, parameters or {}, final, dataset)
        for parameters, final in zip(networks, found, strict=False)
    )
    return Result(
        width,
        settings.seed,
        adversarial,
        settings.architecture.parameter_count,
        last,
        selected[0] if selected else None,
        found[0].train.samples,
        found[0].test.samples,
        training.status,
        training.message,
        training.seconds,
    )


def _measured(settings: Settings, parameters: Mapping[str, Any], final: FinalAccuracies, dataset: Dataset) -> Measured:
    """The accuracies, and whether the network tells any two of the measured images apart."""
    from cgrosim.images.training.samples import training_data
    from cgrosim.images.training.train import new_network

    network = new_network(settings.architecture, dict(parameters))
    images = training_data(settings, dataset).measured
    predictions = np.concatenate([network.logits(images[name].images).argmax(axis=1) for name in ("train", "test")])
    return Measured(
        final.train.clean_accuracy,
        final.train.robust_accuracy,
        final.test.clean_accuracy,
        final.test.robust_accuracy,
        is_constant(predictions),
        final.epoch,
        final.warnings,
    )
