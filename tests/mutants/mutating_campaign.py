"""Puts small errors into the code, one at a time, and counts how many the tests notice.

``python tests/mutants/mutating_campaign.py``: results are written after every mutant to results.json beside this file,
so that the campaign can be ended and taken up again; ``--again`` tries those alive a second time, with the tests of
today; ``--table`` prints all by room. Mutants are sampled by a seed, every room by itself; the first n of a larger
sample are those of a smaller one.
"""

import argparse
import gc
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import zip_longest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from covering import OPTIONS, chosen_tests, measure, test_files
from mutating import Mutant, mutants_of
from rooms import ROOMS, ROOT, files_of
from trying import Trial, forked

RESULTS = Path(__file__).with_name("results.json")
REASONS = Path(__file__).with_name("survivors.json")
COUNTS = {"theory": 70, "kernels": 35, "image kernels": 30, "attack kernels": 35, "engines": 30, "attacks": 35,
          "evaluation": 35, "training": 35, "checks": 39}  # fmt: skip
"""Mutants a room: fewer where each of them compiles for long."""
ORDINARY = "not slow and not benchmark and not campaign"
SLOW = "slow and not benchmark and not campaign"
MOST_SECONDS = 40  # of processor, of the tests of one mutant that has not been noticed: it counts as alive
WARM = Path(tempfile.gettempdir()) / "cgrosim-mutants"


def sampled(room: str, count: int, seed: int) -> list[Mutant]:
    """The mutants of a room in an order drawn by a seed, up to a number."""
    every = [mutant for file in files_of(room) for mutant in mutants_of(file)]
    random.Random(f"{seed} {room}").shuffle(every)
    return every[:count]


def in_turn(rooms: list[str], count: int | None, seed: int) -> Iterator[tuple[str, Mutant]]:
    """The mutants of several rooms, one of each room after the other."""
    samples = [[(room, each) for each in sampled(room, count or COUNTS[room], seed)] for room in rooms]
    for row in zip_longest(*samples):
        yield from (pair for pair in row if pair is not None)


def in_order(chosen: dict[str, float], killers: Counter) -> dict[str, float]:
    """Tests in the order to ask them: what killed neighbours before, then file by file, the cheapest test first.

    What is asked of one mutant is bounded; whoever is not noticed by then is alive.
    """
    first = [name for name, _ in killers.most_common() if name in chosen]
    files: dict[str, list[str]] = {}
    for name in chosen:
        files.setdefault(name.partition("::")[0], []).append(name)
    order = list(dict.fromkeys([*first, *(name for names in files.values() for name in names)]))
    kept, spent = {}, 0.0
    for name in order:
        if spent + chosen[name] <= MOST_SECONDS or not kept:
            kept[name] = chosen[name]
            spent += chosen[name]
    return kept


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
    heads = ["room", "mutants", "killed at first", "killed by slow tests only", "killed after a test was added",
             "alive", "of these equivalent", "processor seconds a mutant"]  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * 7]
    rooms = Counter(each["room"] for each in results.values())
    for room in (*(room for room in ROOMS if room in rooms), "all"):
        those = {name: each for name, each in results.items() if room in ("all", each["room"])}
        first, slow, later = (sum(fate(each) == kind for each in those.values()) for kind in ("first", "slow", "later"))
        alive = [name for name, each in those.items() if fate(each) == "alive"]
        same = sum(reasons.get(name, "").startswith("equivalent") for name in alive)
        share = f"{first} ({100 * first / max(1, len(those)):.0f} %)"
        work = sum(each["seconds"] for each in those.values()) / max(1, len(those))
        cells = [room, len(those), share, slow, later, len(alive), same, f"{work:.1f}"]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    lines = ["", "| alive | before | after | why |", "| --- | --- | --- | --- |"]
    for name, each in sorted(results.items()):
        if fate(each) == "alive":
            before, after = (f"`{each[which].replace('|', chr(92) + '|')}`" for which in ("before", "after"))
            lines.append(
                f"| {each['file']}:{each['line']} | {before} | {after} | {reasons.get(name, 'not looked at')} |"
            )
    return "\n".join([*rows, *lines]) + "\n"


def fate(each: dict) -> str:
    """What became of a mutant: killed at first, by slow tests, later by a new test, or alive."""
    return "first" if each["killed"] else "later" if each.get("later") else "slow" if each.get("slow") else "alive"


