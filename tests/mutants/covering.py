"""Which test runs which function of the package, and for how long: measured once, without any mutant.

Every test file is measured in a fork of its own, and what was found kept under the hash of its text: only files that
have changed are measured again. No function of Python runs where a kernel is called: its dispatcher is noted.
"""

import ast
import builtins
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from mutating import Changing, Mutant, first_line, function_of
from rooms import COMPILED, ROOT, TESTS, importers, kernels_with, names_in

LINKED = "cgrosim/images/network/kernels/linking.py"
"""Calls the kernels of the image path by their addresses."""

OPTIONS = ["-q", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]


_RAN: set[str] = set()
"""Functions run since it was emptied, as ``file:line``; the changed package adds to it."""


class Covering:
    """A plugin of pytest: functions run, dispatchers called, programs started and processor seconds of every test."""

    def __init__(self) -> None:
        self.tests: dict[str, dict] = {}
        self.failed: list[str] = []
        self._called: set[str] = set()
        self._started = False
        self._began = 0.0
        sys.addaudithook(self._audit)
        builtins.__cgrosim_ran__ = _RAN.add  # type: ignore[attr-defined]
        files = [
            str(path.relative_to(ROOT)) for folder in ("cgrosim", "theory") for path in (ROOT / folder).rglob("*.py")
        ]
        plain = [file for file in files if not file.startswith(COMPILED) and not file.endswith("__init__.py")]
        sys.meta_path.insert(0, Changing({file: partial(_telling, file) for file in plain}))
        self._watch_dispatchers()

    def _audit(self, event: str, _: tuple) -> None:
        self._started |= event == "subprocess.Popen"

    def _watch_dispatchers(self) -> None:
        from numba.core.dispatcher import Dispatcher

        plain = Dispatcher.__call__

        def call(dispatcher, *arguments, **named):  # type: ignore[no-untyped-def]
            self._called.add(dispatcher.py_func.__code__.co_filename)
            return plain(dispatcher, *arguments, **named)

        Dispatcher.__call__ = call

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        _RAN.clear()
        self._called, self._started, self._began = set(), False, _spent()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        called = {str(Path(name).relative_to(ROOT)) for name in self._called if name.startswith(str(ROOT))}
        self.tests[nodeid] = {"seconds": round(_spent() - self._began, 3), "ran": sorted(_RAN),
                              "called": sorted(called), "starts": self._started}  # fmt: skip

    def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]
        if report.failed:
            self.failed.append(report.nodeid)


def _spent() -> float:
    """Processor seconds of this process and of those it has waited for."""
    return sum(os.times()[:4])


def _telling(file: str) -> ast.Module:
    """A file every function of which says that it runs."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            (said,) = ast.parse(f"__cgrosim_ran__({f'{file}:{first_line(node)}'!r})").body
            for inner in ast.walk(said):
                inner.lineno = inner.end_lineno = node.body[0].lineno  # type: ignore[attr-defined]
            node.body.insert(1 if ast.get_docstring(node) is not None else 0, said)
    return tree


def test_files(rooms: Iterable[str]) -> list[Path]:
    """The test files that are asked about the mutants of some rooms."""
    found: dict[Path, None] = {}
    for place in (place for room in rooms for place in TESTS[room]):
        path = ROOT / "tests" / place
        found |= dict.fromkeys([path] if path.is_file() else sorted(path.glob("test_*.py")))
    return list(found)


def measure(
    folder: Path, files: list[Path], marks: str, jobs: int, fork: Callable[[Callable[[], int]], int]
) -> dict[str, dict]:
    """What every test of some files covers; what was measured before is read from `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [path for path in files if not _kept(folder, path, marks).exists()]
    running: dict[int, Path] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            path = waiting.pop(0)
            running[fork(lambda path=path: _measured(folder, path, marks))] = path
        pid, status = os.wait()
        path = running.pop(pid, None)
        if path is not None:
            print(f"measured {path.relative_to(ROOT)} ({os.waitstatus_to_exitcode(status)})", flush=True)
    found: dict[str, dict] = {}
    for path in files:
        kept = _kept(folder, path, marks)
        found |= json.loads(kept.read_text()) if kept.exists() else {}
    return found


def _kept(folder: Path, path: Path, marks: str) -> Path:
    return folder / f"{path.stem}-{hashlib.sha256(path.read_bytes() + marks.encode()).hexdigest()[:16]}.json"


def _measured(folder: Path, path: Path, marks: str) -> int:
    import pytest

    os.chdir(ROOT)
    covering = Covering()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        status = int(pytest.main([*OPTIONS, "-m", marks, str(path)], plugins=[covering]))
    if covering.failed:
        print("failed without a mutant:", *covering.failed)
    if status in (0, 1, 5):
        passed = {name: each for name, each in covering.tests.items() if name not in covering.failed}
        kept = _kept(folder, path, marks)
        kept.with_suffix(".new").write_text(json.dumps(passed))
        kept.with_suffix(".new").replace(kept)
    return status


def chosen_tests(mutant: Mutant, covered: dict[str, dict]) -> dict[str, float]:
    """The tests that run the mutated function, with their processor seconds, the cheapest first.

    Where no test is seen to run it (it runs on import, or in a program that a test starts), they are those that run
    anything of its file or of a file that imports it; where there are none, those that start programs.
    """
    found: set[str] = set()
    if (line := function_of(mutant)) is not None:
        found = {name for name, each in covered.items() if f"{mutant.file}:{line}" in each["ran"]}
    if mutant.file.startswith(COMPILED):
        compiled = kernels_with(mutant.file)
        found |= {name for name, each in covered.items() if compiled & _compiled_in(each["called"])}
        found |= {name for name in covered if mutant.module in names_in(ROOT / name.partition("::")[0])}
    if not found:
        near = {mutant.file, *importers(mutant.file)}
        found = {name for name, each in covered.items() if near & {place.rpartition(":")[0] for place in each["ran"]}}
    found = found or {name for name, each in covered.items() if each["starts"]}
    return {name: covered[name]["seconds"] for name in sorted(found, key=lambda name: covered[name]["seconds"])}


def _compiled_in(called: list[str]) -> set[str]:
    """Files of kernels that may have run when these files' dispatchers were called."""
    return set(called) | (kernels_by_address() if LINKED in called else set())


def kernels_by_address() -> set[str]:
    """Files of the kernels that are called by their addresses."""
    return {str(path.relative_to(ROOT)) for path in (ROOT / LINKED).parent.glob("*.py")}
