"""``cgrosim sweep``: a grid of runs, its table, its figures and its page."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from cgrosim.commands.folders import check_directory
from cgrosim.commands.options import ExperimentOptions, overridden
from cgrosim.commands.terminal import announce_compilation, attempted, print_line, print_notice, progress_bar
from cgrosim.files.words import counted, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from cgrosim.sweeps.grid_file import GridFile
    from cgrosim.sweeps.plan import Plan
    from cgrosim.sweeps.progress import State
    from cgrosim.sweeps.table import Table

GRID_NAME, TABLE_NAME = "grid.toml", "table.nc"
MOST_FIGURES = 8
MOST_SENTENCES = 5


@dataclass(frozen=True)
class Sweep:
    """Run a grid of experiments: OUT/index.html, table.nc, a map of every kept quantity, and what goes on later."""

    grid: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[GRID.toml]")] = None
    """file with the grid; options override it"""
    experiment: Annotated[ExperimentOptions, tyro.conf.arg(name="")] = field(default_factory=ExperimentOptions)
    config: Annotated[Path | None, tyro.conf.arg(metavar="TOML", help="file with parameters; options override it")] = (
        None
    )
    vary: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]],
        tyro.conf.arg(
            metavar="NAME=VALUES",
            help="vary a parameter, once or more: gap=3e-3:0.3:25:log (from, to, how many), samples=5,10,20",
        ),
    ] = ()
    seeds: Annotated[str | None, tyro.conf.arg(metavar="INT", help="runs at every point (default: 1)")] = None
    keep: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="NAMES", help="quantities to keep (default: all that are one number)")
    ] = ()
    points: Annotated[
        str | None, tyro.conf.arg(metavar="INT", help="keep them over so many common steps (default: at the end only)")
    ] = None
    predicted_seeds: Annotated[
        str | None, tyro.conf.arg(metavar="INT", help="seeds for which the theory is asked as well (default: 1)")
    ] = None
    workers: Annotated[
        str | None,
        tyro.conf.arg(metavar="INT", help="worker processes, 0: none beside this one (default: one a processor)"),
    ] = None
    scheduler: Annotated[
        str | None, tyro.conf.arg(metavar="ADDRESS", help="Dask scheduler whose workers do it, as tcp://host:8786")
    ] = None
    out: Path = Path("sweep")
    """directory of the results; the same sweep given there again goes on, a larger one runs what is new"""
    yes: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """run a grid of more than a million cells"""

    def run(self) -> int:
        """Run what is missing, print and draw; status 1 if runs, files or figures failed, 130 if it was interrupted."""
        from cgrosim.errors import UserError
        from cgrosim.model.toml import read_toml
        from cgrosim.sweeps.grid_file import GridFile
        from cgrosim.sweeps.store import SweepStore

        SweepStore.check_installed()
        if self.grid is not None and self.config is not None:
            raise UserError("a grid file and --config both give parameters; leave one of them out.")
        asked = GridFile() if self.grid is None else GridFile.read(self.grid)
        written = asked.parameters if self.config is None else read_toml(self.config)
        asked = self._asked(asked, overridden(written, self.experiment))
        if not asked.vary:
            raise UserError("nothing is varied; give --vary, such as --vary gap=0.01:0.1:10:log, or a grid file.")
        return self._run(asked)

    def _asked(self, asked: GridFile, parameters: dict[str, Any]) -> GridFile:
        """What the file says, overridden by the options."""
        given = {"seeds": self.seeds, "points": self.points, "predicted_seeds": self.predicted_seeds}
        numbers: dict[str, Any] = {name: _whole(name, text) for name, text in given.items() if text is not None}
        keep: dict[str, Any] = {"keep": self.keep} if self.keep else {}
        return replace(asked.with_varied(self.vary), parameters=parameters, **numbers, **keep)

    def _run(self, asked: GridFile) -> int:
        from cgrosim.errors import UserError
        from cgrosim.sweeps.sweep import MOST_CELLS, MOST_GRANTED, planned

        settings: dict[str, Any] = {
            "seeds": 1 if asked.seeds is None else asked.seeds,
            "keep": asked.keep,
            "points": asked.points,
            "predicted_seeds": 1 if asked.predicted_seeds is None else asked.predicted_seeds,
            "most_cells": MOST_GRANTED if self.yes else MOST_CELLS,
        }
        workers = _whole("workers", self.workers) if self.workers else os.cpu_count() or 1
        if self.workers and self.scheduler is not None:
            raise UserError("workers and scheduler exclude each other; give one of them.")
        plan = planned(asked.parameters, asked.over(), **settings)  # refuses what makes no sense, before any work
        fresh = not self.out.exists()
        check_directory(self.out)
        _refuse_foreign(self.out, plan)
        try:
            return self._do(asked, plan, settings, workers)
        finally:
            if fresh and not any(self.out.iterdir()):
                self.out.rmdir()  # a sweep that was refused leaves no empty folder

    def _do(self, asked: GridFile, plan: Plan, settings: dict[str, Any], workers: int) -> int:
        from cgrosim.commands.sweep_view import sweep_view
        from cgrosim.commands.warmup import compile_kernels
        from cgrosim.interrupts import raising_interrupts
        from cgrosim.sweeps.page import Page
        from cgrosim.sweeps.sweep import sweep

        axes = " x ".join(f"{axis.dim} {len(axis)}" for axis in plan.asked.axes)
        seeds = counted(len(plan.asked.seeds), "seed")
        print_notice(f"{axes} x {seeds}: {counted(plan.asked.size, 'cell')} into {self.out}")
        if self.scheduler is None:
            announce_compilation()
            with raising_interrupts(), progress_bar("kernels"):
                compile_kernels()
        pages, written = Page(self.out), replace(asked, parameters=plan.base.values)
        states: list[State] = []
        unwritten: list[str] = []
        with sweep_view() as show:

            def watch(state: State) -> None:
                if not states:  # the store is ours
                    attempted("grid file", lambda: written.write(self.out / GRID_NAME))
                states[:] = [state]
                show(state)
                if not unwritten and attempted("page", lambda: pages(state)) is None:
                    unwritten.append("page")  # said once: what hindered it will go on

            table = sweep(
                asked.parameters, asked.over(), out=self.out, watch=watch, scheduler=self.scheduler,
                workers=None if self.scheduler else min(workers, plan.asked.size) or None, **settings,
            )  # fmt: skip
        return _ended(table, states[0], self.out)


def _refuse_foreign(out: Path, plan: Plan) -> None:
    """Refuse a folder of another sweep, or one without a sweep in which something stands that this one would write.

    Raises
    ------
    FileError
        Naming the first thing that differs or stands there.
    """
    from cgrosim.errors import FileError
    from cgrosim.files.zarr_store import PLAN_NAME
    from cgrosim.sweeps.page import PAGE
    from cgrosim.sweeps.store import SweepStore

    if (out / PLAN_NAME).exists():
        SweepStore.read_plan(out).check_same_sweep(plan, out)
        return
    figures = (f"{name}{kind}.png" for name in plan.measured.keep for kind in ("", "_curves"))
    for name in (PAGE, TABLE_NAME, GRID_NAME, *figures):
        if os.path.lexists(out / name):
            raise FileError(f"{shown(out / name)} exists already, and is of no sweep there; choose another --out.")


def _ended(table: Table, state: State, out: Path) -> int:
    """Write the table and the figures, say what came of it, and return the exit status."""
    from cgrosim.files.atomic import write_text
    from cgrosim.interrupts import INTERRUPTED
    from cgrosim.sweeps.page import PAGE, page

    with progress_bar("table and figures"):
        whole = attempted("table", lambda: table.to_netcdf(out / TABLE_NAME)) is not None
        figures = _figures(table, out)
        names = [name for name, drawn in figures.items() if drawn]
        final = page(state, names, table.failures[:MOST_SENTENCES])
        whole = attempted("page", lambda: write_text(out / PAGE, final)) is not None and whole and all(figures.values())
    for sentence in table.failures[:MOST_SENTENCES]:
        print_line(f"failed: {sentence}")
    if len(table.failures) > MOST_SENTENCES:
        print_line(f"and {len(table.failures) - MOST_SENTENCES} other sentences, in the table's variable message")
    print_line(", ".join(f"{counted(number, 'cell')} {word}" for word, number in sorted(table.counts.items())))
    there = [str(out / name) for name in (PAGE, TABLE_NAME, GRID_NAME, *names) if (out / name).exists()]
    print_line(f"written {', '.join(there)}" if there else f"nothing but the cells themselves is written in {out}")
    if table.status == "interrupted":
        print_line("interrupted; the same command goes on from here")
        return INTERRUPTED
    return 1 if table.counts.get("failed", 0) + table.counts.get("diverged", 0) or not whole else 0


def _figures(table: Table, out: Path) -> dict[str, bool]:
    """Draw what was kept, as far as a map, a line or curves show it; names of the files, and whether they are there."""
    found: dict[str, bool] = {}
    drawn = len(table.varied) <= 2 and "finished" in table.counts
    for name in _most_asked(table.kept) if drawn else ():
        figures: dict[str, Callable[[str], Figure]] = {f"{name}.png": table.plot}
        if "step" in table.data[name].dims:
            figures[f"{name}_curves.png"] = table.curves
        for file, draw in figures.items():
            found[file] = attempted("figure", partial(_draw, draw, name, out / file)) is not None
    return found


def _most_asked(kept: Sequence[str]) -> list[str]:
    """The quantities that get a figure: the robust test error first, then the other errors, then what has room."""
    order = sorted(kept, key=lambda name: (name != "robust_test_error", not name.endswith("_error")))
    return order[:MOST_FIGURES]


def _draw(draw: Callable[[str], Figure], name: str, path: Path) -> Path:
    from cgrosim.figures.style import save_figure

    return save_figure(draw(name), path, dpi=100.0)


def _whole(name: str, text: str) -> int:
    from cgrosim.errors import UserError
    from cgrosim.files.words import shown
    from cgrosim.model.settings import whole_number

    number = whole_number(text)
    if not isinstance(number, int):
        raise UserError(f"{name} is {shown(text)!r}, but must be a whole number.")
    return number
