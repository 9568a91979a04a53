"""``cgrosim images show``, ``attack`` and ``export``: what one does with a network that was trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from cgrosim.commands.folders import held, refuse_results
from cgrosim.commands.result_tables import print_table
from cgrosim.commands.terminal import announce_compilation, attempted, console, print_line, progress_bar
from cgrosim.errors import FileError, ParameterError
from cgrosim.files.words import counted, last_part, quoted, shown
from cgrosim.images.attacks.gradient import Norm
from cgrosim.images.experiments.training_options import OWN
from cgrosim.model.settings import real_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cgrosim.images.inspection.subject import TrainedNetwork

File = Annotated[
    Path, tyro.conf.Positional, tyro.conf.arg(metavar="NETWORK", help="file of a training, adversarial.npz for example")
]
Which = Annotated[
    str, tyro.conf.arg(metavar="last|selected|averaged|EPOCH", help="which network of the training; EPOCH: one it kept")
]
Images = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="NAME", help=f"a data set, or {OWN} (default: what it was trained on)", help_behavior_hint=""
    ),
]
Data = Annotated[
    Path | None,
    tyro.conf.arg(metavar="DIR", help="folder of a known data set (default: CGROSIM_DATA)", help_behavior_hint=""),
]
Out = Annotated[Path, tyro.conf.arg(help="directory of the results")]
Replace = Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help="replace results that are there")]


@dataclass(frozen=True)
class Show:
    """Look at a trained network: its filters, which class it takes for which, and the errors it is most sure of:
    OUT/filters.png, confusion.png, mistakes.png and show.json.
    """

    network: File
    which: Which = "last"
    dataset: Images = None
    data_dir: Data = None
    mistakes: Annotated[int, tyro.conf.arg(help="errors that are drawn")] = 12
    out: Out = Path("results/images_show")
    overwrite: Replace = False

    def run(self) -> int:
        """Status 1 if a figure failed."""
        from cgrosim.images.inspection.errors import inspect_network

        names = ("show.json", "filters.png", "confusion.png", "mistakes.png")
        with held(self.out):
            refuse_results(self.out, names, self.overwrite)
            subject = _opened(self.network, self.which, self.dataset, self.data_dir)
            found = inspect_network(subject, self.mistakes)
            classes, count = subject.data.class_names, int(found.confusion.sum())
            record = {
                **subject.numbers(),
                "accuracy": found.accuracy,
                "confusion": found.confusion.tolist(),
                "class_names": list(classes),
                "mistakes": [vars(each) for each in found.mistakes],
            }
            told = [_heading(subject), f"clean accuracy {100 * found.accuracy:.1f} % of {count} test images"]
            status = _written(self.out, "show.json", record, _figures_of(subject, found, told))
        print_line(f"{told[0]}: {told[1]}")
        print_table(_confusions(found, classes))
        return status


@dataclass(frozen=True)
class AttackCommand:
    """Try every attack on a trained network: a table of what each leaves, and what the worst makes of single images:
    OUT/attack.png and attack.json.
    """

    network: File
    which: Which = "last"
    dataset: Images = None
    data_dir: Data = None
    norm: Annotated[
        Norm | None, tyro.conf.arg(help="of the attacks (default: as the training measured)", help_behavior_hint="")
    ] = None
    radius: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="NUMBER",
            help="of the attacks, pixels in [0, 1], 8/255 for example (default: as the training measured)",
            help_behavior_hint="",
        ),
    ] = None
    samples: Annotated[int, tyro.conf.arg(help="test images that are attacked, drawn at random, at most")] = 200
    queries: Annotated[int, tyro.conf.arg(help="of Square Attack for each; the field takes 5000")] = 1000
    images: Annotated[int, tyro.conf.arg(help="images in the figure")] = 5
    seed: Annotated[int, tyro.conf.arg(help="of the draw and the attacks")] = 0
    out: Out = Path("results/images_attack")
    overwrite: Replace = False

    def run(self) -> int:
        """Status 1 if the figure failed."""
        from cgrosim.figures.attacked_images import AttackedImage, attacked_images_figure
        from cgrosim.images.experiments.experiment import Table
        from cgrosim.images.inspection.attack_table import attack_table, ball_of, examples_of, table_attacks

        radius = None if self.radius is None else real_number(self.radius)
        if isinstance(radius, str) or (radius is not None and not radius > 0.0):
            raise ParameterError(f"radius is {quoted(self.radius)}, but must be a positive number.")
        if self.seed < 0:
            raise ParameterError(f"seed is {self.seed}, but must be at least 0.")
        with held(self.out):
            refuse_results(self.out, ("attack.json", "attack.png"), self.overwrite)
            subject = _opened(self.network, self.which, self.dataset, self.data_dir)
            norm, radius = ball_of(subject, self.norm, radius)
            attacks = table_attacks(norm, radius, subject.data.classes, queries=self.queries)
            with progress_bar("attacks") as progress:
                found = attack_table(
                    subject,
                    norm=norm,
                    radius=radius,
                    attacks=attacks,
                    samples=self.samples,
                    seed=self.seed,
                    progress=progress,
                )
            examples = examples_of(subject, found, self.images)
            told = [_heading(subject), f"attacked in {found.norm} within radius {found.radius:.4g}"]
            rows = [
                AttackedImage(
                    each.clean, each.attacked, each.label, each.clean_probabilities, each.attacked_probabilities
                )
                for each in examples
            ]
            figures = {"attack": partial(attacked_images_figure, rows, subject.data.class_names, told)}
            record = {**subject.numbers(), "seed": self.seed, **found.numbers()}
            status = _written(self.out, "attack.json", record, figures)
        lines: list[tuple[str, ...]] = [(f"{100 * found.clean_accuracy:.1f}", "", "none")]
        for place, each in enumerate(found.tried):
            lines.append((f"{100 * each.accuracy:.1f}", str(found.only(place)), each.attack))
        lines.append((f"{100 * found.worst.accuracy:.1f}", "", found.worst.attack))
        title = f"{told[0]}\n{counted(len(found.places), 'test image')}, every attack by itself"
        columns = ("accuracy\n(%)", "broken by\nit alone", "attack")
        print_table(Table(title, columns, lines, {len(lines) - 1: "bold"}))
        return status


@dataclass(frozen=True)
class Export:
    """Write a trained network as an ONNX model, which other people's tools read: images (n, channels, height, width)
    in [0, 1] to logits.
    """

    network: File
    to: Annotated[Literal["onnx"], tyro.conf.arg(help="format")] = "onnx"
    which: Which = "last"
    out: Annotated[
        Path | None, tyro.conf.arg(help="file (default: that of the network, with .onnx)", help_behavior_hint="")
    ] = None
    overwrite: Replace = False

    def run(self) -> int:
        """Status 0."""
        from cgrosim.images.inspection.onnx_export import export_onnx
        from cgrosim.images.inspection.subject import chosen_parameters
        from cgrosim.images.training.file import Training

        training = Training.load(self.network)
        epoch, parameters = chosen_parameters(training, self.which)
        out = self.network.with_suffix(".onnx") if self.out is None else self.out
        if out.exists() and not self.overwrite:
            raise FileError(f"{shown(out)} exists already; choose another --out, or give --overwrite to replace it.")
        settings = training.settings
        about = {"settings": settings.dump(), "epoch": epoch, "data": training.data}
        written = export_onnx(out, settings.architecture, parameters, about=about)
        height, width, channels = settings.architecture.input_shape
        print_line(
            f"written {written}: images (n, {channels}, {height}, {width}), float32 in [0, 1], to logits "
            f"(n, {settings.architecture.classes})"
        )
        return 0


TOOLS: dict[str, Any] = {"show": Show, "attack": AttackCommand, "export": Export}


def _opened(path: Path, which: str, dataset: str | None, data_dir: Path | None) -> TrainedNetwork:
    from cgrosim.images.inspection.subject import open_network

    announce_compilation("images/network/kernels")
    with progress_bar("data") as progress:
        return open_network(path, dataset, which=which, data_dir=data_dir, progress=progress)


def _heading(subject: TrainedNetwork) -> str:
    settings = subject.training.settings
    trained = "trained without attack"
    if settings.adversarial_weight > 0.0:
        trained = f"trained against {settings.attack.describe()}"
    name, other = last_part(settings.dataset), ""
    if not subject.same_data:
        other = f" on {name}" if name != last_part(subject.data.name) else f" on other images, also called {name}"
    return f"{last_part(subject.data.name)}, {settings.architecture.name}, epoch {subject.epoch}, {trained}{other}"


def _figures_of(subject: TrainedNetwork, found: Any, told: list[str]) -> dict[str, Any]:
    from cgrosim.figures.confusion import confusion_figure
    from cgrosim.figures.image_mistakes import ShownMistake, image_mistakes_figure
    from cgrosim.figures.network_filters import network_filters_figure

    names = subject.data.class_names
    mistakes = [
        ShownMistake(
            subject.data.test_images[each.place], names[each.label], names[each.predicted], each.probability, each.place
        )
        for each in found.mistakes
    ]
    return {
        "filters": partial(network_filters_figure, found.filters, told[:1]),
        "confusion": partial(confusion_figure, found.confusion, names, told),
        "mistakes": partial(image_mistakes_figure, mistakes, told),
    }


def _confusions(found: Any, names: tuple[str, ...]) -> Any:
    """The classes, and what each of them is most often taken for."""
    from cgrosim.images.experiments.experiment import Table

    rows: list[tuple[str, ...]] = []
    for label, counts in enumerate(found.confusion):
        others = counts.copy()
        others[label] = 0
        taken = int(others.argmax())
        told = f"{names[taken]} ({others[taken]})" if others[taken] else ""
        rows.append((names[label], str(counts.sum()), f"{100 * found.class_accuracies[label]:.1f}", told))
    return Table("test images by class", ("class", "images", "right (%)", "most often taken for"), rows)


def _written(out: Path, name: str, record: Mapping[str, Any], figures: Mapping[str, Any]) -> int:
    """Numbers first, then the figures; status 1 if one could not be drawn."""
    from cgrosim.files.records import write_record
    from cgrosim.files.versions import versions
    from cgrosim.images.experiments.runner import write_figures

    written = [write_record(out / name, {**record, "versions": versions()})]
    drawn = []
    with progress_bar("drawing"):
        for each, draw in figures.items():
            drawn.append(attempted(f"{each}.png", partial(write_figures, {each: draw}, out)))
    written += [path for paths in drawn if paths is not None for path in paths]
    console.print(f"written {', '.join(str(path) for path in written)}", highlight=False, markup=False)
    return 0 if all(paths is not None for paths in drawn) else 1
