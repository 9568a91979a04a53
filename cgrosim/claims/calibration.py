"""The same claims at many seeds: which verdicts each gets, and how often, as a table.

A true claim is called violated at one seed with the probability its false-alarm rate states; being underpowered has no
stated rate, so it is counted. Every verdict is kept by effort, seed and the claim's fingerprint: sittings add up, and a
claim that has changed alone is judged again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cgrosim.claims.claim import Claim, Verdict, VerdictName
from cgrosim.claims.registry import all_claims
from cgrosim.claims.report.data import VERDICTS, report_text
from cgrosim.claims.report.reading import still_valid
from cgrosim.claims.runner import Progress, verify
from cgrosim.claims.verdicts import Verdicts
from cgrosim.files.atomic import write_text
from cgrosim.files.versions import versions
from cgrosim.files.words import counted
from cgrosim.studies.context import Context, Effort

KEPT_EVERY = 30.0
"""Seconds after which the verdicts that have arrived at a seed are kept: what a kill costs, and the claim at work."""


@dataclass(frozen=True)
class Calibration:
    """Verdicts of the same claims at several seeds.

    Attributes
    ----------
    effort : of all of them
    by_seed : the verdicts at each seed, in the order of the registry
    """

    effort: Effort
    by_seed: Mapping[int, Verdicts]

    @property
    def by_claim(self) -> dict[str, dict[int, Verdict]]:
        """Every verdict by the name of the claim and the seed."""
        found: dict[str, dict[int, Verdict]] = {}
        for seed, verdicts in self.by_seed.items():
            for verdict in verdicts:
                found.setdefault(verdict.claim.name, {})[seed] = verdict
        return found

    def table(self) -> str:
        """A Markdown table: how often every claim got which verdict, at which seeds it was not supported, its work."""
        used = [name for name in VERDICTS if any(v.verdict == name for vs in self.by_seed.values() for v in vs)]
        head = ("claim", *used, "seeds where it is not supported", "CPU s, mean (largest)")
        rows = [(name, *_row(found, used, len(self.by_seed))) for name, found in self.by_claim.items()]
        lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
        return "\n".join(lines) + "\n"

    def undecided(self) -> str:
        """A Markdown list: every verdict that is violated or underpowered, with what its note says."""
        lines = [
            f"- seed {seed}, `{verdict.claim.name}`: {verdict.verdict}. {verdict.note}".rstrip()
            for seed, verdicts in sorted(self.by_seed.items())
            for verdict in verdicts
            if verdict.verdict in ("violated", "underpowered")
        ]
        return "\n".join(lines) + "\n" if lines else ""

    def summary(self) -> str:
        """Seeds, effort, and the share of verdicts that decided nothing, in a sentence."""
        counts = Counter(verdict.verdict for verdicts in self.by_seed.values() for verdict in verdicts)
        measured = sum(counts.values()) - counts["not measured"] - counts["not applicable"]
        share = counts["underpowered"] / measured if measured else 0.0
        work = sum(verdict.processor_seconds for verdicts in self.by_seed.values() for verdict in verdicts)
        return (
            f"{counted(len(self.by_claim), 'claim')} at {counted(len(self.by_seed), 'seed')} "
            f"({_ranges(sorted(self.by_seed))}), effort {self.effort}: {counted(measured, 'verdict')}, "
            f"{counts['violated']} violated, {counts['underpowered']} underpowered ({100 * share:.2g} %); "
            f"{work / 60:.2g} min of processor time."
        )

    def provenance(self) -> str:
        """What computed the verdicts, in a sentence; what each depends on stands beside it where it is kept."""
        told = ", ".join(f"{name} {version}" for name, version in versions().items())
        return f"Written {datetime.now(UTC).date().isoformat()} by {told}."


def _row(found: Mapping[int, Verdict], used: Sequence[VerdictName], seeds: int) -> list[str]:
    counts = Counter(verdict.verdict for verdict in found.values())
    others = [seed for seed, verdict in sorted(found.items()) if verdict.verdict in ("violated", "underpowered")]
    missing = "" if len(found) == seeds else f"at {_ranges(sorted(found))} alone"
    work = [verdict.processor_seconds for verdict in found.values()]
    mean = f"{sum(work) / len(work):.1f} ({max(work):.1f})"
    told = "; ".join(part for part in (_ranges(others), missing) if part)
    return [*(str(counts[name]) for name in used), told, mean]


def _ranges(seeds: Sequence[int]) -> str:
    """Ascending numbers as ranges: ``0-3, 7``."""
    parts: list[tuple[int, int]] = []
    for seed in seeds:
        if parts and parts[-1][1] == seed - 1:
            parts[-1] = (parts[-1][0], seed)
        else:
            parts.append((seed, seed))
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def calibrate(
    claims: Sequence[Claim],
    effort: Effort,
    seeds: Sequence[int],
    folder: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Calibration]:
    """Verify at one seed after the other, and tell after each what there is; the verdicts are kept in `folder`.

    Given the same folder again it goes on where it ended, whatever ended it: what is there and depends on nothing that
    has changed is carried over, verdicts of other claims too. Ctrl-C ends it with the verdicts that had arrived.

    Raises
    ------
    FileError
        If the folder cannot be written to, or holds something else.
    """
    by_seed: dict[int, Verdicts] = {}
    names = {claim.name for claim in claims}
    others = [claim for claim in all_claims().values() if claim.name not in names]
    for seed in seeds:
        context = Context(effort, seed)
        place = folder / effort / f"seed-{seed}"
        since = place if (place / "verdicts.json").exists() else None
        beside = list(still_valid(place, others, context).values()) if since else []
        kept = _Keeping(place, beside, progress)
        verdicts = verify(claims, context, since=since, workers=workers, progress=kept.note)
        kept.write()
        by_seed[seed] = Verdicts(kept.verdicts())
        found = Calibration(effort, dict(by_seed))
        parts = (found.summary(), found.provenance(), found.table(), found.undecided())
        write_text(folder / effort / "calibration.md", "\n\n".join(part for part in parts if part))
        yield found
        if len(verdicts) < len(claims):
            return


class _Keeping:
    """Keeps the verdicts of one seed while they arrive, beside those of other claims."""

    def __init__(self, place: Path, beside: Sequence[Verdict], progress: Progress | None) -> None:
        self._place, self._progress = place, progress
        self._found = {verdict.claim.name: verdict for verdict in beside}
        self._written = time.monotonic()

    def note(self, verdict: Verdict, done: int, total: int) -> None:
        """Take a verdict, and keep what there is now and then."""
        self._found[verdict.claim.name] = verdict
        if self._progress is not None:
            self._progress(verdict, done, total)
        if time.monotonic() - self._written > KEPT_EVERY:
            self.write()

    def write(self) -> None:
        """Keep what there is."""
        write_text(self._place / "verdicts.json", report_text(self.verdicts()))
        self._written = time.monotonic()

    def verdicts(self) -> list[Verdict]:
        """All of them, in the order of the registry, then of their arrival."""
        order = {name: place for place, name in enumerate(all_claims())}
        return sorted(self._found.values(), key=lambda verdict: order.get(verdict.claim.name, len(order)))
