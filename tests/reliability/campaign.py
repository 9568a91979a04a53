"""The table of a campaign: for every kind of mishap how often it was tried, and what came of it.

``CGROSIM_CAMPAIGN=FOLDER pytest -m campaign -n 0 tests/reliability`` writes FOLDER/reliability.md. Every trial has a
number, from which all that is random in it is drawn; which were done, and what came of them, is kept in FOLDER as they
are done. The next sitting does the others, and those that failed; several programs may sit on different rows at once.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

HEAD = """# Reliability: what was tried

cgrosim is tried on purpose with what happens to long computations: kills, signals, damaged files, full disks, two
programs at once, odd parameters. This table is written by the tests themselves (`tests/reliability`); a few trials of
most rows belong to the ordinary suite, and all of them are repeated by

```sh
CGROSIM_CAMPAIGN=somewhere pytest -m campaign -n 0 tests/reliability    # hours
```

or fewer of them:

```sh
export CGROSIM_CAMPAIGN_SHARE=0.1 CGROSIM_CAMPAIGN_SECONDS=60             # of the trials, and at most for a row
```

A campaign can be ended at any moment and done in several sittings: as long as the versions and the machine are the
same, what was tried is kept in its folder, and the next sitting goes on with what was not, and with what failed. Rows
whose goal was not reached were ended by the time they were given. A run of no size of its own (an integration
that comes to a stand, a horizon beyond a month of work) counts as refused or survived when it ends with a sentence.

*Refused* means: one sentence that says what is wrong, exit status 2 or 128 + signal, no traceback, nothing old lost.
*Survived* means: the result is there and right, to the last bit where that is promised. *Failed* is anything else.
*When, at commit* are the days of a row and the commits of the code that was tried; a row without a commit is of an
earlier sitting, on earlier code.

