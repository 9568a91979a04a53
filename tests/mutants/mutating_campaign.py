"""Puts small errors into the code, one at a time, and counts how many the tests notice.

``python tests/mutants/mutating_campaign.py --room theory --count 60``: results are written after every mutant to
results.json beside this file, so that the campaign can be ended and taken up again; ``--table`` prints them by room.
Mutants are sampled by a seed, every room by itself; the first n of a larger sample are those of a smaller one.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutating import ROOT, Mutant, install, mutants_of
from rooms import COMPILED, ROOMS, files_of, relevant_tests

RESULTS = Path(__file__).with_name("results.json")
REASONS = Path(__file__).with_name("survivors.json")
PROCESSOR_SECONDS = 240  # a mutant at which the tests work longer goes round in circles: it is noticed
CLOCK_SECONDS = 3600


def sampled(room: str, count: int, seed: int) -> list[Mutant]:
    """The mutants of a room in an order drawn by a seed, up to a number."""
    every = [mutant for file in files_of(room) for mutant in mutants_of(file)]
    random.Random(f"{seed} {room}").shuffle(every)
    return every[:count]


class Noticing:
    """A plugin of pytest that remembers what failed first."""

    def __init__(self) -> None:
        self.first = ""

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed:
            self.first = self.first or report.nodeid

    def pytest_collectreport(self, report) -> None:
        if report.failed:
            self.first = self.first or f"{report.nodeid} (import)"


def tried(mutant: Mutant, tests: list[str], fresh: bool) -> dict[str, object]:
    """What becomes of a mutant: killed by a test, stopped because it took too long, or alive.

    The tests run in a fork, which starts at once: the libraries are there already.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        note = Path(folder) / "note"
        child = os.fork()
        if child == 0:
            _in_child(mutant, tests, Path(folder), fresh)
        status, work = _waited(child)
        first = note.read_text() if note.exists() else ""
        said = (Path(folder) / "said").read_text(errors="replace")[-2000:]
    ended = os.waitstatus_to_exitcode(status)
    if ended < 0:
        first = f"time (signal {-ended})"
    elif ended not in (0, 1, 2) or (ended > 0) != bool(first):  # neither passed nor noticed: nothing was tried
        raise SystemExit(f"{mutant.name}: the tests did not run (status {ended})\n{said}")
    return {**asdict(mutant), "killed": ended != 0, "by": first, "seconds": round(work, 1),
            "clock": round(time.monotonic() - began, 1)}  # fmt: skip


def _waited(child: int) -> tuple[int, float]:
    """The status of a child and its work in seconds; one that takes too long by the clock is ended."""
    until = time.monotonic() + CLOCK_SECONDS
    while True:
        pid, status, used = os.wait4(child, os.WNOHANG)
        if pid:
            return status, used.ru_utime + used.ru_stime
        if time.monotonic() > until:
            os.kill(child, 9)
        time.sleep(0.05)


def _in_child(mutant: Mutant, tests: list[str], folder: Path, fresh: bool) -> None:
    import pytest

    status = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
        os.chdir(ROOT)
        said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        if fresh:
            os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")
        install(mutant)
        noticing = Noticing()
        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        status = int(pytest.main([*options, *tests], plugins=[noticing]))
        (folder / "note").write_text(noticing.first)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def known(path: Path = RESULTS) -> dict[str, dict]:
    """The results so far, by the name of the mutant."""
    return json.loads(path.read_text()) if path.exists() else {}


def keep(results: dict[str, dict], path: Path = RESULTS) -> None:
    """Write the results so that an end in the middle leaves the earlier ones."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    fresh.replace(path)


def table(results: dict[str, dict], reasons: dict[str, str]) -> str:
    """Mutants, killed ones and survivors by room, and why each survivor is alive, in Markdown."""
    rows = ["| room | mutants | killed | alive | of these equivalent |", "| --- | ---: | ---: | ---: | ---: |"]
    rooms = Counter(each["room"] for each in results.values())
    for room in (*(room for room in ROOMS if room in rooms), "all"):
        those = {name: each for name, each in results.items() if room in ("all", each["room"])}
        alive = [name for name, each in those.items() if not each["killed"]]
        same = sum(reasons.get(name, "").startswith("equivalent") for name in alive)
        share = f"{len(those) - len(alive)} ({100 * (1 - len(alive) / max(1, len(those))):.0f} %)"
        rows.append(f"| {room} | {len(those)} | {share} | {len(alive)} | {same} |")
    lines = ["", "| alive | before | after | why |", "| --- | --- | --- | --- |"]
    for name, each in sorted(results.items()):
        if not each["killed"]:
            before, after = (f"`{each[which].replace('|', chr(92) + '|')}`" for which in ("before", "after"))
            lines.append(
                f"| {each['file']}:{each['line']} | {before} | {after} | {reasons.get(name, 'not looked at')} |"
            )
    return "\n".join([*rows, *lines]) + "\n"


def main() -> int:
    """Run the campaign, or print what it has found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", action="append", choices=list(ROOMS), help="all by default; repeatable")
    parser.add_argument("--count", type=int, default=60, help="mutants a room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no mutant after so many")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    results = known()
    if options.table:
        print(table(results, known(REASONS)), end="")
        return 0
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401
    import scipy.integrate
    import scipy.optimize
    import scipy.stats  # noqa: F401

    began = time.monotonic()
    for room in options.room or ROOMS:
        for mutant in sampled(room, options.count, options.seed):
            if time.monotonic() - began > 60 * options.minutes:
                return 0
            if mutant.name in results:
                continue
            found = tried(mutant, relevant_tests(room, mutant.module), room in COMPILED)
            results[mutant.name] = {"room": room, **found}
            keep(results)
            print(f"{'killed' if found['killed'] else 'ALIVE '} {mutant.name}: {mutant.before} -> {mutant.after} "
                  f"({found['seconds']} s) {found['by']}", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
