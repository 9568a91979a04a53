"""The measurement that ends a training: its networks under a stronger, checked attack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.experiments.experiment import Measurement, TrainingJob
from cgrosim.progress import Progress

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.final import FinalAccuracies


SHARES = ("clean_train", "robust_train", "clean_test", "robust_test")


class Accuracies(Measurement):
    """Final accuracies of the last, the validation-selected and the averaged network of the training it needs."""

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
