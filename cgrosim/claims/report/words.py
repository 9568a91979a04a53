"""How verdicts are put into words and numbers, the same in the terminal and on the page."""

from __future__ import annotations

import math

from cgrosim.claims.checks import Check, Outcome
from cgrosim.claims.claim import Evidence, VerdictName

FEWEST, MOST = 4, 17  # digits of a number; with 17 no two numbers look the same

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
    digits = digits_of(check)
    if check.low == check.high:
        return amount(check.measured, digits)
    return f"{amount(check.measured, digits)} [{amount(check.low, digits)}, {amount(check.high, digits)}]"


def region(check: Check) -> str:
    """The region that supports the claim."""
    digits = digits_of(check)
    return f"[{amount(check.allowed_low, digits)}, {amount(check.allowed_high, digits)}]"


def digits_of(check: Check) -> int:
    """As many digits as it takes to read the outcome off the numbers: what lies outside is not to look inside."""
    ends = [value for value in (check.measured, check.low, check.high) if math.isfinite(value)]
    borders = [value for value in (check.allowed_low, check.allowed_high) if math.isfinite(value)]
    for digits in range(FEWEST, MOST):
        told = {value: float(amount(value, digits)) for value in (*ends, *borders)}
        if all((a < b) == (told[a] < told[b]) and (a > b) == (told[a] > told[b]) for a in ends for b in borders):
            return digits
    return MOST


def amount(value: float, digits: int = FEWEST) -> str:
    """A number in a table: four digits."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}g}"
