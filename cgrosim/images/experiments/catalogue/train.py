"""Standard and adversarial training of the same start, side by side: is robust overfitting seen?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from cgrosim.files.versions import versions
from cgrosim.files.words import last_part
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.experiments.accuracies import rows_of, trained_and_measured
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job, Table, pair
from cgrosim.images.experiments.runner import plain
from cgrosim.images.experiments.training_options import TrainingOptions
from cgrosim.images.training.defaults import RESTARTS, Kind, final_attack
from cgrosim.images.training.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cgrosim.images.training.file import Training
    from cgrosim.images.training.final import FinalAccuracies

TITLES = {"standard": "Standard training", "adversarial": "Adversarial training"}


class Options(TrainingOptions):
    """Train a network without and with attacks: OUT/robust_overfitting.png, a table, training.json, standard.npz and
    adversarial.npz. The same command goes on where it was stopped or killed.
    """

    attack: Kind = Field(
        "pgd",
        description="of the final numbers; standard is the worst of the others, image by image, and takes much longer",
    )
    restarts: int = Field(RESTARTS, description="of PGD for the final numbers")

    def experiment(self) -> RobustOverfitting:
        """Final numbers under the stronger attack."""
        settings = self.settings()
        return RobustOverfitting(settings, final_attack(settings, self.restarts, self.attack))


class RobustOverfitting(Experiment):
    """Train without and with attacks, and measure the last and the validation-selected networks."""

    options = Options

    settings: Settings = Field(description="of the adversarial training")
    attack: AnyAttack = Field(description="of the final numbers")
    black_box_samples: int = Field(100, ge=0, description="images on which Square Attack checks the attack")

    def jobs(self) -> tuple[Job, ...]:
        """Each training, then its accuracies."""
        both = pair(self.settings).items()
        return sum((trained_and_measured(*each, self.attack, self.black_box_samples) for each in both), ())

    def axes(self, job: Job) -> dict[str, Any]:
        """The training."""
        return {"training": job.needs[0] if job.needs else job.name}

    def conclude(self, results: Mapping[str, Any]) -> Conclusion:
        """Table, curves, numbers, and whether robust overfitting is seen."""
        from cgrosim.images.training.final import overfitting_sentence

        trainings: dict[str, Training] = {name: results[name] for name in TITLES if name in results}
        finals = {name: rows_of(results, name) for name, each in trainings.items() if each.status == "finished"}
        finals = {name: rows for name, rows in finals.items() if rows}
        sentence = overfitting_sentence(finals["adversarial"]) if "adversarial" in finals else None
        seconds = sum(training.seconds for training in trainings.values())
        warned = (f"{name}, {row.selected}, {text}" for name, found in finals.items() for row in found
                  for text in row.warnings)  # fmt: skip
        return Conclusion(
            tables=(self._table(finals),) if finals else (),
            warnings=(*(f"{name}: {each.message}" for name, each in trainings.items() if each.message), *warned),
            sentences=(*(() if sentence is None else (sentence,)), f"trained in {seconds:.1f} s"),
            figures={"robust_overfitting": partial(self.draw, trainings)} if trainings else {},
            records={"training": {**self._record(trainings, finals), "sentence": sentence}},
        )

    def draw(self, trainings: Mapping[str, Training]) -> Figure:
        """The accuracies over the epochs."""
        from cgrosim.figures.robust_curves import RobustCurves, robust_curves_figure

        panels = [
            RobustCurves(TITLES[name], training.history, training.best_epoch if name == "adversarial" else None)
            for name, training in trainings.items()
        ]
        return robust_curves_figure(panels, heading(self.settings))

    def _table(self, finals: Mapping[str, list[FinalAccuracies]]) -> Table:
        first = next(iter(finals.values()))[0]
        parts = ("clean_train", "robust_train", "clean_test", "robust_test", "clean_gap", "robust_gap")
        rows = [
            (
                f"{name}, {row.selected.removeprefix('validation-')}",
                str(row.epoch),
                *(f"{100 * getattr(row, part):.1f}" for part in parts),
            )
            for name, found in finals.items()
            for row in found
        ]
        return Table(
            f"accuracy (%) on {first.train_samples} training and {first.test_samples} test images\n"
            f"robust: {self.attack.describe()}",
            ("training, network", "epoch", *(part.replace("_", "\n") for part in parts)),
            rows,
        )

    def _record(self, trainings: Mapping[str, Training], finals: Mapping[str, list[FinalAccuracies]]) -> dict[str, Any]:
        """Everything measured, with settings, attacks and versions; what was not measured is null."""
        told = {
            name: {
                "settings": training.settings.dump(),
                "attack": training.settings.attack_description,
                "status": training.status,
                "message": training.message,
                "seconds": round(training.seconds, 2),
                "best_epoch": training.best_epoch,
                "history": {key: plain(values.tolist()) for key, values in training.history.items()},
                "final": [row.numbers() for row in finals.get(name, [])],
            }
            for name, training in trainings.items()
        }
        return {"versions": versions(), "final_attack": self.attack.describe(), "trainings": told}


def heading(settings: Settings) -> list[str]:
    """What was trained on what, against and measured with which attack, in lines above a figure."""
    return [
        f"{last_part(settings.dataset)}, {settings.subset or 'all other'} training images, "
        f"{settings.architecture.name}, batches of {settings.batch_size}, learning rate {settings.learning_rate:g} "
        f"({settings.schedule.describe()}), seed {settings.seed}",
        "; ".join((f"{settings.objective} against {settings.attack.describe()}", *settings.besides)),
        f"Robust accuracy: {settings.evaluation_attack.describe()}",
    ]


EXPERIMENT = RobustOverfitting
