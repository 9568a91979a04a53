"""``cgrosim images``: one subcommand for every experiment on real images, made from its own options, and the tools."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from cgrosim.commands.experiment_folder import RECORD, check_images, check_work, place_of, record_of
from cgrosim.commands.folders import held
from cgrosim.commands.image_tools import TOOLS
from cgrosim.commands.options import given, options_of
from cgrosim.commands.result_tables import print_table
from cgrosim.commands.terminal import announce_compilation, attempted, console, print_notice, progress_bar
from cgrosim.executors.choice import executor_for
from cgrosim.executors.executor import Executor, Here
from cgrosim.files.lock import Held
from cgrosim.images.experiments.registry import all_experiments

if TYPE_CHECKING:
    from cgrosim.images.experiments.experiment import Conclusion, Experiment

STATUS = {"finished": 0, "diverged": 1, "failed": 1, "interrupted": 130}


def _command(name: str, experiment: type[Experiment]) -> Any:
    """A subcommand with the experiment's options, the folder of the data and that of the results."""
    asked = options_of(f"{name.capitalize()}Options", experiment.options, experiment.options.defaults())
    folder = tyro.conf.arg(
        help="folder of the files (default: CGROSIM_DATA, else a checked download)",
        metavar="DIR",
        help_behavior_hint="",
    )
    place = tyro.conf.arg(help="directory of the results; the same work begun there goes on")
    workers = tyro.conf.arg(help="processes for jobs that do not need one another (default: none beside this one)")
    scheduler = tyro.conf.arg(
        help="Dask scheduler whose workers do them, as tcp://host:8786; they have to see OUT", metavar="ADDRESS"
    )
    replace = tyro.conf.arg(help="replace tables and figures of other work there; its trainings are never replaced")
    command = dataclasses.make_dataclass(
        name.capitalize(),
        [
            ("options", Annotated[asked, tyro.conf.arg(name="")], dataclasses.field(default_factory=asked)),
            ("data_dir", Annotated[Path | None, folder], None),
            ("out", Annotated[Path, place], Path("results") / f"images_{name}"),
            ("workers", Annotated[int | None, workers], None),
            ("scheduler", Annotated[str | None, scheduler], None),
            ("overwrite", Annotated[bool, replace, tyro.conf.FlagCreatePairsOff], False),
        ],
        frozen=True,
        namespace={
            "run": lambda self: run(
                name,
                experiment,
                given(self.options),
                self.data_dir,
                self.out,
                self.overwrite,
                executor_for(self.workers, self.scheduler),
            )
        },
    )
    command.__doc__ = experiment.options.__doc__
    return command


def run(
    name: str,
    kind: type[Experiment],
    options: dict[str, str],
    data_dir: Path | None,
    out: Path,
    overwrite: bool,
    workers: AbstractContextManager[Executor],
) -> int:
    """Do the experiment, print and draw it; status 1 if a training diverged or a figure failed, 130 if interrupted."""
    asked = kind.options(**options)
    with progress_bar("jobs"):
        experiment = asked.experiment()
        experiment.jobs()  # refuses what makes no sense before anything is written
    with workers as executor, held(out) as lock:
        return _run_in(lock, name, experiment, asked.dataset, data_dir, overwrite, executor)


def _run_in(
    held: Held,
    name: str,
    experiment: Experiment,
    dataset: str,
    data_dir: Path | None,
    overwrite: bool,
    executor: Executor,
) -> int:
    from cgrosim.images.data.datasets import load_dataset
    from cgrosim.images.experiments.runner import run_experiment

    out = held.folder
    with progress_bar("data") as progress:
        standing = check_work(out, name, experiment, overwrite)
        data = load_dataset(dataset, data_dir, progress=progress)
    check_images(out, standing, data.digest)
    announce_compilation("images/network/kernels")
    with progress_bar("images") as progress:
        # in this process a job shows its own progress, and ends its epoch at Ctrl-C
        elsewhere = None if isinstance(executor, Here) else executor
        outcome = run_experiment(experiment, data, out, progress=progress, executor=elsewhere, held=held)
    conclusion = experiment.conclude(outcome.results)
    whole = _written(conclusion, record_of(name, experiment.dump(), data.digest, outcome.status), out)
    for sentence in (*outcome.notes, *outcome.messages):
        print_notice(sentence)
    if outcome.status == "interrupted":
        console.print("interrupted; the same command goes on from here")
    return max(STATUS[outcome.status], 0 if whole else 1)


def _written(conclusion: Conclusion, record: dict[str, Any], out: Path) -> bool:
    """Write numbers, say them, draw; whether every figure could be drawn."""
    from cgrosim.files.records import write_record
    from cgrosim.images.experiments.runner import write_figures, write_numbers

    place = place_of(out, record["status"])
    if place != out:
        print_notice(f"{out} holds results of work that ended, and they stay; those of half the work are in {place}.")
    write_record(place / RECORD, record)
    written = write_numbers(conclusion, place, record["data"])
    attempted("table", lambda: _print(conclusion))
    with progress_bar("drawing"):
        drawn = [
            attempted(f"{name}.png", partial(write_figures, {name: draw}, place))
            for name, draw in conclusion.figures.items()
        ]
    written += [path for paths in drawn if paths is not None for path in paths]
    console.print(f"written {', '.join(str(path) for path in written)}; {out}", highlight=False, markup=False)
    return all(paths is not None for paths in drawn)


def _print(conclusion: Conclusion) -> None:
    for table in conclusion.tables:
        print_table(table)
    for text in conclusion.warnings:
        console.print("warning ", style="bold red", end="")
        console.print(text, highlight=False, markup=False)
    for text in conclusion.sentences:
        console.print(text, highlight=False, markup=False)


def images_commands(text: str) -> Any:
    """The class behind ``cgrosim images``, with its help: one subcommand for every experiment and every tool."""
    commands = {name: _command(name, kind) for name, kind in all_experiments().items()} | TOOLS
    choice: Any = None
    for name, command in commands.items():
        each: Any = Annotated[command, tyro.conf.subcommand(name)]
        choice = each if choice is None else choice | each
    made = dataclasses.make_dataclass(
        "Images", [("experiment", choice)], frozen=True, namespace={"run": lambda self: self.experiment.run()}
    )
    made.__doc__ = text
    return made
