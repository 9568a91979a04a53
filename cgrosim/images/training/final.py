"""The numbers a training ends with: last, validation-selected and averaged network under a stronger attack, checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked
from cgrosim.images.attacks.evaluation import Evaluation, evaluate
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.training.samples import training_data
from cgrosim.images.training.train import Training, new_network
from cgrosim.model.settings import SettingsBase
from cgrosim.model.streams import TrainingStream, stream
from cgrosim.progress import Progress

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset


CONSTANT = 0.99  # share of the images in one class from which on a network has collapsed


class FinalAccuracies(SettingsBase):
    """Accuracies in [0, 1] of one network on the measured training and test images, and what the checks found.

    Attributes
    ----------
    selected : ``last``, ``validation-selected`` (of the averages, where weights are averaged) or ``averaged``
    epoch : after which the network was taken
    attack : in words
    collapsed : at least 99 % of the clean training and test images get the same class
    train_zero_gradient_share, test_zero_gradient_share, train_black_box, test_black_box, warnings : of the checks of
        the attack (see `cgrosim.images.attacks.evaluation.evaluate`)
    """

    selected: Literal["last", "validation-selected", "averaged"]
    epoch: int
    attack: str
    clean_train: float
    robust_train: float
    clean_test: float
    robust_test: float
    train_samples: int
    test_samples: int
    collapsed: bool
    train_zero_gradient_share: float = 0.0
    test_zero_gradient_share: float = 0.0
    train_black_box: dict[str, Any] | None = None
    test_black_box: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def clean_gap(self) -> float:
        """Clean accuracy on training images minus that on test images."""
        return self.clean_train - self.clean_test

    @property
    def robust_gap(self) -> float:
        """Robust accuracy on training images minus that on test images."""
        return self.robust_train - self.robust_test

    @property
    def robust_test_error(self) -> float:
        """Standard error of the robust test accuracy over draws of the test images (binomial)."""
        return math.sqrt(self.robust_test * (1.0 - self.robust_test) / self.test_samples)

    def numbers(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        found = {name: value for name, value in self.dump().items() if value is not None}
        return {**found, "clean_gap": self.clean_gap, "robust_gap": self.robust_gap}


def is_constant(predictions: NDArray[Any]) -> bool:
    """The trivial solution: at least 99 of 100 predictions are one class.

    Not all: the logits of a collapsed network are the biases but for a hair, and where the two largest of them tie
    a few images fall on the other side, while the loss stays at that of the constant prediction.
    """
    counts = np.unique(predictions, return_counts=True)[1]
    return bool(counts.max() >= CONSTANT * counts.sum())


@checked
def final_accuracies(
    training: Training,
    dataset: Dataset,
    attack: AnyAttack,
    *,
    selected: bool = True,
    black_box_samples: int = 100,
    progress: Progress | None = None,
) -> list[FinalAccuracies]:
    """Measure the last network, the one that validation images select (if asked for), and the average, if there is one.

    Parameters
    ----------
    dataset : the whole one, as for `train`; measured are the same images as in every epoch
    attack : for instance `cgrosim.images.training.defaults.final_attack`
    black_box_samples : images on which Square Attack checks the attack
    """
    data = training_data(training.settings, dataset)
    networks = [("last", training.epochs_done, training.last)]
    if selected and training.best is not None and training.best_epoch is not None:
        networks.append(("validation-selected", training.best_epoch, training.best))
    if training.averaged is not None:
        networks.append(("averaged", training.epochs_done, training.averaged))
    found = []
    for done, (name, epoch, parameters) in enumerate(networks):
        network = new_network(training.settings.architecture, parameters)
        parts: dict[str, Any] = {}
        warnings: list[str] = []
        for place, part in enumerate(("train", "test")):
            samples = data.measured[part]
            if progress is not None:
                progress(f"{name} network, {part} images", (2 * done + place) / (2 * len(networks)))
            generator = stream(training.settings.seed, TrainingStream.FINAL, place)
            result = evaluate(
                network,
                samples.images,
                samples.labels,
                attack=attack,
                generator=generator,
                black_box_samples=black_box_samples,
            )
            parts |= _named(part, result)
            warnings += [f"{part}: {text}" for text in result.warnings]
        predictions = [network.logits(data.measured[part].images).argmax(axis=1) for part in ("train", "test")]
        constant = is_constant(np.concatenate(predictions))
        found.append(
            FinalAccuracies(
                selected=name, epoch=epoch, attack=attack.describe(), collapsed=constant, warnings=warnings, **parts
            )
        )
    return found


def _named(part: str, result: Evaluation) -> dict[str, Any]:
    """An evaluation of the training or the test images as fields of `FinalAccuracies`."""
    found: dict[str, Any] = {
        f"clean_{part}": result.clean_accuracy,
        f"robust_{part}": result.robust_accuracy,
        f"{part}_samples": result.samples,
        f"{part}_zero_gradient_share": result.zero_gradient_share,
    }
    if result.black_box is not None:
        found[f"{part}_black_box"] = {
            "attack": result.black_box.description,
            "samples": result.black_box.samples,
            "accuracy": result.black_box.accuracy,
            "white_box_accuracy": result.black_box.white_box_accuracy,
        }
    return found


def overfitting_sentence(found: list[FinalAccuracies]) -> str:
    """Whether clean generalization with robust overfitting is seen in an adversarially trained network.

    Seen means: the robust gap between training and test images is more than three standard errors of the robust test
    accuracy (binomial; the training images are all there are), and the clean gap is less than half of it.
    """
    last = found[0]
    error = max(last.robust_test_error, 0.5 / last.test_samples)  # not 0 where no image, or every one, was robust
    seen = last.robust_gap > 3.0 * error and last.clean_gap < 0.5 * last.robust_gap
    text = (
        f"Clean generalization with robust overfitting {'is' if seen else 'is not'} seen: the last network has "
        f"{_percent(last.clean_test)} clean test accuracy (gap {_points(last.clean_gap)}); its robust "
        f"accuracy is {_percent(last.robust_train)} on training and {_percent(last.robust_test)} on "
        f"test images, a gap of {_points(last.robust_gap)} (standard error {100 * error:.1f})"
    )
    best, averaged = (network_of(found, name) for name in ("validation-selected", "averaged"))
    text += "."
    if best is not None:
        end = last if averaged is None else averaged  # of the weights that were selected among
        of = "" if averaged is None else " of the averaged weights"
        drop = best.robust_test - end.robust_test
        text += (
            f" From the validation-selected epoch {best.epoch} to the last one the robust test accuracy{of} "
            f"{'falls' if drop >= 0 else 'rises'} by {_points(abs(drop))}{_noise(drop, error, best)}."
        )
    if averaged is not None:
        gain = averaged.robust_test - last.robust_test
        text += (
            f" The averaged weights have a robust test accuracy of {_percent(averaged.robust_test)}, "
            f"{_points(abs(gain))} {'more' if gain >= 0 else 'less'} than the last ones{_noise(gain, error, averaged)}."
        )
    return text


def network_of(found: list[FinalAccuracies], name: str) -> FinalAccuracies | None:
    """The accuracies of the ``last``, ``validation-selected`` or ``averaged`` network, if it was measured."""
    return next((each for each in found if each.selected == name), None)


def _noise(change: float, error: float, other: FinalAccuracies) -> str:
    return "" if abs(change) > 3.0 * math.hypot(error, other.robust_test_error) else ", within the noise"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
