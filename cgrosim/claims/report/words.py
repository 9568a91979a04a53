"""How verdicts are put into words and numbers, the same in the terminal and on the page."""

from __future__ import annotations

import math

from cgrosim.claims.checks import Check, Outcome
from cgrosim.claims.claim import Evidence, VerdictName

# a symbol and a word beside every colour: neither printers nor all readers see colours
SYMBOLS: dict[VerdictName, str] = {
    "supported": "✓",
    "violated": "✗",
    "not applicable": "–",
    "underpowered": "?",
    "not measured": "·",
}
STYLES: dict[VerdictName, str] = {
    "supported": "green",
    "violated": "bold red",
    "not applicable": "dim",
    "underpowered": "yellow",
    "not measured": "dim",
}
PLAIN_SYMBOLS: dict[VerdictName, str] = {
    "supported": "+",
    "violated": "X",
    "not applicable": "-",
    "underpowered": "?",
    "not measured": ".",
}
REJECTION: dict[Outcome | None, str] = {
    "violated": "rejected",
    "underpowered": "undecided",
    "supported": "PASSES",
    None: "not run",
}


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
