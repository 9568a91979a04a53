"""What a verdict depends on, as one checksum: sources, versions, effort, seed, and which images are there."""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cgrosim.claims.claim import Claim
from cgrosim.claims.own_files import functions_of
from cgrosim.files.digest import content_digest
from cgrosim.files.versions import versions
from cgrosim.studies.context import Context

if TYPE_CHECKING:
    from cgrosim.images.data.known_files import IdxName

PACKAGE = "cgrosim"
DATA_SETS: tuple[IdxName, ...] = ("mnist", "fashion-mnist")  # that a claim may look for; the digits come with a library
LOOKS_FOR_DATA = "cgrosim.claims.image_runs"


def fingerprint(claim: Claim, context: Context) -> str:
    """A checksum that stays the same while a claim must get the same verdict; empty where no file holds the claim.

    Of the sources all that the measurement imports counts, directly or through others, inside functions too: other
    modules of the package, and what stands beside a file of one's own. Of other libraries the versions count.
    """
    reached: dict[str, Path] = {}
    for function in functions_of(claim):
        module = sys.modules.get(function.__module__)
        file = getattr(module, "__file__", None)
        if file is None:
            return ""
        _reach(function.__module__, Path(file), reached)
    data = _data_present() if LOOKS_FOR_DATA in reached else []
    basis = {
        "claim": claim.name,
        "effort": context.effort,
        "seed": context.seed,
        "versions": versions(),
        "sources": sorted(_checksum(path, _stamp(path)) for path in reached.values()),
        "data": data,
    }
    return content_digest(basis, {})


def _reach(name: str, path: Path, reached: dict[str, Path]) -> None:
    """Add a module and all that it imports to what is reached, by name."""
    waiting = [(name, path)]
    while waiting:
        name, path = waiting.pop()
        if name in reached:
            continue
        reached[name] = path
        for other in _imports(name, path, _stamp(path)):
            found = _package().get(other) or _beside(other, path)
            if found is not None:
                waiting.append((other, found))


@cache
def _imports(name: str, path: Path, stamp: tuple[int, int]) -> frozenset[str]:
    """Every module name that a file may import; one that imports by name may import its whole package."""
    text = path.read_text(encoding="utf-8")
    found = set(_written(ast.parse(text)))
    if "import_module(" in text:
        parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found |= {other for other in _package() if other.startswith(f"{parent}.")}
    return frozenset(found)


def _written(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in _package() else node.module


@cache
def _package() -> dict[str, Path]:
    """Dotted name and file of every module of the package, the theory's included."""
    found = {}
    for name in (PACKAGE, f"{PACKAGE}.theory"):
        folder = Path(str(importlib.import_module(name).__file__)).parent
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([name, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = path
    return found


@cache
def _files() -> frozenset[Path]:
    return frozenset(_package().values())


def _beside(name: str, path: Path) -> Path | None:
    """A module that stands beside a file which is no part of the package."""
    if name.startswith(PACKAGE) or path in _files():
        return None
    file = path.parent / f"{name}.py"
    return file if file.is_file() else None


def _stamp(path: Path) -> tuple[int, int]:
    """What changes with a file, so that what is known of it is known of this state."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@cache
def _checksum(path: Path, stamp: tuple[int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _data_present() -> list[str]:
    from cgrosim.claims.image_runs import local_data

    return [name for name in DATA_SETS if local_data(name)[0] is not None]
