"""What a verification returns: verdicts that show themselves as a table and write their report."""

from __future__ import annotations

import io
from pathlib import Path

from cgrosim.claims.claim import Verdict

COLUMNS = 120


class Verdicts(list[Verdict]):
    """The verdicts of a verification, in the order of the registry."""

    def __str__(self) -> str:
        """The table of the terminal, and below it which rule each wrong world kills."""
        from rich.console import Console

        from cgrosim.claims.report.matrix import kill_matrix
        from cgrosim.claims.report.terminal import print_table

        text = io.StringIO()
        print_table(self, Console(file=text, width=COLUMNS))
        return "\n".join([text.getvalue(), *(kill_matrix(verdict) for verdict in self if verdict.trials)])

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write the report, ``index.html`` and ``verdicts.json``, into a folder and return their paths."""
        from cgrosim.claims.report.writing import write_report

        return write_report(self, folder)
