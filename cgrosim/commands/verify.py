"""``cgrosim verify``: simulate, compare, and say which claims hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from cgrosim.commands.folders import first_free, held, refuse_results
from cgrosim.commands.terminal import announce_compilation, console, progress_bar
from cgrosim.files.words import counted

FOLDER = Path("report")
REPORT = ("verdicts.json", "index.html")
INTERRUPTED_REPORT = "interrupted"
"""Folder below OUT for the verdicts that had arrived when a verification was interrupted."""


@dataclass(frozen=True)
class Verify:
    """Check the claims of the theory against simulations: a table, OUT/index.html and OUT/verdicts.json."""

    claims: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[CLAIM ...]")] = ()
    """names of claims; all of them if none is given"""
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """decide what two minutes allow (the default)"""
    full: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """decide everything, in at most half an hour"""
    out: Annotated[
        Path | None, tyro.conf.arg(help="directory of the report (default: report, or the next report-2, ...)")
    ] = None
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace an earlier report in that directory"""
    seed: str = "0"
    """seed of everything random"""
    workers: str | None = None
    """worker processes (default: one a processor)"""
    power: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """measure instead what the claims would have noticed: OUT/power.md, the smallest change of each parameter"""
    list: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """list the claims and stop"""

    def run(self) -> int:
        """Verify and report; status 1 if a claim is violated."""
        from cgrosim.claims.registry import all_claims, select
        from cgrosim.errors import UserError

        if self.list:
            for claim in all_claims().values():
                console.print(f"[bold]{claim.name}[/bold]  {claim.title}", highlight=False, soft_wrap=True)
            return 0
        if self.quick and self.full:
            raise UserError("quick and full exclude each other; give one of them.")
        select([*self.claims])
        seed, workers = _whole("seed", self.seed, 0), _whole("workers", self.workers or "0", 0)
        out = first_free(FOLDER, REPORT) if self.out is None else self.out
        with held(out):
            try:
                refuse_results(out, REPORT, self.overwrite)
                work = _power if self.power else _verify
                return work([*self.claims], self.full, seed, workers or None, out)
            finally:
                if self.out is None and not any(out.iterdir()):
                    out.rmdir()  # a verification that came to nothing leaves no empty folder


def _whole(name: str, text: str, least: int) -> int:
    from cgrosim.errors import UserError
    from cgrosim.files.words import shown
    from cgrosim.model.settings import whole_number

    number = whole_number(text)
    if not isinstance(number, int) or number < least:
        raise UserError(f"{name} is {shown(text)!r}, but must be a whole number of at least {least}.")
    return number


def _power(names: list[str], full: bool, seed: int, workers: int | None, out: Path) -> int:
    import time

    from cgrosim.claims.claim import Context
    from cgrosim.claims.power import PARAMETERS, Noticed
    from cgrosim.claims.report.power import in_words, power_table, write_power
    from cgrosim.claims.runner import measure_power
    from cgrosim.commands.warmup import compile_kernels
    from cgrosim.interrupts import INTERRUPTED, raising_interrupts

    began = time.perf_counter()
    announce_compilation("kernels")
    with raising_interrupts(), progress_bar("kernels"):
        compile_kernels(False)

    def show(name: str, noticed: Noticed, done: int, total: int) -> None:
        progress(f"{done} of {total}", done / total)
        seconds = time.perf_counter() - began
        console.print(
            f"[dim]{done:3d}/{total}  {seconds:5.0f} s[/dim]  {name}, {noticed.parameter}: {in_words(noticed)}",
            highlight=False,
        )

    context = Context("full" if full else "quick", seed)
    with progress_bar("measuring power") as progress:
        powers = measure_power(names, context, workers=workers, progress=show)
    paths = write_power(powers, context, out)
    console.print(power_table(powers), highlight=False, markup=False, soft_wrap=True)
    console.print("written " + ", ".join(str(path) for path in paths), highlight=False)
    missing = sum(len(PARAMETERS) - len(found) for found in powers.values())
    if missing:
        console.print(f"interrupted: {missing} entries were not measured")
        return INTERRUPTED
    return 0


def _verify(names: list[str], full: bool, seed: int, workers: int | None, out: Path) -> int:
    import time

    from cgrosim.claims.claim import Context, Verdict
    from cgrosim.claims.registry import select
    from cgrosim.claims.report.data import false_alarms
    from cgrosim.claims.report.terminal import print_table
    from cgrosim.claims.report.writing import write_report
    from cgrosim.claims.runner import verify
    from cgrosim.commands.warmup import compile_kernels
    from cgrosim.errors import UserError
    from cgrosim.interrupts import INTERRUPTED, raising_interrupts

    began = time.perf_counter()
    chosen = select(names)
    images = full and any(claim.kind == "observation" for claim in chosen)  # on real images
    announce_compilation(*(("kernels", "images/network/kernels") if images else ("kernels",)))
    with raising_interrupts(), progress_bar("kernels"):
        compile_kernels(images)

    arrived: list[Verdict] = []

    def show(verdict: Verdict, done: int, total: int) -> None:
        arrived.append(verdict)
        progress(f"{done} of {total}", done / total)
        seconds = time.perf_counter() - began
        console.print(
            f"[dim]{done:3d}/{total}  {seconds:5.0f} s[/dim]  {verdict.verdict:<14}  {verdict.claim.title}",
            highlight=False,
        )

    order = ", the longest first" if len(chosen) > 1 else ""
    console.print(f"[dim]{counted(len(chosen), 'claim')}{order}[/dim]", highlight=False)
    context = Context("full" if full else "quick", seed)
    try:
        with progress_bar("verifying") as progress:
            verdicts = verify(names, context, workers=workers, progress=show)
    except UserError:
        if arrived:
            write_report(arrived, out / INTERRUPTED_REPORT, seconds=time.perf_counter() - began)
        raise
    whole = len(verdicts) == len(chosen)
    if verdicts:
        print_table(verdicts, console)
        place = out if whole else out / INTERRUPTED_REPORT  # a finished report is only replaced by a finished one
        with progress_bar("report"):
            paths = write_report(verdicts, place, seconds=time.perf_counter() - began)
        console.print("written " + ", ".join(str(path) for path in paths), highlight=False)
    if not whole:
        console.print(f"interrupted: {len(verdicts)} of {counted(len(chosen), 'claim')} decided")
        return INTERRUPTED
    alarms = false_alarms(verdicts)["statistical"]
    if alarms["used"] > alarms["allowed"]:
        console.print("[bold red]the statistical checks exceed the false-alarm budget[/bold red]")
        return 1
    return 1 if any(verdict.verdict == "violated" for verdict in verdicts) else 0
