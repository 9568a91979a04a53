"""``cgrosim verify``: simulate, compare, and say which claims hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from cgrosim.commands.folders import first_free, held, refuse_results
from cgrosim.commands.terminal import announce_compilation, console, print_line, progress_bar
from cgrosim.files.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cgrosim.claims.claim import Claim, Verdict
    from cgrosim.claims.power import Noticed
    from cgrosim.studies.context import Context, Effort

REPEATABLE = tyro.conf.UseAppendAction
FOLDER = Path("report")
REPORT = ("verdicts.json", "index.html")
CALIBRATION = Path("calibration")
MOST_SEEDS = 10_000  # a verification takes minutes
INTERRUPTED_REPORT = "interrupted"
"""Folder below OUT for the verdicts that had arrived when a verification was interrupted."""


@dataclass(frozen=True)
class Verify:
    """Check the claims of the theory against simulations: a table, OUT/index.html and OUT/verdicts.json."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[CLAIM ...]")] = ()
    """names of claims; all of them if none is given"""
    claim: Annotated[tuple[str, ...], REPEATABLE, tyro.conf.arg(metavar="NAME")] = ()
    """name of a claim, as above; may be given several times"""
    claims: Annotated[tuple[Path, ...], REPEATABLE, tyro.conf.arg(metavar="FILE")] = ()
    """file of Python that lists claims of your own in CLAIMS; without names they alone are verified"""
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """decide what two minutes allow (the default)"""
    full: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """decide everything, in at most a quarter of an hour"""
    since: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """folder of an earlier report: only what has changed since is verified, the other verdicts are carried over; with
    --power, of a power.json of any effort: where the search begins"""
    out: Annotated[
        Path | None, tyro.conf.arg(help="directory of the report (default: report, or the next report-2, ...)")
    ] = None
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace an earlier report in that directory"""
    seed: str = "0"
    """seed of everything random"""
    seeds: Annotated[str | None, tyro.conf.arg(metavar="FIRST:END")] = None
    """verify at every seed from FIRST up to END, END left out, and write calibration.md in OUT/quick or OUT/full:
    verdicts by claim and seed; the same OUT again goes on where it was ended, with these claims or others"""
    workers: str | None = None
    """worker processes (default: one a processor)"""
    power: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """measure instead what the claims would have noticed: OUT/power.md, the smallest change of each parameter; given
    the same --out again, what has not changed since is kept"""
    list: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """list the claims and stop"""

    def run(self) -> int:
        """Verify and report; status 1 if a claim is violated."""
        from cgrosim.claims.registry import select
        from cgrosim.errors import UserError
        from cgrosim.studies.context import Context

        names = [*self.names, *self.claim]
        chosen = select(names, self.claims)
        if self.list:
            return _list(chosen)
        if self.quick and self.full:
            raise UserError("quick and full exclude each other; give one of them.")
        seed, workers = _whole("seed", self.seed, 0), _whole("workers", self.workers or "0", 0)
        if self.seeds is not None:
            return _calibrate(chosen, self.full, _seeds(self.seeds), workers or None, self.out or CALIBRATION)
        out = first_free(FOLDER, REPORT) if self.out is None else self.out
        asked = Asked(chosen, Context("full" if self.full else "quick", seed), workers or None, out, self.since)
        with held(out, spare=self.out is None):  # a verification that came to nothing leaves no empty folder
            refuse_results(out, REPORT, self.overwrite)
            return _power(asked) if self.power else _verify(asked)


@dataclass(frozen=True)
class Asked:
    """What is to be verified, how, and where the report goes."""

    claims: list[Claim]
    context: Context
    workers: int | None
    out: Path
    since: Path | None


def _list(claims: list[Claim]) -> int:
    """One line a claim: name, kind and title in columns."""
    name, kind = (max(len(getattr(claim, field)) for claim in claims) for field in ("name", "kind"))
    for claim in claims:
        print_line(f"{claim.name:<{name}}  {claim.kind:<{kind}}  {claim.title}")
    return 0


def _whole(name: str, text: str, least: int) -> int:
    from cgrosim.errors import UserError
    from cgrosim.files.words import shown
    from cgrosim.model.settings import whole_number

    number = whole_number(text)
    if not isinstance(number, int) or number < least:
        raise UserError(f"{name} is {shown(text)!r}, but must be a whole number of at least {least}.")
    return number


def _seeds(text: str) -> range:
    from cgrosim.errors import UserError
    from cgrosim.files.words import shown
    from cgrosim.model.settings import whole_number

    parts = text.split(":")
    first, end = (whole_number(part) for part in parts) if len(parts) == 2 and all(map(_plain, parts)) else ("", "")
    if not (isinstance(first, int) and isinstance(end, int)):
        raise UserError(f"seeds is {shown(text)!r}, but must be two whole numbers such as 0:40.")
    if first >= end:
        raise UserError(f"seeds is {shown(text)!r}, which holds no seed; give the end as the larger number.")
    if end - first > MOST_SEEDS:
        raise UserError(
            f"seeds is {shown(text)!r}, which asks for {end - first:.3g} verifications, but at most {MOST_SEEDS} are "
            "made at once; take fewer: the same --out goes on with others later."
        )
    return range(first, end)


def _plain(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _calibrate(claims: list[Claim], full: bool, seeds: range, workers: int | None, out: Path) -> int:
    import time

    from cgrosim.claims.calibration import calibrate
    from cgrosim.interrupts import INTERRUPTED

    effort: Effort = "full" if full else "quick"
    found = None
    began, at = time.perf_counter(), 0

    def show(verdict: Verdict, done: int, total: int) -> None:
        progress(f"{done} of {total} at seed {seeds[at]}", (at + done / total) / len(seeds))

    with held(out), progress_bar("verifying") as progress:
        for found in calibrate(claims, effort, seeds, out, workers=workers, progress=show):
            at += 1
            seconds = time.perf_counter() - began
            print_line(f"{len(found.by_seed):3d}/{len(seeds)}  {seconds:5.0f} s  {found.summary()}")
    asked = {claim.name for claim in claims}
    if found is None or any(not asked <= {v.claim.name for v in found.by_seed.get(seed, ())} for seed in seeds):
        print_line("interrupted: the same command goes on from here")
        return INTERRUPTED
    print_line(found.table())
    if found.undecided():
        print_line(found.undecided())
    print_line(f"written {out / effort / 'calibration.md'}")
    return 1 if any(verdict.verdict == "violated" for each in found.by_seed.values() for verdict in each) else 0


def _power(asked: Asked) -> int:
    import time

    from cgrosim.claims.fingerprint import fingerprint
    from cgrosim.claims.power import PARAMETERS
    from cgrosim.claims.report.power import Sitting, in_words, power_table, write_power
    from cgrosim.claims.runner import measure_power
    from cgrosim.commands.warmup import compile_kernels
    from cgrosim.interrupts import INTERRUPTED, raising_interrupts

    began = time.perf_counter()
    prints = {claim.name: fingerprint(claim, asked.context) for claim in asked.claims}
    sitting = Sitting.read(asked.out)
    known = sitting.still_valid(asked.context, prints) if sitting else {}
    arrived = {claim.name: dict(known.get(claim.name, {})) for claim in asked.claims}
    guesses = {**_noticed_in(asked.since), **(sitting.powers if sitting else {})}
    carried = sum(map(len, arrived.values()))
    if carried:
        print_line(f"{carried} entries carried over from {asked.out}")
    announce_compilation("kernels")
    with raising_interrupts(), progress_bar("kernels"):
        compile_kernels()

    def show(name: str, noticed: Noticed, done: int, total: int) -> None:
        arrived[name][noticed.parameter] = noticed
        progress(f"{done} of {total}", done / total)
        seconds = time.perf_counter() - began
        if not noticed.absent:
            write_power({each: found for each, found in arrived.items() if found}, asked.context, asked.out, prints)
            told = f"{noticed.parameter}: {in_words(noticed)} ({counted(noticed.trials, 'world')})"
            console.print(f"[dim]{done:3d}/{total}  {seconds:5.0f} s[/dim]  {name}, {told}", highlight=False)

    with progress_bar("measuring power") as progress:
        powers = measure_power(
            asked.claims, asked.context, known=known, guesses=guesses, workers=asked.workers, progress=show
        )
    paths = write_power({name: one for name, one in powers.items() if one}, asked.context, asked.out, prints)
    console.print(power_table(powers), highlight=False, markup=False, soft_wrap=True)
    console.print("written " + ", ".join(str(path) for path in paths), highlight=False)
    missing = sum(len(PARAMETERS) - len(found) for found in powers.values())
    if missing:
        console.print(f"interrupted: {missing} entries were not measured; the same command goes on from here")
        return INTERRUPTED
    return 0


def _noticed_in(folder: Path | None) -> Mapping[str, Mapping[str, Noticed]]:
    from cgrosim.claims.report.power import read_power
    from cgrosim.errors import UserError
    from cgrosim.files.words import shown

    found = read_power(folder) if folder else {}
    if folder and not found:
        raise UserError(
            f"{shown(folder)} has no power.json; give the folder of an earlier verify --power, or no --since."
        )
    return found


def _verify(asked: Asked) -> int:
    import time

    from cgrosim.claims.report.data import false_alarms
    from cgrosim.claims.report.terminal import print_table
    from cgrosim.claims.report.writing import write_report
    from cgrosim.claims.runner import verify
    from cgrosim.commands.warmup import BOTH, compile_kernels, compiling_image_kernels
    from cgrosim.errors import UserError
    from cgrosim.interrupts import INTERRUPTED, raising_interrupts

    began = time.perf_counter()
    chosen = asked.claims
    # on real images; digits alone, which the default effort looks at, have networks of one layout
    images = (BOTH if asked.context.full else BOTH[:1]) if any(one.kind == "observation" for one in chosen) else ()
    announce_compilation(*(("kernels", "images/network/kernels") if images else ("kernels",)))
    arrived: list[Verdict] = []

    def show(verdict: Verdict, done: int, total: int) -> None:
        arrived.append(verdict)
        progress(f"{done} of {total}", done / total)
        seconds = time.perf_counter() - began
        console.print(
            f"[dim]{done:3d}/{total}  {seconds:5.0f} s[/dim]  {verdict.verdict:<14}  {verdict.claim.title}"
            + (" [dim](carried over)[/dim]" if verdict.carried else ""),
            highlight=False,
        )

    order = ", the longest first" if len(chosen) > 1 else ""
    try:
        with raising_interrupts(), progress_bar("kernels"):
            beside = compiling_image_kernels(images, workers=asked.workers)
        with beside:
            with raising_interrupts(), progress_bar("kernels"):
                compile_kernels()
            console.print(f"[dim]{counted(len(chosen), 'claim')}{order}[/dim]", highlight=False)
            with progress_bar("verifying") as progress:
                verdicts = verify(asked.claims, asked.context, since=asked.since, workers=asked.workers, progress=show)
    except UserError:
        if arrived:
            write_report(arrived, asked.out / INTERRUPTED_REPORT, seconds=time.perf_counter() - began)
        raise
    whole = len(verdicts) == len(chosen)
    if verdicts:
        print_table(verdicts, console)
        carried = sum(verdict.carried for verdict in verdicts)
        if asked.since is not None:
            print_line(f"{carried} carried over from {asked.since}, {len(verdicts) - carried} verified now")
        place = asked.out if whole else asked.out / INTERRUPTED_REPORT  # only a finished one replaces a finished one
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
