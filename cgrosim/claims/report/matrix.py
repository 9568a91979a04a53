"""The kill matrix in plain text: which rule dies in which wrong world."""

from __future__ import annotations

import textwrap

from cgrosim.claims.checks import Outcome
from cgrosim.claims.claim import Verdict

CELLS: dict[Outcome, str] = {"violated": "rejects", "underpowered": "undecided", "supported": "passes"}
WIDTH = 60  # of the names of rules and worlds


def kill_matrix(verdict: Verdict) -> str:
    """Rules by worlds; below it the names of the worlds, and what became of each."""
    rules = [textwrap.shorten(check.name, WIDTH) for check in verdict.evidence.checks]
    width = max(map(len, rules), default=0)
    head = " ".join(f"world {number:<5d}" for number in range(1, len(verdict.trials) + 1))
    lines = [f"{'rules':<{width}}  {head}".rstrip()]
    for row, (rule, check) in enumerate(zip(rules, verdict.evidence.checks, strict=True)):
        cells = " ".join(f"{CELLS[trial.evidence.checks[row].outcome]:<11}" for trial in verdict.trials)
        why = f"({check.cannot_fail})" if check.cannot_fail else "" if verdict.killers(row) else "(killed by none)"
        lines.append(f"{rule:<{width}}  {cells} {why}".rstrip())
    for number, trial in enumerate(verdict.trials, 1):
        lines.append(f"world {number}: {trial.world.name}")
    return f"{verdict.claim.name}: which rule dies in which wrong world\n" + "\n".join(lines) + "\n"
