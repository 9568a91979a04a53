"""What lowers robust overfitting on real images: weight decays, batch sizes and stopping early, one training each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from cgrosim.files.versions import versions
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.experiments.accuracies import SHARES, rows_of, trained_and_measured
from cgrosim.images.experiments.catalogue.train import heading
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job, Table
from cgrosim.images.experiments.training_options import TrainingOptions
from cgrosim.images.training.defaults import Kind, final_attack
from cgrosim.images.training.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.images.training.final import FinalAccuracies

DECAYS = (0.0, 5e-4, 5e-3, 5e-2)
PUBLISHED: Mapping[str, tuple[float, float, float]] = {
    "0.0005": (0.844, 0.447, 0.843),
    "0.005": (0.629, 0.477, 0.829),
    "0.05": (0.474, 0.465, 0.755),
}
"""Robust train, robust test and clean test accuracy by weight decay: CIFAR-10, 8/255, last epoch; public logs of Rice
et al. (2020), arXiv 2002.11569."""


class Options(TrainingOptions):
    """Train with several weight decays and batch sizes; every training also tells what stopping early would give:
    OUT/cures.png, a table, cures.json, and a file of every training. The same command goes on where it was stopped.
    """

    weight_decays: tuple[float, ...] = Field(DECAYS, description="one training each")
    batch_sizes: tuple[int, ...] = Field((), description="one training each beside them, at the first of the decays")
    attack: Kind = Field(
        "pgd",
        description="of the final numbers; standard is the worst of the others, image by image, and takes much longer",
    )
    restarts: int = Field(2, description="of PGD for the final numbers")

    def experiment(self) -> Cures:
        """Trainings that differ in one setting."""
        settings = self.settings()
        return Cures(settings, self.weight_decays, self.batch_sizes, final_attack(settings, self.restarts, self.attack))


class Cures(Experiment):
    """Adversarial trainings from one start that differ in weight decay or batch size."""

    options = Options

    settings: Settings = Field(description="of every training but for weight decay and batch size")
    weight_decays: tuple[float, ...] = Field(DECAYS, description="one training each")
    batch_sizes: tuple[int, ...] = Field((), description="one training each at the first weight decay")
    attack: AnyAttack = Field(description="of the final numbers")
    black_box_samples: int = Field(0, ge=0, description="images on which Square Attack checks the attack")

    @model_validator(mode="after")
    def _possible(self) -> Cures:
        decays = self.weight_decays
        if not decays or len(set(decays)) < len(decays) or min(decays) < 0.0:
            raise ValueError(f"weight_decays are {decays}, but must be different numbers of at least 0.")
        sizes = self.batch_sizes
        if len({*sizes, self.settings.batch_size}) <= len(sizes) or min(sizes, default=1) < 1:
            raise ValueError(
                f"batch_sizes are {sizes}, but must be different whole numbers of at least 1, other than "
                f"{self.settings.batch_size}, which is trained with anyway."
            )
        if self.settings.adversarial_weight <= 0.0:
            raise ValueError("adversarial_weight is 0, but the sweep is about adversarial training; take up to 1.")
        return self

    def trainings(self) -> dict[str, Settings]:
        """Settings of every training, by name."""
        found = {f"decay-{rho:g}": self.settings.replace(weight_decay=rho) for rho in self.weight_decays}
        first = self.settings.replace(weight_decay=self.weight_decays[0])
        return found | {f"batch-{size}": first.replace(batch_size=size) for size in self.batch_sizes}

    def jobs(self) -> tuple[Job, ...]:
        """Each training, then its accuracies at the last and at the selected epoch."""
        both = self.trainings().items()
        return sum((trained_and_measured(*each, self.attack, self.black_box_samples) for each in both), ())

    def conclude(self, results: Mapping[str, Any]) -> Conclusion:
        """Table, figure, numbers, and what they say of the model's prediction."""
        rows = {name: rows_of(results, name) for name in self.trainings()}
        rows = {name: found for name, found in rows.items() if found}
        trained = {name: results[name] for name in self.trainings() if name in results}
        told = {name: [row.numbers() for row in found] for name, found in rows.items()}
        settings = {name: each.settings.dump() for name, each in trained.items()}
        return Conclusion(
            tables=(self._table(rows),) if rows else (),
            warnings=tuple(f"{name}: {each.message}" for name, each in trained.items() if each.message),
            sentences=sentences(rows),
            figures={"cures": partial(self.draw, rows)} if rows else {},
            records={"cures": {"versions": versions(), "settings": settings, "final_attack": self.attack.describe(),
                               "accuracies": told, "sentences": list(sentences(rows))}},
        )  # fmt: skip

    def draw(self, rows: Mapping[str, list[FinalAccuracies]]) -> Figure:
        """Accuracies by training, last and selected epoch, beside the published ones."""
        from cgrosim.figures.image_cures import Accuracy, image_cures_figure

        measured = {
            label(name): tuple(
                Accuracy(*(getattr(row, share) for share in SHARES)) for row in found if row.selected != "averaged"
            )
            for name, found in rows.items()
        }
        told = [*heading(self.settings)[:-1], f"Robust accuracy: {self.attack.describe()}"]
        return image_cures_figure(measured, PUBLISHED, told)

    def _table(self, rows: Mapping[str, list[FinalAccuracies]]) -> Table:
        lines = [
            (label(name), row.selected.removeprefix("validation-"), str(row.epoch),
             *(f"{100 * getattr(row, share):.1f}" for share in SHARES), f"{100 * row.robust_gap:.1f}")
            for name, found in rows.items() for row in found
        ]  # fmt: skip
        first = next(iter(rows.values()))[0]
        return Table(
            f"accuracy (%) on {first.train_samples} training and {first.test_samples} test images\n"
            f"robust: {self.attack.describe()}",
            ("training", "network", "epoch", *(share.replace("_", "\n") for share in SHARES), "robust\ngap"),
            lines,
        )


def label(name: str) -> str:
    """Words for the name of a training."""
    kind, _, value = name.partition("-")
    return f"{'weight decay' if kind == 'decay' else 'batches of'} {value}"


def sentences(rows: Mapping[str, list[FinalAccuracies]]) -> tuple[str, ...]:
    """The largest robust test accuracy at the last epoch, and what stopping early gains without a cure."""
    from cgrosim.images.training.final import network_of

    if len(rows) < 2:
        return ()
    last = {name: found[0] for name, found in rows.items()}
    first, best = next(iter(last)), max(last, key=lambda name: last[name].robust_test)
    plain, cured = last[first], last[best]
    said = [
        f"Last epoch: {label(best)} has the largest robust test accuracy, {100 * cured.robust_test:.1f} %, against "
        f"{100 * plain.robust_test:.1f} % with {label(first)}; robust gap {100 * cured.robust_gap:.1f} against "
        f"{100 * plain.robust_gap:.1f} (one training each: differences of a few images in a hundred are chance)."
    ]
    early = network_of(rows[first], "validation-selected")
    if early is not None:
        said.append(
            f"Stopping early, at epoch {early.epoch} with {label(first)}: {100 * early.robust_test:.1f} %, "
            f"{100 * (early.robust_test - plain.robust_test):+.1f} to the last epoch; in the model it gains nothing."
        )
    return tuple(said)


EXPERIMENT = Cures
