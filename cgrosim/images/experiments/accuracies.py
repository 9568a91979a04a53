"""The measurement that ends a training: its networks under a stronger, checked attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cgrosim.files.cells import Variable
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.experiments.experiment import Measurement
from cgrosim.images.experiments.training_job import TrainingJob
from cgrosim.progress import Progress

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.final import FinalAccuracies


SHARES = ("clean_train", "robust_train", "clean_test", "robust_test")
NETWORKS = ("last", "validation-selected", "averaged")
NUMBERS: Mapping[str, tuple[type, str, str]] = {
    "epoch": (int, "epoch after which the network was taken", "epoch"),
    **{name: (float, f"{name.replace('_', ' ')} accuracy under the final attack", "1") for name in SHARES},
    "train_samples": (int, "training images measured", "1"),
    "test_samples": (int, "test images measured", "1"),
    "collapsed": (bool, "whether the answer is one class", "1"),
    "train_zero_gradient_share": (float, "share of training images where the gradient vanishes", "1"),
    "test_zero_gradient_share": (float, "share of test images where the gradient vanishes", "1"),
}
"""Numbers of `FinalAccuracies`: type, long name, units; in the table ``final_`` stands before them."""
FINAL = "final_"


class Accuracies(Measurement):
    """Final accuracies of the last, the validation-selected and the averaged network of the training it needs."""

    kind: ClassVar[str] = "accuracies"

    attack: AnyAttack
    selected: bool
    black_box_samples: int = 100

    def measure(self, data: Dataset, given: Mapping[str, Any], tell: Progress) -> dict[str, Any]:
        """``rows``: what `final_accuracies` finds, one dictionary a network."""
        from cgrosim.images.training.final import final_accuracies

        (training,) = given.values()
        found = final_accuracies(
            training,
            data,
            self.attack,
            selected=self.selected,
            black_box_samples=self.black_box_samples,
            progress=tell,
        )
        return {"rows": [each.dump() for each in found]}

    def variables(self) -> tuple[Variable, ...]:
        """Every number of every network."""
        return tuple(Variable(FINAL + name, ("network",), "float64", *about) for name, (_, *about) in NUMBERS.items())

    def labels(self) -> Mapping[str, Sequence[Any]]:
        """The networks."""
        return {"network": NETWORKS}

    def cell(self, result: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Numbers by network, and words: attacks, warnings, and what the black box did."""
        arrays = {name: np.full(len(NETWORKS), np.nan) for name in NUMBERS}
        for row in result["rows"]:
            for name, values in arrays.items():
                values[NETWORKS.index(row["selected"])] = row[name]
        words = [{name: value for name, value in row.items() if name not in NUMBERS} for row in result["rows"]]
        return {FINAL + name: values for name, values in arrays.items()}, {"rows": words}

    def found(self, arrays: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
        """Both put together."""
        rows = []
        for words in plain["rows"]:
            place = NETWORKS.index(words["selected"])
            numbers = {name: kind(arrays[FINAL + name][place]) for name, (kind, *_) in NUMBERS.items()}
            rows.append({**words, **numbers})
        return {"rows": rows}

    def check(self, found: Mapping[str, Any]) -> None:
        """Accuracies between 0 and 1 of the last network and perhaps others, each once."""
        from cgrosim.images.training.final import FinalAccuracies

        rows = [FinalAccuracies.load(row) for row in found["rows"]]
        shares = [getattr(row, name) for row in rows for name in SHARES]
        names = [row.selected for row in rows]
        once = names[:1] == ["last"] and len({*names}) == len(names)
        if len(found) > 1 or not once or not all(0.0 <= share <= 1.0 for share in shares):
            raise ValueError("its accuracies are none")
        if any(min(row.train_samples, row.test_samples) < 1 for row in rows):
            raise ValueError("it measured no image")

    def cost(self, data: Dataset) -> float:
        """Nothing beside the training."""
        return 0.0


def trained_and_measured(
    name: str, settings: Any, attack: AnyAttack, black_box_samples: int = 100
) -> tuple[TrainingJob, Accuracies]:
    """A training and its final accuracies; standard training has no robust accuracy to select an epoch by."""
    adversarial = settings.adversarial_weight > 0.0
    return (
        TrainingJob(name=name, settings=settings),
        Accuracies(
            name=accuracies_of(name),
            needs=(name,),
            attack=attack,
            selected=adversarial,
            black_box_samples=black_box_samples,
        ),
    )


def accuracies_of(name: str) -> str:
    """Name of the measurement of a training."""
    return f"{name}-accuracies"


def rows_of(results: Mapping[str, Any], name: str) -> list[FinalAccuracies]:
    """The accuracies of a training, as far as it was measured."""
    from cgrosim.images.training.final import FinalAccuracies

    found = results.get(accuracies_of(name), {"rows": []})
    return [FinalAccuracies.load(row) for row in found["rows"]]
