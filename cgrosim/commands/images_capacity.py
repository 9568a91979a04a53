"""``cgrosim images capacity``: clean and robust accuracy against the width of the network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from cgrosim.commands.folders import check_directory
from cgrosim.commands.images_options import TrainingOptions, dataset_from, settings_from, whole_number
from cgrosim.commands.terminal import announce_compilation, console, progress_bar

if TYPE_CHECKING:
    from cgrosim.images.data.datasets import Dataset
    from cgrosim.images.experiments.capacity import Result, Sweep
    from cgrosim.images.experiments.capacity_statistics import WidthSummary


@dataclass(frozen=True)
class Capacity:
    """Train every width with and without attacks, several seeds: OUT/capacity.png, a table, capacity.json, and the
    .npz and .json files of every training. The same command goes on where it was stopped or killed.
    """

    options: Annotated[TrainingOptions, tyro.conf.arg(name="")] = field(default_factory=TrainingOptions)
    widths: Annotated[str, tyro.conf.arg(metavar="INT,...", help="capacity factors")] = "1,2,4,8,12,16"
    seeds: Annotated[str, tyro.conf.arg(metavar="INT", help="trainings of every width, from --seed on")] = "3"
    restarts: Annotated[str, tyro.conf.arg(metavar="INT", help="of PGD for the final numbers")] = "2"
    control: Annotated[bool, tyro.conf.arg(help="also train every width without attack")] = True
    out: Annotated[Path, tyro.conf.arg(help="directory of the results; a sweep begun there goes on")] = Path(
        "results/capacity"
    )

    def run(self) -> int:
        """Train, measure, draw; status 1 if a training diverged, 130 if it was interrupted."""
        sweep = self._sweep()
        check_directory(self.out)
        with progress_bar("data") as progress:
            dataset = dataset_from(self.options, progress)
        results, interrupted = _run(sweep, dataset, self.out)
        _report(sweep, results, self.out)
        if interrupted:
            console.print("interrupted; the same command goes on from here")
            return 130
        return 1 if any(result.status == "diverged" for result in results) else 0

    def _sweep(self) -> Sweep:
        from cgrosim.errors import UserError
        from cgrosim.images.experiments.capacity import Sweep
        from cgrosim.images.training.defaults import defaults_of, final_attack

        if self.options.width is not None:
            raise UserError("width is one number, but the sweep trains several; give --widths instead.")
        settings = settings_from(self.options)
        count = whole_number("seeds", self.seeds)
        return Sweep(
            settings,
            tuple(whole_number("widths", text) for text in self.widths.split(",")),
            tuple(range(settings.seed, settings.seed + count)),
            final_attack(settings, whole_number("restarts", self.restarts)),
            self.options.architecture or defaults_of(settings.dataset).architecture,
            self.control,
        )


def _run(sweep: Sweep, dataset: Dataset, out: Path) -> tuple[list[Result], bool]:
    """All results, as far as they came, and whether the sweep was interrupted."""
    from cgrosim.images.experiments.capacity import Result, run_sweep

    announce_compilation("images/network/kernels")
    results: list[Result] = []
    with progress_bar("capacity") as progress:
        for result in run_sweep(sweep, dataset, out, progress):
            if not isinstance(result, Result):
                return results, True
            results.append(result)
    return results, False


def _report(sweep: Sweep, results: list[Result], out: Path) -> None:
    """Table, sentences, figure and JSON."""
    from cgrosim.figures import save_figure
    from cgrosim.files.records import write_record
    from cgrosim.files.versions import versions
    from cgrosim.images.experiments.capacity_report import attack_line, draw, numbers, sentences
    from cgrosim.images.experiments.capacity_statistics import statements

    found = statements(results)
    _print_table(sweep, results)
    _print_warnings(sweep, results)
    for sentence in sentences(found):
        console.print(sentence, highlight=False)
    figure = save_figure(draw(sweep, results), out / "capacity.png")
    content = {
        "versions": versions(),
        "settings": sweep.settings.dump(),
        "attack": attack_line(sweep),
        "widths": list(sweep.widths),
        "seeds": list(sweep.seeds),
        **numbers(results, found),
    }
    path = write_record(out / "capacity.json", content)
    seconds = sum(result.seconds for result in results)
    console.print(f"trained in {seconds:.1f} s; written {figure}, {path}", highlight=False)


def _print_warnings(sweep: Sweep, results: list[Result]) -> None:
    """What went wrong, and what the checks of the attack found on networks that say anything; the rest is counted."""
    left_out = 0
    for result in results:
        name = sweep.file_of(result.width, result.seed, result.adversarial)
        telling = result.adversarial and not result.last.collapsed
        left_out += 0 if telling else len(result.last.warnings)
        for text in (result.message, *(result.last.warnings if telling else ())):
            if text:
                console.print(f"[bold red]warning[/bold red] {name}: {text}", highlight=False)
    if left_out:
        console.print(f"{left_out} more on constant networks and standard training, in capacity.json", highlight=False)


def _print_table(sweep: Sweep, results: list[Result]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from cgrosim.images.experiments.capacity_report import paper_numbers
    from cgrosim.images.experiments.capacity_statistics import summarise

    if not results:
        return
    title = (
        f"accuracy (%), mean and standard deviation over seeds, on {results[0].train_samples} training and "
        f"{results[0].test_samples} test images of {sweep.settings.dataset}\nrobust: {sweep.attack.describe()}\n"
        f"trained with λ = {sweep.settings.adversarial_weight:g} against {sweep.settings.attack.describe()}\n"
        "const: seeds with one class for 99 % of the images; selected: epoch of best robust validation accuracy"
    )
    if paper_numbers(sweep):
        title += "\nthe paper: Table 1 of arXiv 2306.01271, all 60,000 training images, linf radius 0.3"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("training", no_wrap=True)
    for column in ("weights", "\nconst", "clean\ntest", "robust\ntest", "robust\ntrain", "robust\ngap"):
        table.add_column(column, justify="right", no_wrap=True)
    for adversarial, name in ((True, "adversarial"), (False, "standard")):
        chosen = {s.width: s for s in summarise(results, adversarial, selected=True)}
        for summary in summarise(results, adversarial):
            table.add_row(f"{name} x{summary.width}", str(summary.parameters), *_cells(summary))
            if summary.width in chosen:
                table.add_row("  selected", "", *_cells(chosen[summary.width]), style="dim")
            paper = paper_numbers(sweep).get(summary.width) if adversarial else None
            if paper is not None:
                values = [*paper.values(), paper["robust_train"] - paper["robust_test"]]
                table.add_row("  the paper", "", "", *(f"{100 * value:.2f}" for value in values), style="italic")
    console.print(table)


def _cells(summary: WidthSummary) -> list[str]:
    import numpy as np

    gap = summary.accuracies["robust_train"] - summary.accuracies["robust_test"]
    deviation = float(np.std(gap, ddof=1)) if len(gap) > 1 else math.nan
    pairs = [(summary.mean[name], summary.deviation[name]) for name in ("clean_test", "robust_test", "robust_train")]
    collapsed = f"{summary.collapsed.sum()}/{len(summary.collapsed)}" if summary.collapsed.any() else ""
    return [collapsed, *(_cell(*pair) for pair in (*pairs, (float(gap.mean()), deviation)))]


def _cell(mean: float, deviation: float) -> str:
    return f"{100 * mean:.1f}" if math.isnan(deviation) else f"{100 * mean:.1f}±{100 * deviation:.1f}"
