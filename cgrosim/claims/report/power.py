"""What claims would have noticed, as a table for the terminal and for a page of the docs, and as data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from cgrosim.claims.claim import Context
from cgrosim.claims.power import LARGEST, PARAMETERS, Noticed
from cgrosim.claims.report.data import strict
from cgrosim.files.atomic import write_text
from cgrosim.files.kinds import Kind
from cgrosim.files.versions import versions

FORMAT = "cgrosim power 1"
POWER = Kind(FORMAT, "power of claims", "the power.json of cgrosim verify --power", "measure it again")
Powers = Mapping[str, Mapping[str, Noticed]]


def in_words(noticed: Noticed | None) -> str:
    """A change that is noticed: ``3 %``, of the power an absolute one; a dash where one of `LARGEST` is not."""
    if noticed is None or noticed.change is None:
        return "-"
    return f"{noticed.change:.2g}" if noticed.parameter == "power" else f"{100 * noticed.change:.2g} %"


def power_table(powers: Powers) -> str:
    """A Markdown table: claims by the parameters that were changed."""
    changed = [name for name in PARAMETERS if any(name in found for found in powers.values())]
    head = ("claim", *(name.replace("_", " ") for name in changed))
    rows = [(claim, *(in_words(found.get(name)) for name in changed)) for claim, found in powers.items()]
    lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines) + "\n"


def write_power(powers: Powers, context: Context, directory: Path) -> tuple[Path, Path]:
    """Write ``power.md`` and ``power.json`` into a directory, each atomically, and return their paths.

    Raises
    ------
    FileError
        If the place cannot be written to.
    """
    text = (
        f"Smallest change of each parameter that the rules of a claim reject, whatever its sign (effort "
        f"{context.effort}, seed {context.seed}): relative, of the power absolute. A dash: a change of "
        f"{100 * LARGEST:.0f} % (of the power, {LARGEST:g}) is not noticed in both directions.\n\n{power_table(powers)}"
    )
    data = {
        "format": FORMAT,
        "effort": context.effort,
        "seed": context.seed,
        "versions": versions(),
        "claims": {
            claim: {name: dataclasses.asdict(one) for name, one in found.items()} for claim, found in powers.items()
        },
    }
    plain = json.dumps(strict(data), indent=1, sort_keys=True, allow_nan=False) + "\n"
    return write_text(directory / "power.md", text), write_text(directory / "power.json", plain)


def read_power(directory: Path) -> dict[str, dict[str, Noticed]]:
    """What ``power.json`` of a directory says; nothing where there is none.

    Raises
    ------
    FileError
        If it is damaged, or something else.
    """
    path = directory / "power.json"
    if not path.exists():
        return {}
    with POWER.judging(path):
        data = json.loads(POWER.read_bytes(path).decode("utf-8"))
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise POWER.foreign(path)
    with POWER.judging(path):
        claims = data["claims"].items()
        return {claim: {name: Noticed(**one) for name, one in found.items()} for claim, found in claims}
