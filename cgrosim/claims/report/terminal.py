"""The report of a verification as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cgrosim.claims.claim import Verdict
from cgrosim.claims.report.data import count_verdicts, false_alarms
from cgrosim.claims.report.words import PLAIN_SYMBOLS, REJECTION, STYLES, SYMBOLS, headline, measurement, region
from cgrosim.files.words import counted

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 110  # columns from which the table also says the kind and the prediction


def print_table(verdicts: Sequence[Verdict], console: Console) -> None:
    """Print one row a claim: verdict, claim, headline measurement, wrong worlds, seconds; in a wide terminal also the
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
    table.add_column("wrong worlds", ratio=2 if wide else None)
    table.add_column("s", justify="right", no_wrap=True)
    for verdict in verdicts:
        claim, check = verdict.claim, headline(verdict.evidence)
        said = Text(f"{check.prediction}\n" if wide and check is not None else "")
        if check is not None:
            said.append(f"{measurement(check)} in {region(check)}", style="bold")
        if verdict.verdict != "supported" and verdict.note:
            said.append(f"\n{verdict.note}", style="italic")
        wrong = REJECTION[verdict.rejection]
        table.add_row(
            Text(f"{symbols[verdict.verdict]} {verdict.verdict}", style=STYLES[verdict.verdict]),
            Text(claim.title).append(f"\n{claim.name}, {claim.kind}" if wide else "", style="dim"),
            said,
            Text(wrong, style="bold red" if wrong == "PASSES" else ""),
            "carried" if verdict.carried else f"{verdict.seconds:.1f}",
        )
    console.print(table)
    console.print(Text(summary(verdicts)))


def summary(verdicts: Sequence[Verdict]) -> str:
    """The counts and the false-alarm budget in one line."""
    counts = ", ".join(f"{count} {name}" for name, count in count_verdicts(verdicts).items() if count)
    alarms = false_alarms(verdicts)["statistical"]
    return (
        f"{counted(len(verdicts), 'claim')}: {counts or 'none'}. False alarms: at most {alarms['used']:.2g} of the "
        f"allowed {alarms['allowed']:.2g} from {alarms['checks']} statistical checks."
    )
