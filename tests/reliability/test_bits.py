"""The same bits over threads, threading layers, fresh caches, folders, hash seeds and starts of the program."""

import json
import os
import subprocess
import sys

import pytest
from campaign import Row, trials

GOAL = 12

CODE = """
import json, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[2])
if __name__ == "__main__":
    from contents import content
    from work import RUNS, COMMANDS, all_work
    found, place = {}, Path(sys.argv[1])
    for name, work in all_work().items():
        (place / name).mkdir(parents=True)
        work(place / name)
        found[name] = {key: digest for key, digest in content(place / name).items() if not key.endswith(".npz-lock")}
    (place / "found.json").write_text(json.dumps(found))
"""
FRESH, AGAIN = "a fresh cache", "again with that cache"
WORLDS = {
    "as it is": {},
    "one thread": {"NUMBA_NUM_THREADS": "1"},
    "two threads": {"NUMBA_NUM_THREADS": "2"},
    "workqueue": {"NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "2"},
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 1": {"PYTHONHASHSEED": "1"},
    "one thread of the BLAS": {"OPENBLAS_NUM_THREADS": "1"},
    "another folder and time zone": {"TZ": "Asia/Tokyo", "LC_ALL": "C", "folder": "elsewhere"},
    "optimised": {"PYTHONOPTIMIZE": "1"},
    "no bytecode": {"PYTHONDONTWRITEBYTECODE": "1"},
    FRESH: {"cache": "fresh"},
    AGAIN: {"cache": "fresh"},
}


SECONDS = 900.0
"""For all work in one world: some seconds of a processor, or 40 where every kernel is compiled."""


def bits(world, place):
    """What all work leaves in a world, or what went wrong."""
    settings = dict(WORLDS[world])
    folder, cache = settings.pop("folder", "here"), settings.pop("cache", None)
    if cache:
        settings["NUMBA_CACHE_DIR"] = str(place / cache)
    out, started = place / f"{world} {len(os.listdir(place))}", place / folder
    started.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(out), json.dumps(sys.path)],
            cwd=started,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"did not end in {SECONDS:.0f} s"
    found = out / "found.json"
    return json.loads(found.read_text()) if found.exists() else done.stderr[-300:]


def differing(found, expected):
    """The results that are not the expected ones, or are on one side only."""
    pairs = {(name, key) for results in (found, expected) for name in results for key in results[name]}
    return sorted(f"{n} {key}" for n, key in pairs if found.get(n, {}).get(key) != expected.get(n, {}).get(key))


@pytest.mark.campaign
def test_the_same_bits_in_every_world(tmp_path):
    note = ", ".join(WORLDS)
    row = Row("all work (engines, experiments, sweeps, verify, classroom) in other worlds", GOAL, note=note)
    first = None
    for number in row.numbers(max(2, trials(GOAL))):
        first = first or bits("as it is", tmp_path)
        assert isinstance(first, dict), first
        assert sum(map(len, first.values())) > 2 * len(first)
        world = [*WORLDS][number]
        if world == AGAIN and not (tmp_path / "fresh").exists():  # the fresh cache was of an earlier sitting
            bits(FRESH, tmp_path)
        found = bits(world, tmp_path)
        if not isinstance(found, dict):
            row.fail(f"{world}: {found}")
        elif odd := differing(found, first):
            row.fail(f"{world}: {odd}")
        else:
            row.survived += 1
        row.keep()
        row.restart()  # a world has a time of its own
    row.finish()
