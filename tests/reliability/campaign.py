"""The table of a campaign: for every kind of mishap how often it was tried, and what came of it.

``CGROSIM_CAMPAIGN=FOLDER pytest -m campaign -n 0 tests/reliability`` writes FOLDER/reliability.md, whose rows are kept
in FOLDER as they are done, so that a campaign can be done in parts.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEAD = """# Reliability: what was tried

cgrosim is tried on purpose with what happens to long computations: kills, signals, damaged files, full disks, two
programs at once, odd parameters. This table is written by the tests themselves (`tests/reliability`); a few trials of
every row belong to the ordinary suite, and all of them are repeated by

```sh
CGROSIM_CAMPAIGN=somewhere pytest -m campaign -n 0 tests/reliability    # hours
```

or fewer of them:

```sh
export CGROSIM_CAMPAIGN_SHARE=0.1 CGROSIM_CAMPAIGN_SECONDS=60             # of the trials, and at most for a row
```

Rows whose goal was not reached were ended by the time they were given. A run of no size of its own (an integration
that comes to a stand, a horizon beyond a month of work) counts as refused or survived when it ends with a sentence.

*Refused* means: one sentence that says what is wrong, exit status 2 or 128 + signal, no traceback, nothing old lost.
*Survived* means: the result is there and right, to the last bit where that is promised. *Failed* is anything else.

By design: files of data sets (IDX, CIFAR-10), TOML and lessons of the classroom carry no checksum, so a changed pixel
or digit is taken for what it says (but the start that a lesson's seed gives is held against the file). Our own files
carry one against accidents, not against ill will: of a file whose seal is right, the HDF5 library reads what it says in
the same process, and a file forged for the purpose may cost time; give only files you trust. The same bits are promised
for the same versions of libraries and the same type of processor.
"""


@dataclass
class Row:
    """One kind of mishap.

    Attributes
    ----------
    name : what was done
    goal : how many trials a whole campaign makes
    refused, survived : how many trials ended so
    failures : what happened in the others
    note : what to know of the row
    """

    name: str
    goal: int
    refused: int = 0
    survived: int = 0
    failures: list[str] = field(default_factory=list)
    note: str = ""
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether the time that a row may take in a campaign is over; it then holds fewer trials than its goal."""
        return time.monotonic() - self.began > float(os.environ.get("CGROSIM_CAMPAIGN_SECONDS", "inf"))

    @property
    def tried(self) -> int:
        """All trials."""
        return self.refused + self.survived + len(self.failures)

    def fail(self, what: str) -> None:
        """Count a failure, in a line."""
        self.failures.append(" ".join(what.split())[:300])

    def finish(self) -> None:
        """Keep the row where a campaign is running, and refuse failures."""
        self.seconds = time.monotonic() - self.began
        folder = os.environ.get("CGROSIM_CAMPAIGN")
        if folder and self.goal and self.tried:
            keep(self, Path(folder))
        assert self.tried
        assert not self.failures, "\n".join([f"{len(self.failures)} of {self.tried} failed", *self.failures[:10]])


def trials(goal: int) -> int:
    """How many trials of a whole campaign's are made now."""
    return max(1, round(goal * float(os.environ.get("CGROSIM_CAMPAIGN_SHARE", "1"))))


def keep(row: Row, folder: Path) -> None:
    """Keep a row, and write the table of all that are there."""
    rows = folder / "rows"
    rows.mkdir(parents=True, exist_ok=True)
    short = "".join(letter if letter.isalnum() else "_" for letter in row.name)[:80]
    name = f"{short}_{hashlib.sha256(row.name.encode()).hexdigest()[:8]}"
    content = {
        **asdict(row),
        "began": 0,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(),
    }
    (rows / f"{name}.json").write_text(json.dumps(content, indent=1))
    found = [json.loads(path.read_text()) for path in sorted(rows.glob("*.json"))]
    (folder / "reliability.md").write_text(page(found), encoding="utf-8")


def page(rows: list[Mapping[str, object]]) -> str:
    """The table in words."""
    lines = [HEAD]
    dates = sorted({str(row["date"]) for row in rows})
    lines.append(
        f"Run of {' to '.join(dict.fromkeys([dates[0], dates[-1]]))} on {rows[0]['machine']}; {rows[0]['versions']}.\n"
    )
    lines += ["| what was done | tried (goal) | refused in words | survived | failed |", "|---|---|---|---|---|"]
    totals = [0, 0, 0, 0]
    for row in rows:
        failed = len(row["failures"])  # type: ignore[arg-type]
        counts = [int(row["refused"]) + int(row["survived"]) + failed, row["refused"], row["survived"], failed]
        totals = [total + int(count) for total, count in zip(totals, counts, strict=True)]
        note = f" ({row['note']})" if row["note"] else ""
        aim = "" if counts[0] >= int(row["goal"]) else f" ({row['goal']})"  # type: ignore[call-overload]
        lines.append(f"| {row['name']}{note} | {counts[0]}{aim} | {counts[1]} | {counts[2]} | {counts[3]} |")
    lines.append(f"| **all** | {' | '.join(f'**{total}**' for total in totals)} |")
    failures = [f"- {row['name']}: {text}" for row in rows for text in row["failures"]]  # type: ignore[attr-defined]
    if failures:
        lines += ["\nWhat failed:\n", *failures]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """The kind of machine, without its name."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{platform.system()}, {model}, {os.cpu_count()} processors"


def versions() -> str:
    """Of what the numbers were made with."""
    from cgrosim import __version__
    from cgrosim.files.versions import versions as found

    texts = {"Python": platform.python_version(), "cgrosim": __version__, **found()}
    return ", ".join(f"{name} {text}" for name, text in dict(sorted(texts.items())).items() if name != "processor")
