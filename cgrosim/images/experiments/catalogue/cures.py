"""What lowers robust overfitting on real images: weight decay, label smoothing, batch size, stopping early."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from cgrosim.files.versions import versions
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.experiments.accuracies import SHARES, rows_of, trained_and_measured
from cgrosim.images.experiments.catalogue.train import heading
from cgrosim.images.experiments.cure_rows import Rows, columns, label, mark, means, sentences, warnings
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job, Table, check_trainings
from cgrosim.images.experiments.training_options import TrainingOptions
from cgrosim.images.training.defaults import Kind, final_attack
from cgrosim.images.training.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DECAYS = (0.0, 5e-4, 5e-3, 5e-2)
PUBLISHED: Mapping[str, tuple[float, float, float]] = {
    "0.0005": (0.844, 0.447, 0.843),
    "0.005": (0.629, 0.477, 0.829),
    "0.05": (0.474, 0.465, 0.755),
}
"""Robust train, robust test and clean test accuracy by weight decay: CIFAR-10, 8/255, last epoch; public logs of Rice
et al. (2020), arXiv 2002.11569."""


def _percent(share: float, error: float | None) -> str:
    return f"{100 * share:.1f}" + ("" if error is None else f" ± {100 * error:.1f}")


class Options(TrainingOptions):
    """Train with several weight decays, label smoothings and batch sizes; every training also tells what stopping early
    would give: OUT/cures.png, a table, cures.json, and a file of every training. The same command goes on where it was
    stopped.
    """

    weight_decays: tuple[float, ...] = Field(DECAYS, description="trainings with each")
    label_smoothings: tuple[float, ...] = Field((), description="trainings with each beside them, at the first decay")
    batch_sizes: tuple[int, ...] = Field((), description="trainings with each beside them, at the first decay")
    seeds: int = Field(1, description="trainings of each kind, with the seeds from SEED on")
    attack: Kind = Field(
        "pgd",
        description="of the final numbers; standard is the worst of the others, image by image, and takes much longer",
    )
    restarts: int = Field(2, description="of PGD for the final numbers")

    def experiment(self) -> Cures:
        """Trainings that differ in one setting."""
        settings = self.settings()
        attack = final_attack(settings, self.restarts, self.attack)
        return Cures(settings, self.weight_decays, self.label_smoothings, self.batch_sizes, self.seeds, attack)


class Cures(Experiment):
    """Adversarial trainings that differ in weight decay, label smoothing or batch size, from the same starts."""

    options = Options

    settings: Settings = Field(description="of every training but for what is swept")
    weight_decays: tuple[float, ...] = Field(DECAYS, description="trainings with each")
    label_smoothings: tuple[float, ...] = Field((), description="trainings with each at the first weight decay")
    batch_sizes: tuple[int, ...] = Field((), description="trainings with each at the first weight decay")
    seeds: int = Field(1, ge=1, description="trainings of each kind, with the seeds from that of the settings on")
    attack: AnyAttack = Field(description="of the final numbers")
    black_box_samples: int = Field(0, ge=0, description="images on which Square Attack checks the attack")

    @model_validator(mode="after")
    def _possible(self) -> Cures:
        decays = self.weight_decays
        if not decays or len(set(decays)) < len(decays) or min(decays) < 0.0:
            raise ValueError(f"weight_decays are {decays}, but must be different numbers of at least 0.")
        for name, anyway, least, most in (("batch_size", self.settings.batch_size, 1, math.inf),
                                          ("label_smoothing", self.settings.label_smoothing, 0, 1)):  # fmt: skip
            values = getattr(self, f"{name}s")
            if len({*values, anyway}) <= len(values) or not all(least <= value < most for value in values):
                raise ValueError(
                    f"{name}s are {values}, but must be different numbers of at least {least}"
                    f"{'' if most == math.inf else f' and below {most}'}, other than {anyway:g}, which is trained with "
                    "anyway."
                )
        kinds = len(decays) + len(self.label_smoothings) + len(self.batch_sizes)
        check_trainings(self.seeds * kinds, "seeds or kinds")
        if self.settings.adversarial_weight <= 0.0:
            raise ValueError("adversarial_weight is 0, but the sweep is about adversarial training; take up to 1.")
        return self

    def kinds(self) -> dict[str, Settings]:
        """Settings of every kind of training at the first seed, by name."""
        first = self.settings.replace(weight_decay=self.weight_decays[0])
        found = {f"decay-{rho:g}": self.settings.replace(weight_decay=rho) for rho in self.weight_decays}
        found |= {f"smoothing-{eps:g}": first.replace(label_smoothing=eps) for eps in self.label_smoothings}
        return found | {f"batch-{size}": first.replace(batch_size=size) for size in self.batch_sizes}

    def trainings(self) -> dict[str, Settings]:
        """Settings of every training, by name, seed by seed."""
        seeds = range(self.settings.seed, self.settings.seed + self.seeds)
        return {f"{name}-seed-{s}": each.replace(seed=s) for s in seeds for name, each in self.kinds().items()}

    def jobs(self) -> tuple[Job, ...]:
        """Each training, then its accuracies at the last and at the selected epoch."""
        both = self.trainings().items()
        return tuple(chain(*(trained_and_measured(*each, self.attack, self.black_box_samples) for each in both)))

    def axes(self, job: Job) -> dict[str, Any]:
        """The kind of training, and the seed."""
        kind, _, seed = (job.needs[0] if job.needs else job.name).rpartition("-seed-")
        return {"training": kind, "seed": int(seed)}

    def rows(self, results: Mapping[str, Any]) -> Rows:
        """What was measured, kind by kind, as far as it came."""
        found = {name: rows_of(results, name) for name in self.trainings()}
        each = {
            kind: [found[n] for n in found if n.rpartition("-seed-")[0] == kind and found[n]] for kind in self.kinds()
        }
        return {kind: seeds for kind, seeds in each.items() if seeds}

    def conclude(self, results: Mapping[str, Any]) -> Conclusion:
        """Table, figure, numbers, and what they say of the model's prediction."""
        rows = self.rows(results)
        trained = {name: results[name] for name in self.trainings() if name in results}
        told = {kind: [[row.numbers() for row in found] for found in seeds] for kind, seeds in rows.items()}
        settings = {name: each.settings.dump() for name, each in trained.items()}
        seconds = {name: round(each.seconds, 1) for name, each in trained.items()}
        return Conclusion(
            tables=(self._table(rows),) if rows else (),
            warnings=(*(f"{name}: {each.message}" for name, each in trained.items() if each.message), *warnings(rows)),
            sentences=sentences(rows),
            figures={"cures": partial(self.draw, rows)} if rows else {},
            records={"cures": {"versions": versions(), "settings": settings, "final_attack": self.attack.describe(),
                               "accuracies": told, "sentences": list(sentences(rows)), "seconds": seconds}},
        )  # fmt: skip

    def draw(self, rows: Rows) -> Figure:
        """Accuracies by training, last and selected epoch, beside the published ones."""
        from cgrosim.figures.image_cures import image_cures_figure

        told = [*heading(self.settings)[:-1], f"Robust accuracy: {self.attack.describe()}"]
        if self.seeds > 1:
            told[0] = told[0].replace(f"seed {self.settings.seed}", f"{self.seeds} seeds")
        return image_cures_figure({"Measured": columns(rows)}, PUBLISHED, told)

    def _table(self, rows: Rows) -> Table:
        lines = [
            (label(kind) + mark(seeds), each.selected.removeprefix("validation-"), each.epochs,
             *(_percent(each.shares[share], each.errors.get(share)) for share in SHARES),
             f"{100 * (each.shares['robust_train'] - each.shares['robust_test']):.1f}")
            for kind, seeds in rows.items() for each in means(seeds)
        ]  # fmt: skip
        first = next(iter(rows.values()))[0][0]
        several = f", mean ± standard error over {self.seeds} seeds" if self.seeds > 1 else ""
        return Table(
            f"accuracy (%) on {first.train_samples} training and {first.test_samples} test images{several}\n"
            f"robust: {self.attack.describe()}",
            ("training", "network", "epoch", *(share.replace("_", "\n") for share in SHARES), "robust\ngap"),
            lines,
        )


EXPERIMENT = Cures
