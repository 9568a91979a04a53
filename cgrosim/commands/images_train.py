"""``cgrosim images train``: standard and adversarial training of the same start, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from cgrosim.commands.folders import check_directory
from cgrosim.commands.images_options import TrainingOptions, dataset_from, settings_from, whole_number
from cgrosim.commands.images_training import part_of, train_both
from cgrosim.commands.terminal import console, progress_bar

if TYPE_CHECKING:
    from cgrosim.images.attacks.gradient import Attack
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.training.final import FinalAccuracies
    from cgrosim.images.training.settings import Settings
    from cgrosim.images.training.train import Training


@dataclass(frozen=True)
class Train:
    """Train a network without and with attacks: OUT/robust_overfitting.png, a table, training.json, standard.npz and
    adversarial.npz. The same command goes on where it was stopped or killed.
    """

    options: Annotated[TrainingOptions, tyro.conf.arg(name="")] = field(default_factory=TrainingOptions)
    restarts: Annotated[str, tyro.conf.arg(metavar="INT", help="of PGD for the final numbers")] = "5"
    out: Annotated[Path, tyro.conf.arg(help="directory of the results; a training begun there goes on")] = Path(
        "results/images"
    )

    def run(self) -> int:
        """Train, measure, draw; status 1 if a training diverged, 130 if it was interrupted."""
        from cgrosim.errors import UserError
        from cgrosim.images.training.defaults import final_attack

        settings = settings_from(self.options)
        if settings.adversarial_weight == 0.0:
            raise UserError("adversarial_weight is 0, but standard training is done in any case; give more than 0.")
        attack = final_attack(settings, whole_number("restarts", self.restarts))
        check_directory(self.out)
        with progress_bar("data") as progress:
            dataset = dataset_from(self.options, progress)
        trainings = train_both(settings, dataset, self.out)
        finals = _measure(trainings, dataset, attack)
        _report(trainings, finals, attack, self.out)
        if any(training.status == "interrupted" for training in trainings.values()):
            console.print("interrupted; the same command goes on from here")
            return 130
        return 1 if any(training.status == "diverged" for training in trainings.values()) else 0


def _measure(trainings: dict[str, Training], dataset: Dataset, attack: Attack) -> dict[str, list[FinalAccuracies]]:
    """Final numbers of what was trained to its end."""
    from cgrosim.images.training.final import final_accuracies

    finished = {name: training for name, training in trainings.items() if training.status == "finished"}
    finals = {}
    with progress_bar("measuring") as progress:
        for place, (name, training) in enumerate(finished.items()):
            report = part_of(progress, name, place / len(finished), 1.0 / len(finished))
            adversarial = name == "adversarial"  # standard training has no robust accuracy to select an epoch by
            finals[name] = final_accuracies(training, dataset, attack, selected=adversarial, progress=report)
    return finals


def _report(
    trainings: dict[str, Training], finals: dict[str, list[FinalAccuracies]], attack: Attack, out: Path
) -> None:
    """Table, figure, JSON and the sentence."""
    from cgrosim.images.training.final import overfitting_sentence

    for name, training in trainings.items():
        if training.message:
            console.print(f"[bold]{name}[/bold]: {training.message}", highlight=False)
    _print_table(finals, attack)
    for name, rows in finals.items():
        for row in rows:
            for text in row.warnings:
                console.print(f"[bold red]warning[/bold red] {name}, {row.selected}, {text}", highlight=False)
    sentence = overfitting_sentence(finals["adversarial"]) if "adversarial" in finals else None
    written = [_draw(trainings, out), _write(trainings, finals, attack, sentence, out)]
    if sentence is not None:
        console.print(sentence, highlight=False)
    seconds = sum(training.seconds for training in trainings.values())
    places = ", ".join(str(path) for path in (*written, *(out / f"{name}.npz" for name in trainings)))
    console.print(f"trained in {seconds:.1f} s; written {places}", highlight=False)


def _print_table(finals: dict[str, list[FinalAccuracies]], attack: Attack) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = [(name, row) for name, found in finals.items() for row in found]
    if not rows:
        return
    sizes = rows[0][1]
    table = Table(
        title=f"accuracy (%) on {sizes.train.samples} training and {sizes.test.samples} test images\n"
        f"robust: {attack.describe()}",
        title_justify="left",
        box=SIMPLE_HEAD,  # fits 80 columns
        padding=(0, 1, 0, 0),
    )
    table.add_column("training, network", no_wrap=True)
    for column in (
        "epoch",
        "clean\ntrain",
        "robust\ntrain",
        "clean\ntest",
        "robust\ntest",
        "clean\ngap",
        "robust\ngap",
    ):
        table.add_column(column, justify="right")
    for name, row in rows:
        parts = (row.train.clean_accuracy, row.train.robust_accuracy, row.test.clean_accuracy, row.test.robust_accuracy)
        values = [f"{100 * value:.1f}" for value in (*parts, row.clean_gap, row.robust_gap)]
        table.add_row(f"{name}, {row.selected.removeprefix('validation-')}", str(row.epoch), *values)
    console.print(table)


def heading(settings: Settings) -> list[str]:
    """What was trained on what, against and measured with which attack, in lines above a figure."""
    return [
        f"{settings.dataset}, {settings.subset or 'all other'} training images, {settings.architecture.name}, batches "
        f"of {settings.batch_size}, learning rate {settings.learning_rate:g} ({settings.schedule.describe()}), "
        f"seed {settings.seed}",
        f"Adversarial training (λ = {settings.adversarial_weight:g}) against {settings.attack.describe()}",
        f"Robust accuracy: {settings.evaluation_attack.describe()}",
    ]


def _draw(trainings: dict[str, Training], out: Path) -> Path:
    from cgrosim.figures import save_figure
    from cgrosim.figures.robust_curves import RobustCurves, robust_curves_figure

    titles = {"standard": "Standard training", "adversarial": "Adversarial training"}
    panels = [
        RobustCurves(titles[name], training.history, training.best_epoch if name == "adversarial" else None)
        for name, training in trainings.items()
    ]
    settings = list(trainings.values())[-1].settings
    figure = robust_curves_figure(panels, heading(settings))
    return save_figure(figure, out / "robust_overfitting.png")


def _write(
    trainings: dict[str, Training],
    finals: dict[str, list[FinalAccuracies]],
    attack: Attack,
    sentence: str | None,
    out: Path,
) -> Path:
    """Everything measured, with settings, attacks and versions, as JSON; what was not measured is null."""
    from cgrosim.files.records import write_record
    from cgrosim.files.versions import versions

    content = {
        "versions": versions(),
        "final_attack": attack.describe(),
        "sentence": sentence,
        "trainings": {
            name: {
                "settings": training.settings.dump(),
                "attack": training.settings.attack_description,
                "status": training.status,
                "message": training.message,
                "seconds": round(training.seconds, 2),
                "best_epoch": training.best_epoch,
                "history": {key: [None if x != x else x for x in v.tolist()] for key, v in training.history.items()},
                "final": [row.numbers() for row in finals.get(name, [])],
            }
            for name, training in trainings.items()
        },
    }
    return write_record(out / "training.json", content)
