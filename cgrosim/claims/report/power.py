"""What claims would have noticed, as a table for the terminal and for a page of the docs, and as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cgrosim.claims.claim import Context
from cgrosim.claims.limits import LIMITS
from cgrosim.claims.power import GOAL, LARGEST, LEVELS, PARAMETERS, Noticed
from cgrosim.claims.report.data import strict
from cgrosim.files.atomic import write_text
from cgrosim.files.kinds import Kind
from cgrosim.files.records import read_record, record_text
from cgrosim.files.versions import versions

FORMAT = "cgrosim power 3"
OLDER = ("cgrosim power 1", "cgrosim power 2")  # without a checksum; the first without fingerprints: not carried over
POWER = Kind(FORMAT, "power of claims", "the power.json of cgrosim verify --power", "measure it again", OLDER)
Powers = Mapping[str, Mapping[str, Noticed]]


def in_words(noticed: Noticed | None) -> str:
    """A change that is noticed: ``3 %``, of the power an absolute one.

    With a sign where only an increase or a decrease is, a dash where neither is, and nothing where the parameter is not
    in the statement or was not looked at.
    """
    if noticed is None or noticed.absent:
        return ""
    if noticed.change is not None:
        return _size(noticed.parameter, noticed.change)
    if noticed.up is None and noticed.down is None:
        return "-"
    return f"+{_size(noticed.parameter, noticed.up)}" if noticed.up else f"-{_size(noticed.parameter, noticed.down)}"


def _size(parameter: str, change: float | None) -> str:
    size = change or 0.0
    return f"{size:.2g}" if parameter == "power" else f"{100 * size:.2g} %"


def why_unseen(claim: str, noticed: Noticed) -> str:
    """Why a change is not noticed: the derivation where there is one, otherwise how far it moves the checks."""
    reason = LIMITS.get(claim, {}).get(noticed.parameter, "")
    if reason:
        return reason
    if noticed.change is not None:
        return "as the intervals of its checks are wide"
    if noticed.moved is None:
        return f"no world has {'less' if noticed.up else 'more' if noticed.down else 'more or less'} of it"
    if noticed.moved == 0.0:
        return "it moves no number"
    if noticed.moved >= 1.0:
        return "the check that it moves past its border keeps an interval inside"
    off = f"{LARGEST:g}" if noticed.parameter == "power" else f"{100 * LARGEST:.0f} %"
    share = "a hundredth" if noticed.moved < 0.01 else f"{100 * noticed.moved:.2g} %"
    return f"at {off} it moves no check further than {share} of the way to a rejection"


def power_table(powers: Powers) -> str:
    """A Markdown table: claims by the parameters that were changed."""
    changed = [name for name in PARAMETERS if any(name in found for found in powers.values())]
    head = ("claim", *(name.replace("_", " ") for name in changed))
    rows = [(claim, *(in_words(found.get(name)) for name in changed)) for claim, found in powers.items()]
    lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines) + "\n"


def unseen_list(powers: Powers) -> str:
    """A Markdown list: of every claim the parameters of which an error of `GOAL` is not noticed both ways, and why."""
    lines = []
    for claim, found in powers.items():
        reasons: dict[str, list[str]] = {}
        for name, one in found.items():
            if not one.absent and (one.change is None or one.change > GOAL):
                side = f" ({in_words(one)})" if one.up or one.down else ""
                reasons.setdefault(why_unseen(claim, one), []).append(f"{name.replace('_', ' ')}{side}")
        told = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
        lines += [f"- `{claim}`: {told}."] if told else []
    return "\n".join(lines) + "\n"


def write_power(
    powers: Powers, context: Context, directory: Path, fingerprints: Mapping[str, str] | None = None
) -> tuple[Path, Path]:
    """Write ``power.md`` and ``power.json`` into a directory, each atomically, and return their paths.

    What is there of other claims and parameters, of the same effort and seed, stays: sittings add up. What is there of
    one of these claims with another fingerprint does not.

    Raises
    ------
    FileError
        If the place cannot be written to, or holds something else.
    """
    prints = fingerprints or {}
    there = Sitting.read(directory)
    keep = there if there is not None and (there.effort, there.seed) == (context.effort, context.seed) else None
    found = {claim: dict(noticed) for claim, noticed in keep.powers.items()} if keep else {}
    known, dates = (dict(keep.fingerprints), dict(keep.dates)) if keep else ({}, {})
    for claim, noticed in powers.items():
        same = bool(prints.get(claim)) and known.get(claim) == prints[claim]
        if not same or dict(noticed) != found.get(claim):
            dates[claim] = datetime.now(UTC).date().isoformat()
        found[claim] = {**(found.get(claim, {}) if same else {}), **noticed}
        known[claim] = prints.get(claim, "")
    days = sorted(set(dates.values()))
    text = (
        f"Smallest change of each parameter that the rules of a claim reject, whatever its sign (effort "
        f"{context.effort}, seed {context.seed}, cgrosim {versions()['cgrosim']}, "
        f"measured {' to '.join(dict.fromkeys((days[0], days[-1]))) if days else 'never'}): relative, of the power "
        f"absolute. A dash: a change of {100 * LARGEST:.0f} % (of the power, {LARGEST:g}) is not noticed; with a sign: "
        "it is noticed in that direction alone; empty: the parameter is not in the statement.\n\n"
        f"{power_table(found)}\nNot noticed at {100 * GOAL:.0f} %, and why:\n\n{unseen_list(found)}"
    )
    data = {
        "format": FORMAT,
        "effort": context.effort,
        "seed": context.seed,
        "levels": LEVELS,
        "versions": versions(),
        "fingerprints": known,
        "measured": dates,
        "claims": {
            claim: {name: dataclasses.asdict(one) for name, one in found.items()} for claim, found in found.items()
        },
    }
    plain = record_text(strict(data), sort_keys=True)
    return write_text(directory / "power.md", text), write_text(directory / "power.json", plain)


@dataclasses.dataclass(frozen=True)
class Sitting:
    """What has been measured so far: by claim, with what each depended on, and the day."""

    effort: str
    seed: int
    powers: dict[str, dict[str, Noticed]]
    fingerprints: dict[str, str]
    dates: dict[str, str]

    @staticmethod
    def read(directory: Path) -> Sitting | None:
        """What ``power.json`` of a directory says; None where there is none.

        Raises
        ------
        FileError
            If it is damaged, or something else.
        """
        path = directory / "power.json"
        if not path.exists():
            return None
        data = read_record(path, POWER)
        with POWER.judging(path):
            powers = {
                claim: {name: _noticed(one) for name, one in sorted(found.items(), key=_place)}
                for claim, found in data["claims"].items()
            }
            current = tuple(data.get("levels", ())) == LEVELS
            prints = {str(claim): str(one) for claim, one in data.get("fingerprints", {}).items()} if current else {}
            return Sitting(str(data["effort"]), int(data["seed"]), powers, prints, dict(data.get("measured", {})))

    def still_valid(self, context: Context, fingerprints: Mapping[str, str]) -> dict[str, dict[str, Noticed]]:
        """What would be found again for the claims of these fingerprints."""
        if (self.effort, self.seed) != (context.effort, context.seed):
            return {}
        return {
            claim: found for claim, found in self.powers.items()
            if fingerprints.get(claim) and fingerprints[claim] == self.fingerprints.get(claim)
        }  # fmt: skip


def _noticed(said: Mapping[str, Any]) -> Noticed:
    """What was written by name; where a check came to infinity, how far it moved is a word in JSON."""
    return Noticed(**{**said, "moved": None if said["moved"] is None else float(said["moved"])})


def _place(item: tuple[str, object]) -> int:
    return PARAMETERS.index(item[0]) if item[0] in PARAMETERS else len(PARAMETERS)


def read_power(directory: Path) -> dict[str, dict[str, Noticed]]:
    """What ``power.json`` of a directory says; nothing where there is none.

    Raises
    ------
    FileError
        If it is damaged, or something else.
    """
    sitting = Sitting.read(directory)
    return {} if sitting is None else sitting.powers
