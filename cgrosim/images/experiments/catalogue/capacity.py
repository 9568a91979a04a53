"""Accuracy against width: one training for every width and seed, with the same data, and what came out of each.

Table 1 of arXiv 2306.01271 asks how clean test, robust test and robust train accuracy depend on the width of the
network: a network that is too small for adversarial training ends at the trivial solution, a constant prediction; a
larger one fits the attacked training images while its robust generalisation gap stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from cgrosim.errors import UserError
from cgrosim.files.versions import versions
from cgrosim.files.words import counted, last_part, shown
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.experiments.accuracies import rows_of, trained_and_measured
from cgrosim.images.experiments.capacity_statistics import (
    CURVES,
    Result,
    WidthSummary,
    sentences,
    statements,
    summarise,
)
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Job, Table, check_trainings
from cgrosim.images.experiments.runner import plain
from cgrosim.images.experiments.training_options import TrainingOptions
from cgrosim.images.training.defaults import ARCHITECTURES, Kind, defaults_of, final_attack
from cgrosim.images.training.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_MNIST: Mapping[int, Mapping[str, float]] = {
    1: dict(zip(CURVES, (0.1135, 0.1135, 0.1170), strict=True)),
    8: dict(zip(CURVES, (0.1135, 0.1135, 0.1170), strict=True)),
    12: dict(zip(CURVES, (0.9506, 0.7796, 0.9930), strict=True)),
    16: dict(zip(CURVES, (0.9485, 0.8343, 0.9950), strict=True)),
}
"""Accuracies by width of LeNet on all of MNIST, linf radius 0.3: Table 1 of arXiv 2306.01271."""


class Options(TrainingOptions):
    """Train every width with and without attacks, several seeds: OUT/capacity.png, a table, capacity.json, and a file
    of every training. The same command goes on where it was stopped or killed.
    """

    widths: tuple[int, ...] = Field((1, 2, 4, 8, 12, 16), description="capacity factors")
    seeds: int = Field(3, description="trainings of every width, from --seed on")
    attack: Kind = Field(
        "pgd",
        description="of the final numbers; standard is the worst of the others, image by image, and takes much longer",
    )
    restarts: int = Field(2, description="of PGD for the final numbers")
    control: bool = Field(True, description="also train every width without attack")

    def experiment(self) -> Capacity:
        """The sweep over the widths of one family of networks."""
        if self.width is not None:
            raise UserError("width is one number, but the sweep trains several; give --widths instead.")
        if self.network is not None:
            raise UserError(
                f"network is {shown(self.network)}, which has one width, but the sweep trains several; give an "
                "--architecture."
            )
        settings = self.settings()
        check_trainings(self.seeds, "seeds")
        return Capacity(
            settings,
            self.widths,
            tuple(range(settings.seed, settings.seed + self.seeds)),
            final_attack(settings, self.restarts, self.attack),
            self.architecture or defaults_of(settings.dataset).architecture,
            self.control,
        )


class Capacity(Experiment):
    """What is trained, and how the trained networks are measured.

    The training images are drawn from the seed alone: all widths of one seed have the same ones, and every seed has a
    draw of its own.
    """

    options = Options

    settings: Settings = Field(description="of every training but for architecture and seed")
    widths: tuple[int, ...] = Field(description="capacity factors")
    seeds: tuple[int, ...] = Field(description="one training each for every width")
    attack: AnyAttack = Field(description="of the final measurement, on the images that every epoch is measured on")
    family: str = Field("lenet", description="lenet or stack3x3")
    control: bool = Field(True, description="also train every width and seed without attack")
    black_box_samples: int = Field(100, ge=0, description="images on which Square Attack checks the attack")

    @model_validator(mode="after")
    def _possible(self) -> Capacity:
        if self.family not in ARCHITECTURES:
            raise ValueError(f"family is {self.family!r}, but must be one of {', '.join(ARCHITECTURES)}.")
        for name in ("widths", "seeds"):
            values, least = getattr(self, name), 1 if name == "widths" else 0
            if not values or len(set(values)) < len(values) or min(values) < least:
                raise ValueError(f"{name} are {values}, but must be different whole numbers of at least {least}.")
        check_trainings(len(self.seeds) * len(self.widths) * (1 + self.control), "seeds or widths")
        if self.settings.adversarial_weight <= 0.0:
            raise ValueError("adversarial_weight is 0, but the sweep is about adversarial training; take up to 1.")
        return self

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

    def name_of(self, width: int, seed: int, adversarial: bool) -> str:
        """Name of one training."""
        return f"{self.family}-x{width}-{'adversarial' if adversarial else 'standard'}-seed{seed}"

    def jobs(self) -> tuple[Job, ...]:
        """Each training, then its accuracies."""
        runs = ((self.name_of(*run), self.settings_of(*run)) for run in self.runs())
        return tuple(chain(*(trained_and_measured(*each, self.attack, self.black_box_samples) for each in runs)))

    @cached_property
    def _places(self) -> dict[str, tuple[int, int, bool]]:
        return {self.name_of(*run): run for run in self.runs()}

    def axes(self, job: Job) -> dict[str, Any]:
        """Width, seed, and with or without attack."""
        width, seed, adversarial = self._places[job.needs[0] if job.needs else job.name]
        return {"width": width, "seed": seed, "training": "adversarial" if adversarial else "standard"}

    def table(self, results: Mapping[str, Any]) -> list[Result]:
        """Every training that was measured, in the order of `runs`."""
        from cgrosim.images.training.final import network_of

        found = []
        for width, seed, adversarial in self.runs():
            name = self.name_of(width, seed, adversarial)
            rows = rows_of(results, name)
            if rows:
                training, size = results[name], self.settings_of(width, seed, adversarial).architecture.parameter_count
                selected = network_of(rows, "validation-selected")
                found.append(
                    Result(width, seed, adversarial, size, rows[0], selected, training.status, training.message,
                           training.seconds)
                )  # fmt: skip
        return found

    def conclude(self, results: Mapping[str, Any]) -> Conclusion:
        """Accuracies by width, whether they order as claimed, and the figure."""
        table = self.table(results)
        found = statements(table)
        record = {
            "versions": versions(),
            "settings": self.settings.dump(),
            "attack": self.attack_line(),
            "widths": list(self.widths),
            "seeds": list(self.seeds),
            "results": [plain(result.dump()) for result in table],
            "statements": plain(found.dump()),
        }
        seconds = sum(result.seconds for result in table)
        return Conclusion(
            tables=(self._table(table),) if table else (),
            warnings=self._warnings(table),
            sentences=(*sentences(found), f"trained in {seconds:.1f} s"),
            figures={"capacity": partial(self.draw, table)},
            records={"capacity": record},
        )

    def draw(self, table: Sequence[Result]) -> Figure:
        """The figure, with the paper's numbers where the data and the network are the paper's."""
        from cgrosim.figures.capacity import CapacityPanel, capacity_figure

        paper = {self.settings_of(w, 0, True).architecture.parameter_count: v for w, v in self.paper_numbers().items()}
        label = "arXiv 2306.01271, all 60,000 images"
        panels = [CapacityPanel("Adversarial training", summarise(table), paper, label)]
        if self.control:
            panels.append(CapacityPanel("Standard training", summarise(table, adversarial=False)))
        return capacity_figure(panels, self.heading())

    def attack_line(self) -> str:
        """The attacks of training and of the final measurement."""
        return f"trained against {self.settings.attack.describe()}; measured by {self.attack.describe()}"

    def heading(self) -> list[str]:
        """What was trained on what, against and measured with which attack, in lines above the figure."""
        settings = self.settings
        return [
            f"{last_part(settings.dataset)}, {settings.subset or 'all other'} training images, {self.family}, "
            f"{settings.epochs} epochs, batches of {settings.batch_size}, learning rate {settings.learning_rate:g} "
            f"({settings.schedule.describe()}), {counted(len(self.seeds), 'seed')} (mean, range)",
            "; ".join((f"{settings.objective} against {settings.attack.describe()}", *settings.besides)),
            f"Robust accuracy: {self.attack.describe()}",
        ]

    def paper_numbers(self) -> dict[int, Mapping[str, float]]:
        """The paper's accuracies by width, where data, network and norm are the paper's; otherwise none."""
        same = self.settings.dataset == "mnist" and self.family == "lenet" and self.settings.attack.norm == "linf"
        return {width: PAPER_MNIST[width] for width in sorted(self.widths) if width in PAPER_MNIST} if same else {}

    def _warnings(self, table: Sequence[Result]) -> tuple[str, ...]:
        """What went wrong, and what the checks found on networks that say anything; the rest is counted."""
        told, left_out = [], 0
        for result in table:
            name = self.name_of(result.width, result.seed, result.adversarial)
            telling = result.adversarial and not result.last.collapsed
            left_out += 0 if telling else len(result.last.warnings)
            told += [f"{name}: {text}" for text in (result.message, *(result.last.warnings if telling else ())) if text]
        if left_out:
            told.append(f"{left_out} more on constant networks and standard training, in capacity.json")
        return tuple(told)

    def _table(self, table: Sequence[Result]) -> Table:
        first = table[0].last
        title = (
            f"accuracy (%), mean and standard deviation over seeds, on {first.train_samples} training and "
            f"{first.test_samples} test images of {last_part(self.settings.dataset)}\n"
            f"robust: {self.attack.describe()}\n"
            f"{self.settings.objective} against {self.settings.attack.describe()}\n"
            "const: seeds with one class for 99 % of the images; selected: epoch of best robust validation accuracy"
        )
        paper = self.paper_numbers()
        if paper:
            title += "\nthe paper: Table 1 of arXiv 2306.01271, all 60,000 training images, linf radius 0.3"
        rows: list[tuple[str, ...]] = []
        styles: dict[int, str] = {}

        def add(style: str, *cells: str) -> None:
            if style:
                styles[len(rows)] = style
            rows.append(cells)

        for adversarial, name in ((True, "adversarial"), (False, "standard")):
            chosen = {s.width: s for s in summarise(table, adversarial, selected=True)}
            for summary in summarise(table, adversarial):
                add("", f"{name} x{summary.width}", str(summary.parameters), *_cells(summary))
                if summary.width in chosen:
                    add("dim", "  selected", "", *_cells(chosen[summary.width]))
                theirs = paper.get(summary.width) if adversarial else None
                if theirs is not None:
                    values = [*theirs.values(), theirs["robust_train"] - theirs["robust_test"]]
                    add("italic", "  the paper", "", "", *(f"{100 * value:.2f}" for value in values))
        columns = ("training", "weights", "const", "clean\ntest", "robust\ntest", "robust\ntrain", "robust\ngap")
        return Table(title, columns, rows, styles)


def _cells(summary: WidthSummary) -> list[str]:
    collapsed = f"{summary.collapsed.sum()}/{len(summary.collapsed)}" if summary.collapsed.any() else ""
    return [collapsed, *(_cell(summary.mean[name], summary.deviation[name]) for name in (*CURVES, "robust_gap"))]


def _cell(mean: float, deviation: float) -> str:
    return f"{100 * mean:.1f}" if math.isnan(deviation) else f"{100 * mean:.1f}±{100 * deviation:.1f}"


EXPERIMENT = Capacity
