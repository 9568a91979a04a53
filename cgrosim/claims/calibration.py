"""The same claims at many seeds: which verdicts each gets, and how often, as a table.

A true claim is called violated at one seed with the probability its false-alarm rate states; being underpowered has no
stated rate, so it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cgrosim.claims.claim import Claim, Verdict, VerdictName
from cgrosim.claims.report.data import VERDICTS, report_text
from cgrosim.claims.runner import Progress, verify
from cgrosim.claims.verdicts import Verdicts
from cgrosim.files.atomic import write_text
from cgrosim.files.words import counted
from cgrosim.studies.context import Context, Effort


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
        rows = [(name, *_row(found, used)) for name, found in self.by_claim.items()]
        lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
        return "\n".join(lines) + "\n"

    def summary(self) -> str:
        """Seeds, effort, and the share of verdicts that decided nothing, in a sentence."""
        counts = Counter(verdict.verdict for verdicts in self.by_seed.values() for verdict in verdicts)
        measured = sum(counts.values()) - counts["not measured"] - counts["not applicable"]
        share = counts["underpowered"] / measured if measured else 0.0
        return (
            f"{counted(len(self.by_seed), 'seed')} ({_ranges(sorted(self.by_seed))}), effort {self.effort}: "
            f"{counted(measured, 'verdict')}, "
            f"{counts['violated']} violated, {counts['underpowered']} underpowered ({100 * share:.2g} %)."
        )


def _row(found: Mapping[int, Verdict], used: Sequence[VerdictName]) -> list[str]:
    counts = Counter(verdict.verdict for verdict in found.values())
    others = [seed for seed, verdict in sorted(found.items()) if verdict.verdict in ("violated", "underpowered")]
    work = [verdict.processor_seconds for verdict in found.values()]
    mean = f"{sum(work) / len(work):.1f} ({max(work):.1f})"
    return [*(str(counts[name]) for name in used), _ranges(others), mean]


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

    Given the same folder again it goes on where it ended: what is there and depends on nothing that has changed is
    carried over. Ctrl-C ends it with the verdicts that had arrived.

    Raises
    ------
    FileError
        If the folder cannot be written to, or holds something else.
    """
    by_seed: dict[int, Verdicts] = {}
    for seed in seeds:
        place = folder / f"seed-{seed}"
        since = place if (place / "verdicts.json").exists() else None
        verdicts = verify(claims, Context(effort, seed), since=since, workers=workers, progress=progress)
        write_text(place / "verdicts.json", report_text(verdicts))
        by_seed[seed] = verdicts
        found = Calibration(effort, dict(by_seed))
        write_text(folder / "calibration.md", f"{found.summary()}\n\n{found.table()}")
        yield found
        if len(verdicts) < len(claims):
            return
