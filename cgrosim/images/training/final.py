"""The numbers a training ends with: last and validation-selected network under a stronger attack, checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cgrosim.images.attacks.evaluation import Evaluation, evaluate
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.training.samples import training_data
from cgrosim.images.training.train import Training, new_network
from cgrosim.model.streams import TrainingStream, stream

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset


@dataclass(frozen=True)
class FinalAccuracies:
    """Accuracies of one network on the measured training and test images.

    Attributes
    ----------
    selected : ``last`` or ``validation-selected``
    epoch : after which the network was taken
    """

    selected: str
    epoch: int
    train: Evaluation
    test: Evaluation

    @property
    def clean_gap(self) -> float:
        """Clean accuracy on training images minus that on test images."""
        return self.train.clean_accuracy - self.test.clean_accuracy

    @property
    def robust_gap(self) -> float:
        """Robust accuracy on training images minus that on test images."""
        return self.train.robust_accuracy - self.test.robust_accuracy

    @property
    def robust_test_error(self) -> float:
        """Standard error of the robust test accuracy over draws of the test images (binomial)."""
        share = self.test.robust_accuracy
        return math.sqrt(share * (1.0 - share) / self.test.samples)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the checks of the attack found on training and test images."""
        return tuple(f"{name}: {text}" for name in ("train", "test") for text in getattr(self, name).warnings)

    def numbers(self) -> dict[str, Any]:
        """Everything for a JSON file."""
        parts = {"train": self.train, "test": self.test}
        found: dict[str, Any] = {"selected": self.selected, "epoch": self.epoch, "attack": self.test.attack.describe()}
        for name, part in parts.items():
            found |= {f"clean_{name}": part.clean_accuracy, f"robust_{name}": part.robust_accuracy}
            found |= {f"{name}_samples": part.samples, f"{name}_zero_gradient_share": part.zero_gradient_share}
            if part.black_box is not None:
                found[f"{name}_black_box"] = {
                    "attack": part.black_box.description,
                    "samples": part.black_box.samples,
                    "accuracy": part.black_box.accuracy,
                    "white_box_accuracy": part.black_box.white_box_accuracy,
                }
        return {**found, "clean_gap": self.clean_gap, "robust_gap": self.robust_gap, "warnings": list(self.warnings)}


def final_accuracies(
    training: Training,
    dataset: Dataset,
    attack: Attack,
    *,
    selected: bool = True,
    black_box_samples: int = 100,
    progress: Callable[[str, float], None] | None = None,
) -> list[FinalAccuracies]:
    """Measure the last network and, if `selected` and validation images were put aside, the one they select.

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
    found = []
    for done, (name, epoch, parameters) in enumerate(networks):
        network = new_network(training.settings.architecture, parameters)
        results = []
        for place, part in enumerate(("train", "test")):
            samples = data.measured[part]
            if progress is not None:
                progress(f"{name} network, {part} images", (2 * done + place) / (2 * len(networks)))
            generator = stream(training.settings.seed, TrainingStream.FINAL, place)
            results.append(
                evaluate(
                    network, samples.images, samples.labels, attack, generator, black_box_samples=black_box_samples
                )
            )
        found.append(FinalAccuracies(name, epoch, *results))
    return found


def overfitting_sentence(found: list[FinalAccuracies]) -> str:
    """Whether clean generalization with robust overfitting is seen in an adversarially trained network.

    Seen means: the robust gap between training and test images is more than three standard errors of the robust test
    accuracy (binomial; the training images are all there are), and the clean gap is less than half of it.
    """
    last = found[0]
    error = max(last.robust_test_error, 0.5 / last.test.samples)  # not 0 where no image, or every one, was robust
    seen = last.robust_gap > 3.0 * error and last.clean_gap < 0.5 * last.robust_gap
    text = (
        f"Clean generalization with robust overfitting {'is' if seen else 'is not'} seen: the last network has "
        f"{_percent(last.test.clean_accuracy)} clean test accuracy (gap {_points(last.clean_gap)}); its robust "
        f"accuracy is {_percent(last.train.robust_accuracy)} on training and {_percent(last.test.robust_accuracy)} on "
        f"test images, a gap of {_points(last.robust_gap)} (standard error {100 * error:.1f})"
    )
    if len(found) < 2:
        return f"{text}."
    drop = found[1].test.robust_accuracy - last.test.robust_accuracy
    noise = "" if abs(drop) > 3.0 * math.hypot(error, found[1].robust_test_error) else ", within the noise"
    return (
        f"{text}. From the validation-selected epoch {found[1].epoch} to the last one the robust test accuracy "
        f"{'falls' if drop >= 0 else 'rises'} by {_points(abs(drop))}{noise}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