def to_try(options: argparse.Namespace, results: dict[str, dict]) -> list[tuple[str, Mutant]]:
    """The mutants whose turn it is: those not tried yet, or those alive."""
    rooms = options.room or list(ROOMS)
    if options.again or options.slow:
        fields = Mutant.__dataclass_fields__
        alive = [each for each in results.values() if not each["killed"] and each["room"] in rooms]
        open_ = [each for each in alive if not each.get("later") and not (options.slow and each.get("slow"))]
        reasons = known(REASONS)
        mutants = [(each["room"], Mutant(**{name: each[name] for name in fields})) for each in open_]
        return [pair for pair in mutants if not reasons.get(pair[1].name, "").startswith("equivalent")]
    return [pair for pair in in_turn(rooms, options.count, options.seed) if pair[1].name not in results]


def campaign(options: argparse.Namespace, results: dict[str, dict]) -> None:
    """Try the mutants, some at a time, and keep every result as soon as it is there."""
    marks = SLOW if options.slow else ORDINARY
    waiting, running, began = to_try(options, results), {}, time.monotonic()
    rooms = dict.fromkeys(room for room, _ in waiting)
    covered = {room: measure(WARM / "covered", test_files([room]), marks, options.jobs, forked) for room in rooms}
    print(f"{len(waiting)} mutants to try", flush=True)
    while waiting or running:
        while waiting and len(running) < options.jobs and time.monotonic() - began < 60 * options.minutes:
            room, mutant = waiting.pop(0)
            killers = Counter(each["by"] for each in results.values() if each["file"] == mutant.file and each["killed"])
            trial = Trial(mutant, in_order(chosen_tests(mutant, covered[room]), killers), marks, WARM / "numba")
            running[trial.pid] = room, trial
        if not running:
            return
        pid, status, used = os.wait4(-1, os.WNOHANG)
        if pid in running:
            room, trial = running.pop(pid)
            _note(results, room, trial.result(status, used), options)
        for number, (_, trial) in running.items():
            if trial.overdue():
                os.kill(number, signal.SIGKILL)
        time.sleep(0 if pid else 0.05)


def _note(results: dict[str, dict], room: str, found: dict, options: argparse.Namespace) -> None:
    name = Mutant(**{each: found[each] for each in Mutant.__dataclass_fields__}).name
    if options.again or options.slow:
        if found["killed"]:
            results[name]["later" if options.again else "slow"] = found["by"]
    else:
        results[name] = {"room": room, **found}
    keep(results)
    print(f"{'killed' if found['killed'] else 'ALIVE '} {name}: {found['before']} -> {found['after']} "
          f"({found['seconds']} s, {found['tests']} tests) {found['by']}", flush=True)  # fmt: skip


def main() -> int:
    """Run the campaign, or print what it has found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", action="append", choices=list(ROOMS), help="all by default; repeatable")
    parser.add_argument("--count", type=int, help="mutants a room; as many as COUNTS by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no mutant after so many")
    parser.add_argument("--again", action="store_true", help="those alive, with the ordinary tests of today")
    parser.add_argument("--slow", action="store_true", help="those alive, with the slow tests")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    results = known()
    if options.table:
        print(table(results, known(REASONS)), end="")
        return 0
    for threads in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[threads] = "1"  # as in the workers of the suite
    os.environ["NUMBA_CACHE_DIR"] = str(WARM / "numba")
    load_libraries()
    campaign(options, results)
    return 0


def load_libraries() -> None:
    """Import what tests and package import of others, once for all mutants."""
    import h5netcdf  # noqa: F401
    import hypothesis  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import numba  # noqa: F401
    import pydantic  # noqa: F401
    import pytest
    import scipy.integrate
    import scipy.optimize
    import scipy.special
    import scipy.stats  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import sympy  # noqa: F401
    import tyro  # noqa: F401
    import xarray  # noqa: F401

    os.chdir(ROOT)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # pytest and its plugins
        pytest.main([*OPTIONS, "--collect-only", "tests/mutants/test_mutating.py"])
    assert not any(name.startswith("cgrosim") for name in sys.modules)
    gc.collect()
    gc.freeze()  # what is there already is not looked through by the children


if __name__ == "__main__":
    sys.exit(main())
