"""The report of a verification: a table in the terminal, one self-contained page, and the same as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cgrosim.results import write_atomically
from cgrosim.verify.checks import Check, Outcome
from cgrosim.verify.claim import Evidence, Verdict, VerdictName
from cgrosim.verify.report_json import count_verdicts, false_alarms, report_text

if TYPE_CHECKING:
    from rich.console import Console

# a symbol and a word beside every colour: neither printers nor all readers see colours
SYMBOLS: dict[VerdictName, str] = {"supported": "✓", "violated": "✗", "not applicable": "–", "underpowered": "?"}
STYLES: dict[VerdictName, str] = {
    "supported": "green",
    "violated": "bold red",
    "not applicable": "dim",
    "underpowered": "yellow",
}
PLAIN_SYMBOLS: dict[VerdictName, str] = {
    "supported": "+",
    "violated": "X",
    "not applicable": "-",
    "underpowered": "?",
}
WIDE = 110  # columns from which the table also says the kind and the prediction
FALSIFIER: dict[Outcome, str] = {"violated": "rejected", "underpowered": "not supported", "supported": "PASSES"}


def write_report(
    verdicts: Sequence[Verdict], directory: str | Path, *, seconds: float | None = None
) -> tuple[Path, Path]:
    """Write ``index.html`` and ``verdicts.json`` into a directory, each atomically, and return their paths.

    Parameters
    ----------
    verdicts
        In the order in which the page shows them.
    directory
        Made if it does not exist.
    seconds
        How long the whole verification took.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    from cgrosim.verify.report_html import report_page

    place = Path(directory)
    data, page = report_text(verdicts, seconds), report_page(verdicts, seconds)
    written = write_atomically(place / "verdicts.json", lambda partial: Path(partial).write_text(data, "utf-8"))
    return write_atomically(place / "index.html", lambda partial: Path(partial).write_text(page, "utf-8")), written


def print_table(verdicts: Sequence[Verdict], console: Console) -> None:
    """Print one row a claim: verdict, claim, headline measurement, falsifier, seconds; in a wide terminal also the
    kind of the claim and the prediction in words.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    symbols = SYMBOLS if console.encoding.lower().startswith("utf") else PLAIN_SYMBOLS
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim", ratio=5, overflow="fold")
    table.add_column(Text("measured [interval] in [allowed]"), ratio=8 if wide else 4, overflow="fold")
    table.add_column("falsifier", ratio=2 if wide else None)
    table.add_column("s", justify="right", no_wrap=True)
    for verdict in verdicts:
        claim, check = verdict.claim, headline(verdict.evidence)
        said = Text(f"{check.prediction}\n" if wide and check is not None else "")
        if check is not None:
            said.append(f"{measurement(check)} in {region(check)}", style="bold")
        if verdict.verdict != "supported" and verdict.note:
            said.append(f"\n{verdict.note}", style="italic")
        wrong = FALSIFIER[verdict.falsifier_outcome]
        table.add_row(
            Text(f"{symbols[verdict.verdict]} {verdict.verdict}", style=STYLES[verdict.verdict]),
            Text(claim.title).append(f"\n{claim.name}, {claim.kind}" if wide else "", style="dim"),
            said,
            Text(wrong, style="bold red" if wrong == "PASSES" else ""),
            f"{verdict.seconds:.1f}",
        )
    console.print(table)
    console.print(Text(summary(verdicts)))


def summary(verdicts: Sequence[Verdict]) -> str:
    """The counts and the false-alarm budget in one line."""
    counts = ", ".join(f"{count} {name}" for name, count in count_verdicts(verdicts).items() if count)
    alarms = false_alarms(verdicts)["statistical"]
    return (
        f"{len(verdicts)} claims: {counts or 'none'}. False alarms: at most {alarms['used']:.2g} of the allowed "
        f"{alarms['allowed']:.2g} from {alarms['checks']} statistical checks."
    )


def headline(evidence: Evidence) -> Check | None:
    """The check that stands for a claim in a table: the first that was not supported, else the first."""
    return next((c for c in evidence.checks if c.outcome != "supported"), next(iter(evidence.checks), None))


def measurement(check: Check) -> str:
    """The estimate with its interval; the estimate alone where nothing is random."""
    if check.low == check.high:
        return amount(check.measured)
    return f"{amount(check.measured)} [{amount(check.low)}, {amount(check.high)}]"


def region(check: Check) -> str:
    """The region that supports the claim."""
    return f"[{amount(check.allowed_low)}, {amount(check.allowed_high)}]"


def amount(value: float) -> str:
    """A number in a table: four digits."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.4g}"
