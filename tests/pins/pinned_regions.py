"""What every check of every claim allows and why, kept as it is: words exactly, regions to a derived tolerance."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from pinned_cases import machine

from cgrosim.claims.claim import Verdict

FILE = Path(__file__).with_name("pinned_regions.json")
PINNED = json.loads(FILE.read_text()) if FILE.exists() else {"machine": {}, "claims": {}}
# Where the machine is the same, only the order of a sum may change: some thousand terms of 2^-53 each. On another one
# the integrator may take a step more or less, of about a hundred that a bound along a run counts.
TOLERANCE = 1e-12 if machine() == PINNED["machine"] else 0.03


def words(text: str) -> str:
    """A text without its numbers, which are measured in part: they are compared as numbers, where they decide."""
    return re.sub(r"\d+(\.\d+)?(e[-+]?\d+)?", "#", text)


ROUNDED = ("closure", "margin-decomposition", "sampling-same-numbers")
"""Claims whose region is the bound at the step at which round-off came nearest to it; the processor decides which."""


def regions(verdict: Verdict) -> list[list[str | float]]:
    """Name, region and reason of every check of the true world; infinities as words, which JSON can hold."""

    def plain(value: float) -> str | float:
        return value if np.isfinite(value) else str(value)

    return [
        [words(check.name), plain(check.allowed_low), plain(check.allowed_high), words(check.reason)]
        for check in verdict.evidence.checks
    ]


def assert_pinned(verdict: Verdict) -> None:
    """Compare a quick verdict with what was pinned; a claim that has no pin must be given one."""
    name, found = verdict.claim.name, regions(verdict)
    assert name in PINNED["claims"], f"pin {name}: PYTHONPATH=tests/images python tests/pins/pinned_regions.py"
    pinned = PINNED["claims"][name]
    assert [(check[0], check[3]) for check in found] == [(check[0], check[3]) for check in pinned], name
    for now, before in zip(found, pinned, strict=True):
        if name in ROUNDED and machine() != PINNED["machine"]:
            assert now[1] == before[1] == 0.0
            assert 0.0 < now[2] < 1e-9, now
            continue
        np.testing.assert_allclose(
            [float(now[1]), float(now[2])],
            [float(before[1]), float(before[2])],
            rtol=TOLERANCE,
            err_msg=f"{name}: {now[0]}",
        )


def main() -> None:
    """Pin the regions of every claim that has none; delete a claim from the file first to pin it anew."""
    from cgrosim.claims.claim import Context, evaluate
    from cgrosim.claims.registry import all_claims

    claims = dict(PINNED["claims"])
    for name, claim in all_claims().items():
        if name not in claims:
            claims[name] = regions(evaluate(claim, Context()))
            lines = [f" {json.dumps(one)}: [\n  {_lines(claims[one])}\n ]" for one in sorted(claims)]
            FILE.write_text(f'{{"machine": {json.dumps(machine())}, "claims": {{\n' + ",\n".join(lines) + "\n}}\n")


def _lines(checks: list[list[str | float]]) -> str:
    return ",\n  ".join(map(json.dumps, checks))


if __name__ == "__main__":
    main()
