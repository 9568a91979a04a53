"""``cgrosim images landscape``: how flat the loss is around training and around test points, over training time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from cgrosim.commands.folders import check_directory
from cgrosim.commands.images_options import TrainingOptions, dataset_from, settings_from, whole_number
from cgrosim.commands.images_training import train_both
from cgrosim.commands.terminal import announce_compilation, console, progress_bar

if TYPE_CHECKING:
    import xarray

    from cgrosim.images.experiments.landscape_statistics import Contrast
    from cgrosim.images.experiments.landscape_study import Study
    from cgrosim.images.training.train import Training

SEARCH = {"ascent_steps": "steps", "restarts": "restarts"}  # option -> field of Search


def _told(text: str) -> Any:
    return tyro.conf.arg(metavar="INT", help=text)


@dataclass(frozen=True)
class Landscape:
    """Train without and with attacks and measure the loss around training and test points: OUT/landscape.png, a table,
    landscape.nc, standard.npz and adversarial.npz. The same command goes on where it was stopped or killed.
    """

    options: Annotated[TrainingOptions, tyro.conf.arg(name="")] = field(default_factory=TrainingOptions)
    networks: Annotated[str, _told("networks of each training that are measured, spread over its epochs")] = "6"
    points: Annotated[str, _told("training points, and test points, at most")] = "100"
    ascent_steps: Annotated[str, _told("gradient steps of every search in a ball")] = "10"
    restarts: Annotated[str, _told("random starts of every search")] = "1"
    out: Annotated[Path, tyro.conf.arg(help="directory of the results; work begun there goes on")] = Path(
        "results/images_landscape"
    )

    def run(self) -> int:
        """Train, measure, draw; status 1 if a training diverged, 130 if it was interrupted."""
        from cgrosim.images.experiments.landscape_study import run_study
        from cgrosim.images.training.train import new_network

        study = self.study()
        check_directory(self.out)
        with progress_bar("data") as progress:
            dataset = dataset_from(self.options, progress)
        trainings = train_both(study.trainings["adversarial"], dataset, self.out)
        _print_messages(trainings)
        if any(training.status == "interrupted" for training in trainings.values()):
            console.print("interrupted; the same command goes on from here")
            return 130
        announce_compilation("images/network/kernels")
        with progress_bar("measuring") as progress:
            data = run_study(study, dataset, trainings, self.out / "landscape.nc", new_network, progress)
        _report(data, self.out)
        return 1 if any(training.status == "diverged" for training in trainings.values()) else 0

    def study(self) -> Study:
        """What the options ask for.

        Raises
        ------
        UserError
            If a value is bad, in one sentence.
        """
        from cgrosim.images.experiments.landscape import Search
        from cgrosim.images.experiments.landscape_study import study_of

        whole = {name: whole_number(name, getattr(self, name)) for name in ("networks", "points", *SEARCH)}
        search = Search(**{of: whole[name] for name, of in SEARCH.items()})
        return study_of(settings_from(self.options), whole["networks"], whole["points"], search)


def _print_messages(trainings: dict[str, Training]) -> None:
    for name, training in trainings.items():
        if training.message:
            console.print(f"[bold]{name}[/bold]: {training.message}", highlight=False)


def _report(data: xarray.Dataset, out: Path) -> None:
    """Table, figure, and what was seen of the paper's observation."""
    from cgrosim.figures import save_figure
    from cgrosim.figures.landscape import landscape_figure
    from cgrosim.images.experiments.landscape_statistics import contrasts, curves, last_epoch, note, sentence

    means = curves(data)
    found: dict[tuple[str, int], dict[str, Contrast]] = {}
    for name in data["training"].values.tolist():
        epoch = last_epoch(data, name)
        if epoch is not None:
            found[name, epoch] = contrasts(data, name, epoch)
    _print_table(data, means, found)
    notes = {(q, name): note(data, each) for (name, _), both in found.items() for q, each in both.items()}
    figure = save_figure(landscape_figure(means, notes), out / "landscape.png")
    for (name, epoch), both in found.items():
        for quantity, each in both.items():
            console.print(sentence(name, epoch, quantity, each), highlight=False, markup=False)
    console.print(f"written {figure}, {out / 'landscape.nc'}", highlight=False)


def _print_table(
    data: xarray.Dataset, means: xarray.Dataset, found: dict[tuple[str, int], dict[str, Contrast]]
) -> None:
    """Training and test points side by side at the two marked radii."""
    from rich.markup import escape
    from rich.table import Table

    from cgrosim.images.experiments.landscape_statistics import LABELS

    radii = data.attrs["training_radius"], data.attrs["outer_radius"]
    title = (
        f"means over {data.sizes['point']} training | {data.sizes['point']} test points, [95 % bootstrap intervals]\n"
        f"largest values found, lower bounds of the maxima: {data.attrs['search']}"
    )
    table = Table(title=escape(title), title_justify="left")
    table.add_column("training, epoch")
    table.add_column("largest")
    for radius in radii:
        table.add_column(f"r = {radius:.3g}", justify="right")
    table.add_column(f"test / train, r = {radii[0]:.3g}", justify="right")
    for name, epoch in found:
        for quantity, each in found[name, epoch].items():
            chosen = means[quantity].sel(training=name, epoch=epoch)
            cells = []
            for radius in radii:
                train, test = chosen.sel(radius=radius, method="nearest").sel(points_of=["train", "test"]).values
                cells.append(f"{train:.3g} | {test:.3g}")
            table.add_row(f"{name}, {epoch}", LABELS[quantity], *cells, escape(str(each.inside)))
    console.print(table)
