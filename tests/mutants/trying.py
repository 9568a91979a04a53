"""One mutant against the tests that reach it, in a fork: the libraries are loaded, the package is not."""

import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from covering import OPTIONS
from mutating import Mutant, install
from rooms import COMPILED, ROOT, kernels_with

SPARE_SECONDS = 60  # of the processor beyond three times what the tests took without a mutant: it goes round in circles
COMPILE_SECONDS = 120  # more where kernels are compiled anew
CLOCK_FACTOR = 20  # by the clock, on a machine that others use


class Noticing:
    """A plugin of pytest that keeps the chosen tests, the first first, and remembers what failed."""

    def __init__(self, wanted: list[str]) -> None:
        self.wanted = {name.partition("::")[2]: place for place, name in enumerate(wanted)}  # all of one file
        self.first = ""

    def pytest_collection_modifyitems(self, config, items) -> None:  # type: ignore[no-untyped-def]
        places = [(self.wanted.get(item.nodeid.partition("::")[2]), item) for item in items]
        config.hook.pytest_deselected(items=[item for place, item in places if place is None])
        kept = [(place, item) for place, item in places if place is not None]
        items[:] = [item for _, item in sorted(kept, key=lambda pair: pair[0])]

    def pytest_runtest_logreport(self, report) -> None:  # type: ignore[no-untyped-def]
        if report.failed:
            self.first = self.first or report.nodeid

    def pytest_collectreport(self, report) -> None:  # type: ignore[no-untyped-def]
        if report.failed:
            self.first = self.first or f"{report.nodeid} (import)"


@dataclass
class Trial:
    """A mutant at which tests are working in a child of this process."""

    mutant: Mutant
    tests: dict[str, float]
    marks: str
    warm: Path
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="mutant-")
        self.limit = int(SPARE_SECONDS + 3 * sum(self.tests.values()))
        self.limit += COMPILE_SECONDS * self.mutant.file.startswith(COMPILED)
        self.pid = forked(self._work)

    def _work(self) -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (self.limit, self.limit))
        folder = Path(self.folder.name)
        said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        keep_kernels_in(folder / "numba")
        _copy_kernels(self.warm, folder / "numba", self.mutant.file)
        install(self.mutant)
        status, first = run_tests(list(self.tests), self.marks)
        (folder / "note").write_text(first)
        return status

    def overdue(self) -> bool:
        """Whether it works too long by the clock."""
        return time.monotonic() - self.began > CLOCK_FACTOR * self.limit

    def result(self, status: int, used: resource.struct_rusage) -> dict[str, object]:
        """What has become of it: killed by a test, stopped because it took too long, or alive."""
        folder = Path(self.folder.name)
        first = (folder / "note").read_text() if (folder / "note").exists() else ""
        said = (folder / "said").read_text(errors="replace")[-3000:]
        self.folder.cleanup()
        ended = os.waitstatus_to_exitcode(status)
        if ended < 0:
            first = f"time (signal {-ended})"
        elif ended not in (0, 1, 2, 5) or (ended in (1, 2)) != bool(first):  # neither passed nor noticed: not tried
            raise SystemExit(f"{self.mutant.name}: the tests did not run (status {ended})\n{said}")
        return {**asdict(self.mutant), "killed": bool(first), "by": first, "tests": len(self.tests),
                "seconds": round(used.ru_utime + used.ru_stime, 1)}  # fmt: skip


def run_tests(tests: list[str], marks: str) -> tuple[int, str]:
    """Run chosen tests in their order until one fails: the status of pytest, and the one that failed."""
    import pytest

    os.chdir(ROOT)
    status = 5
    for file, names in groupby(tests, key=lambda name: name.partition("::")[0]):
        noticing = Noticing(list(names))
        ended = int(pytest.main([*OPTIONS, "-x", "-m", marks, file], plugins=[noticing]))
        if ended not in (0, 5) or noticing.first:
            return ended, noticing.first
        status = min(status, ended)
    return status, ""


def forked(work: Callable[[], int]) -> int:
    """Process number of a child that does some work and ends with its status."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def keep_kernels_in(folder: Path) -> None:
    """A place of its own for what this process, and those it starts, compile.

    Numba has read the variable when it was imported: without the second line a mutant would be loaded from where the
    kernels without it were kept, and all its tests would pass.
    """
    import numba

    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    numba.config.CACHE_DIR = str(folder)


def _copy_kernels(warm: Path, to: Path, file: str) -> None:
    """Link what other kernels were compiled to; those into which the mutated file is compiled are left out."""
    from numba.core.caching import UserProvidedCacheLocator

    stale: dict[str, set[str]] = {}
    for each in kernels_with(file):
        path = ROOT / each
        stale.setdefault(UserProvidedCacheLocator.get_suitable_cache_subpath(str(path)), set()).add(path.stem)
    for kept in warm.rglob("*.nbc") if warm.is_dir() else []:
        if kept.name.partition(".")[0] not in stale.get(kept.parent.name, set()):
            (to / kept.parent.name).mkdir(parents=True, exist_ok=True)
            os.link(kept, to / kept.parent.name / kept.name)
