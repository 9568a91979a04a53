"""Compiled code on disk: kept, shared, dropped when damaged, and never in the way where it cannot be kept."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from numba.core.caching import IndexDataCacheFile
from numba.core.codegen import CPUCodeLibrary

from cgrosim.interrupts import Endings

TOY = """
from cgrosim.kernels.caching import entry

@entry()
def double(x):
    return 2 * x
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    path = tmp_path / "toy.py"
    path.write_text(TOY)
    return path


def load(path: Path) -> Any:
    """The kernel of the toy, as a new process sees it."""
    spec = importlib.util.spec_from_file_location("toy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.double


def hits(path: Path) -> int:
    """How often the kernel came from disk, out of one use."""
    kernel = load(path)
    assert kernel(3) == 6
    return sum(kernel.stats.cache_hits.values())


def kept(path: Path) -> list[Path]:
    return sorted((path.parent / "__pycache__").glob("*.nbc"))


def test_code_is_kept_and_another_source_replaces_it(toy: Path) -> None:
    assert [hits(toy), hits(toy)] == [0, 1]
    old = kept(toy)
    assert len(old) == 1
    toy.write_text(TOY.replace("2 * x", "x + x"))
    assert [hits(toy), hits(toy)] == [0, 1]
    assert len(kept(toy)) == 1
    assert kept(toy) != old
    assert not list(toy.parent.rglob("*.turn"))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other"])
def test_damaged_code_is_dropped_and_compiled_again(toy: Path, damage: str) -> None:
    hits(toy)
    (file,) = kept(toy)
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(
        {
            "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "cut": content[:middle],
            "empty": b"",
            "other": b"not compiled code",
        }[damage]
    )
    assert [hits(toy), hits(toy)] == [0, 1]
    assert len(kept(toy)) == 1


def test_a_full_disk_only_means_compiling_again(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, path: str) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    assert [hits(toy), hits(toy)] == [0, 0]
    assert not list(toy.parent.rglob("*.turn"))


PROCESS = "import toy; print(toy.double(1), sum(toy.double.stats.cache_misses.values()))"


@pytest.mark.slow
def test_processes_that_start_together_compile_once(toy: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    arguments = [sys.executable, "-c", PROCESS]
    started = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment, cwd=toy.parent)
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=300)[0].split() for process in started]
    assert [answer[0] for answer in answers] == ["2", "2", "2"]
    assert sorted(answer[1] for answer in answers) == ["0", "0", "1"]


def test_without_any_place_to_keep_code_everything_still_runs(tmp_path: Path) -> None:
    """A read-only installation and no home: here, a file where the folder of the code would be."""
    package = tmp_path / "installed" / "cgrosim"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "cgrosim", package, ignore=skipped)
    shutil.copytree(ROOT / "theory", package / "theory", ignore=skipped)
    for folder in (package / "kernels", package / "images" / "network" / "kernels"):
        (folder / "__pycache__").write_text("")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_CACHE", "XDG_"))},
        "PYTHONPATH": str(package.parent),
        "HOME": "/dev/null",
        "TMPDIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    code = "import cgrosim.kernels.direct as d; print(d.__file__); print(d.FORMS[0]._cache.cache_path)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    file, folder = done.stdout.split()
    assert Path(file).is_relative_to(package)
    assert Path(folder).is_relative_to(tmp_path)
    assert not list(tmp_path.glob("cgrosim-kernels-*"))  # it went with its process


@pytest.mark.parametrize("command", [True, False], ids=["in a command", "in a script"])
def test_a_ctrl_c_that_the_compiler_swallows_is_no_error_of_a_kernel(
    command: bool, toy: Path, monkeypatch: pytest.MonkeyPatch, pressable: None
) -> None:
    def pressing(library: Any, content: Any) -> None:
        if content is not None:  # set by what is called back from C
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(CPUCodeLibrary, "_compiled_object", property(lambda self: None, pressing), raising=False)
    monkeypatch.setattr(sys, "unraisablehook", lambda what: None)
    with Endings() if command else nullcontext(), pytest.raises(KeyboardInterrupt):
        load(toy)(3)


TWO_VERSIONS = """
import sys
from cgrosim.kernels.caching import entry

def shifted(step):
    @entry()
    def shift(x):
        return x + step
    return shift

up, down = shifted(1.0), shifted(-1.0)

@entry()
def both(x):
    return 10.0 * up(x) + down(x)

if __name__ == "__main__":
    print(globals()[sys.argv[1]](1.0))
"""


@pytest.mark.slow  # three processes compile
def test_versions_that_two_processes_compiled_do_not_answer_for_each_other(tmp_path):
    """Numba names versions of a closure by a count of the process: here both were the first, and a third met them."""
    toy = tmp_path / "toy.py"
    toy.write_text(TWO_VERSIONS)
    said = [
        subprocess.run(
            [sys.executable, str(toy), name],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for name in ("up", "down", "both")
    ]
    assert said == ["2.0", "0.0", "20.0"]


def test_no_two_versions_of_a_kernel_have_one_name():
    from cgrosim.kernels import dense, direct, reduced

    forms = [*dense._project_forms, *dense._backproject_forms, *dense._accumulate_forms, *reduced.FORMS, *direct.FORMS]
    names = [form.py_func.__qualname__ for form in forms]
    assert len(set(names)) == len(names)