By design: files of data sets (IDX, CIFAR-10), TOML and lessons of the classroom carry no checksum, so a changed pixel
or digit is taken for what it says (but the start that a lesson's seed gives is held against the file). Our own files
carry one against accidents, not against ill will: of a file whose seal is right, the HDF5 library reads what it says in
the same process, and a file forged for the purpose may cost time, or be taken for what it says where it does not
contradict itself; give only files you trust. What a report says of seconds and dates is outside its checksum. The same
bits are promised for the same versions of libraries and the same type of processor.

A signal is answered at the end of the compiled code that is at work, which is a step, or the attack on one batch of
images; where that takes long the first signal says so, and the second ends the program at once, as a kill would. While
a file is written signals wait for it. Kernels that cannot be kept, in a full or write-protected cache, are compiled
anew by every process; `cgrosim info` says where they are kept.
"""


COUNTS = ("refused", "survived")
KEPT_EVERY = 5.0
"""Seconds between two writings of what was done; one that is killed tries the trials since then again."""


@dataclass
class Row:
    """One kind of mishap.

    Attributes
    ----------
    name : what was done
    goal : how many trials a whole campaign makes; 0 for a row of the ordinary suite, which is not kept
    refused, survived : how many trials ended so
    failures : what happened in the others
    note : what to know of the row
    done : the numbers of the trials that need not be tried again
    again : how many of the refused and survived belong to trials in which something else failed: they are made again
    sittings : in how many parts the trials were made
    seconds : that they took, all sittings together
    dates, commits : of the sittings; a commit is that of the code which was tried, with a + where files were changed
    """

    name: str
    goal: int
    refused: int = 0
    survived: int = 0
    failures: list[str] = field(default_factory=list)
    note: str = ""
    done: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=lambda: [0, 0])
    sittings: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)
    written: float = field(default_factory=time.monotonic)
    dates: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Go on from what earlier sittings of the same versions did."""
        path = self.path
        if path is None or not path.exists():
            return
        found = json.loads(path.read_text())
        if (found["machine"], found["versions"]) != (machine(), versions()):
            return
        self.refused, self.survived = (found[name] - less for name, less in zip(COUNTS, found["again"], strict=True))
        self.done, self.dates, self.commits = found["done"], found["dates"], found.get("commits", [])
        self.seconds, self.sittings = found["seconds"], found["sittings"]

    @property
    def path(self) -> Path | None:
        """Where the row is kept, if it is."""
        folder = os.environ.get("CGROSIM_CAMPAIGN")
        if not folder or not self.goal:
            return None
        short = "".join(letter if letter.isalnum() else "_" for letter in self.name)[:80]
        return Path(folder) / "rows" / f"{short}_{hashlib.sha256(self.name.encode()).hexdigest()[:8]}.json"

    @property
    def over(self) -> bool:
        """Whether the time that a row may take in a sitting is over; it then holds fewer trials than its goal."""
        return time.monotonic() - self.began > float(os.environ.get("CGROSIM_CAMPAIGN_SECONDS", "inf"))

    def restart(self) -> None:
        """Let the time that the row may take begin now."""
        self.began = time.monotonic()

    @property
    def tried(self) -> int:
        """All trials."""
        return self.refused + self.survived + len(self.failures)

    def numbers(self, most: int | None = None, enough: Callable[[], bool] = lambda: False) -> Iterator[int]:
        """The numbers of the trials to be made, below `most` and until there are enough; each is kept when it is done.

        A trial in which something fails is not done: the next sitting tries it again.
        """
        before, sitting = {*self.done}, False
        for number in itertools.count() if most is None else range(most):
            if number in before:
                continue
            if self.over or enough():
                return
            if not sitting:
                sitting, self.sittings = True, self.sittings + 1
                self.dates = sorted({*self.dates, time.strftime("%Y-%m-%d")})
                self.commits = [*dict.fromkeys([*self.commits, commit()])]
            failed, counts = len(self.failures), [self.refused, self.survived]
            yield number
            if len(self.failures) == failed:
                self.done.append(number)
            else:
                new = zip((self.refused, self.survived), counts, self.again, strict=True)
                self.again = [lost + now - then for now, then, lost in new]
            if time.monotonic() - self.written > KEPT_EVERY:
                self.keep()

    def fail(self, what: str) -> None:
        """Count a failure, in a line."""
        self.failures.append(" ".join(what.split())[:300])

    def keep(self) -> None:
        """Keep the row where a campaign is running."""
        self.written = time.monotonic()
        path = self.path
        if path is None or not self.tried:
            return
        spent = self.seconds + time.monotonic() - self.began
        content = {**asdict(self), "began": 0, "written": 0, "seconds": spent}
        _replace(path, json.dumps({**content, "machine": machine(), "versions": versions()}, indent=None))

    def finish(self) -> None:
        """Keep the row, write the table of all rows that are there, and refuse failures."""
        self.keep()
        if self.path is not None and self.tried:
            write_table(self.path.parents[1])
        assert self.tried
        assert not self.failures, "\n".join([f"{len(self.failures)} of {self.tried} failed", *self.failures[:10]])


def trials(goal: int) -> int:
    """How many trials of a whole campaign's are made now."""
    return max(1, round(goal * float(os.environ.get("CGROSIM_CAMPAIGN_SHARE", "1"))))


def write_table(folder: Path) -> None:
    """Write the table of all rows that are kept in a folder."""
    found = [json.loads(path.read_text()) for path in sorted((folder / "rows").glob("*.json"))]
    _replace(folder / "reliability.md", page(found))


def _replace(path: Path, text: str) -> None:
    """Write whole or not at all: a campaign may be ended at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def page(rows: list[Mapping[str, object]]) -> str:
    """The table in words."""
    lines = [HEAD]
    dates = sorted({date for row in rows for date in row["dates"]})  # type: ignore[attr-defined]
    sittings = max(int(row["sittings"]) for row in rows)  # type: ignore[call-overload]
    lines.append(
        f"Run of {' to '.join(dict.fromkeys([dates[0], dates[-1]]))}, in at most {sittings} sittings a row, on "
        f"{rows[0]['machine']}; {rows[0]['versions']}.\n"
    )
    lines += [
        "| what was done | tried (goal) | sittings | when, at commit | refused in words | survived | failed |",
        "|---|---|---|---|---|---|---|",
    ]
    totals = [0, 0, 0, 0]
    for row in rows:
        failed = len(row["failures"])  # type: ignore[arg-type]
        counts = [int(row["refused"]) + int(row["survived"]) + failed, row["refused"], row["survived"], failed]
        totals = [total + int(count) for total, count in zip(totals, counts, strict=True)]
        note = f" ({row['note']})" if row["note"] else ""
        aim = "" if counts[0] >= int(row["goal"]) else f" ({row['goal']})"  # type: ignore[call-overload]
        when = ", ".join([*row["dates"], *row.get("commits", [])])  # type: ignore[misc]
        cells = [f"{row['name']}{note}", f"{counts[0]}{aim}", row["sittings"], when, *counts[1:]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    told = [f"**{total}**" for total in totals]
    lines.append(f"| **all** | {' | '.join([told[0], '', '', *told[1:]])} |")
    failures = [f"- {row['name']}: {text}" for row in rows for text in row["failures"]]  # type: ignore[attr-defined]
    if failures:
        lines += ["\nWhat failed:\n", *failures]
    return "\n".join(lines) + "\n"


@functools.cache
def commit() -> str:
    """Of the code that is tried, from the checkout that it is in; empty where there is none."""
    here = Path(__file__).parent
    try:
        asked = ["git", "-C", str(here), "describe", "--always", "--exclude=*", "--abbrev=7", "--dirty=+"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


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
